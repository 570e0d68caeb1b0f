//! A node: what it is, whether it works, what it has.

use std::net::IpAddr;

use super::{Kind, Labels, Name, Record, Uid};

/// A node without its heartbeat: a renewed lease or condition time is no change.
///
/// [Node status](https://kubernetes.io/docs/reference/node/node-status/)
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub name: Name,
    pub uid: Option<Uid>,
    pub labels: Labels,
    /// Seconds since 1970; 0 when unknown.
    pub created: u32,
    pub readiness: Readiness,
    /// Why it is not ready.
    pub reason: Option<Name>,
    /// Cordoned.
    pub unschedulable: bool,
    pub pressures: Pressures,
    /// From the labels `node-role.kubernetes.io/*`, sorted.
    pub roles: Box<[Name]>,
    pub system: NodeSystem,
    pub capacity: Resources,
    /// What pods may use; the base of every percentage.
    pub allocatable: Resources,
    pub internal_ip: Option<IpAddr>,
    pub external_ip: Option<IpAddr>,
    /// `spec.providerID`: `aws:///eu-central-1a/i-0abc`, `k3s://name`.
    pub provider_id: Option<Name>,
    /// The label `topology.kubernetes.io/region`.
    pub region: Option<Name>,
    /// The label `topology.kubernetes.io/zone`.
    pub zone: Option<Name>,
}

/// The condition `Ready`; `Unknown` when the node has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    NotReady,
    Unknown,
}

/// Conditions that are bad when true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressures {
    pub memory: bool,
    pub disk: bool,
    pub pid: bool,
    pub network_unavailable: bool,
}

/// `status.nodeInfo`; empty text when unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSystem {
    pub kubelet_version: Name,
    pub os_image: Name,
    pub kernel_version: Name,
    pub architecture: Name,
    pub container_runtime: Name,
}

/// None where the node does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub cpu_millis: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub pods: Option<u64>,
    pub ephemeral_storage_bytes: Option<u64>,
}

impl Node {
    /// What `kubectl get nodes` shows as STATUS: `Ready,SchedulingDisabled`.
    pub fn status(&self) -> String {
        let mut status = self.readiness.as_str().to_owned();
        if self.unschedulable {
            status.push_str(",SchedulingDisabled");
        }
        status
    }

    /// What `kubectl get nodes` shows as ROLES: `control-plane,master`, `<none>`.
    pub fn roles(&self) -> String {
        if self.roles.is_empty() {
            return "<none>".to_owned();
        }
        self.roles.join(",")
    }

    fn described(&self) -> String {
        match self.reason.as_ref() {
            Some(reason) if self.readiness != Readiness::Ready => {
                format!("{}: {reason}", self.status())
            }
            _ => self.status(),
        }
    }
}

impl Record for Node {
    const KIND: Kind = Kind::Node;

    fn namespace(&self) -> Option<&Name> {
        None
    }

    fn name(&self) -> &Name {
        &self.name
    }

    fn uid(&self) -> Option<Uid> {
        self.uid
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn state(&self) -> String {
        self.described()
    }

    fn difference(&self, earlier: &Self) -> Option<String> {
        let mut parts = Vec::new();
        if self.recreated(earlier) {
            parts.push("recreated".to_owned());
        }
        if self.status() != earlier.status() {
            parts.push(format!("{} -> {}", earlier.status(), self.described()));
        }
        for ((name, now), (_, before)) in self.pressures.all().iter().zip(earlier.pressures.all()) {
            match (before, now) {
                (false, true) => parts.push((*name).to_owned()),
                (true, false) => parts.push(format!("no more {name}")),
                _ => {}
            }
        }
        let version = |node: &Node| Some(node.system.kubelet_version.clone());
        moved(&mut parts, "kubelet", version(earlier), version(self));
        moved(
            &mut parts,
            "roles",
            Some(earlier.roles()),
            Some(self.roles()),
        );
        moved(&mut parts, "address", earlier.internal_ip, self.internal_ip);
        let (before, now) = (&earlier.allocatable, &self.allocatable);
        moved(&mut parts, "cpu millis", before.cpu_millis, now.cpu_millis);
        moved(
            &mut parts,
            "memory bytes",
            before.memory_bytes,
            now.memory_bytes,
        );
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl Readiness {
    pub fn as_str(self) -> &'static str {
        match self {
            Readiness::Ready => "Ready",
            Readiness::NotReady => "NotReady",
            Readiness::Unknown => "Unknown",
        }
    }
}

impl Pressures {
    /// Each condition by its Kubernetes name.
    pub fn all(self) -> [(&'static str, bool); 4] {
        [
            ("MemoryPressure", self.memory),
            ("DiskPressure", self.disk),
            ("PIDPressure", self.pid),
            ("NetworkUnavailable", self.network_unavailable),
        ]
    }
}

fn moved<T>(parts: &mut Vec<String>, what: &str, before: Option<T>, now: Option<T>)
where
    T: PartialEq + ToString,
{
    if before != now {
        let text = |value: Option<T>| value.map_or_else(|| "unknown".to_owned(), |v| v.to_string());
        parts.push(format!("{what} {} -> {}", text(before), text(now)));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cluster) fn node(name: &str) -> Node {
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
            created: 1_700_000_000,
            readiness: Readiness::Ready,
            reason: Some(Name::from("KubeletReady")),
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
            internal_ip: None,
            external_ip: None,
            provider_id: None,
            region: None,
            zone: None,
        }
    }

    #[test]
    fn differences_are_told_in_words_and_noise_is_not() {
        let before = node("a");
        let with = |change: &dyn Fn(&mut Node)| {
            let mut after = before.clone();
            change(&mut after);
            after.difference(&before).unwrap_or_default()
        };
        assert_eq!(with(&|_| ()), "");
        let lost = with(&|node| {
            node.readiness = Readiness::Unknown;
            node.reason = Some(Name::from("NodeStatusUnknown"));
        });
        assert_eq!(lost, "Ready -> Unknown: NodeStatusUnknown");
        let cordoned = with(&|node| node.unschedulable = true);
        assert_eq!(cordoned, "Ready -> Ready,SchedulingDisabled");
        assert_eq!(with(&|node| node.pressures.disk = true), "DiskPressure");
        let upgraded = with(&|node| node.system.kubelet_version = Name::from("v1.35.0+k3s1"));
        assert_eq!(upgraded, "kubelet v1.34.1+k3s1 -> v1.35.0+k3s1");
        let grown = with(&|node| node.allocatable.cpu_millis = None);
        assert_eq!(grown, "cpu millis 4000 -> unknown");
        let storage = with(&|node| node.allocatable.ephemeral_storage_bytes = Some(1));
        assert_eq!(storage, "");
    }

    #[test]
    fn roles_are_listed_as_kubectl_does() {
        let mut node = node("a");
        assert_eq!(node.roles(), "<none>");
        node.roles = Box::from([Name::from("control-plane"), Name::from("master")]);
        assert_eq!(node.roles(), "control-plane,master");
    }
}
