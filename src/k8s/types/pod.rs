//! A pod.

use super::{Amount, Condition, Metadata, Text};
use crate::json::{Anything, Few, object};

object! {
    #[derive(Debug)]
    pub struct Pod<'a> {
        pub metadata: Metadata<'a> = "metadata",
        pub spec: PodSpec<'a> = "spec",
        pub status: PodStatus<'a> = "status",
    }
    check |object| object.metadata.named()
}

object! {
    #[derive(Debug)]
    pub struct PodSpec<'a> {
        pub node_name: Text<'a> = "nodeName",
        pub containers: Few<Container<'a>, 3> = "containers",
        pub init_containers: Few<Container<'a>, 1> = "initContainers",
    }
}

object! {
    #[derive(Debug)]
    pub struct Container<'a> {
        pub name: Text<'a> = "name",
        /// `Always` for an init container that goes on running (a sidecar).
        pub restart_policy: Text<'a> = "restartPolicy",
        pub resources: Resources<'a> = "resources",
    }
}

object! {
    #[derive(Debug)]
    pub struct Resources<'a> {
        pub requests: Requests<'a> = "requests",
    }
}

object! {
    #[derive(Debug)]
    pub struct Requests<'a> {
        pub cpu: Amount<'a> = "cpu",
        pub memory: Amount<'a> = "memory",
    }
}

object! {
    #[derive(Debug)]
    pub struct PodStatus<'a> {
        pub phase: Text<'a> = "phase",
        pub reason: Text<'a> = "reason",
        pub pod_ip: Text<'a> = "podIP",
        pub conditions: Few<Condition<'a>, 6> = "conditions",
        pub container_statuses: Few<ContainerStatus<'a>, 3> = "containerStatuses",
        pub init_container_statuses: Few<ContainerStatus<'a>, 1> = "initContainerStatuses",
    }
}

object! {
    #[derive(Debug)]
    pub struct ContainerStatus<'a> {
        pub name: Text<'a> = "name",
        pub ready: bool = "ready",
        pub started: Option<bool> = "started",
        pub restart_count: u32 = "restartCount",
        pub state: ContainerState<'a> = "state",
    }
}

object! {
    /// One of the three, or none yet.
    #[derive(Debug)]
    pub struct ContainerState<'a> {
        pub waiting: Option<Reason<'a>> = "waiting",
        pub running: Option<Anything> = "running",
        pub terminated: Option<Terminated<'a>> = "terminated",
    }
}

object! {
    #[derive(Debug)]
    pub struct Reason<'a> {
        pub reason: Text<'a> = "reason",
    }
}

object! {
    #[derive(Debug)]
    pub struct Terminated<'a> {
        pub reason: Text<'a> = "reason",
        pub exit_code: i32 = "exitCode",
        pub signal: i32 = "signal",
    }
}
