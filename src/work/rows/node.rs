//! Rows of nodes.

use super::{labels, seconds};
use crate::cluster::{Labels, Name, Names, Node, NodeSystem, Pressures, Readiness, Resources, Uid};
use crate::k8s::quantity::{millis, units};
use crate::k8s::types::{self, NodeStatus, ResourceList, Text};

const ROLE: &str = "node-role.kubernetes.io/";
const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";

pub(super) fn row(object: &types::Node<'_>, names: &mut Names) -> Node {
    let (metadata, spec, status) = (&object.metadata, &object.spec, &object.status);
    let ready = status
        .conditions
        .iter()
        .find(|c| &*c.condition_type == "Ready");
    let labels = labels(metadata, names);
    let label = |name: &str| labels.get(name).map(Name::from);
    Node {
        name: Name::from(&*metadata.name),
        uid: Uid::parse(&metadata.uid),
        labels: labels.clone(),
        created: seconds(&metadata.creation_timestamp),
        // As kubectl has it: a node that is no longer heard of is not ready.
        readiness: match ready.map(|ready| &*ready.status) {
            Some("True") => Readiness::Ready,
            Some(_) => Readiness::NotReady,
            None => Readiness::Unknown,
        },
        reason: ready.and_then(|ready| some(&ready.reason)),
        unschedulable: spec.unschedulable,
        pressures: pressures(status),
        roles: roles(&labels),
        system: system(status, names),
        capacity: resources(&status.capacity),
        allocatable: resources(&status.allocatable),
        internal_ip: address(status, "InternalIP"),
        external_ip: address(status, "ExternalIP"),
        provider_id: some(&spec.provider_id),
        region: label(REGION),
        zone: label(ZONE),
    }
}

/// Sorted.
fn roles(labels: &Labels) -> Box<[Name]> {
    let mut roles = Vec::new();
    for (label, _) in labels.iter() {
        match label.strip_prefix(ROLE) {
            None | Some("") => {}
            Some(role) => roles.push(Name::from(role)),
        }
    }
    roles.sort_unstable();
    roles.into()
}

fn pressures(status: &NodeStatus<'_>) -> Pressures {
    let holds = |name: &str| {
        let mut all = status.conditions.iter();
        all.any(|condition| &*condition.condition_type == name && &*condition.status == "True")
    };
    Pressures {
        memory: holds("MemoryPressure"),
        disk: holds("DiskPressure"),
        pid: holds("PIDPressure"),
        network_unavailable: holds("NetworkUnavailable"),
    }
}

fn system(status: &NodeStatus<'_>, names: &mut Names) -> NodeSystem {
    let info = &status.node_info;
    NodeSystem {
        kubelet_version: names.intern(&info.kubelet_version),
        os_image: names.intern(&info.os_image),
        kernel_version: names.intern(&info.kernel_version),
        architecture: names.intern(&info.architecture),
        container_runtime: names.intern(&info.container_runtime_version),
    }
}

fn resources(list: &ResourceList<'_>) -> Resources {
    Resources {
        cpu_millis: millis(&list.cpu),
        memory_bytes: units(&list.memory),
        pods: units(&list.pods),
        ephemeral_storage_bytes: units(&list.ephemeral_storage),
    }
}

/// The first address of that type; a node may have one of each family.
fn address<T: std::str::FromStr>(status: &NodeStatus<'_>, wanted: &str) -> Option<T> {
    let mut all = status.addresses.iter();
    all.find(|address| &*address.address_type == wanted)
        .and_then(|address| address.address.parse().ok())
}

fn some(text: &Text<'_>) -> Option<Name> {
    (!text.is_empty()).then(|| Name::from(&**text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const NODE: &str = r#"{"metadata":{"name":"edge-1","labels":{
        "node-role.kubernetes.io/master":"true","node-role.kubernetes.io/control-plane":"",
        "topology.kubernetes.io/region":"eu","other":null}},
      "spec":{"unschedulable":true,"providerID":"k3s://edge-1"},
      "status":{"capacity":{"cpu":"4","memory":"8029240Ki","pods":110},
        "allocatable":{"cpu":"3500m"},
        "conditions":[{"type":"DiskPressure","status":"True"},
          {"type":"Ready","status":"False","reason":"KubeletNotReady"}],
        "addresses":[{"type":"Hostname","address":"edge-1"},
          {"type":"InternalIP","address":"10.0.0.9"},{"type":"InternalIP","address":"fd00::9"}],
        "nodeInfo":{"kubeletVersion":"v1.34.1+k3s1","architecture":"arm64"}}}"#;

    #[test]
    fn a_node_is_read() {
        let node = row(&json::read(NODE.as_bytes()).unwrap(), &mut Names::new());
        assert_eq!(node.status(), "NotReady,SchedulingDisabled");
        assert_eq!(node.roles(), "control-plane,master");
        assert_eq!(node.reason.as_deref(), Some("KubeletNotReady"));
        assert!(node.pressures.disk && !node.pressures.memory);
        assert_eq!(node.capacity.pods, Some(110));
        assert_eq!(node.capacity.memory_bytes, Some(8_221_941_760));
        assert_eq!(node.allocatable.cpu_millis, Some(3_500));
        assert_eq!(node.allocatable.memory_bytes, None);
        assert_eq!(node.internal_ip, "10.0.0.9".parse().ok());
        assert_eq!((node.region.as_deref(), node.zone), (Some("eu"), None));
        assert_eq!(&*node.system.architecture, "arm64");
    }

    #[test]
    fn a_node_that_is_no_longer_heard_of_is_not_ready() {
        let lost = r#"{"metadata":{"name":"a"},"status":{"conditions":[
            {"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown"}]}}"#;
        let node = row(&json::read(lost.as_bytes()).unwrap(), &mut Names::new());
        assert_eq!(node.status(), "NotReady");
        assert_eq!(node.reason.as_deref(), Some("NodeStatusUnknown"));
    }

    #[test]
    fn a_node_that_says_nothing_is_unknown_not_zero() {
        let bare = json::read(br#"{"metadata":{"name":"a"}}"#).unwrap();
        let node = row(&bare, &mut Names::new());
        assert_eq!(node.readiness, Readiness::Unknown);
        assert_eq!(node.capacity, Resources::default());
    }
}
