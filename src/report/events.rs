//! Changes as ordered batches: every position is an event or in a gap. Pure.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::cluster::Change;
use crate::json::map;

/// Where the stream is: changes have numbers here, and positions in the count of the
/// control plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The number of the last change that the control plane has.
    pub sent: u64,
    /// What makes a position of a number; wraps.
    shift: u64,
    /// Whether one position is to be told as lost, since nobody knows what lies before.
    pub restart: bool,
}

impl Place {
    /// As an earlier agent left it.
    pub fn of_mark(number: u64, position: u64) -> Self {
        Self {
            sent: number,
            shift: position.wrapping_sub(number),
            restart: false,
        }
    }

    /// The control plane has everything up to that position, and the next change comes
    /// after it: what happened while no agent ran is nobody's event.
    pub fn behind(sent: u64, position: u64) -> Self {
        let restart = position > 0;
        Self {
            sent,
            shift: (position + u64::from(restart)).wrapping_sub(sent),
            restart,
        }
    }

    pub fn position(&self, number: u64) -> u64 {
        number.wrapping_add(self.shift)
    }

    pub fn number(&self, position: u64) -> u64 {
        position.wrapping_sub(self.shift)
    }
}

/// The body of a call that tells everything up to the number `until`, and the position of
/// that; none when there is nothing to tell. What is in no event is lost.
pub fn batch(place: &Place, until: u64, events: &[(u64, String)]) -> Option<(String, u64)> {
    let mut next = place.sent + 1;
    let from = place.position(next) - u64::from(place.restart);
    let (mut gaps, mut list) = (Vec::new(), String::new());
    if place.restart {
        gaps.push([from, from]);
    }
    let mut skip = |next: u64, end: u64| {
        if next < end {
            gaps.push([place.position(next), place.position(end) - 1]);
        }
    };
    for (number, event) in events {
        skip(next, *number);
        next = number + 1;
        list.push_str(if list.is_empty() {
            "{\"id\":"
        } else {
            ",{\"id\":"
        });
        list.push_str(&place.position(*number).to_string());
        list.push(',');
        list.push_str(event.get(1..).unwrap_or("}"));
    }
    skip(next, until + 1);
    if list.is_empty() && gaps.is_empty() {
        return None;
    }
    let to = place.position(until);
    let gaps = json!(gaps);
    let body = format!("{{\"from\":{from},\"to\":{to},\"gaps\":{gaps},\"events\":[{list}]}}");
    Some((body, to))
}

/// A change as JSON; its position is added in front when it is known.
pub fn event(change: &Change) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(change.at.into());
    let mut event = map! {
        "at": humantime::format_rfc3339_seconds(at).to_string(),
        "kind": change.kind.plural(),
        "what": change.what.as_str(),
        "name": &*change.name,
        "summary": &*change.summary,
    };
    if let Some(namespace) = &change.namespace {
        event["namespace"] = Value::from(&**namespace);
    }
    event.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn told(place: Place, until: u64, numbers: &[u64]) -> Option<(u64, u64, Value, Vec<u64>)> {
        let events: Vec<_> = numbers
            .iter()
            .map(|it| (*it, r#"{"a":1}"#.to_owned()))
            .collect();
        let (body, to) = batch(&place, until, &events)?;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["to"], to);
        let ids = body["events"].as_array().unwrap().iter();
        let ids = ids.map(|event| event["id"].as_u64().unwrap()).collect();
        Some((
            body["from"].as_u64().unwrap(),
            to,
            body["gaps"].clone(),
            ids,
        ))
    }

    #[test]
    fn the_first_agent_counts_from_one() {
        let place = Place::behind(0, 0);
        assert_eq!(told(place, 0, &[]), None);
        let batch = told(place, 3, &[1, 2, 3]);
        assert_eq!(batch, Some((1, 3, json!([]), vec![1, 2, 3])));
    }

    #[test]
    fn the_next_agent_goes_on_behind_a_gap() {
        let place = Place::behind(0, 70);
        let batch = told(place, 2, &[1, 2]);
        assert_eq!(batch, Some((71, 73, json!([[71, 71]]), vec![72, 73])));
        // Also when nothing has happened yet.
        assert_eq!(
            told(place, 0, &[]),
            Some((71, 71, json!([[71, 71]]), vec![]))
        );
        let place = Place::behind(30, 70);
        let batch = told(place, 32, &[32]);
        assert_eq!(batch, Some((71, 73, json!([[71, 71], [72, 72]]), vec![73])));
    }

    #[test]
    fn what_an_earlier_agent_left_goes_on_where_it_was() {
        let place = Place::of_mark(5, 90);
        let batch = told(place, 9, &[6, 8]);
        assert_eq!(
            batch,
            Some((91, 94, json!([[92, 92], [94, 94]]), vec![91, 93]))
        );
        assert_eq!(place.number(94), 9);
        assert_eq!(told(place, 5, &[]), None);
    }

    #[test]
    fn an_event_says_what_happened() {
        let changes = fixture::changes(1);
        let event: Value = serde_json::from_str(&event(changes.iter().next().unwrap())).unwrap();
        assert_eq!(event["kind"], "namespaces");
        assert_eq!(event["what"], "added");
        assert_eq!(event["name"], "namespace-0");
        assert_eq!(event["at"], "2023-11-14T22:13:20Z");
    }
}
