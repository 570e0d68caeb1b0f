//! The cluster at a glance, rendered once per snapshot.

use std::sync::Arc;

use serde::Serialize;

use super::{figures, view};
use crate::cluster::{Kind, Page, Snapshot};
use crate::control::proto::Counts;
use crate::sorted::Sorted;

/// `{"version":7,"server":{...},"counts":{...},"pods_by_status":{...},
/// "kinds":{"pods":{"state":"current",...},...}}`. Equal calls share one body.
/// Health depends on the time and is not in it.
pub fn summary(snapshot: &Snapshot) -> Arc<[u8]> {
    snapshot.rendered(Page::Summary, render)
}

#[derive(Serialize)]
struct Summary<'a> {
    version: u64,
    /// The id of the last change in this picture, and whose ids they are.
    last_change: u64,
    epoch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Server<'a>>,
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods_by_status: Option<Sorted<&'a str, usize>>,
    kinds: Sorted<&'static str, view::Availability<'a>>,
}

#[derive(Serialize)]
struct Server<'a> {
    version: &'a str,
    uid: &'a str,
}

fn render(snapshot: &Snapshot) -> Vec<u8> {
    let mut kinds = Sorted::default();
    for kind in Kind::ALL {
        let availability = view::availability(snapshot.availability(kind));
        kinds.insert(kind.plural(), availability);
    }
    let summary = Summary {
        version: snapshot.version,
        last_change: snapshot.changes.last_id(),
        // A number this large would not survive JavaScript.
        epoch: format!("{:016x}", snapshot.changes.epoch()),
        server: snapshot.server.as_ref().map(|server| Server {
            version: &server.version,
            uid: &server.uid,
        }),
        counts: figures::counts(snapshot),
        pods_by_status: snapshot.count(Kind::Pod).map(|_| by_status(snapshot)),
        kinds,
    };
    // Neither the types nor a vector can fail.
    serde_json::to_vec(&summary).unwrap_or_default()
}

fn by_status(snapshot: &Snapshot) -> Sorted<&str, usize> {
    let mut counts = Sorted::default();
    for pod in snapshot.pods.iter() {
        *counts.entry(&*pod.status) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::fixture;

    #[test]
    fn it_tells_what_is_known() {
        let mut state = fixture::cluster();
        let told: Value = serde_json::from_slice(&summary(&state.snapshot())).unwrap();
        assert_eq!(told["server"]["version"], "v1.34.1+k3s1");
        assert_eq!(told["epoch"], "0000000000000001");
        let expected = json!({"nodes": 2, "nodes_ready": 2, "namespaces": 1, "deployments": 1,
                              "pods": 2, "pods_running": 2});
        assert_eq!(told["counts"], expected);
        let expected = json!({"CrashLoopBackOff": 1, "Running": 1});
        assert_eq!(told["pods_by_status"], expected);
        assert_eq!(told["kinds"]["services"], json!({"state": "pending"}));
        assert_eq!(told["kinds"]["pods"]["state"], "current");
    }

    #[test]
    fn nothing_known_has_no_counts() {
        let mut state = fixture::empty();
        let told: Value = serde_json::from_slice(&summary(&state.snapshot())).unwrap();
        assert_eq!(told["counts"], json!({}));
        assert_eq!(told.get("server"), None);
        assert_eq!(told.get("pods_by_status"), None);
    }
}
