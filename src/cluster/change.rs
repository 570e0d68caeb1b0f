//! The ring of changes: what happened to the cluster, in order, with ids.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Kind, Labels, Name, Record, bounded};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// 1 for the first of a process, then one more each, without holes.
    pub id: u64,
    /// When it was noticed, in seconds since 1970.
    pub at: u32,
    pub kind: Kind,
    pub what: What,
    pub namespace: Option<Name>,
    pub name: Name,
    /// Of the object as it is, or was at last.
    pub labels: Labels,
    /// In words: `Running -> CrashLoopBackOff`. At most 256 bytes.
    pub summary: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Added,
    Modified,
    Deleted,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            What::Added => "added",
            What::Modified => "modified",
            What::Deleted => "deleted",
        }
    }
}

/// Changes after the asked id are no longer (or not yet) in the ring. Whoever
/// asked reads the snapshot and goes on from `first_id - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The oldest change that is still there, or the next to come.
    pub first_id: u64,
}

/// The most recent changes; clones share them. When it is full the oldest
/// change makes room, and who was too slow for it is told by a [`Gap`].
#[derive(Clone, Debug)]
pub struct Changes {
    epoch: u64,
    next_id: u64,
    ring: Arc<VecDeque<Arc<Change>>>,
}

impl Changes {
    /// So many are kept.
    pub const LIMIT: usize = 1_024;
    const SUMMARY_LIMIT: usize = 256;

    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            next_id: 1,
            ring: Arc::default(),
        }
    }

    /// Differs from process to process: ids of another epoch mean nothing here.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The id of the last change; 0 before the first.
    pub fn last_id(&self) -> u64 {
        self.next_id - 1
    }

    /// The changes after that id, oldest first.
    pub fn since(&self, id: u64) -> Result<Vec<Arc<Change>>, Gap> {
        let first_id = self.ring.front().map_or(self.next_id, |change| change.id);
        let known = first_id - 1..self.next_id;
        if !known.contains(&id) {
            return Err(Gap { first_id });
        }
        let seen = usize::try_from(id - known.start).unwrap_or(usize::MAX);
        Ok(self.ring.iter().skip(seen).cloned().collect())
    }

    /// Those that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Change>> {
        self.ring.iter()
    }

    fn push<R: Record>(&mut self, at: u32, what: What, row: &R, summary: &str) {
        let change = Change {
            id: self.next_id,
            at,
            kind: R::KIND,
            what,
            namespace: row.namespace().cloned(),
            name: row.name().clone(),
            labels: row.labels().clone(),
            summary: Box::from(bounded(summary, Self::SUMMARY_LIMIT)),
        };
        self.next_id += 1;
        let ring = Arc::make_mut(&mut self.ring);
        if ring.len() >= Self::LIMIT {
            ring.pop_front();
        }
        ring.push_back(Arc::new(change));
    }
}

/// Notes what an update does to rows, unless it only sets the scene.
pub(super) struct Recorder<'a> {
    changes: Option<&'a mut Changes>,
    now: u32,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(changes: &'a mut Changes, now: u32) -> Self {
        Self {
            changes: Some(changes),
            now,
        }
    }

    /// Notes nothing.
    pub(super) fn silent(now: u32) -> Self {
        Self { changes: None, now }
    }

    pub(super) fn now(&self) -> u32 {
        self.now
    }

    pub(super) fn added<R: Record>(&mut self, row: &R) {
        self.note(What::Added, row, || Some(row.state()));
    }

    /// Only if the difference is worth it.
    pub(super) fn modified<R: Record>(&mut self, earlier: &R, row: &R) {
        self.note(What::Modified, row, || row.difference(earlier));
    }

    pub(super) fn deleted<R: Record>(&mut self, row: &R) {
        self.note(What::Deleted, row, || Some(format!("was {}", row.state())));
    }

    fn note<R: Record>(&mut self, what: What, row: &R, summary: impl FnOnce() -> Option<String>) {
        let Some(changes) = self.changes.as_mut() else {
            return;
        };
        if let Some(summary) = summary() {
            changes.push(self.now, what, row, &summary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::pod::tests::pod;

    fn changes(count: u64) -> Changes {
        let mut changes = Changes::new(7);
        for i in 0..count {
            Recorder::new(&mut changes, 5).added(&pod("default", &format!("pod-{i}")));
        }
        changes
    }

    fn ids(changes: &Changes, since: u64) -> Vec<u64> {
        let found = changes.since(since).unwrap();
        found.iter().map(|change| change.id).collect()
    }

    #[test]
    fn ids_count_from_one() {
        let changes = changes(3);
        assert_eq!(changes.last_id(), 3);
        assert_eq!(ids(&changes, 0), [1, 2, 3]);
        assert_eq!(ids(&changes, 2), [3]);
        assert_eq!(ids(&changes, 3), [] as [u64; 0]);
    }

    #[test]
    fn what_is_gone_or_never_was_is_a_gap() {
        let changes = changes(Changes::LIMIT as u64 + 10);
        assert_eq!(changes.since(0), Err(Gap { first_id: 11 }));
        assert_eq!(changes.since(9), Err(Gap { first_id: 11 }));
        assert_eq!(changes.since(10).unwrap().len(), Changes::LIMIT);
        let ahead = changes.last_id() + 1;
        assert_eq!(changes.since(ahead), Err(Gap { first_id: 11 }));
        let empty = Changes::new(7);
        assert_eq!(empty.since(0), Ok(Vec::new()));
        assert_eq!(empty.since(4), Err(Gap { first_id: 1 }));
        assert_eq!(empty.since(u64::MAX), Err(Gap { first_id: 1 }));
    }

    #[test]
    fn a_clone_is_not_moved_by_later_changes() {
        let mut changes = changes(2);
        let earlier = changes.clone();
        Recorder::new(&mut changes, 6).deleted(&pod("default", "pod-0"));
        assert_eq!(earlier.last_id(), 2);
        let last = changes.iter().next_back().unwrap();
        assert_eq!(&*last.summary, "was Running");
        assert_eq!((last.what, last.at), (What::Deleted, 6));
    }

    #[test]
    fn summaries_are_bounded_between_characters() {
        let mut changes = Changes::new(7);
        let mut row = pod("default", "pod");
        row.status = Name::from("\u{df}".repeat(500) + "x");
        Recorder::new(&mut changes, 5).added(&row);
        let change = changes.iter().next().unwrap();
        assert_eq!(change.summary.len(), 256);
    }
}
