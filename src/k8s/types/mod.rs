//! Kubernetes objects as far as they are read, borrowed from their JSON.
//!
//! Fields nobody needs are skipped, missing ones are empty. Source: the
//! [API reference](https://kubernetes.io/docs/reference/kubernetes-api/).

mod node;
mod pod;
mod text;

use serde::Deserialize;

pub use node::{Address, Node, NodeInfo, NodeMetadata, NodeSpec, NodeStatus, ResourceList};
pub use pod::{
    Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus, Reason, Terminated,
};
pub use text::{Amount, Text};

/// Any object, for what identifies it.
#[derive(Debug, Deserialize)]
pub struct Object<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    pub namespace: Text<'a>,
    pub uid: Text<'a>,
    pub creation_timestamp: Text<'a>,
    pub deletion_timestamp: Text<'a>,
    pub owner_references: Vec<OwnerReference<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OwnerReference<'a> {
    #[serde(borrow)]
    pub kind: Text<'a>,
    pub name: Text<'a>,
    pub controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    pub condition_type: Text<'a>,
    pub status: Text<'a>,
    pub reason: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub struct Namespace<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(default)]
    pub status: NamespaceStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus<'a> {
    #[serde(borrow)]
    pub phase: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub struct Deployment<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(default)]
    pub spec: DeploymentSpec,
    #[serde(default)]
    pub status: DeploymentStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeploymentSpec {
    /// 1 where it is not set.
    pub replicas: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    pub updated_replicas: u32,
    pub ready_replicas: u32,
    pub available_replicas: u32,
}

#[derive(Debug, Deserialize)]
pub struct Service<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(default)]
    pub spec: ServiceSpec<'a>,
    #[serde(default)]
    pub status: ServiceStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec<'a> {
    #[serde(borrow, rename = "type")]
    pub service_type: Text<'a>,
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Text<'a>,
    #[serde(rename = "externalIPs")]
    pub external_ips: Vec<Text<'a>>,
    pub external_name: Text<'a>,
    pub ports: Vec<ServicePort<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort<'a> {
    pub port: u32,
    pub node_port: u32,
    #[serde(borrow)]
    pub protocol: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus<'a> {
    #[serde(borrow)]
    pub load_balancer: LoadBalancer<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LoadBalancer<'a> {
    #[serde(borrow)]
    pub ingress: Vec<Ingress<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ingress<'a> {
    #[serde(borrow)]
    pub ip: Text<'a>,
    pub hostname: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(rename = "type", default)]
    pub event_type: Text<'a>,
    #[serde(default)]
    pub reason: Text<'a>,
    #[serde(default)]
    pub message: Text<'a>,
    #[serde(default)]
    pub involved_object: ObjectReference<'a>,
    #[serde(default)]
    pub count: Option<u32>,
    #[serde(default)]
    pub first_timestamp: Text<'a>,
    #[serde(default)]
    pub last_timestamp: Text<'a>,
    #[serde(default)]
    pub event_time: Text<'a>,
    #[serde(default)]
    pub series: Option<EventSeries<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ObjectReference<'a> {
    #[serde(borrow)]
    pub kind: Text<'a>,
    pub namespace: Text<'a>,
    pub name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventSeries<'a> {
    pub count: u32,
    #[serde(borrow)]
    pub last_observed_time: Text<'a>,
}
