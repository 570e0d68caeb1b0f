//! Kubernetes objects as far as they are read, borrowed from their JSON.
//!
//! Fields nobody needs are skipped, missing ones are empty. Source: the
//! [API reference](https://kubernetes.io/docs/reference/kubernetes-api/).

mod node;
mod pod;
mod text;

use crate::json::{Few, Raw, given, object};

pub use node::{Address, Node, NodeInfo, NodeSpec, NodeStatus, ResourceList};
pub use pod::{
    Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus, Reason, Terminated,
};
pub use text::{Amount, Text};

object! {
    /// Any object, for what identifies it.
    #[derive(Debug)]
    pub struct Object<'a> {
        pub metadata: Metadata<'a> = "metadata",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct Metadata<'a> {
        pub name: Text<'a> = "name",
        pub namespace: Text<'a> = "namespace",
        pub uid: Text<'a> = "uid",
        pub creation_timestamp: Text<'a> = "creationTimestamp",
        /// An object of text, or null.
        pub labels: Raw<'a> = "labels",
        pub deletion_timestamp: Text<'a> = "deletionTimestamp",
        pub owner_references: Few<OwnerReference<'a>, 1> = "ownerReferences",
    }
}

impl Metadata<'_> {
    fn named(&self) -> Result<(), &'static str> {
        given(&self.name, "metadata.name is missing")
    }
}

object! {
    #[derive(Debug)]
    pub struct OwnerReference<'a> {
        pub kind: Text<'a> = "kind",
        pub name: Text<'a> = "name",
        pub controller: bool = "controller",
    }
}

object! {
    #[derive(Debug)]
    pub struct Condition<'a> {
        pub condition_type: Text<'a> = "type",
        pub status: Text<'a> = "status",
        pub reason: Text<'a> = "reason",
    }
}

object! {
    #[derive(Debug)]
    pub struct Namespace<'a> {
        pub metadata: Metadata<'a> = "metadata",
        pub status: NamespaceStatus<'a> = "status",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct NamespaceStatus<'a> {
        pub phase: Text<'a> = "phase",
    }
}

object! {
    #[derive(Debug)]
    pub struct Deployment<'a> {
        pub metadata: Metadata<'a> = "metadata",
        pub spec: DeploymentSpec = "spec",
        pub status: DeploymentStatus = "status",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct DeploymentSpec {
        /// 1 where it is not set.
        pub replicas: Option<u32> = "replicas",
    }
}

object! {
    #[derive(Debug)]
    pub struct DeploymentStatus {
        pub updated_replicas: u32 = "updatedReplicas",
        pub ready_replicas: u32 = "readyReplicas",
        pub available_replicas: u32 = "availableReplicas",
    }
}

object! {
    #[derive(Debug)]
    pub struct Service<'a> {
        pub metadata: Metadata<'a> = "metadata",
        pub spec: ServiceSpec<'a> = "spec",
        pub status: ServiceStatus<'a> = "status",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct ServiceSpec<'a> {
        pub service_type: Text<'a> = "type",
        pub cluster_ip: Text<'a> = "clusterIP",
        pub external_ips: Vec<Text<'a>> = "externalIPs",
        pub external_name: Text<'a> = "externalName",
        pub ports: Vec<ServicePort<'a>> = "ports",
    }
}

object! {
    #[derive(Debug)]
    pub struct ServicePort<'a> {
        pub port: u32 = "port",
        pub node_port: u32 = "nodePort",
        pub protocol: Text<'a> = "protocol",
    }
}

object! {
    #[derive(Debug)]
    pub struct ServiceStatus<'a> {
        pub load_balancer: LoadBalancer<'a> = "loadBalancer",
    }
}

object! {
    #[derive(Debug)]
    pub struct LoadBalancer<'a> {
        pub ingress: Vec<Ingress<'a>> = "ingress",
    }
}

object! {
    #[derive(Debug)]
    pub struct Ingress<'a> {
        pub ip: Text<'a> = "ip",
        pub hostname: Text<'a> = "hostname",
    }
}

object! {
    #[derive(Debug)]
    pub struct Event<'a> {
        pub metadata: Metadata<'a> = "metadata",
        pub event_type: Text<'a> = "type",
        pub reason: Text<'a> = "reason",
        pub message: Text<'a> = "message",
        pub involved_object: ObjectReference<'a> = "involvedObject",
        pub count: Option<u32> = "count",
        pub first_timestamp: Text<'a> = "firstTimestamp",
        pub last_timestamp: Text<'a> = "lastTimestamp",
        pub event_time: Text<'a> = "eventTime",
        pub series: Option<EventSeries<'a>> = "series",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct ObjectReference<'a> {
        pub kind: Text<'a> = "kind",
        pub namespace: Text<'a> = "namespace",
        pub name: Text<'a> = "name",
    }
}

object! {
    #[derive(Debug)]
    pub struct EventSeries<'a> {
        pub count: u32 = "count",
        pub last_observed_time: Text<'a> = "lastObservedTime",
    }
}
