//! Service accounts: what they may not see is told.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::rig::{Cluster, NODE, Namespace, cluster};
use super::wait_ready;
use crate::support::{Agent, cleared, eventually, program};

pub(super) const ALL: &str = r#"[
    {apiGroups: [""], resources: [nodes, pods, namespaces, services, events], verbs: [get, list, watch]},
    {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch]}]"#;

#[test]
fn what_is_forbidden_is_told_and_the_rest_works() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("rights");
    namespace.account(&ALL.replace(" services,", ""));
    let login = Login::new(&cluster, &namespace);
    let agent = login.agent(&[("PIPEOPS_LOG_LEVEL", "debug")]);

    let services = agent.json("/api/k8s/services");
    assert_eq!(services["availability"]["state"], "forbidden", "{services}");
    let reason = services["availability"]["reason"].as_str().unwrap();
    assert!(reason.contains("services is forbidden"), "{reason}");
    assert!(services.get("items").is_none() && services.get("count").is_none());
    let ready = agent.get_open("/ready").body;
    assert!(ready.contains("forbidden: services"), "{ready}");
    for kind in ["nodes", "pods", "namespaces", "deployments", "events"] {
        let list = agent.json(&format!("/api/k8s/{kind}"));
        assert_eq!(list["availability"]["state"], "current", "{list}");
    }
    let names = agent.json("/api/k8s/namespaces").to_string();
    assert!(names.contains(&namespace.name), "{names}");

    // Neither the metrics API nor the kubelet may be asked: no figures, not zeros.
    agent.wait_log("GET /apis/metrics.k8s.io/v1beta1/nodes failed: status 403");
    agent.wait_log("/proxy/stats/summary failed: status 403");
    let nodes = agent.json("/api/k8s/nodes");
    let mut nodes = nodes["items"].as_array().unwrap().iter();
    let node = nodes.find(|node| node["name"] == NODE).unwrap();
    assert!(node.get("usage").is_none(), "{node}");
}

/// The cluster's identity is in kube-system; usage does not depend on it.
#[test]
fn usage_is_measured_without_the_right_to_read_namespaces() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("partial");
    let metrics = r#", {apiGroups: [metrics.k8s.io], resources: [nodes], verbs: [list]}]"#;
    let rules = ALL.replace(" namespaces,", "").replace("}]", "}");
    namespace.account(&format!("{rules}{metrics}"));
    let login = Login::new(&cluster, &namespace);
    let agent = login.agent(&[]);
    eventually("usage of the node", || {
        let nodes = agent.json("/api/k8s/nodes");
        let mut nodes = nodes["items"].as_array()?.iter();
        let node = nodes.find(|node| node["name"] == NODE)?;
        node.get("usage").map(|_| ())
    });
    let line = agent.wait_log("cannot ask the API server");
    assert!(line.contains("namespaces/kube-system"), "{line}");
}

#[test]
fn check_names_the_rights_that_are_missing() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("check");
    namespace.account(&ALL.replace(" services,", ""));
    let login = Login::new(&cluster, &namespace);
    let (code, text) = login.check();
    for missing in [
        "list services",
        "watch services",
        "list nodes.metrics.k8s.io",
    ] {
        assert!(text.contains(&format!("may not {missing}")), "{text}");
    }
    // And those that commands need, in two lines.
    assert_eq!(text.matches("may not").count(), 3 + 2, "{text}");
    assert!(
        text.contains("may list nodes, watch nodes, list pods"),
        "{text}"
    );
    assert_eq!(code, Some(0), "warnings alone are no failure: {text}");

    // An account without any right.
    namespace.account("[]");
    let (code, text) = login.check();
    assert!(text.contains("none of the rights is granted"), "{text}");
    assert_eq!(code, Some(1), "{text}");
}

/// A kubeconfig with the service account's token in a file.
pub(super) struct Login(TempDir);

impl Login {
    pub(super) fn new(cluster: &Cluster, namespace: &Namespace<'_>) -> Self {
        let login = Self(tempfile::tempdir().unwrap());
        namespace.write_token(&login.token());
        let user = json!({"tokenFile": login.token()});
        cluster.kubeconfig_of(&user, &login.kubeconfig());
        login
    }

    pub(super) fn token(&self) -> PathBuf {
        self.0.path().join("token")
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.0.path().join("kubeconfig")
    }

    pub(super) fn agent(&self, set: &[(&str, &str)]) -> Agent {
        let agent = Agent::start(&self.kubeconfig(), set);
        wait_ready(&agent, 200);
        agent
    }

    /// Exit code and output of `pipeops-agent check`.
    pub(super) fn check(&self) -> (Option<i32>, String) {
        let output = cleared(&mut Command::new(program()))
            .arg("check")
            .env("KUBECONFIG", self.kubeconfig())
            .env("PIPEOPS_STATE_DIR", self.0.path())
            .env("PIPEOPS_API_TOKEN", "unused")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    }
}
