//! A look at each lane's token and ad account when the relay starts.
//!
//! It only tells: nothing is known about what Pinterest answers in a minute, and a lane that is refused keeps its
//! records and goes on by itself.

use std::sync::Arc;

use crate::domain::Answer;
use crate::pinterest::Client;
use crate::pipeline::Trouble;

use super::picture;

/// Asks for each lane, and says which are refused.
pub(super) async fn ask(lanes: Vec<(String, Arc<Client>)>) {
    for (lane, client) in lanes {
        let answered = client.ask().await;
        if let Answer::NotTaken { cause, .. } = answered.answer {
            let problem = picture::words(Trouble::NotTaken(cause));
            let answer = answered.attempt.message.map(|message| message.to_string());
            tracing::warn!(
                lane,
                problem,
                status = answered.attempt.status,
                answer,
                "the lane is refused; its records wait"
            );
        }
    }
}
