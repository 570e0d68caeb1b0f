//! Rows of events, of the old and the new way to write them.

use super::{labels, seconds, some};
use crate::cluster::{Event, EventType, InvolvedObject, Name, Names, Uid, bounded};
use crate::k8s::types;

/// Bytes of a message: enough for what a person reads in a list.
const MESSAGE: usize = 256;

pub(super) fn row(object: &types::Event<'_>, names: &mut Names) -> Event {
    let (metadata, about) = (&object.metadata, &object.involved_object);
    let series = object.series.as_ref();
    let created = seconds(&metadata.creation_timestamp);
    let at = [
        seconds(&object.event_time),
        seconds(&object.first_timestamp),
        created,
    ];
    let first = at.into_iter().find(|at| *at > 0).unwrap_or_default();
    let again = series.map(|series| seconds(&series.last_observed_time));
    let last = seconds(&object.last_timestamp).max(again.unwrap_or_default());
    let count = series.map(|series| series.count).or(object.count);
    Event {
        namespace: names.intern(&metadata.namespace),
        name: Name::from(&*metadata.name),
        uid: Uid::parse(&metadata.uid),
        labels: labels(metadata, names),
        event_type: EventType::parse(&object.event_type),
        reason: names.intern(&object.reason),
        message: Box::from(bounded(&object.message, MESSAGE)),
        object: InvolvedObject {
            kind: names.intern(&about.kind),
            namespace: some(&about.namespace, names),
            name: names.intern(&about.name),
        },
        count: count.unwrap_or_default().max(1),
        first,
        last: last.max(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(fields: &str) -> Event {
        let text = format!(
            r#"{{"metadata":{{"name":"a","creationTimestamp":"1970-01-01T00:00:05Z"}},{fields}}}"#
        );
        row(&json::read(text.as_bytes()).unwrap(), &mut Names::new())
    }

    #[test]
    fn both_ways_to_count_are_read() {
        let old = read(
            r#""firstTimestamp":"1970-01-01T00:00:10Z","lastTimestamp":"1970-01-01T00:00:20Z",
               "count":3,"eventTime":null,"type":"Warning""#,
        );
        assert_eq!((old.first, old.last, old.count), (10, 20, 3));
        assert_eq!(old.event_type, EventType::Warning);
        let new = read(
            r#""eventTime":"1970-01-01T00:00:10.000001Z","firstTimestamp":null,"lastTimestamp":null,
               "series":{"count":4,"lastObservedTime":"1970-01-01T00:00:30.5Z"}"#,
        );
        assert_eq!((new.first, new.last, new.count), (10, 30, 4));
        let bare = read(r#""firstTimestamp":null"#);
        assert_eq!((bare.first, bare.last, bare.count), (5, 5, 1));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "é".repeat(200);
        let event = read(&format!(r#""message":"{long}""#));
        assert_eq!(event.message.len(), 256);
    }
}
