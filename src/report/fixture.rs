//! A small cluster for the tests of reports.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::Facts;
use crate::cluster::{
    Availability, Changes, Deployment, Kind, Labels, Name, Namespace, NamespacePhase, Node,
    NodeSystem, NodeUsage, Pod, PodPhase, Pressures, Readiness, Requests, Resources, Row, Rows,
    ServerFacts, State, Update, Usage, UsageSource,
};
use crate::control::proto::{AgentStatus, ProxyStatus};

/// 2023-11-14T22:13:20Z
pub(super) const THEN: u32 = 1_700_000_000;

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

/// 100 seconds after [`THEN`].
pub(super) fn facts() -> Facts<'static> {
    Facts {
        commands: None,
        changes: None,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(THEN) + 100),
        uptime: Duration::from_secs(90),
        agent_id: None,
        agent_name: "pipeops-agent",
        cluster_name: "edge-1",
        version: "0.1.0",
        labels: &NO_LABELS,
        control_plane_url: "https://api.example.com",
        status: AgentStatus::Connected,
        proxy_status: ProxyStatus::Disabled,
        capabilities: &["heartbeat", "status"],
    }
}

/// Nothing known.
pub(crate) fn empty() -> State {
    State::new(1)
}

/// Two nodes, one of them measured; a deployment of two pods, one of them
/// crashing; no service was ever listed.
pub(crate) fn cluster() -> State {
    let mut state = empty();
    state.apply(
        Update::Server(ServerFacts {
            version: Name::from("v1.34.1+k3s1"),
            uid: Name::from("7c0b8a5e-1f3d-4c6a-9b2e-0123456789ab"),
        }),
        THEN,
    );
    list(&mut state, Kind::Node, [node("node-1"), node("node-2")]);
    list(
        &mut state,
        Kind::Pod,
        [pod("web-1", "Running"), pod("web-2", "CrashLoopBackOff")],
    );
    list(&mut state, Kind::Deployment, [deployment("web", 1)]);
    list(&mut state, Kind::Namespace, [namespace("default")]);
    list(&mut state, Kind::Event, [] as [Node; 0]);
    let node = NodeUsage {
        name: Name::from("node-1"),
        cpu_millis: 1_000,
        memory_bytes: 2 << 30,
    };
    let usage = Usage {
        source: UsageSource::MetricsApi,
        at: THEN,
        nodes: vec![node],
    };
    state.apply(Update::Usage(Some(usage)), THEN);
    state
}

/// So many changes, one namespace each.
pub(super) fn changes(count: u64) -> Changes {
    let mut state = empty();
    list(&mut state, Kind::Namespace, [] as [Node; 0]);
    for number in 0..count {
        let row = Row::from(namespace(&format!("namespace-{number}")));
        state.apply(Update::Applied(row), THEN);
    }
    state.snapshot().changes.clone()
}

/// As [`cluster`], with nothing to complain about.
pub(super) fn healthy() -> State {
    let mut state = cluster();
    list(&mut state, Kind::Service, [] as [Node; 0]);
    state.apply(Update::Applied(Row::from(pod("web-2", "Running"))), THEN);
    state.apply(Update::Applied(Row::from(deployment("web", 2))), THEN);
    state
}

pub(super) fn list<R: Into<Row>, const N: usize>(state: &mut State, kind: Kind, list: [R; N]) {
    let mut rows = Rows::new(kind);
    for row in list {
        rows.push(row.into());
    }
    state.apply(Update::Listed(rows), THEN);
}

pub(super) fn stale(kind: Kind, since: u32) -> Update {
    let stale = Availability::Stale {
        since,
        reason: "connection reset".to_owned(),
    };
    Update::Available(kind, stale)
}

pub(super) fn node(name: &str) -> Node {
    let size = Resources {
        cpu_millis: Some(4_000),
        memory_bytes: Some(8 << 30),
        pods: Some(110),
        ephemeral_storage_bytes: None,
    };
    Node {
        name: Name::from(name),
        uid: None,
        labels: Labels::default(),
        created: THEN,
        readiness: Readiness::Ready,
        reason: None,
        unschedulable: false,
        pressures: Pressures::default(),
        roles: Box::default(),
        system: NodeSystem {
            kubelet_version: Name::from("v1.34.1+k3s1"),
            os_image: Name::from("Debian GNU/Linux 13"),
            kernel_version: Name::from("6.12.0"),
            architecture: Name::from("amd64"),
            container_runtime: Name::from("containerd://2.1.4"),
        },
        capacity: size,
        allocatable: size,
        internal_ip: "10.0.0.1".parse().ok(),
        external_ip: None,
        provider_id: None,
        region: None,
        zone: None,
    }
}

pub(super) fn pod(name: &str, status: &str) -> Pod {
    let ready = status == "Running";
    Pod {
        namespace: Name::from("default"),
        name: Name::from(name),
        uid: None,
        labels: Labels::default(),
        created: THEN,
        node: Some(Name::from("node-1")),
        owner: Some(Name::from("ReplicaSet/web-7d9f")),
        phase: PodPhase::Running,
        status: Name::from(status),
        ready,
        containers_ready: u16::from(ready),
        containers: 1,
        restarts: if ready { 0 } else { 7 },
        ip: "10.42.0.7".parse().ok(),
        requests: Requests {
            cpu_millis: 100,
            memory_bytes: 128 << 20,
        },
    }
}

pub(super) fn deployment(name: &str, ready: u32) -> Deployment {
    Deployment {
        namespace: Name::from("default"),
        name: Name::from(name),
        uid: None,
        labels: Labels::default(),
        created: THEN,
        desired: 2,
        updated: 2,
        ready,
        available: ready,
    }
}

fn namespace(name: &str) -> Namespace {
    Namespace {
        name: Name::from(name),
        uid: None,
        labels: Labels::default(),
        created: THEN,
        phase: NamespacePhase::Active,
    }
}
