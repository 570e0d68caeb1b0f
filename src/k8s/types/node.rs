//! A node.

use super::{Amount, Condition, Metadata, Text};
use crate::json::object;

object! {
    #[derive(Debug)]
    pub struct Node<'a> {
        pub metadata: Metadata<'a> = "metadata",
        pub spec: NodeSpec<'a> = "spec",
        pub status: NodeStatus<'a> = "status",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct NodeSpec<'a> {
        pub unschedulable: bool = "unschedulable",
        pub provider_id: Text<'a> = "providerID",
    }
}

object! {
    #[derive(Debug)]
    pub struct NodeStatus<'a> {
        pub conditions: Vec<Condition<'a>> = "conditions",
        pub addresses: Vec<Address<'a>> = "addresses",
        pub capacity: ResourceList<'a> = "capacity",
        pub allocatable: ResourceList<'a> = "allocatable",
        pub node_info: NodeInfo<'a> = "nodeInfo",
    }
}

object! {
    #[derive(Debug)]
    pub struct Address<'a> {
        pub address_type: Text<'a> = "type",
        pub address: Text<'a> = "address",
    }
}

object! {
    #[derive(Debug)]
    pub struct ResourceList<'a> {
        pub cpu: Amount<'a> = "cpu",
        pub memory: Amount<'a> = "memory",
        pub pods: Amount<'a> = "pods",
        pub ephemeral_storage: Amount<'a> = "ephemeral-storage",
    }
}

object! {
    #[derive(Debug)]
    pub struct NodeInfo<'a> {
        pub kubelet_version: Text<'a> = "kubeletVersion",
        pub os_image: Text<'a> = "osImage",
        pub kernel_version: Text<'a> = "kernelVersion",
        pub architecture: Text<'a> = "architecture",
        pub container_runtime_version: Text<'a> = "containerRuntimeVersion",
    }
}
