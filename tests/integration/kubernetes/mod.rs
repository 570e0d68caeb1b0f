//! The built agent against an API server that misbehaves.
//!
//! After every fault it is alive, and after healing it shows what the server has.

#![cfg(test)]

mod access;
mod lists;
mod outages;
mod silence;
mod usage;
mod watches;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::api_server::{ApiServer, KINDS, Op, path};
use crate::support::{Agent, eventually, within};

/// From healing to a right picture.
const HEALED: Duration = Duration::from_secs(5);

/// A server and an agent that has seen all of it.
struct Rig {
    server: ApiServer,
    agent: Agent,
}

impl Rig {
    fn start() -> Self {
        Self::with(ApiServer::start())
    }

    fn with(server: ApiServer) -> Self {
        let rig = Self {
            agent: Agent::start(&server.kubeconfig(), &[]),
            server,
        };
        rig.follows();
        for (kind, _) in KINDS {
            rig.server.wait_watch(kind, 1);
        }
        rig
    }

    /// The agent lives, is ready, and soon shows exactly what the server has.
    #[track_caller]
    fn follows(&self) {
        follows(&self.agent, &self.server, &KINDS.map(|(kind, _)| kind));
        ready(&self.agent);
    }

    /// Lists of that kind so far; each has one page.
    fn lists(&self, kind: &str) -> usize {
        self.server.requests(path(kind), Op::Get).len()
    }
}

/// The same for some kinds.
#[track_caller]
fn follows(agent: &Agent, server: &ApiServer, kinds: &[&str]) {
    for kind in kinds {
        let stored = stored(server, kind);
        let what = format!("{kind} of the server: {stored:?}");
        within(HEALED, &what, || {
            (shown(agent, kind).as_ref() == Some(&stored)).then_some(())
        });
    }
    lives(agent);
}

#[track_caller]
fn lives(agent: &Agent) {
    let health = agent.get_open("/health");
    assert_eq!(health.status, 200, "{health:?}");
}

/// The agent is ready soon.
#[track_caller]
fn ready(agent: &Agent) {
    within(HEALED, "readiness", || {
        (agent.get_open("/ready").status == 200).then_some(())
    });
}

/// Waits until the agent is not ready for a reason that has these words.
#[track_caller]
fn unready(agent: &Agent, words: &str) {
    let answer = eventually(&format!("not ready: {words}"), || {
        let answer = agent.get_open("/ready");
        answer.body.contains(words).then_some(answer)
    });
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["checks"]["kubernetes"]["ok"], false);
    lives(agent);
}

/// Namespace, name, and what changes in tests.
type Rows = BTreeSet<[String; 3]>;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn stored(server: &ApiServer, kind: &str) -> Rows {
    let row = |object: &Value| {
        let metadata = &object["metadata"];
        let more = match kind {
            "pods" => &object["status"]["phase"],
            "nodes" => &object["status"]["nodeInfo"]["kubeletVersion"],
            _ => &Value::Null,
        };
        [
            text(&metadata["namespace"]),
            text(&metadata["name"]),
            text(more),
        ]
    };
    server.objects(kind).iter().map(row).collect()
}

/// What the agent shows as current.
fn shown(agent: &Agent, kind: &str) -> Option<Rows> {
    let list = agent.json(&format!("/api/k8s/{kind}"));
    let row = |item: &Value| {
        let more = match kind {
            "pods" => &item["phase"],
            "nodes" => &item["version"],
            _ => &Value::Null,
        };
        [text(&item["namespace"]), text(&item["name"]), text(more)]
    };
    let current = list["availability"]["state"] == "current";
    let items = list["items"].as_array().filter(|_| current)?;
    Some(items.iter().map(row).collect())
}

/// A figure of one watch in `/api/health/detailed`.
fn figure(agent: &Agent, kind: &str, name: &str) -> u64 {
    let detailed = agent.json("/api/health/detailed");
    let watches = detailed["kubernetes"]["watches"].as_array();
    let watch = watches.and_then(|all| all.iter().find(|watch| watch["kind"] == kind));
    watch.expect("every kind is told")[name]
        .as_u64()
        .expect("it is a figure")
}
