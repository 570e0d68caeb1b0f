//! A node.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Amount, Condition, Text};

#[derive(Debug, Deserialize)]
pub struct Node<'a> {
    #[serde(borrow)]
    pub metadata: NodeMetadata<'a>,
    #[serde(default)]
    pub spec: NodeSpec<'a>,
    #[serde(default)]
    pub status: NodeStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeMetadata<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    pub uid: Text<'a>,
    pub creation_timestamp: Text<'a>,
    pub labels: BTreeMap<Text<'a>, Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec<'a> {
    pub unschedulable: bool,
    #[serde(borrow, rename = "providerID")]
    pub provider_id: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus<'a> {
    #[serde(borrow)]
    pub conditions: Vec<Condition<'a>>,
    pub addresses: Vec<Address<'a>>,
    pub capacity: ResourceList<'a>,
    pub allocatable: ResourceList<'a>,
    pub node_info: NodeInfo<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Address<'a> {
    #[serde(borrow, rename = "type")]
    pub address_type: Text<'a>,
    pub address: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceList<'a> {
    #[serde(borrow)]
    pub cpu: Amount<'a>,
    pub memory: Amount<'a>,
    pub pods: Amount<'a>,
    #[serde(rename = "ephemeral-storage")]
    pub ephemeral_storage: Amount<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeInfo<'a> {
    #[serde(borrow)]
    pub kubelet_version: Text<'a>,
    pub os_image: Text<'a>,
    pub kernel_version: Text<'a>,
    pub architecture: Text<'a>,
    pub container_runtime_version: Text<'a>,
}
