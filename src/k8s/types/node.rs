//! A node.

use super::{Amount, Condition, Text};
use crate::json::{Fields, Place, Slot, given, object};

object! {
    #[derive(Debug)]
    pub struct Node<'a> {
        pub metadata: NodeMetadata<'a> = "metadata",
        pub spec: NodeSpec<'a> = "spec",
        pub status: NodeStatus<'a> = "status",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct NodeMetadata<'a> {
        pub name: Text<'a> = "name",
        pub uid: Text<'a> = "uid",
        pub creation_timestamp: Text<'a> = "creationTimestamp",
        pub labels: Labels<'a> = "labels",
    }
}

impl NodeMetadata<'_> {
    fn named(&self) -> Result<(), &'static str> {
        given(&self.name, "metadata.name is missing")
    }
}

/// Names and values, sorted by the names.
#[derive(Debug, Default)]
pub struct Labels<'a>(pub Vec<(String, Text<'a>)>);

impl<'a> Place<'a> for Labels<'a> {
    fn slot(&mut self) -> Slot<'_, 'a> {
        self.0.clear();
        Slot::Object(self)
    }
}

impl<'a> Fields<'a> for Labels<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Slot<'_, 'a>> {
        let name = str::from_utf8(name).ok()?;
        let at = self.0.partition_point(|(own, _)| &**own < name);
        let label = (name.to_owned(), Text::default());
        Some(self.0.insert_mut(at, label).1.slot())
    }
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
