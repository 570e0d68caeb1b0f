//! What is known of each id, in memory. Pure: moments are arguments.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};

use super::codec::{self, Fact, Record};
use crate::commands::{End, Outcome};

/// Settled commands are remembered for a day at least, as long as there are not more.
pub(super) const KEPT: usize = 10_000;
pub(super) const KEPT_SECONDS: u32 = 24 * 3600;

/// Ids and what became of them. An id is kept as a part of its hash: all have one size.
#[derive(Debug, Default)]
pub struct Ledger {
    known: BTreeMap<[u8; 16], Entry>,
    /// What is older than this may have been recorded by records that are lost.
    damaged: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    at: u32,
    state: State,
}

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits, runs, or its result is on the way.
    InHand,
    /// The control plane has its result.
    Settled(End),
}

impl Ledger {
    pub fn state(&self, id: &str) -> Option<State> {
        self.known.get(&key(id)).map(|entry| entry.state)
    }

    /// Whether a record of a command of that age may be lost.
    pub fn doubts(&self, created: u32) -> bool {
        created < self.damaged
    }

    pub fn take(&mut self, id: &str, at: u32) {
        self.set(id, at, State::InHand);
        self.forget_old(at);
    }

    pub fn settle(&mut self, id: &str, at: u32, end: End) {
        self.set(id, at, State::Settled(end));
    }

    /// As if it had never come.
    pub fn forget(&mut self, id: &str) {
        self.known.remove(&key(id));
    }

    /// Takes over what an earlier agent wrote; the results that are still to be sent, in
    /// the order in which their commands ended or began.
    pub fn recover(&mut self, records: Vec<Record>) -> Vec<(String, End)> {
        let mut open = Vec::new();
        for Record { id, at, fact } in last(records) {
            match fact {
                Fact::Damaged => self.damaged = self.damaged.max(at),
                Fact::Settled(end) => self.settle(&id, at, end),
                Fact::Started | Fact::Done(_) => {
                    self.set(&id, at, State::InHand);
                    let unknown = End::without_run(Outcome::Unknown);
                    let end = if let Fact::Done(end) = fact {
                        end
                    } else {
                        unknown
                    };
                    open.push((id, end));
                }
            }
        }
        open
    }

    fn set(&mut self, id: &str, at: u32, state: State) {
        self.known.insert(key(id), Entry { at, state });
    }

    /// Drops what is older than a day, and when there is too much the older half of what
    /// is settled.
    fn forget_old(&mut self, now: u32) {
        if self.known.len() <= KEPT {
            return;
        }
        let mut settled: Vec<u32> = self
            .known
            .values()
            .filter(|entry| entry.state != State::InHand)
            .map(|entry| entry.at)
            .collect();
        settled.sort_unstable();
        let day_ago = now.saturating_sub(KEPT_SECONDS);
        let middle = settled.get(settled.len() / 2).copied().unwrap_or(day_ago);
        let young = settled.first().is_none_or(|oldest| *oldest > day_ago);
        let from = if young { middle } else { day_ago };
        self.known
            .retain(|_, entry| entry.state == State::InHand || entry.at > from);
    }
}

/// The records that count: the last of each id, without what need not be remembered.
/// Beyond `room` bytes the oldest of what is settled goes.
pub(super) fn compact(records: Vec<Record>, now: u32, room: u64) -> Vec<Record> {
    let day_ago = now.saturating_sub(KEPT_SECONDS);
    let mut kept = last(records);
    let is_settled = |record: &Record| matches!(record.fact, Fact::Settled(_));
    kept.retain(|record| !is_settled(record) || record.at >= day_ago);
    let mut surplus = kept.len().saturating_sub(KEPT);
    let mut size: u64 = kept.iter().map(codec::size).sum();
    kept.retain(|record| {
        let goes = (surplus > 0 || size > room) && is_settled(record);
        if goes {
            surplus = surplus.saturating_sub(1);
            size -= codec::size(record);
        }
        !goes
    });
    kept
}

/// The last record of each id, in their order.
fn last(mut records: Vec<Record>) -> Vec<Record> {
    let mut last = BTreeMap::new();
    for (place, record) in records.iter().enumerate() {
        last.insert(key(&record.id), place);
    }
    let mut place = 0;
    records.retain(|record| {
        let counts = last.get(&key(&record.id)) == Some(&place);
        place += 1;
        counts
    });
    records
}

fn key(id: &str) -> [u8; 16] {
    let mut key = [0; 16];
    let hash = digest(&SHA256, id.as_bytes());
    key.iter_mut()
        .zip(hash.as_ref())
        .for_each(|(to, from)| *to = *from);
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::codec::tests::{END, records};
    use super::*;

    fn record(id: &str, at: u32, fact: Fact) -> Record {
        let id = id.to_owned();
        Record { id, at, fact }
    }

    #[test]
    fn after_a_crash_each_command_is_where_its_last_record_says() {
        let mut ledger = Ledger::default();
        let open = ledger.recover(vec![
            record("begun", 1, Fact::Started),
            record("done", 1, Fact::Started),
            record("settled", 2, Fact::Started),
            record("done", 3, Fact::Done(END)),
            record("settled", 3, Fact::Done(END)),
            record("settled", 4, Fact::Settled(END)),
            record("", 5, Fact::Damaged),
        ]);
        let unknown = End::without_run(Outcome::Unknown);
        assert_eq!(
            open,
            [("begun".to_owned(), unknown), ("done".to_owned(), END)]
        );
        assert_eq!(ledger.state("begun"), Some(State::InHand));
        assert_eq!(ledger.state("settled"), Some(State::Settled(END)));
        assert_eq!(ledger.state("never"), None);
        assert!(ledger.doubts(4) && !ledger.doubts(5));
        ledger.forget("begun");
        assert_eq!(ledger.state("begun"), None);
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_hand_stays() {
        let mut ledger = Ledger::default();
        ledger.take("first", 0);
        for number in 0..u32::try_from(3 * KEPT).unwrap() {
            let id = number.to_string();
            ledger.take(&id, number);
            ledger.settle(&id, number, END);
        }
        assert!(ledger.known.len() <= KEPT + 1);
        assert_eq!(ledger.state("first"), Some(State::InHand));
        assert_eq!(ledger.state("29999"), Some(State::Settled(END)));
        assert_eq!(ledger.state("0"), None);
    }

    #[test]
    fn a_day_later_most_is_forgotten() {
        let mut ledger = Ledger::default();
        for number in 0..u32::try_from(KEPT).unwrap() {
            ledger.settle(&number.to_string(), 1 + number % 2 * KEPT_SECONDS, END);
        }
        ledger.take("next", KEPT_SECONDS + 1);
        assert_eq!(ledger.known.len(), KEPT / 2 + 1);
    }

    #[test]
    fn compacting_keeps_the_young_and_the_open() {
        let settled = |number: usize| record(&number.to_string(), 100_000, Fact::Settled(END));
        let mut records: Vec<Record> = (0..2 * KEPT).map(settled).collect();
        records.push(record("old", 1, Fact::Settled(END)));
        records.insert(0, record("open", 1, Fact::Done(END)));
        let kept = compact(records.clone(), 100_000, u64::MAX);
        assert_eq!(kept.len(), KEPT);
        assert_eq!(
            (kept[0].id.as_str(), kept[1].id.as_str()),
            ("open", "10001")
        );
        assert!(!kept.iter().any(|record| record.id == "old"));
        let kept = compact(records, 100_000, 1_000);
        assert_eq!(kept[0].id, "open");
        assert!((2..1_000 / 20).contains(&kept.len()), "{}", kept.len());
    }

    proptest! {
        #[test]
        fn compacting_changes_nothing_that_is_known(
            records in prop::collection::vec(records(), 0..30),
        ) {
            let states = |records: &[Record]| {
                let mut ledger = Ledger::default();
                let open = ledger.recover(records.to_vec());
                (open, format!("{:?}", ledger.known))
            };
            // Nothing is old at the beginning of time.
            let kept = compact(records.clone(), 0, u64::MAX);
            prop_assert_eq!(states(&kept), states(&records));
            prop_assert_eq!(compact(kept.clone(), 0, u64::MAX), kept);
        }
    }
}
