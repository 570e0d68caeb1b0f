//! `GET /api/status/changes?since=ID`: what happened in the cluster.

use serde::Serialize;

use super::{Sources, json, timestamp};
use crate::cluster::Change;
use crate::http::{Request, Response};
use std::time::{Duration, SystemTime};

/// Ids mean nothing in another `epoch`: the agent was restarted.
#[derive(Serialize)]
struct Changes<'a> {
    epoch: u64,
    last_id: u64,
    changes: Vec<ChangeView<'a>>,
}

#[derive(Serialize)]
struct ChangeView<'a> {
    id: u64,
    at: String,
    kind: &'static str,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    summary: &'a str,
}

pub(super) fn answer(sources: &Sources, request: &Request) -> Response {
    let snapshot = sources.published.current();
    let changes = &snapshot.changes;
    let found = match request.query_value("since").as_deref() {
        None => Ok(changes.iter().cloned().collect()),
        Some(text) => match text.parse() {
            Ok(id) => changes.since(id),
            Err(_) => {
                let detail = "since is the id of a change, a whole number";
                return Response::problem(400, "Bad Request", detail);
            }
        },
    };
    match found {
        Ok(found) => json(
            200,
            &Changes {
                epoch: changes.epoch(),
                last_id: changes.last_id(),
                changes: found.iter().map(|change| view(change)).collect(),
            },
        ),
        Err(gap) => {
            let detail = format!(
                "changes before {} are gone; read the lists, then go on with since={}",
                gap.first_id,
                gap.first_id.saturating_sub(1)
            );
            Response::problem(410, "Gone", &detail)
        }
    }
}

/// One change as JSON, on one line.
pub(super) fn line(change: &Change) -> Vec<u8> {
    // The type cannot fail.
    serde_json::to_vec(&view(change)).unwrap_or_default()
}

fn view(change: &Change) -> ChangeView<'_> {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(change.at.into());
    ChangeView {
        id: change.id,
        at: timestamp(at),
        kind: change.kind.singular(),
        what: change.what.as_str(),
        namespace: change.namespace.as_deref(),
        name: &change.name,
        summary: &change.summary,
    }
}
