//! Looks at one object until it is as it should be.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::query;
use super::failure::Failure;
use super::resources::Ask;
use super::session::Session;
use crate::k8s::{Call, JSON};

/// Longest event; the store behind the API takes in 1.5 MiB.
const MOST_BYTES: u64 = 8 << 20;
/// Before another watch, when one ended by itself.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether an object is as it should be.
pub(super) type Look<'a> = dyn FnMut(&mut Session<'_>, &Value) -> Result<bool, Failure> + 'a;

/// Shows every state of an object to `look`, until that says that it is enough; at most
/// for so many seconds, if they are not zero.
///
/// # Errors
/// The time is over, the object is gone, or the server does not say.
pub(super) fn until(
    session: &mut Session<'_>,
    ask: &Ask,
    seconds: f64,
    look: &mut Look<'_>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let limit = Duration::try_from_secs_f64(seconds).ok();
    let limit = limit.filter(|limit| !limit.is_zero());
    let mut seen = String::new();
    loop {
        let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Failure::new("timed out waiting for the condition"));
        }
        // The server counts whole seconds: what is left of the last is looked at again.
        let longest = left.map_or_else(String::new, |left| (left.as_secs() + 1).to_string());
        if watch(session, ask, &longest, (&mut seen, look))? {
            return Ok(());
        }
        if session
            .context
            .stop
            .wait(left.map_or(PAUSE, |left| PAUSE.min(left)))
        {
            return Err(Failure::silent(1));
        }
    }
}

fn path(ask: &Ask, limit: &str) -> String {
    let only = ["metadata.name=", &ask.name].concat();
    query(
        &ask.resource.path(&ask.namespace, ""),
        &[
            ("fieldSelector", &only),
            ("timeoutSeconds", limit),
            ("watch", "true"),
        ],
    )
}

/// Follows one watch to its end; whether it was enough.
fn watch(
    session: &mut Session<'_>,
    ask: &Ask,
    limit: &str,
    (seen, look): (&mut String, &mut Look<'_>),
) -> Result<bool, Failure> {
    let path = path(ask, limit);
    let mut reader = BufReader::new(session.api()?.open(&Call::get(&path, JSON))?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(MOST_BYTES)
            .read_until(b'\n', &mut line);
        let event: Value = match serde_json::from_slice(&line) {
            Ok(event) if read.is_ok() => event,
            // However it ends: what is there is looked at again.
            _ => return Ok(false),
        };
        let object = &event["object"];
        match event["type"].as_str() {
            Some("ADDED" | "MODIFIED") => {}
            Some("DELETED") => return Err(Failure::new("object has been deleted")),
            _ => return Ok(false),
        }
        let version = super::pods::field(object, "/metadata/resourceVersion");
        if version != seen {
            version.clone_into(seen);
            if look(session, object)? {
                return Ok(true);
            }
        }
        session.io.stdout.flush()?;
    }
}
