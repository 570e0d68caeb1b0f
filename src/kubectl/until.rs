//! Looks at one object until it is as it should be.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::query;
use super::failure::Failure;
use super::resources::Ask;
use super::session::Session;
use super::watched::{Lines, left};
use crate::k8s::JSON;

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
    let limit = Duration::try_from_secs_f64(seconds).ok();
    let limit = limit.filter(|limit| !limit.is_zero());
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut seen = String::new();
    loop {
        let Some(longest) = left(deadline) else {
            return Err(Failure::new("timed out waiting for the condition"));
        };
        if watch(session, ask, &longest, (&mut seen, look))? {
            return Ok(());
        }
        let now = Instant::now();
        let left = deadline.map_or(PAUSE, |deadline| deadline.saturating_duration_since(now));
        if session.context.stop.wait(left.min(PAUSE)) {
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
    let mut lines = Lines::open(&*session.api()?, &path, JSON)?;
    // However it ends: what is there is looked at again.
    while let Some((word, object)) = lines.event() {
        match word.as_str() {
            "ADDED" | "MODIFIED" => {}
            "DELETED" => return Err(Failure::new("object has been deleted")),
            _ => break,
        }
        let version = super::pods::field(&object, "/metadata/resourceVersion");
        if version != seen {
            version.clone_into(seen);
            if look(session, &object)? {
                return Ok(true);
            }
        }
        session.io.stdout.flush()?;
    }
    Ok(false)
}
