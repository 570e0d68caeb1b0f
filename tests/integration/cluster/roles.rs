//! The roles of `deployments/`: what the agent can do under each, and what it says
//! that it cannot.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pipeops_agent::cluster::Kind;
use serde_json::Value;

use super::manifests::{read, rules};
use super::rig::{Cluster, NODE, cluster};
use super::rights::Login;
use crate::support::{Agent, eventually, golden};

#[test]
fn the_role_of_the_manifest_is_all_that_is_needed() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("role");
    let role = rules(&read("agent.yaml"), "pipeops-agent");
    namespace.account(&role.to_string());
    golden_rights(&cluster, &namespace.name, &namespace.name, "read-only");
    let login = Login::new(&cluster, &namespace);
    let (code, text) = login.check();
    let (_, rights) = text.split_once("\nrights\n").unwrap();
    let (rights, _) = rights.split_once("\n\n").unwrap();
    assert!(code == Some(0) && !rights.contains("warn"), "{text}");

    let agent = login.agent(&[("PIPEOPS_LOG_LEVEL", "info")]);
    assert_eq!(current(&agent), Kind::ALL.map(Kind::plural));
    assert_eq!(wait_usage(&agent)["source"], "metrics-api");
    let status = agent.json("/api/status/cluster");
    assert_eq!(status["server"]["uid"], *identity(&cluster), "{status}");
    let log = agent.log();
    assert!(!log.contains("WARN") && !log.contains("forbidden"), "{log}");
}

/// Without rights on the metrics API it is as if there were none.
#[test]
fn the_role_for_kubelets_gives_usage_without_a_metrics_server() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("kubelet");
    let mut role = rules(&read("agent.yaml"), "pipeops-agent");
    // Those of the metrics API.
    role.as_array_mut().unwrap().pop();
    let summary = "pipeops-agent-kubelet-summary";
    let mut own = rules(&read("rbac-kubelet-summary.yaml"), summary);
    let all = role.as_array_mut().unwrap();
    all.append(own.as_array_mut().unwrap());
    namespace.account(&role.to_string());
    golden_rights(
        &cluster,
        &namespace.name,
        &namespace.name,
        "kubelet-summary",
    );
    let agent = Login::new(&cluster, &namespace).agent(&[]);
    assert_eq!(wait_usage(&agent)["source"], "kubelet-summary");
}

/// What kubectl says that the account `agent` of a namespace may do in another, sorted,
/// against the recorded file.
#[track_caller]
pub(super) fn golden_rights(cluster: &Cluster, account: &str, inside: &str, name: &str) {
    let account = format!("--as=system:serviceaccount:{account}:agent");
    let list = ["-n", inside, "auth", "can-i", "--list", &account];
    let path = format!("tests/integration/cluster/golden/can-i-{name}.txt");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
    let recorded = fs::read_to_string(file).unwrap_or_default();
    // The authorizer hears of a new role a moment later.
    let heard = Instant::now() + Duration::from_secs(5);
    loop {
        let text = sorted(&cluster.kubectl(&list));
        if text == recorded || Instant::now() > heard {
            return golden(&path, &text);
        }
    }
}

fn sorted(table: &str) -> String {
    let (head, rows) = table.split_once('\n').unwrap();
    let cells = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rows: Vec<_> = rows.lines().map(cells).collect();
    rows.sort();
    format!("{}\n{}\n", cells(head), rows.join("\n"))
}

pub(super) fn current(agent: &Agent) -> Vec<&'static str> {
    let state = |kind: &str| agent.json(&format!("/api/k8s/{kind}"))["availability"].take();
    let mut kinds = Kind::ALL.map(Kind::plural).to_vec();
    kinds.retain(|kind| state(kind)["state"] == "current");
    kinds
}

fn identity(cluster: &Cluster) -> String {
    let uid = ["-o", "jsonpath={.metadata.uid}"];
    cluster.kubectl(&[&["get", "namespace", "kube-system"], &uid[..]].concat())
}

fn wait_usage(agent: &Agent) -> Value {
    eventually("usage of the node", || {
        let nodes = agent.json("/api/k8s/nodes");
        let mut nodes = nodes["items"].as_array()?.iter();
        let node = nodes.find(|node| node["name"] == NODE)?;
        node.get("usage").cloned()
    })
}
