//! Figures of nodes: the Metrics API, else kubelets, else none; never zeros.

use std::sync::Arc;

use pipeops_agent::k8s::usage::{Probe, Source};
use pipeops_agent::k8s::{self, Client};
use serde_json::{Value, json};

use super::{HEALED, follows, ready};
use crate::support::api_server::{ApiServer, Fault, KINDS, Op, object};
use crate::support::{Agent, eventually, within};

const METRICS: &str = "/apis/metrics.k8s.io/v1beta1/nodes";

fn summary_path(node: &str) -> String {
    format!("/api/v1/nodes/{node}/proxy/stats/summary")
}

fn metrics(node: &str) -> Value {
    json!({"kind": "NodeMetricsList", "items": [
        {"metadata": {"name": node}, "usage": {"cpu": "250m", "memory": "1Gi"}},
    ]})
}

fn summary() -> Value {
    json!({"node": {"nodeName": "first", "cpu": {"usageNanoCores": 125_000_000},
                    "memory": {"workingSetBytes": 4096, "usageBytes": 9000}}, "pods": []})
}

/// What the agent shows of the one node, once it has figures.
fn shown(agent: &Agent) -> Value {
    eventually("usage of the node", || {
        let usage = agent.json("/api/k8s/nodes")["items"][0]["usage"].clone();
        (!usage.is_null()).then_some(usage)
    })
}

#[test]
fn figures_come_from_the_metrics_api() {
    let server = ApiServer::start();
    server.set_answer(METRICS, metrics("first"));
    let agent = Agent::start(&server.kubeconfig(), &[]);
    let usage = shown(&agent);
    assert_eq!(
        (&usage["cpu_millis"], &usage["memory_bytes"]),
        (&json!(250), &json!(1 << 30))
    );
    assert_eq!(usage["source"], "metrics-api");
    assert!(server.requests(&summary_path("first"), Op::Get).is_empty());
}

#[test]
fn without_a_metrics_api_kubelets_are_asked() {
    let server = ApiServer::start();
    server.set_answer(&summary_path("first"), summary());
    let agent = Agent::start(&server.kubeconfig(), &[]);
    let usage = shown(&agent);
    assert_eq!(
        (&usage["cpu_millis"], &usage["memory_bytes"]),
        (&json!(125), &json!(4096))
    );
    assert_eq!(usage["source"], "kubelet-summary");
    assert_eq!(server.requests(METRICS, Op::Get).len(), 1);
}

#[test]
fn without_any_source_there_are_no_figures() {
    let server = ApiServer::start();
    let agent = Agent::start(&server.kubeconfig(), &[]);
    server.wait_requests(&summary_path("first"), Op::Get, 1);
    follows(&agent, &server, &KINDS.map(|(kind, _)| kind));
    let nodes = agent.json("/api/k8s/nodes");
    assert_eq!(nodes["items"][0].get("usage"), None, "{nodes}");
    let summary = agent.get("/api/status/cluster").body;
    assert!(!summary.contains("usage"), "{summary}");
    ready(&agent);
}

#[test]
fn figures_do_not_depend_on_the_right_to_identify_the_cluster() {
    let server = ApiServer::start();
    server.set_answer(METRICS, metrics("first"));
    let forbidden = Fault::status(403, "Forbidden");
    server.always("/api/v1/namespaces/kube-system", Op::Get, forbidden);
    let agent = Agent::start(&server.kubeconfig(), &[]);
    shown(&agent);
    agent.wait_log("GET /api/v1/namespaces/kube-system failed: status 403");
    // A server that has just started refuses what it will allow.
    server.heal();
    within(HEALED, "the cluster is known", || {
        let cluster = agent.json("/api/status/cluster");
        cluster["server"]["uid"].is_string().then_some(())
    });
}

#[test]
fn a_node_that_is_not_ready_is_not_asked() {
    let server = ApiServer::start();
    let mut down = object("nodes", "down");
    down["status"]["conditions"] = json!([{"type": "Ready", "status": "Unknown"}]);
    server.apply("nodes", down);
    server.set_answer(&summary_path("first"), summary());
    let agent = Agent::start(&server.kubeconfig(), &[]);
    eventually("usage of the ready node", || {
        let nodes = agent.json("/api/k8s/nodes");
        nodes["items"]
            .as_array()?
            .iter()
            .any(|node| node.get("usage").is_some())
            .then_some(())
    });
    assert!(server.requests(&summary_path("down"), Op::Get).is_empty());
}

fn client(server: &ApiServer) -> Client {
    let options = k8s::Options {
        kubeconfig: vec![server.kubeconfig()],
        ..k8s::Options::default()
    };
    Client::for_calls(Arc::new(k8s::target(&options).unwrap())).unwrap()
}

#[test]
fn a_kubelet_that_is_down_or_gone_does_not_hide_the_others() {
    let server = ApiServer::start();
    server.set_answer(&summary_path("up"), summary());
    let unavailable = Fault::status(503, "ServiceUnavailable");
    server.always(&summary_path("down"), Op::Get, unavailable);
    let (client, mut probe) = (client(&server), Probe::default());
    let found = probe
        .fetch(&client, &["down", "gone", "up"], &|| ())
        .unwrap();
    let usage = found.expect("one is up");
    assert_eq!(usage.source, Source::KubeletSummary);
    let names: Vec<_> = usage.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["up"]);
    // And it goes on: that one was gone is no missing source.
    assert!(probe.fetch(&client, &["up"], &|| ()).unwrap().is_some());
}

#[test]
fn a_metrics_api_that_fails_for_a_while_is_asked_again() {
    let server = ApiServer::start();
    server.set_answer(METRICS, metrics("first"));
    server.fault(METRICS, Op::Get, Fault::status(503, "ServiceUnavailable"));
    let (client, mut probe) = (client(&server), Probe::default());
    assert_eq!(probe.fetch(&client, &["first"], &|| ()).unwrap(), None);
    let usage = probe.fetch(&client, &["first"], &|| ()).unwrap();
    assert_eq!(usage.map(|usage| usage.source), Some(Source::MetricsApi));
}
