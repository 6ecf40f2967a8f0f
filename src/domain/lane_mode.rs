//! What becomes of a lane's events at Pinterest.

/// How the events of a lane are posted, if they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LaneMode {
    /// They count.
    #[default]
    Live,
    /// `?test=true`: Pinterest checks and answers them, and records none.
    Test,
    /// Everything is done but the post.
    Shadow,
}
