//! Messages as they are sent, made once for all who get them.

use std::sync::Arc;

use crate::api::changes;
use crate::cluster::{Change, Snapshot, Usage};
use crate::report;
use crate::websocket::{TEXT, encode_plain};

/// In which form somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Server-sent events.
    Events,
    /// Text messages of a WebSocket.
    Socket,
}

/// What was made since the last [`Feed::begin`].
#[derive(Debug, Default)]
pub(super) struct Feed {
    made: Vec<(u64, Form, Arc<[u8]>)>,
    status: Vec<(Form, Arc<[u8]>)>,
    metrics: Vec<(Form, Arc<[u8]>)>,
}

impl Feed {
    /// Another round: what was made for the one before is of no use.
    pub(super) fn begin(&mut self) {
        self.made.clear();
        self.status.clear();
        self.metrics.clear();
    }

    pub(super) fn event(&mut self, form: Form, epoch: u64, change: &Change) -> Arc<[u8]> {
        let mut made = self.made.iter().rev();
        if let Some((_, _, known)) = made.find(|(id, of, _)| (*id, *of) == (change.id, form)) {
            return Arc::clone(known);
        }
        let id = format!("{epoch}-{}", change.id);
        let made = message(form, "event", Some(&id), &changes::line(change));
        self.made.push((change.id, form, Arc::clone(&made)));
        made
    }

    /// What nodes were measured to use.
    pub(super) fn metrics(&mut self, form: Form, usage: &Usage) -> Arc<[u8]> {
        if let Some((_, known)) = self.metrics.iter().find(|(of, _)| *of == form) {
            return Arc::clone(known);
        }
        let made = message(form, "metrics", None, &report::usage(usage));
        self.metrics.push((form, Arc::clone(&made)));
        made
    }

    /// The picture of the cluster.
    pub(super) fn status(&mut self, form: Form, snapshot: &Snapshot) -> Arc<[u8]> {
        if let Some((_, known)) = self.status.iter().find(|(of, _)| *of == form) {
            return Arc::clone(known);
        }
        let id = last(snapshot);
        let made = message(form, "status", Some(&id), &report::summary(snapshot));
        self.status.push((form, Arc::clone(&made)));
        made
    }
}

/// The id of the last change.
pub(super) fn last(snapshot: &Snapshot) -> String {
    let changes = &snapshot.changes;
    format!("{}-{}", changes.epoch(), changes.last_id())
}

/// One message; the data is JSON, which has no line ends of its own.
pub(super) fn message(form: Form, kind: &str, id: Option<&str>, data: &[u8]) -> Arc<[u8]> {
    let mut out = Vec::with_capacity(data.len() + 96);
    match form {
        Form::Events => {
            let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
            out.extend_from_slice(format!("{id}event: {kind}\ndata: ").as_bytes());
            out.extend_from_slice(data);
            out.extend_from_slice(b"\n\n");
        }
        Form::Socket => {
            let id = id.map(|id| format!(",\"id\":\"{id}\"")).unwrap_or_default();
            let begin = format!("{{\"type\":\"{kind}\"{id},\"payload\":");
            encode_plain(TEXT, &[begin.as_bytes(), data, b"}"], &mut out);
        }
    }
    Arc::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_two_forms() {
        let text = |form, id| {
            let message = message(form, "event", id, b"{}");
            String::from_utf8(message.to_vec()).unwrap()
        };
        let expected = "id: 7-1\nevent: event\ndata: {}\n\n";
        assert_eq!(text(Form::Events, Some("7-1")), expected);
        assert_eq!(text(Form::Events, None), "event: event\ndata: {}\n\n");
        let bytes = message(Form::Socket, "event", Some("7-1"), b"{}");
        let expected = br#"{"type":"event","id":"7-1","payload":{}}"#;
        assert_eq!(&bytes[..2], [0x81, 40]);
        assert_eq!(&bytes[2..], expected);
    }
}
