//! Changes as ordered batches: every position is an event or in a gap. Pure.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::cluster::{Change, Changes};

/// Events of one batch; the next one follows soon.
const MOST: usize = 500;

/// Positions of this process's changes in the control plane's count. What happened while
/// no agent ran is nobody's event: one position of its own is told as a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The position of the change with the id `from`.
    position: u64,
    from: u64,
    /// The position before, unless the control plane has that already.
    restart: Option<u64>,
}

/// One batch, and what is done once it is acknowledged.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// The body of the call.
    pub body: Value,
    /// The position that the answer acknowledges.
    pub to: u64,
    /// The id of the last change in it.
    pub last: u64,
}

impl Numbering {
    /// The change after `sent` comes after the control plane's position.
    pub fn after(position: u64, sent: u64) -> Self {
        let restart = (position > 0).then_some(position + 1);
        Self {
            position: restart.unwrap_or(0) + 1,
            from: sent + 1,
            restart,
        }
    }

    /// A batch was acknowledged: the gap before it is told.
    pub fn told(self) -> Self {
        Self {
            restart: None,
            ..self
        }
    }

    fn of(self, id: u64) -> u64 {
        self.position + id.saturating_sub(self.from)
    }
}

/// What came after the change with the id `sent`; none when that is nothing.
pub fn events(changes: &Changes, sent: u64, numbering: Numbering) -> Option<Batch> {
    let mut gaps: Vec<[u64; 2]> = numbering.restart.map(|it| [it, it]).into_iter().collect();
    let mut first = sent + 1;
    let mut list = match changes.since(sent) {
        Ok(list) => list,
        Err(gap) => {
            gaps.push([numbering.of(first), numbering.of(gap.first_id) - 1]);
            first = gap.first_id;
            changes.since(gap.first_id - 1).unwrap_or_default()
        }
    };
    list.truncate(MOST);
    let last = list.last().map_or(first - 1, |change| change.id);
    if list.is_empty() && gaps.is_empty() {
        return None;
    }
    let from = numbering.restart.unwrap_or_else(|| numbering.of(sent + 1));
    let to = numbering.of(last + 1) - 1;
    let events: Vec<Value> = list.iter().map(|it| event(it, numbering)).collect();
    Some(Batch {
        body: json!({"from": from, "to": to, "gaps": gaps, "events": events}),
        to,
        last,
    })
}

fn event(change: &Change, numbering: Numbering) -> Value {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(change.at.into());
    let mut event = json!({
        "id": numbering.of(change.id),
        "at": humantime::format_rfc3339_seconds(at).to_string(),
        "kind": change.kind.plural(),
        "what": change.what.as_str(),
        "name": &*change.name,
        "summary": &*change.summary,
    });
    if let Some(namespace) = &change.namespace {
        event["namespace"] = json!(&**namespace);
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Kind;
    use crate::report::fixture;

    /// A cluster that has seen so many changes.
    fn changes(count: u64) -> Changes {
        fixture::changes(count)
    }

    fn positions(batch: &Batch) -> (u64, u64, Value, usize) {
        let body = &batch.body;
        let number = |name: &str| body[name].as_u64().unwrap();
        let count = body["events"].as_array().unwrap().len();
        (number("from"), number("to"), body["gaps"].clone(), count)
    }

    #[test]
    fn the_first_agent_counts_from_one() {
        let numbering = Numbering::after(0, 0);
        assert_eq!(events(&changes(0), 0, numbering), None);
        let batch = events(&changes(3), 0, numbering).unwrap();
        assert_eq!(positions(&batch), (1, 3, json!([]), 3));
        assert_eq!((batch.to, batch.last), (3, 3));
        let event = &batch.body["events"][0];
        assert_eq!(event["id"], 1);
        assert_eq!(event["kind"], Kind::Namespace.plural());
        assert_eq!(event["what"], "added");
        assert_eq!(events(&changes(3), 3, numbering.told()), None);
    }

    #[test]
    fn the_next_agent_goes_on_behind_a_gap() {
        let numbering = Numbering::after(70, 0);
        let batch = events(&changes(2), 0, numbering).unwrap();
        assert_eq!(positions(&batch), (71, 73, json!([[71, 71]]), 2));
        assert_eq!(batch.body["events"][0]["id"], 72);
        let batch = events(&changes(5), 2, numbering.told()).unwrap();
        assert_eq!(positions(&batch), (74, 76, json!([]), 3));
        // Also when nothing has happened yet.
        let batch = events(&changes(0), 0, numbering).unwrap();
        assert_eq!(positions(&batch), (71, 71, json!([[71, 71]]), 0));
    }

    #[test]
    fn what_the_ring_has_lost_is_a_gap() {
        let limit = Changes::LIMIT as u64;
        let numbering = Numbering::after(0, 0);
        let batch = events(&changes(limit + 10), 4, numbering).unwrap();
        assert_eq!(positions(&batch), (5, 510, json!([[5, 10]]), 500));
        assert_eq!(batch.last, 510);
        let batch = events(&changes(limit + 10), 510, numbering).unwrap();
        assert_eq!(positions(&batch), (511, 1010, json!([]), 500));
    }

    #[test]
    fn every_position_is_told_once_whatever_is_lost() {
        let mut next = 1;
        let (mut sent, mut count) = (0, 0);
        let numbering = Numbering::after(0, 0);
        for grown in [10, 600, 3_000, 20, 0, 1_100] {
            count += grown;
            let changes = changes(count);
            while let Some(batch) = events(&changes, sent, numbering) {
                let body = &batch.body;
                assert_eq!(body["from"], next);
                let mut covered = 0;
                for gap in body["gaps"].as_array().unwrap() {
                    covered += gap[1].as_u64().unwrap() + 1 - gap[0].as_u64().unwrap();
                }
                covered += body["events"].as_array().unwrap().len() as u64;
                assert_eq!(next + covered - 1, batch.to);
                next = batch.to + 1;
                sent = batch.last;
            }
            assert_eq!(next, count + 1);
        }
    }
}
