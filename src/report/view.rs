//! Rows as the API shows them: the columns of kubectl and the figures behind
//! them, in JSON's words. What is not known is left out.

use std::net::IpAddr;

use serde::Serialize;

use super::figures::moment;
use crate::cluster::{self, InvolvedObject};
use crate::control::proto::Timestamp;
use crate::json::map;

#[derive(Serialize)]
pub(super) struct Availability<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(super) fn availability(row: &cluster::Availability) -> Availability<'_> {
    Availability {
        state: row.as_str(),
        since: row.since().and_then(time),
        reason: row.reason(),
    }
}

#[derive(Serialize)]
pub(super) struct Node<'a> {
    name: &'a str,
    status: String,
    roles: Vec<&'a str>,
    schedulable: bool,
    pressures: Vec<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    os: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kernel: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    architecture: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    runtime: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    capacity: Resources,
    allocatable: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<NodeUsage>,
}

#[derive(Serialize)]
struct Resources {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral_storage_bytes: Option<u64>,
}

#[derive(Serialize)]
struct NodeUsage {
    cpu_millis: u64,
    memory_bytes: u64,
    source: &'static str,
    at: Timestamp,
}

pub(super) fn node<'a>(row: &'a cluster::Node, usage: Option<&cluster::Usage>) -> Node<'a> {
    let pressures = row.pressures.all().into_iter();
    Node {
        name: &row.name,
        status: row.status(),
        roles: row.roles.iter().map(|role| &**role).collect(),
        schedulable: !row.unschedulable,
        pressures: pressures
            .filter(|(_, bad)| *bad)
            .map(|(name, _)| name)
            .collect(),
        version: &row.system.kubelet_version,
        os: &row.system.os_image,
        kernel: &row.system.kernel_version,
        architecture: &row.system.architecture,
        runtime: &row.system.container_runtime,
        internal_ip: row.internal_ip,
        external_ip: row.external_ip,
        region: row.region.as_deref(),
        zone: row.zone.as_deref(),
        created: time(row.created),
        capacity: resources(&row.capacity),
        allocatable: resources(&row.allocatable),
        usage: usage.and_then(|usage| node_usage(usage, &row.name)),
    }
}

/// What nodes were last measured to use:
/// `{"source":"metrics-api","at":"...","nodes":[{"name":"a","cpu_millis":5,"memory_bytes":7}]}`
pub fn usage(usage: &cluster::Usage) -> Vec<u8> {
    let nodes = usage.nodes.iter().map(|node| {
        map! {
            "name": &*node.name, "cpu_millis": node.cpu_millis, "memory_bytes": node.memory_bytes,
        }
    });
    let all = map! {
        "source": usage.source.as_str(),
        "at": humantime::format_rfc3339_seconds(moment(usage.at)).to_string(),
        "nodes": nodes.collect::<Vec<_>>(),
    };
    all.to_string().into_bytes()
}

fn resources(row: &cluster::Resources) -> Resources {
    Resources {
        cpu_millis: row.cpu_millis,
        memory_bytes: row.memory_bytes,
        pods: row.pods,
        ephemeral_storage_bytes: row.ephemeral_storage_bytes,
    }
}

fn node_usage(usage: &cluster::Usage, name: &str) -> Option<NodeUsage> {
    let used = usage.node(name)?;
    Some(NodeUsage {
        cpu_millis: used.cpu_millis,
        memory_bytes: used.memory_bytes,
        source: usage.source.as_str(),
        at: Timestamp(moment(usage.at)),
    })
}

#[derive(Serialize)]
pub(super) struct Pod<'a> {
    namespace: &'a str,
    name: &'a str,
    status: &'a str,
    phase: &'static str,
    ready: String,
    restarts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    requests: Requests,
}

#[derive(Serialize)]
struct Requests {
    cpu_millis: u32,
    memory_bytes: u64,
}

pub(super) fn pod(row: &cluster::Pod) -> Pod<'_> {
    Pod {
        namespace: &row.namespace,
        name: &row.name,
        status: &row.status,
        phase: row.phase.as_str(),
        ready: row.readiness(),
        restarts: row.restarts,
        node: row.node.as_deref(),
        ip: row.ip,
        owner: row.owner.as_deref(),
        created: time(row.created),
        requests: Requests {
            cpu_millis: row.requests.cpu_millis,
            memory_bytes: row.requests.memory_bytes,
        },
    }
}

#[derive(Serialize)]
pub(super) struct Namespace<'a> {
    name: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
}

pub(super) fn namespace(row: &cluster::Namespace) -> Namespace<'_> {
    Namespace {
        name: &row.name,
        status: row.phase.as_str(),
        created: time(row.created),
    }
}

#[derive(Serialize)]
pub(super) struct Deployment<'a> {
    namespace: &'a str,
    name: &'a str,
    ready: String,
    desired: u32,
    updated: u32,
    available: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
}

pub(super) fn deployment(row: &cluster::Deployment) -> Deployment<'_> {
    Deployment {
        namespace: &row.namespace,
        name: &row.name,
        ready: row.readiness(),
        desired: row.desired,
        updated: row.updated,
        available: row.available,
        created: time(row.created),
    }
}

#[derive(Serialize)]
pub(super) struct Service<'a> {
    namespace: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    service_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_ip: Option<&'a str>,
    external: &'a str,
    ports: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
}

pub(super) fn service(row: &cluster::Service) -> Service<'_> {
    Service {
        namespace: &row.namespace,
        name: &row.name,
        service_type: row.service_type.as_str(),
        cluster_ip: row.cluster_ip.as_deref(),
        external: &row.external,
        ports: &row.ports,
        created: time(row.created),
    }
}

#[derive(Serialize)]
pub(super) struct Event<'a> {
    namespace: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    event_type: &'static str,
    reason: &'a str,
    object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_namespace: Option<&'a str>,
    count: u32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Timestamp>,
}

pub(super) fn event(row: &cluster::Event) -> Event<'_> {
    let InvolvedObject {
        kind,
        namespace,
        name,
    } = &row.object;
    Event {
        namespace: &row.namespace,
        name: &row.name,
        event_type: row.event_type.as_str(),
        reason: &row.reason,
        object: format!("{kind}/{name}"),
        object_namespace: namespace.as_deref(),
        count: row.count,
        message: &row.message,
        first: time(row.first),
        last: time(row.last),
    }
}

/// None for the moment 0, which stands for unknown.
fn time(seconds: u32) -> Option<Timestamp> {
    (seconds > 0).then(|| Timestamp(moment(seconds)))
}
