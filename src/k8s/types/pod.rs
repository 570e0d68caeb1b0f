//! A pod.

use serde::Deserialize;

use super::{Amount, Condition, Metadata, Text};

#[derive(Debug, Deserialize)]
pub struct Pod<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(default)]
    pub spec: PodSpec<'a>,
    #[serde(default)]
    pub status: PodStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec<'a> {
    #[serde(borrow)]
    pub node_name: Text<'a>,
    pub containers: Vec<Container<'a>>,
    pub init_containers: Vec<Container<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    /// `Always` for an init container that goes on running (a sidecar).
    pub restart_policy: Text<'a>,
    pub resources: Resources<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources<'a> {
    #[serde(borrow)]
    pub requests: Requests<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Requests<'a> {
    #[serde(borrow)]
    pub cpu: Amount<'a>,
    pub memory: Amount<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus<'a> {
    #[serde(borrow)]
    pub phase: Text<'a>,
    pub reason: Text<'a>,
    #[serde(rename = "podIP")]
    pub pod_ip: Text<'a>,
    pub conditions: Vec<Condition<'a>>,
    pub container_statuses: Vec<ContainerStatus<'a>>,
    pub init_container_statuses: Vec<ContainerStatus<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    pub ready: bool,
    pub started: Option<bool>,
    pub restart_count: u32,
    pub state: ContainerState<'a>,
}

/// One of the three, or none yet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState<'a> {
    #[serde(borrow)]
    pub waiting: Option<Reason<'a>>,
    pub running: Option<Running>,
    #[serde(borrow)]
    pub terminated: Option<Terminated<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reason<'a> {
    #[serde(borrow)]
    pub reason: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub struct Running {}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated<'a> {
    #[serde(borrow)]
    pub reason: Text<'a>,
    pub exit_code: i32,
    pub signal: i32,
}
