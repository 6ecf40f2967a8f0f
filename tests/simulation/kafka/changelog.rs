//! One changelog partition: positions that count markers, and transactional visibility.

use pinrelay::domain::{ChangelogEntry, UnixMillis};

#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) position: i64,
    pub(crate) appended: UnixMillis,
    pub(crate) transaction: usize,
    pub(crate) entries: Vec<ChangelogEntry>,
    /// Which creation of the input topic its offsets belong to.
    pub(crate) topic: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Changelog {
    pub(crate) records: Vec<Packed>,
    /// The high watermark: what a `read_uncommitted` client sees.
    pub(crate) end: i64,
    /// Transactions whose marker has not come, with their first position.
    open: Vec<(usize, i64)>,
}

impl Changelog {
    /// Returns the position of the new record.
    pub(crate) fn append(
        &mut self,
        transaction: usize,
        appended: UnixMillis,
        entries: Vec<ChangelogEntry>,
        topic: u32,
    ) -> i64 {
        let position = self.end;
        if !self.open.iter().any(|(open, _)| *open == transaction) {
            self.open.push((transaction, position));
        }
        self.records.push(Packed { position, appended, transaction, entries, topic });
        self.end += 1;
        position
    }

    pub(crate) fn mark(&mut self, transaction: usize) {
        self.open.retain(|(open, _)| *open != transaction);
        self.end += 1;
    }

    /// The first position that retention has left; everything older is gone, markers too.
    pub(crate) fn start(&self, oldest: UnixMillis) -> i64 {
        self.records.iter().find(|packed| oldest <= packed.appended).map_or(self.end, |packed| packed.position)
    }

    pub(crate) fn last_stable(&self) -> i64 {
        self.open.iter().map(|(_, first)| *first).min().unwrap_or(self.end)
    }
}
