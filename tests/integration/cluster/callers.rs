//! What owners of tokens of Kubernetes are told: what they may see there, and no more, on
//! every route.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Namespace, cluster};
use crate::support::{Agent, Answer, eventually, request_with};

const OWN_PODS: &str = r#"[{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}]"#;
const OURS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: ours, labels: {app: ours}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "busybox:1", imagePullPolicy: Never, command: [sleep, "3600"]}]
"#;
/// Everything that is listed, and one path of the agent.
const LISTS: &str = r#"[
    {apiGroups: ["", apps], verbs: [list],
     resources: [nodes, pods, namespaces, deployments, services, events]},
    {nonResourceURLs: [/metrics], verbs: [get]}]"#;
const SILENCE: Duration = Duration::from_secs(60);

/// Routes that tell of the whole cluster or of the agent.
const CLOSED: [&str; 14] = [
    "/api/k8s/nodes",
    "/api/k8s/namespaces",
    "/api/k8s/services",
    "/api/k8s/deployments",
    "/api/k8s/events",
    "/api/status/cluster",
    "/api/status/changes",
    "/api/status/connectivity",
    "/api/status/features",
    "/api/health/detailed",
    "/api/metrics/runtime",
    "/api/metrics/history",
    "/api/audit",
    "/metrics",
];

fn fields(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

pub(super) fn get(agent: &Agent, token: &str, path: &str) -> Answer {
    request_with(agent.address(), "GET", path, &fields(token)).unwrap()
}

pub(super) fn post(agent: &Agent, token: &str, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let fields = fields(token);
    let length = body.len();
    let rest = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    request_with(agent.address(), "POST", path, &format!("{fields}{rest}")).unwrap()
}

pub(super) fn token(namespace: &Namespace<'_>, account: &str) -> String {
    namespace.kubectl(&["create", "token", account])
}

/// Waits until the API server lets an account do what it was just given the right to.
pub(super) fn effective(namespace: &Namespace<'_>, account: &str, wish: &[&str]) {
    let user = format!("system:serviceaccount:{}:{account}", namespace.name);
    let asked = [&["auth", "can-i", "--as", &user], wish].concat();
    eventually("the right", || {
        let said = namespace.try_kubectl(&asked)?;
        (said.trim() == "yes").then_some(())
    });
}

fn namespaces(answer: &Answer) -> BTreeSet<String> {
    let items = answer.json()["items"].as_array().unwrap().clone();
    let name = |item: &Value| item["namespace"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

#[test]
fn whoever_sees_pods_of_one_namespace_is_told_of_those() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("callers");
    namespace.member("own", OWN_PODS);
    namespace.apply(OURS);
    effective(&namespace, "own", &["list", "pods"]);
    let own = token(&namespace, "own");
    let agent = cluster.agent(&[]);
    let name = namespace.name.as_str();
    let pods = eventually("the pod", || {
        let pods = get(&agent, &own, "/api/k8s/pods");
        assert_eq!(pods.status, 200, "{pods:?}");
        pods.body.contains("\"ours\"").then_some(pods)
    });
    assert_eq!(namespaces(&pods), BTreeSet::from([name.to_owned()]));
    let some = get(
        &agent,
        &own,
        &format!("/api/k8s/pods?namespace={name}&labelSelector=app=ours"),
    );
    assert_eq!(some.json()["count"], 1, "{some:?}");
    for path in CLOSED.iter().chain(&[
        "/api/k8s/pods?namespace=kube-system",
        "/api/realtime/events?kind=node",
        "/api/realtime/events?namespace=kube-system",
        "/api/k8s/logs/kube-system/any",
    ]) {
        assert_eq!(get(&agent, &own, path).status, 403, "{path}");
    }
    let letter = json!({"method": "GET", "path": format!("/api/v1/namespaces/{name}/secrets")});
    let inside = post(&agent, &own, "/api/k8s/proxy", &letter);
    assert_eq!(
        (inside.status, &inside.json()["status"]),
        (200, &json!(403)),
        "{inside:?}"
    );
    // A ticket stands for its owner, no more.
    let ticket = post(&agent, &own, "/api/realtime/tickets", &json!({}));
    let ticket = ticket.json()["ticket"].as_str().unwrap().to_owned();
    let path = format!("/api/realtime/events?kind=node&ticket={ticket}");
    let refused = request_with(agent.address(), "GET", &path, "").unwrap();
    assert_eq!(refused.status, 403, "{refused:?}");

    let mut stream = TcpStream::connect(agent.address()).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let head = format!(
        "GET /api/realtime/events HTTP/1.1\r\nHost: a\r\n{}\r\n",
        fields(&own)
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let first = lines.find(|line| line.starts_with("data: ")).unwrap();
    assert!(
        first.starts_with("data: {\"forbidden\":[\"nodes\","),
        "{first}"
    );
    cluster.kubectl(&[
        "annotate",
        "node",
        super::rig::NODE,
        "callers/test=1",
        "--overwrite",
    ]);
    namespace.kubectl(&["delete", "pod", "ours", "--now"]);
    let gone = format!("\"what\":\"deleted\",\"namespace\":\"{name}\",\"name\":\"ours\"");
    let told = lines
        .find(|line| line.contains(&gone) || !is_of(line, name))
        .unwrap();
    assert!(told.contains(&gone), "{told}");
}

/// Whether a line of the stream tells nothing but of pods in that namespace.
fn is_of(line: &str, namespace: &str) -> bool {
    let Some(data) = line.strip_prefix("data: ") else {
        return true;
    };
    let data: Value = serde_json::from_str(data).unwrap();
    let is_pod = data["kind"] == "pod" && data["namespace"] == namespace;
    is_pod || data.get("forbidden").is_some()
}

#[test]
fn whoever_lists_everything_is_told_everything_but_of_the_agent() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("callers");
    namespace.account(LISTS);
    effective(&namespace, "agent", &["get", "/metrics"]);
    let all = token(&namespace, "agent");
    let agent = cluster.agent(&[]);
    for path in CLOSED {
        let about_the_agent = !path.starts_with("/api/k8s/")
            && !["/api/status/cluster", "/api/status/changes", "/metrics"].contains(&path);
        let status = if about_the_agent { 403 } else { 200 };
        let answer = get(&agent, &all, path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    let name = format!("system:serviceaccount:{}:agent", namespace.name);
    for (what, decision) in [("list pods", "allowed"), ("get /agent/audit", "refused")] {
        eventually("what the audit notes", || {
            let audit = agent_audit(&agent);
            let mut noted = audit.iter().filter(|line| line["who"] == name.as_str());
            noted.find(|line| line["what"] == what && line["decision"] == decision)?;
            Some(())
        });
    }
}

/// The audit from the agent's own log.
fn agent_audit(agent: &Agent) -> Vec<Value> {
    let log = agent.log();
    let lines = log
        .lines()
        .filter_map(|line| line.find("{\"").map(|at| &line[at..]));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
