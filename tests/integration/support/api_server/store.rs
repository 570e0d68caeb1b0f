//! Objects with versions, lists in pages and watches, as the API server has them.
//!
//! Source: [API concepts](https://kubernetes.io/docs/reference/using-api/api-concepts/).

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

use super::fault::status;

/// Path of the list of each kind that the agent follows.
pub(crate) const KINDS: [(&str, &str); 6] = [
    ("nodes", "/api/v1/nodes"),
    ("pods", "/api/v1/pods"),
    ("namespaces", "/api/v1/namespaces"),
    ("deployments", "/apis/apps/v1/deployments"),
    ("services", "/api/v1/services"),
    ("events", "/api/v1/events"),
];

/// How an open watch ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// In order: the last chunk, then the end of the connection.
    End,
    /// The end of the connection without the last chunk.
    Close,
    /// RST.
    Reset,
}

/// What an open watch is told.
#[derive(Debug)]
pub(super) enum Message {
    Bytes(Vec<u8>),
    Cut(Cut),
}

#[derive(Debug)]
pub(super) enum Listed {
    Page(String),
    /// The continue token is not known any more.
    Expired,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    version: u64,
    kinds: HashMap<&'static str, Objects>,
    continues: HashMap<String, (u64, Vec<Value>)>,
}

#[derive(Debug, Default)]
struct Objects {
    /// By namespace and name.
    all: BTreeMap<(String, String), Value>,
    /// Version and line of each event since `oldest`.
    history: Vec<(u64, Vec<u8>)>,
    oldest: u64,
    watches: Vec<Watch>,
    /// Open, and told nothing any more.
    deaf: Vec<Watch>,
    /// Watches that were ever opened.
    opened: usize,
}

#[derive(Debug)]
struct Watch {
    lines: Sender<Message>,
    bookmarks: bool,
}

fn key(object: &Value) -> (String, String) {
    let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    (field("namespace").to_owned(), field("name").to_owned())
}

pub(super) fn line(event_type: &str, object: &Value) -> Vec<u8> {
    let mut line = json!({"type": event_type, "object": object}).to_string();
    line.push('\n');
    line.into_bytes()
}

impl Store {
    /// Adds or changes an object, and tells the watches; returns its version.
    pub(super) fn apply(&mut self, kind: &'static str, mut object: Value) -> u64 {
        self.version += 1;
        let version = self.version;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let objects = self.kinds.entry(kind).or_default();
        let old = objects.all.insert(key(&object), object.clone());
        let event = if old.is_some() { "MODIFIED" } else { "ADDED" };
        objects.tell(version, line(event, &object));
        version
    }

    /// The same, but open watches only hear half of the line before they end.
    pub(super) fn apply_half(&mut self, kind: &'static str, object: Value, how: Cut) -> u64 {
        let watches = std::mem::take(&mut self.kinds.entry(kind).or_default().watches);
        let version = self.apply(kind, object);
        let history = &self.kinds.entry(kind).or_default().history;
        let (_, line) = history.last().expect("it was just added");
        for watch in watches {
            let half = line[..line.len() / 2].to_vec();
            let _ = watch.lines.send(Message::Bytes(half));
            let _ = watch.lines.send(Message::Cut(how));
        }
        version
    }

    pub(super) fn delete(&mut self, kind: &'static str, namespace: &str, name: &str) -> u64 {
        self.version += 1;
        let version = self.version;
        let objects = self.kinds.entry(kind).or_default();
        let key = (namespace.to_owned(), name.to_owned());
        let mut object = objects.all.remove(&key).expect("it is there");
        object["metadata"]["resourceVersion"] = version.to_string().into();
        objects.tell(version, line("DELETED", &object));
        version
    }

    /// Forgets the history: no watch can be resumed from before.
    pub(super) fn compact(&mut self) {
        self.version += 1;
        for objects in self.kinds.values_mut() {
            objects.history.clear();
            objects.oldest = self.version;
        }
        self.continues.clear();
    }

    pub(super) fn bookmark(&mut self, kind: &'static str) -> u64 {
        self.version += 1;
        let object = json!({"metadata": {"resourceVersion": self.version.to_string()}});
        let line = line("BOOKMARK", &object);
        let objects = self.kinds.entry(kind).or_default();
        let asked = objects.watches.iter().filter(|watch| watch.bookmarks);
        for watch in asked {
            let _ = watch.lines.send(Message::Bytes(line.clone()));
        }
        self.version
    }

    pub(super) fn inject(&mut self, kind: &'static str, bytes: &[u8]) {
        for watch in &self.kinds.entry(kind).or_default().watches {
            let _ = watch.lines.send(Message::Bytes(bytes.to_vec()));
        }
    }

    pub(super) fn deafen(&mut self, kind: &'static str) {
        let objects = self.kinds.entry(kind).or_default();
        objects.deaf.append(&mut objects.watches);
    }

    pub(super) fn cut(&mut self, kind: &'static str, how: Cut) {
        for watch in self.kinds.entry(kind).or_default().watches.drain(..) {
            let _ = watch.lines.send(Message::Cut(how));
        }
    }

    /// Watches end as a stopped server ends them.
    pub(super) fn cut_all(&mut self) {
        for (kind, _) in KINDS {
            self.cut(kind, Cut::Close);
        }
    }

    pub(super) fn opened(&self, kind: &str) -> usize {
        self.kinds.get(kind).map_or(0, |objects| objects.opened)
    }

    pub(super) fn objects(&self, kind: &str) -> Vec<Value> {
        let objects = self.kinds.get(kind);
        objects.map_or_else(Vec::new, |objects| objects.all.values().cloned().collect())
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn list(&mut self, kind: &str, limit: usize, next: Option<&str>) -> Listed {
        let (version, mut rest) = match next.map(|next| self.continues.remove(next)) {
            None => (self.version, self.objects(kind)),
            Some(Some(known)) => known,
            Some(None) => return Listed::Expired,
        };
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if limit > 0 && rest.len() > limit {
            let after = rest.split_off(limit);
            // With characters that must be escaped in a query.
            let token = format!("{version}+{}/{}==", after.len(), self.continues.len());
            metadata["continue"] = token.clone().into();
            metadata["remainingItemCount"] = after.len().into();
            self.continues.insert(token, (version, after));
        }
        Listed::Page(json!({"kind": "List", "metadata": metadata, "items": rest}).to_string())
    }

    /// What happened since `version`, and what will; none when that is too old.
    pub(super) fn watch(
        &mut self,
        kind: &'static str,
        version: u64,
        bookmarks: bool,
    ) -> Option<Receiver<Message>> {
        let objects = self.kinds.entry(kind).or_default();
        if version < objects.oldest {
            return None;
        }
        let (lines, told) = channel();
        for (_, line) in objects.history.iter().filter(|(at, _)| *at > version) {
            let _ = lines.send(Message::Bytes(line.clone()));
        }
        objects.opened += 1;
        objects.watches.push(Watch { lines, bookmarks });
        Some(told)
    }
}

impl Objects {
    fn tell(&mut self, version: u64, line: Vec<u8>) {
        self.watches
            .retain(|watch| watch.lines.send(Message::Bytes(line.clone())).is_ok());
        self.history.push((version, line));
    }
}

/// The line of a watch whose version is too old.
pub(crate) fn expired_line() -> Vec<u8> {
    let status: Value = serde_json::from_str(&status(410, "Expired")).expect("it is JSON");
    line("ERROR", &status)
}
