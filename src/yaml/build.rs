//! Builds values from the parser's events, on a stack of its own so that depth
//! costs no stack of the thread.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::scalar::{self, NOT_OF_ITS_TAG, UNKNOWN_TAG};
use super::{Error, MAX_DEPTH, TOO_DEEP};

/// What all anchors and aliases of a stream may stand for together, in bytes.
/// Each copy that an anchor or alias makes is paid from it, so that no expansion
/// ("billion laughs") grows past it.
const COPIES: usize = 1024 * 1024;

/// The documents read so far and the one in the making.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) documents: Vec<Value>,
    open: Vec<Frame>,
    anchors: HashMap<usize, Value>,
    copied: usize,
}

/// A collection whose end has not come yet; anchor 0 is none.
struct Frame {
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    Mapping(Mapping),
}

#[derive(Default)]
struct Mapping {
    entries: Map<String, Value>,
    /// Read, while its value is not.
    key: Option<Key>,
    merge: Option<Value>,
}

enum Key {
    Name(String),
    Merge,
}

impl Stream {
    /// Takes the next event; `at` is where it starts.
    pub(super) fn take(&mut self, event: Event<'_>, at: &Marker) -> Result<(), Error> {
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                if self.takes_key() && style == ScalarStyle::Plain && tag.is_none() && text == "<<"
                {
                    return self.key(Key::Merge, at);
                }
                let value = scalar::value(text, style, tag.as_deref())
                    .map_err(|reason| Error::at(at, reason))?;
                self.node(value, anchor, at)?;
            }
            Event::Alias(anchor) => {
                let Some(value) = self.anchors.get(&anchor) else {
                    let reason = "this alias stands for something that is not finished";
                    return Err(Error::at(at, reason));
                };
                let value = copy(value, &mut self.copied, at)?;
                self.node(value, 0, at)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, Kind::List(Vec::new()), (tag.as_deref(), "seq"), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                let kind = Kind::Mapping(Mapping::default());
                self.open(anchor, kind, (tag.as_deref(), "map"), at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(at)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        anchor: usize,
        kind: Kind,
        (tag, its_type): (Option<&Tag>, &str),
        at: &Marker,
    ) -> Result<(), Error> {
        match tag.map(scalar::type_of) {
            Some(None) => return Err(Error::at(at, UNKNOWN_TAG)),
            Some(Some(name)) if name != its_type => return Err(Error::at(at, NOT_OF_ITS_TAG)),
            _ => {}
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Error::at(at, TOO_DEEP));
        }
        if self.takes_key() {
            let reason = "a mapping or list as a key is not supported";
            return Err(Error::at(at, reason));
        }
        self.open.push(Frame { anchor, kind });
        Ok(())
    }

    fn close(&mut self, at: &Marker) -> Result<(), Error> {
        let Some(frame) = self.open.pop() else {
            return Ok(());
        };
        let value = match frame.kind {
            Kind::List(items) => Value::Array(items),
            Kind::Mapping(mapping) => mapping.finish(at)?,
        };
        self.node(value, frame.anchor, at)
    }

    /// A finished value goes where it belongs.
    fn node(&mut self, value: Value, anchor: usize, at: &Marker) -> Result<(), Error> {
        if anchor != 0 {
            let kept = copy(&value, &mut self.copied, at)?;
            self.anchors.insert(anchor, kept);
        }
        if self.takes_key() {
            let name = name(value).map_err(|reason| Error::at(at, reason))?;
            return self.key(Key::Name(name), at);
        }
        match self.open.last_mut().map(|frame| &mut frame.kind) {
            None => self.documents.push(value),
            Some(Kind::List(items)) => items.push(value),
            Some(Kind::Mapping(mapping)) => mapping.value(value),
        }
        Ok(())
    }

    fn takes_key(&self) -> bool {
        let top = self.open.last().map(|frame| &frame.kind);
        matches!(top, Some(Kind::Mapping(mapping)) if mapping.key.is_none())
    }

    fn key(&mut self, key: Key, at: &Marker) -> Result<(), Error> {
        let top = self.open.last_mut().map(|frame| &mut frame.kind);
        let Some(Kind::Mapping(mapping)) = top else {
            return Ok(());
        };
        let known = match &key {
            Key::Name(name) => mapping.entries.contains_key(name),
            Key::Merge => mapping.merge.is_some(),
        };
        if known {
            return Err(Error::at(at, "this key stands twice in its mapping"));
        }
        mapping.key = Some(key);
        Ok(())
    }
}

impl Mapping {
    fn value(&mut self, value: Value) {
        match self.key.take() {
            Some(Key::Name(name)) => {
                self.entries.insert(name, value);
            }
            Some(Key::Merge) => self.merge = Some(value),
            None => {}
        }
    }

    /// Merged entries give way to the mapping's own, later ones to earlier ones
    /// (<https://yaml.org/type/merge.html>).
    fn finish(mut self, at: &Marker) -> Result<Value, Error> {
        let sources = match self.merge.take() {
            None => Vec::new(),
            Some(Value::Array(sources)) => sources,
            Some(source) => vec![source],
        };
        for source in sources {
            let Value::Object(source) = source else {
                let reason = "a merge key (<<) wants a mapping or a list of mappings";
                return Err(Error::at(at, reason));
            };
            for (key, value) in source {
                self.entries.entry(key).or_insert(value);
            }
        }
        Ok(Value::Object(self.entries))
    }
}

/// A key as JSON has it: text. What is read as a number or truth becomes its
/// text, as in kubectl.
fn name(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(name) => Ok(name),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => Err("null is no key"),
        Value::Array(_) | Value::Object(_) => Err("a mapping or list as a key is not supported"),
    }
}

/// A copy, once it is known to fit what is left of [`COPIES`].
fn copy(value: &Value, copied: &mut usize, at: &Marker) -> Result<Value, Error> {
    if charge(value, copied) {
        Ok(value.clone())
    } else {
        let reason = "anchors and aliases stand for more than 1 MiB";
        Err(Error::at(at, reason))
    }
}

/// Adds the size of a value; false, at once, when that is too much.
fn charge(value: &Value, copied: &mut usize) -> bool {
    let text = match value {
        Value::String(text) => text.len(),
        Value::Object(map) => map.keys().map(|key| key.len() + size_of::<Value>()).sum(),
        _ => 0,
    };
    *copied += size_of::<Value>() + text;
    *copied <= COPIES
        && match value {
            Value::Array(items) => items.iter().all(|item| charge(item, copied)),
            Value::Object(map) => map.values().all(|item| charge(item, copied)),
            _ => true,
        }
}
