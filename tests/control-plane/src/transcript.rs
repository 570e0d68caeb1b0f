//! What was said: the latest exchanges, and a way to wait for the next ones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::wire::{Request, Response};

/// Older ones are dropped.
const ENTRIES: usize = 1000;
/// Larger bodies are told by their size alone.
const BODY: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Transcript {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    entries: VecDeque<Value>,
    counts: BTreeMap<String, Count>,
    ended: bool,
}

/// Since the start; entries that were dropped are counted.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    /// Answered with success by the protocol itself.
    acknowledged: u64,
}

impl Transcript {
    /// `fault` names what was made to go wrong; no response is a cut connection.
    pub(crate) fn record(
        &self,
        call: &str,
        request: &Request,
        response: Option<&Response>,
        fault: Option<&str>,
    ) {
        let success = response.is_some_and(|response| response.status < 300);
        let acknowledged = success && fault.is_none();
        let mut said = self.said();
        let count = said.counts.entry(call.to_owned()).or_default();
        count.all += 1;
        count.acknowledged += u64::from(acknowledged);
        let mut entry = json!({
            "at": crate::server::now(),
            "call": call,
            "acknowledged": acknowledged,
            "request": {
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "headers": headers(&request.headers),
                "body": body(&request.body),
            },
            "response": response.map(|response| json!({
                "status": response.status,
                "headers": headers(&response.headers),
                "body": body(&response.body),
            })),
        });
        if let Some(fault) = fault {
            entry["fault"] = fault.into();
        }
        said.entries.push_back(entry);
        if said.entries.len() > ENTRIES {
            said.entries.pop_front();
        }
        self.changed.notify_all();
    }

    /// Oldest first.
    pub(crate) fn entries(&self) -> Vec<Value> {
        self.said().entries.iter().cloned().collect()
    }

    pub(crate) fn count(&self, call: &str, acknowledged: bool) -> u64 {
        self.said().count(call, acknowledged)
    }

    /// True once there were `count` such calls; false when the time is over before.
    pub(crate) fn wait(&self, call: &str, count: u64, acknowledged: bool, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut said = self.said();
        while said.count(call, acknowledged) < count {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || said.ended {
                return false;
            }
            said = self
                .changed
                .wait_timeout(said, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Whoever waits is sent home.
    pub(crate) fn end(&self) {
        self.said().ended = true;
        self.changed.notify_all();
    }

    /// Waits, unless all ends before; true when it did.
    pub(crate) fn pause(&self, limit: Duration) -> bool {
        let said = self.said();
        let (said, _) = self
            .changed
            .wait_timeout_while(said, limit, |said| !said.ended)
            .unwrap_or_else(PoisonError::into_inner);
        said.ended
    }

    pub(crate) fn ended(&self) -> bool {
        self.said().ended
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    fn count(&self, call: &str, acknowledged: bool) -> u64 {
        let count = self.counts.get(call).copied().unwrap_or_default();
        if acknowledged {
            count.acknowledged
        } else {
            count.all
        }
    }
}

fn headers(headers: &[(String, String)]) -> Value {
    let shown = |(name, value): &(String, String)| {
        let name = name.to_ascii_lowercase();
        let value = match name.as_str() {
            "authorization" => value.split(' ').next().unwrap_or_default().to_owned() + " [token]",
            _ => value.clone(),
        };
        (name, Value::String(value))
    };
    Value::Object(headers.iter().map(shown).collect::<Map<_, _>>())
}

fn body(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if bytes.len() > BODY {
        return json!({"bytes": bytes.len()});
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}
