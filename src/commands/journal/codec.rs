//! The journal's bytes: records to frames and back. Pure.
//!
//! The last record with an id is the one that counts, so each says all that is remembered.

use crate::commands::{End, Outcome};
use crate::frames::{self, HEAD};

/// The first line of the file.
pub(super) const FIRST_LINE: &[u8] = b"pipeops-agent commands 1\n";
/// Longest id, as the protocol says.
pub const ID_LIMIT: usize = 253;
/// Kind, moment, length of the id.
const FIXED: usize = 6;
/// Outcome, whether there is an exit code, exit code, duration.
const END: usize = 10;

/// One fact about one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub id: String,
    /// Seconds since 1970.
    pub at: u32,
    pub fact: Fact,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It is about to begin.
    Started,
    /// It has ended; the control plane does not know yet.
    Done(End),
    /// The control plane knows.
    Settled(End),
    /// Records from before this moment are lost; the id is empty.
    Damaged,
}

/// Appends the frame of a record; an id that is too long is cut, which the parser of
/// commands does not let happen.
pub(super) fn encode(record: &Record, bytes: &mut Vec<u8>) {
    let (kind, end) = match record.fact {
        Fact::Started => (1, None),
        Fact::Done(end) => (2, Some(end)),
        Fact::Settled(end) => (3, Some(end)),
        Fact::Damaged => (4, None),
    };
    let id = record.id.as_bytes();
    let id = id.get(..ID_LIMIT).unwrap_or(id);
    let mut body = Vec::with_capacity(FIXED + id.len() + END);
    body.push(kind);
    body.extend(record.at.to_le_bytes());
    body.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
    body.extend(id);
    if let Some(end) = end {
        body.push(end.outcome.code());
        body.push(u8::from(end.exit_code.is_some()));
        body.extend(end.exit_code.unwrap_or(0).to_le_bytes());
        body.extend(end.duration_ms.to_le_bytes());
    }
    frames::push(&body, bytes);
}

/// Bytes of the frame.
pub(super) fn size(record: &Record) -> u64 {
    let end = match record.fact {
        Fact::Started | Fact::Damaged => 0,
        Fact::Done(_) | Fact::Settled(_) => END,
    };
    (HEAD + FIXED + record.id.len().min(ID_LIMIT) + end) as u64
}

/// The record that a body is.
pub(super) fn record(body: &[u8]) -> Option<Record> {
    let (kind, rest) = body.split_first()?;
    let (at, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    let fact = match kind {
        1 => Fact::Started,
        2 => Fact::Done(end(rest)?),
        3 => Fact::Settled(end(rest)?),
        4 => Fact::Damaged,
        _ => return None,
    };
    Some(Record {
        id: std::str::from_utf8(id).ok()?.to_owned(),
        at: u32::from_le_bytes(*at),
        fact,
    })
}

fn end(bytes: &[u8]) -> Option<End> {
    let ([outcome, exited], rest) = bytes.split_first_chunk::<2>()?;
    let (exit_code, rest) = rest.split_first_chunk::<4>()?;
    let (duration, _) = rest.split_first_chunk::<4>()?;
    Some(End {
        outcome: Outcome::of_code(*outcome)?,
        exit_code: (*exited == 1).then_some(i32::from_le_bytes(*exit_code)),
        duration_ms: u32::from_le_bytes(*duration),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const END: End = End {
        outcome: Outcome::Completed,
        exit_code: Some(0),
        duration_ms: 7,
    };

    fn ends() -> impl Strategy<Value = End> {
        (0u8..10, any::<Option<i32>>(), any::<u32>()).prop_map(|(code, exit_code, duration_ms)| {
            End {
                outcome: Outcome::of_code(code).unwrap(),
                exit_code,
                duration_ms,
            }
        })
    }

    pub(crate) fn records() -> impl Strategy<Value = Record> {
        let fact = prop_oneof![
            Just(Fact::Started),
            ends().prop_map(Fact::Done),
            ends().prop_map(Fact::Settled),
        ];
        // Few ids, so that they meet; and marks within them.
        let id = prop_oneof!["[ab]", "\\PC{0,40}", Just("\u{f5}cm\u{fa}".to_owned())];
        (id, any::<u32>(), fact).prop_map(|(id, at, fact)| Record { id, at, fact })
    }

    fn bytes(records: &[Record]) -> Vec<u8> {
        let mut bytes = Vec::new();
        records.iter().for_each(|one| encode(one, &mut bytes));
        bytes
    }

    /// What a file says: records, where it is whole, bytes that are damaged.
    struct Scan {
        records: Vec<Record>,
        good: usize,
        lost: usize,
    }

    fn scan(bytes: &[u8]) -> Scan {
        let mut records = Vec::new();
        let scan = frames::scan(bytes, &mut |body| {
            let record = record(body);
            let is_record = record.is_some();
            records.extend(record);
            is_record
        });
        Scan {
            records,
            good: scan.good,
            lost: scan.lost,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in prop::collection::vec(records(), 0..12)) {
            let bytes = bytes(&records);
            let scan = scan(&bytes);
            prop_assert_eq!((scan.good, scan.lost), (bytes.len(), 0));
            let sizes: u64 = records.iter().map(size).sum();
            prop_assert_eq!(sizes, bytes.len() as u64);
            prop_assert_eq!(scan.records, records);
        }

        #[test]
        fn a_torn_tail_costs_only_the_last_record(
            records in prop::collection::vec(records(), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = bytes(&records);
            let cut = cut.index(whole.len());
            let scan = scan(&whole[..cut]);
            prop_assert_eq!(scan.lost, 0);
            prop_assert_eq!(&scan.records, &records[..scan.records.len()]);
            prop_assert_eq!(scan.good, bytes(&scan.records).len());
            prop_assert!(cut < bytes(&records[..=scan.records.len()]).len());
        }

        #[test]
        fn damage_costs_the_records_it_hits(
            records in prop::collection::vec(records(), 1..8),
            place in any::<prop::sample::Index>(),
            flip in 1u8..,
        ) {
            let mut damaged = bytes(&records);
            let place = place.index(damaged.len());
            damaged[place] ^= flip;
            let scan = scan(&damaged);
            prop_assert_eq!(scan.records.len(), records.len() - 1);
            prop_assert!(scan.records.iter().all(|record| records.contains(record)));
            let last = bytes(&records[..records.len() - 1]).len();
            prop_assert_eq!(scan.lost > 0, place < last);
        }
    }
}
