//! The roles of `deployments/`: what the agent can do under each, and what it says
//! that it cannot.

use pipeops_agent::cluster::Kind;
use serde_json::Value;

use super::manifests::{read, rules};
use super::rig::{Cluster, NODE, Namespace, cluster};
use super::rights::Login;
use crate::support::{Agent, eventually, golden};

#[test]
fn the_role_of_the_manifest_is_all_that_is_needed() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("role");
    let role = rules(&cluster, &read("agent.yaml"), "pipeops-agent");
    namespace.account(&role.to_string());
    golden_rights(&cluster, &namespace, "agent");
    let login = Login::new(&cluster, &namespace);
    let (code, text) = login.check();
    assert!(code == Some(0) && !text.contains("may not"), "{text}");

    let agent = login.agent(&[("PIPEOPS_LOG_LEVEL", "info")]);
    assert_eq!(current(&agent), Kind::ALL.map(Kind::plural));
    assert_eq!(wait_usage(&agent)["source"], "metrics-api");
    let status = agent.json("/api/status/cluster");
    assert_eq!(status["server"]["uid"], *identity(&cluster), "{status}");
    let log = agent.log();
    assert!(!log.contains("WARN") && !log.contains("forbidden"), "{log}");
}

#[test]
fn the_minimal_role_keeps_health_and_the_rest_is_explained() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("minimal");
    let role = rules(&cluster, &read("rbac-minimal.yaml"), "pipeops-agent");
    namespace.account(&role.to_string());
    golden_rights(&cluster, &namespace, "minimal");
    let login = Login::new(&cluster, &namespace);
    let (code, text) = login.check();
    assert_eq!(code, Some(0), "{text}");
    let without = ["namespaces", "services", "events"];
    for kind in without {
        for verb in ["list", "watch"] {
            assert!(text.contains(&format!("may not {verb} {kind}:")), "{text}");
        }
    }
    assert!(text.contains("may not list nodes.metrics.k8s.io"), "{text}");
    assert_eq!(text.matches("may not").count(), 7, "{text}");
    assert!(text.contains("as deployments/agent.yaml does"), "{text}");

    let agent = login.agent(&[]);
    assert_eq!(current(&agent), ["nodes", "pods", "deployments"]);
    for kind in without {
        let list = agent.json(&format!("/api/k8s/{kind}"));
        let why = &list["availability"];
        assert_eq!(why["state"], "forbidden", "{list}");
        let reason = why["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("{kind} is forbidden")), "{reason}");
    }
    let status = agent.json("/api/status/cluster");
    assert_eq!(status["server"]["uid"], *identity(&cluster), "{status}");
}

/// Without rights on the metrics API it is as if there were none.
#[test]
fn the_role_for_kubelets_gives_usage_without_a_metrics_server() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("kubelet");
    let mut role = rules(&cluster, &read("rbac-minimal.yaml"), "pipeops-agent");
    let summary = "pipeops-agent-kubelet-summary";
    let mut own = rules(&cluster, &read("rbac-kubelet-summary.yaml"), summary);
    let all = role.as_array_mut().unwrap();
    all.append(own.as_array_mut().unwrap());
    namespace.account(&role.to_string());
    golden_rights(&cluster, &namespace, "kubelet-summary");
    let agent = Login::new(&cluster, &namespace).agent(&[]);
    assert_eq!(wait_usage(&agent)["source"], "kubelet-summary");
}

/// What kubectl says that the account may do, sorted, against the recorded file.
#[track_caller]
fn golden_rights(cluster: &Cluster, namespace: &Namespace<'_>, name: &str) {
    let account = format!("--as=system:serviceaccount:{}:agent", namespace.name);
    let list = ["auth", "can-i", "--list", &account];
    // The authorizer hears of a new role a moment later.
    let text = eventually("the rights of the account", || {
        let text = cluster.kubectl(&list);
        text.contains("deployments.apps").then_some(text)
    });
    let (head, rows) = text.split_once('\n').unwrap();
    let cells = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rows: Vec<_> = rows.lines().map(cells).collect();
    rows.sort();
    let text = format!("{}\n{}\n", cells(head), rows.join("\n"));
    golden(
        &format!("tests/integration/cluster/golden/can-i-{name}.txt"),
        &text,
    );
}

fn current(agent: &Agent) -> Vec<&'static str> {
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
