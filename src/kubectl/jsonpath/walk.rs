//! Walks a template through an object.

use std::borrow::Cow;

use serde_json::Value;

use super::compare::holds;
use super::slice::Slice;
use super::{Found, Node};
use crate::kubectl::print::go;

/// Values that a walk may come by. A range without end goes through what follows twice, so
/// that a few of them in a row would never end; a hundred for each of 10,000 objects are a
/// quarter of it.
const MOST: usize = 4_000_000;

/// Where the walk is in `range` and `end`.
#[derive(Default)]
pub(super) struct Walk {
    allow_missing: bool,
    begun: usize,
    inside: usize,
    ended: usize,
    last_end: usize,
    seen: usize,
}

impl Walk {
    pub(super) fn new(allow_missing: bool) -> Self {
        Self {
            allow_missing,
            ..Self::default()
        }
    }

    /// Walks the nodes from `from` on, up to the `end` of the range it is in.
    pub(super) fn part<'a>(
        &mut self,
        nodes: &'a [Node],
        from: usize,
        object: Cow<'a, Value>,
        found: &mut Vec<Found<'a>>,
    ) -> Result<(), String> {
        let mut at = from;
        while at < nodes.len() {
            let values = self.node(vec![object.clone()], &nodes[at])?;
            if self.ended > 0 && self.ended <= self.inside {
                self.ended -= 1;
                self.last_end = at;
                return Ok(());
            }
            if self.begun == 0 {
                found.push(values);
                at += 1;
                continue;
            }
            self.begun -= 1;
            self.inside += 1;
            if values.is_empty() {
                // Nothing is shown, but the end of the range is found.
                self.part(nodes, at + 1, Cow::Owned(Value::Null), &mut Vec::new())?;
            }
            for value in values {
                self.part(nodes, at + 1, value, found)?;
            }
            self.inside -= 1;
            at = at.max(self.last_end) + 1;
        }
        Ok(())
    }

    fn list<'a>(&mut self, mut values: Found<'a>, nodes: &'a [Node]) -> Result<Found<'a>, String> {
        for node in nodes {
            values = self.node(values, node)?;
        }
        Ok(values)
    }

    fn node<'a>(&mut self, values: Found<'a>, node: &'a Node) -> Result<Found<'a>, String> {
        self.seen += 1 + values.len();
        if self.seen > MOST {
            return Err("the template goes through too much of the object".to_owned());
        }
        match node {
            Node::List(nodes) => self.list(values, nodes),
            Node::Text(text) => Ok(vec![Cow::Owned(text.as_str().into())]),
            Node::Value(value) => Ok(values.iter().map(|_| Cow::Borrowed(value)).collect()),
            Node::Field(name) => self.field(values, name),
            Node::Slice(slice) => each(values, |value| sliced(value, slice)),
            Node::Wildcard => each(values, |value| Ok(children(value))),
            Node::Recursive => each(values, |value| {
                let mut all = Vec::new();
                descend(value, &mut all);
                Ok(all)
            }),
            Node::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.list(values.clone(), part)?);
                }
                Ok(all)
            }
            Node::Filter(left, operator, right) => {
                let mut kept = Vec::new();
                for value in values {
                    self.filter(value, (left, operator, right), &mut kept)?;
                }
                Ok(kept)
            }
            Node::Word(word) => self.word(values, word),
        }
    }

    fn word<'a>(&mut self, values: Found<'a>, word: &str) -> Result<Found<'a>, String> {
        match word {
            "range" => {
                self.begun += 1;
                Ok(values)
            }
            "end" if self.inside > 0 => {
                self.ended += 1;
                Ok(Vec::new())
            }
            "end" => Err("not in range, nothing to end".to_owned()),
            _ => Err(format!("unrecognized identifier {word}")),
        }
    }

    fn field<'a>(&self, values: Found<'a>, name: &str) -> Result<Found<'a>, String> {
        if values.is_empty() {
            return Ok(values);
        }
        let found: Found = values
            .into_iter()
            .filter_map(|value| member(value, name))
            .collect();
        if found.is_empty() && !self.allow_missing {
            return Err(format!("{name} is not found"));
        }
        Ok(found)
    }

    fn filter<'a>(
        &mut self,
        value: Cow<'a, Value>,
        (left, operator, right): (&'a [Node], &str, &'a [Node]),
        kept: &mut Found<'a>,
    ) -> Result<(), String> {
        if !value.is_array() {
            let shown = go::sprint(&value);
            return Err(format!(
                "{shown} is not array or slice and cannot be filtered"
            ));
        }
        for item in children(value) {
            let lefts = self.list(vec![item.clone()], left);
            if operator == "exists" {
                kept.extend(lefts.ok().filter(|lefts| !lefts.is_empty()).map(|_| item));
                continue;
            }
            let Some(a) = only(lefts?)? else { continue };
            let Some(b) = only(self.list(vec![item.clone()], right)?)? else {
                continue;
            };
            if holds(&a, operator, &b)? {
                kept.push(item);
            }
        }
        Ok(())
    }
}

fn only(mut values: Found<'_>) -> Result<Option<Cow<'_, Value>>, String> {
    if values.len() > 1 {
        return Err("can only compare one element at a time".to_owned());
    }
    Ok(values.pop())
}

/// What each value becomes; nothing comes of null.
fn each<'a>(
    values: Found<'a>,
    become_: impl Fn(Cow<'a, Value>) -> Result<Found<'a>, String>,
) -> Result<Found<'a>, String> {
    let mut all = Vec::new();
    for value in values.into_iter().filter(|value| !value.is_null()) {
        all.extend(become_(value)?);
    }
    Ok(all)
}

fn member<'a>(value: Cow<'a, Value>, name: &str) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
        Cow::Owned(mut value) => value.get_mut(name).map(Value::take).map(Cow::Owned),
    }
}

/// The items of a list or an object.
fn children(value: Cow<'_, Value>) -> Found<'_> {
    match value {
        Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(map)) => map.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
        Cow::Owned(Value::Object(map)) => map.into_iter().map(|(_, v)| Cow::Owned(v)).collect(),
        _ => Vec::new(),
    }
}

/// Everything that has something inside, from the outside in.
fn descend<'a>(value: Cow<'a, Value>, all: &mut Found<'a>) {
    let inner = children(value.clone());
    if !inner.is_empty() {
        all.push(value);
    }
    for child in inner {
        descend(child, all);
    }
}

fn sliced<'a>(value: Cow<'a, Value>, slice: &Slice) -> Result<Found<'a>, String> {
    if !value.is_array() {
        return Err(format!("{} is not array or slice", go::kind(&value)));
    }
    let items = children(value);
    let (first, count, step) = slice.range(items.len())?;
    Ok(items
        .into_iter()
        .skip(first)
        .take(count)
        .step_by(step)
        .collect())
}
