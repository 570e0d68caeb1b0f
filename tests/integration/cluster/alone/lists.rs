//! The lists are what kubectl shows, for objects in every state.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::rig::{Cluster, Namespace, alone};
use crate::cluster::shown::{assert_equal_to_kubectl, pod_status};
use crate::cluster::wait_ready;
use crate::support::{Agent, settled};

const ZOO: &str = include_str!("../zoo.yaml");
/// Containers start and fail several times before all pods are where they stay.
const SETTLED: Duration = Duration::from_secs(180);

/// Pods of the zoo by the start of their names, and what kubectl shows of them.
const STATES: [(&str, &[&str]); 19] = [
    ("config-missing", &["CreateContainerConfigError"]),
    ("crashing", &["CrashLoopBackOff"]),
    ("failed", &["Error"]),
    ("gated", &["SchedulingGated"]),
    ("half-done", &["NotReady"]),
    ("image-never", &["ErrImageNeverPull"]),
    ("image-unreachable", &["ImagePullBackOff", "ErrImagePull"]),
    ("init-failing", &["Init:CrashLoopBackOff", "Init:Error"]),
    ("init-running", &["Init:1/2"]),
    ("job", &["Completed"]),
    ("kept", &["Error", "Completed"]),
    ("running", &["Running"]),
    ("sidecar", &["Running"]),
    ("stuck", &["ErrImageNeverPull"]),
    ("terminating", &["Terminating"]),
    ("two-containers", &["Running"]),
    ("unready", &["Running"]),
    ("unschedulable", &["Pending"]),
    ("web", &["Running"]),
];

#[test]
fn lists_are_what_kubectl_shows_in_every_state() {
    // All lists are compared, and equal only while nothing else changes.
    let Some(cluster) = alone() else { return };
    let agent = cluster.agent(&[]);
    let zoo = Zoo(cluster.namespace("zoo"));
    zoo.0.apply(ZOO);
    wait_running(&cluster, &zoo.0.name);
    assert_equal_to_kubectl(&cluster, &agent);
    zoo.0
        .kubectl(&["delete", "pod", "kept", "terminating", "--wait=false"]);
    wait_states(&cluster, &zoo.0.name);
    assert_equal_to_kubectl(&cluster, &agent);
    // One that starts now finds the same.
    assert_equal_to_kubectl(&cluster, &cluster.agent(&[]));
    change(&zoo.0);
    assert_equal_to_kubectl(&cluster, &agent);
    let changed = pod_status(&cluster, &zoo.0.name);
    assert!(!changed.contains_key("running") && !changed.contains_key("kept"));
    assert_healthy(&agent);
}

/// Changes of every list at once.
fn change(zoo: &Namespace<'_>) {
    zoo.kubectl(&["delete", "pod", "running", "half-done", "--wait=false"]);
    zoo.kubectl(&["scale", "deployment/web", "--replicas=3"]);
    zoo.kubectl(&["delete", "deployment/off", "service/headless"]);
    zoo.kubectl(&["create", "service", "clusterip", "new", "--tcp=8080:80"]);
    zoo.kubectl(&["uncordon", &zoo.name]);
    let gates = r#"{"spec":{"schedulingGates":null}}"#;
    zoo.kubectl(&["patch", "pod", "gated", "-p", gates]);
    let kept = r#"{"metadata":{"finalizers":null}}"#;
    zoo.kubectl(&["patch", "pod", "kept", "-p", kept]);
    let given = r#"{"status":{"loadBalancer":{"ingress":[
        {"ip":"203.0.113.7"},{"hostname":"a-long-name.balancers.example.com"}]}}}"#;
    zoo.kubectl(&[
        "patch",
        "service",
        "balanced",
        "--subresource=status",
        "-p",
        given,
    ]);
}

/// Until every pod is where it stays before any is deleted.
fn wait_running(cluster: &Cluster, namespace: &str) {
    let ran = ["kept", "terminating"].map(|name| (name, ["Running"].as_slice()));
    let others = STATES.iter().copied();
    let others = others.filter(|(name, _)| !ran.iter().any(|(own, _)| own == name));
    wait(cluster, namespace, &ran.into_iter().chain(others).collect());
}

fn wait_states(cluster: &Cluster, namespace: &str) {
    wait(cluster, namespace, &STATES.into_iter().collect());
}

fn wait(cluster: &Cluster, namespace: &str, wanted: &BTreeMap<&str, &[&str]>) {
    settled(SETTLED, || {
        let pods = pod_status(cluster, namespace);
        let other = |(name, states): &(&&str, &&[&str])| {
            let mut own = pods.iter().filter(|(pod, _)| pod.starts_with(**name));
            !own.clone().any(|_| true) || own.any(|(_, state)| !states.contains(&state.as_str()))
        };
        let others: Vec<_> = wanted.iter().filter(other).collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(format!("expected {others:?} among {pods:?}"))
    });
}

/// Whatever the cluster sent was understood, and every watch is live.
fn assert_healthy(agent: &Agent) {
    wait_ready(agent, 200);
    let health = agent.json("/api/health/detailed");
    for watch in health["kubernetes"]["watches"].as_array().unwrap() {
        assert_eq!(watch["availability"], "current", "{watch}");
        assert_eq!(watch["decode_errors"], 0, "{watch}");
        assert_eq!(watch["lines_dropped"], 0, "{watch}");
    }
}

/// The zoo with the pods that do not go by themselves.
struct Zoo<'c>(Namespace<'c>);

impl Drop for Zoo<'_> {
    fn drop(&mut self) {
        let kept = r#"{"metadata":{"finalizers":null}}"#;
        let _ = self.0.try_kubectl(&["patch", "pod", "kept", "-p", kept]);
        let force = [
            "delete",
            "pod",
            "terminating",
            "--force",
            "--grace-period=0",
        ];
        let _ = self.0.try_kubectl(&force);
    }
}
