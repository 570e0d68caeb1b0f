//! A list, and the watch that starts where it ends, until something is seen.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::k8s::JSON;
use crate::kubectl::api::{self, Api, query};
use crate::kubectl::failure::Failure;
use crate::kubectl::pods::run::until_stopped;
use crate::kubectl::session::Session;
use crate::kubectl::watched::Lines;
use crate::stop::Stop;

/// Before the same is listed again.
const PAUSE: Duration = Duration::from_millis(500);

/// What is shown of an object: `ADDED`, `MODIFIED` or `DELETED`, and the object. None
/// stands for a list without one, with an empty word where it is the first.
pub(super) type Seen<'a> = &'a mut dyn FnMut(&str, Option<Value>) -> Result<bool, Failure>;

/// A way to the server of its own, which ends at the deadline, or when all is to end.
pub(super) struct Watch {
    api: Api,
    stop: Stop,
    deadline: Instant,
}

impl Watch {
    pub(super) fn new(session: &Session<'_>, deadline: Instant) -> Result<Self, Failure> {
        let client = session.api()?.client.for_logs()?;
        Ok(Self {
            api: Api::new(client, String::new(), api::MOST_BYTES_IN_AGENT),
            stop: session.context.stop.clone(),
            deadline,
        })
    }

    pub(super) fn is_over(&self) -> bool {
        self.stop.is_stopped() || self.deadline <= Instant::now()
    }

    /// Waits before the next try.
    pub(super) fn pause(&self) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.stop.wait(left.min(PAUSE));
    }

    /// Shows what the list at that path has, and what changes in it, until that is enough;
    /// false if the time ran out before.
    pub(super) fn until(&self, path: &str, seen: Seen<'_>) -> Result<bool, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let client = &self.api.client;
        let end = || client.shutdown();
        until_stopped(&self.stop, left, &end, || {
            let mut is_first = true;
            while !self.is_over() {
                match self.round(path, is_first, seen) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(_) if self.is_over() => break,
                    // What is unreachable may come back, what is refused stays so.
                    Err(failure) if is_first || !failure.reason.is_empty() => return Err(failure),
                    Err(_) => {}
                }
                is_first = false;
                self.pause();
            }
            Ok(false)
        })
    }

    /// One list, and its watch to the end.
    fn round(&self, path: &str, is_first: bool, seen: Seen<'_>) -> Result<bool, Failure> {
        let mut list = self.api.get(path)?;
        let version = list["metadata"]["resourceVersion"].as_str();
        let more = [
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version.unwrap_or_default()),
            ("watch", "true"),
        ];
        let path = query(path, &more);
        let items = match list["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        if items.is_empty() && seen(if is_first { "" } else { "DELETED" }, None)? {
            return Ok(true);
        }
        for item in items {
            if seen("ADDED", Some(item))? {
                return Ok(true);
            }
        }
        self.changes(&path, seen)
    }

    fn changes(&self, path: &str, seen: Seen<'_>) -> Result<bool, Failure> {
        let mut lines = Lines::open(&self.api, path, JSON)?;
        // However it ends: what is there is listed again.
        while let Some((word, object)) = lines.event() {
            match word.as_str() {
                "ADDED" | "MODIFIED" | "DELETED" => {
                    if seen(&word, Some(object))? {
                        return Ok(true);
                    }
                }
                "BOOKMARK" => {}
                _ => break,
            }
        }
        Ok(false)
    }
}
