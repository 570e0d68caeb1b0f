//! The status: everything in the cluster, in few fields.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Facts, figures};
use crate::cluster::{self, Kind, NamespacePhase, Readiness, Snapshot, Usage};
use crate::control::proto::{
    Deployment, Metrics, Namespace, Node, Pod, Service, Status, Timestamp,
};

/// A kind that was never listed or may not be seen is left out.
pub fn status<'a>(snapshot: &'a Snapshot, facts: &Facts<'_>) -> Status<'a> {
    let usage = figures::fresh_usage(snapshot, facts.now);
    let known = |kind| snapshot.count(kind).is_some();
    Status {
        nodes: known(Kind::Node).then(|| each(&snapshot.nodes, |row| node(row, usage))),
        namespaces: known(Kind::Namespace).then(|| each(&snapshot.namespaces, namespace)),
        deployments: known(Kind::Deployment).then(|| each(&snapshot.deployments, deployment)),
        services: known(Kind::Service).then(|| each(&snapshot.services, service)),
        pods: known(Kind::Pod).then(|| each(&snapshot.pods, pod)),
        metrics: metrics(snapshot, usage),
        timestamp: Timestamp(facts.now),
    }
}

fn each<'a, R, T>(rows: &'a [Arc<R>], tell: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| tell(row)).collect()
}

fn node<'a>(row: &'a cluster::Node, usage: Option<&Usage>) -> Node<'a> {
    let used = usage.and_then(|usage| usage.node(&row.name));
    Node {
        name: Cow::Borrowed(&row.name),
        ready: match row.readiness {
            Readiness::Ready => Some(true),
            Readiness::NotReady => Some(false),
            Readiness::Unknown => None,
        },
        schedulable: !row.unschedulable,
        version: text(&row.system.kubelet_version),
        cpu_millis: row.allocatable.cpu_millis,
        memory_bytes: row.allocatable.memory_bytes,
        cpu_millis_used: used.map(|used| used.cpu_millis),
        memory_bytes_used: used.map(|used| used.memory_bytes),
    }
}

fn namespace(row: &cluster::Namespace) -> Namespace<'_> {
    Namespace {
        name: Cow::Borrowed(&row.name),
        phase: (row.phase != NamespacePhase::Unknown).then(|| Cow::Borrowed(row.phase.as_str())),
    }
}

fn deployment(row: &cluster::Deployment) -> Deployment<'_> {
    Deployment {
        namespace: Cow::Borrowed(&row.namespace),
        name: Cow::Borrowed(&row.name),
        replicas: row.desired,
        ready: row.ready,
        available: row.available,
        updated: row.updated,
    }
}

fn service(row: &cluster::Service) -> Service<'_> {
    Service {
        namespace: Cow::Borrowed(&row.namespace),
        name: Cow::Borrowed(&row.name),
        kind: Cow::Borrowed(row.service_type.as_str()),
        cluster_ip: row.cluster_ip.as_deref().and_then(text),
    }
}

fn pod(row: &cluster::Pod) -> Pod<'_> {
    let phase = row.phase.as_str();
    Pod {
        namespace: Cow::Borrowed(&row.namespace),
        name: Cow::Borrowed(&row.name),
        phase: Cow::Borrowed(phase),
        ready: row.ready,
        restarts: row.restarts,
        node: row.node.as_deref().and_then(text),
        reason: text(&row.status).filter(|status| status != phase),
    }
}

fn metrics(snapshot: &Snapshot, usage: Option<&Usage>) -> Metrics {
    let total = usage.map(figures::total);
    let shares = usage.map(|usage| figures::shares(snapshot, usage));
    Metrics {
        cpu_usage: shares.and_then(|shares| shares.cpu.percent()),
        memory_usage: shares.and_then(|shares| shares.memory.percent()),
        cpu_millis: total.map(|total| total.cpu_millis),
        memory_bytes: total.map(|total| total.memory_bytes),
        pod_count: figures::count(snapshot, Kind::Pod),
        node_count: figures::count(snapshot, Kind::Node),
    }
}

/// None for empty text.
fn text(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Availability, Update};
    use crate::report::fixture;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn told(snapshot: &Snapshot) -> Value {
        serde_json::to_value(status(snapshot, &fixture::facts())).unwrap()
    }

    #[test]
    fn it_tells_every_kind_and_the_sums() {
        let mut state = fixture::cluster();
        let told = told(&state.snapshot());
        assert_eq!(
            told["nodes"][0],
            json!({"name": "node-1", "ready": true, "schedulable": true, "version": "v1.34.1+k3s1",
                   "cpu_millis": 4000, "memory_bytes": 8_589_934_592_u64,
                   "cpu_millis_used": 1000, "memory_bytes_used": 2_147_483_648_u64})
        );
        assert_eq!(told["nodes"][1].get("cpu_millis_used"), None);
        assert_eq!(
            told["pods"][1],
            json!({"namespace": "default", "name": "web-2", "phase": "Running", "ready": false,
                   "restarts": 7, "node": "node-1", "reason": "CrashLoopBackOff"})
        );
        assert_eq!(told["pods"][0].get("reason"), None);
        assert_eq!(
            told["namespaces"],
            json!([{"name": "default", "phase": "Active"}])
        );
        assert_eq!(
            told["deployments"],
            json!([{"namespace": "default", "name": "web", "replicas": 2, "ready": 1,
                    "available": 1, "updated": 2}])
        );
        assert_eq!(
            told["metrics"],
            json!({"cpu_usage": 25.0, "memory_usage": 25.0, "cpu_millis": 1000,
                   "memory_bytes": 2_147_483_648_u64, "pod_count": 2, "node_count": 2})
        );
        assert_eq!(told["timestamp"], "2023-11-14T22:15:00Z");
        // Never listed in the fixture.
        assert_eq!(told.get("services"), None);
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        let mut state = fixture::empty();
        let told = told(&state.snapshot());
        assert_eq!(
            told,
            json!({"metrics": {}, "timestamp": "2023-11-14T22:15:00Z"})
        );
    }

    #[test]
    fn what_is_forbidden_is_left_out() {
        let mut state = fixture::cluster();
        let forbidden = Availability::Forbidden {
            since: 1,
            message: "no".to_owned(),
        };
        state.apply(Update::Available(Kind::Pod, forbidden), 1);
        let told = told(&state.snapshot());
        assert_eq!(told.get("pods"), None);
        assert_eq!(told["metrics"].get("pod_count"), None);
    }

    #[test]
    fn an_old_measurement_says_nothing_about_now() {
        let mut state = fixture::cluster();
        let mut facts = fixture::facts();
        facts.now += Duration::from_secs(301);
        let snapshot = state.snapshot();
        let metrics = status(&snapshot, &facts).metrics;
        assert_eq!((metrics.cpu_usage, metrics.cpu_millis), (None, None));
        assert_eq!(metrics.node_count, Some(2));
    }
}
