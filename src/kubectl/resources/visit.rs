//! Hands out objects one by one, lists page by page.

use serde_json::Value;

use super::{Ask, Selected};
use crate::k8s::{Call, JSON};
use crate::kubectl::api::Api;
use crate::kubectl::failure::Failure;

/// Objects of a page at most: as values they are several times their text.
const PAGE: i64 = 50;

/// Hands out each object in turn, lists page by page. Goes on after failures, which it
/// returns; `chunk` objects are asked for at once, all if it is 0.
pub fn visit(
    api: &Api,
    selected: &Selected,
    chunk: i64,
    each: &mut dyn FnMut(&Ask, Value) -> Result<(), Failure>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for ask in &selected.asks {
        let outcome = if ask.name.is_empty() {
            pages(api, selected, ask, chunk, each)
        } else {
            api.get(&ask.path()).and_then(|object| each(ask, object))
        };
        failures.extend(outcome.err());
    }
    failures
}

fn pages(
    api: &Api,
    selected: &Selected,
    ask: &Ask,
    chunk: i64,
    each: &mut dyn FnMut(&Ask, Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut pages = Pages::new(chunk.min(PAGE));
    while let Some(path) = pages.next(selected, ask) {
        let page = api.call(&Call::get(&path, JSON));
        let mut page = page.map_err(|failure| selected.about(ask, failure))?;
        pages.read(&page["metadata"]);
        let kind = page["kind"]
            .as_str()
            .and_then(|kind| kind.strip_suffix("List"));
        let kind = Value::from(kind.unwrap_or(&ask.resource.kind));
        let version = page["apiVersion"].clone();
        let items = page.get_mut("items").map(Value::take);
        drop(page);
        let Some(Value::Array(items)) = items else {
            continue;
        };
        for mut item in items {
            // Items of a list do not say what they are.
            if let Value::Object(map) = &mut item {
                map.entry("kind").or_insert_with(|| kind.clone());
                map.entry("apiVersion").or_insert_with(|| version.clone());
            }
            each(ask, item)?;
        }
    }
    Ok(())
}

/// Follows the pages of a list.
pub struct Pages {
    chunk: i64,
    next: Option<String>,
}

impl Pages {
    pub fn new(chunk: i64) -> Self {
        Self {
            chunk,
            next: Some(String::new()),
        }
    }

    /// The path of the next page, if there is one.
    pub fn next(&mut self, selected: &Selected, ask: &Ask) -> Option<String> {
        let mark = self.next.take()?;
        if !ask.name.is_empty() {
            return Some(ask.path());
        }
        let limit = if self.chunk > 0 {
            self.chunk.to_string()
        } else {
            String::new()
        };
        Some(selected.list_path(ask, &[("limit", &limit), ("continue", &mark)]))
    }

    /// Remembers where the next page starts.
    pub fn read(&mut self, metadata: &Value) {
        let mark = metadata["continue"].as_str().unwrap_or_default();
        self.next = Some(mark.to_owned()).filter(|mark| !mark.is_empty());
    }
}
