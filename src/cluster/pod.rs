//! A pod in 160 bytes.

use std::net::IpAddr;

use super::{Kind, Labels, Name, Record, Uid};

/// A pod as far as anyone here asks about it.
///
/// [Pod lifecycle](https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/)
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub namespace: Name,
    pub name: Name,
    pub uid: Option<Uid>,
    pub labels: Labels,
    /// Seconds since 1970; 0 when unknown.
    pub created: u32,
    /// Where it was scheduled to.
    pub node: Option<Name>,
    /// The controller as `Kind/name`.
    pub owner: Option<Name>,
    pub phase: PodPhase,
    /// What `kubectl get pods` shows as STATUS: `Running`, `CrashLoopBackOff`.
    pub status: Name,
    /// The condition of that name.
    pub ready: bool,
    pub containers_ready: u16,
    pub containers: u16,
    pub restarts: u32,
    pub ip: Option<IpAddr>,
    /// The sum over its containers.
    pub requests: Requests,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodPhase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

/// What the scheduler sets aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    pub cpu_millis: u32,
    pub memory_bytes: u64,
}

impl Pod {
    /// Kind and name of the controller.
    pub fn controller(&self) -> Option<(&str, &str)> {
        self.owner.as_deref()?.split_once('/')
    }

    /// Whether it neither runs nor is about to: its requests are free again.
    pub fn finished(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// `1/2`, as kubectl's column READY.
    pub fn readiness(&self) -> String {
        format!("{}/{}", self.containers_ready, self.containers)
    }
}

impl Record for Pod {
    const KIND: Kind = Kind::Pod;

    fn namespace(&self) -> Option<&Name> {
        Some(&self.namespace)
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
        self.status.to_string()
    }

    fn difference(&self, earlier: &Self) -> Option<String> {
        let mut parts = Vec::new();
        if self.recreated(earlier) {
            parts.push("recreated".to_owned());
        }
        if self.status != earlier.status {
            parts.push(format!("{} -> {}", earlier.status, self.status));
        }
        if let Some(node) = self.node.as_ref().filter(|_| self.node != earlier.node) {
            parts.push(format!("on {node}"));
        }
        let counts = |pod: &Pod| (pod.containers_ready, pod.containers, pod.ready);
        if counts(self) != counts(earlier) {
            parts.push(format!("{} ready", self.readiness()));
        }
        if self.restarts != earlier.restarts {
            parts.push(format!("restarts {}", self.restarts));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl PodPhase {
    pub fn as_str(self) -> &'static str {
        match self {
            PodPhase::Pending => "Pending",
            PodPhase::Running => "Running",
            PodPhase::Succeeded => "Succeeded",
            PodPhase::Failed => "Failed",
            PodPhase::Unknown => "Unknown",
        }
    }

    /// Anything unheard of is `Unknown`.
    pub fn parse(text: &str) -> Self {
        match text {
            "Pending" => PodPhase::Pending,
            "Running" => PodPhase::Running,
            "Succeeded" => PodPhase::Succeeded,
            "Failed" => PodPhase::Failed,
            _ => PodPhase::Unknown,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A running pod with one ready container.
    pub(in crate::cluster) fn pod(namespace: &str, name: &str) -> Pod {
        Pod {
            namespace: Name::from(namespace),
            name: Name::from(name),
            uid: None,
            labels: Labels::default(),
            created: 1_700_000_000,
            node: Some(Name::from("node-1")),
            owner: Some(Name::from("ReplicaSet/web-7d9f")),
            phase: PodPhase::Running,
            status: Name::from("Running"),
            ready: true,
            containers_ready: 1,
            containers: 1,
            restarts: 0,
            ip: None,
            requests: Requests::default(),
        }
    }

    #[test]
    fn differences_are_told_in_words_and_noise_is_not() {
        let before = pod("a", "b");
        let with = |change: &dyn Fn(&mut Pod)| {
            let mut after = before.clone();
            change(&mut after);
            after.difference(&before)
        };
        assert_eq!(with(&|_| ()), None);
        assert_eq!(with(&|pod| pod.ip = "10.0.0.1".parse().ok()), None);
        assert_eq!(with(&|pod| pod.created += 1), None);
        let crashed = with(&|pod| {
            pod.status = Name::from("CrashLoopBackOff");
            pod.ready = false;
            pod.containers_ready = 0;
            pod.restarts = 3;
        });
        assert_eq!(
            crashed.as_deref(),
            Some("Running -> CrashLoopBackOff, 0/1 ready, restarts 3")
        );
        let moved = with(&|pod| pod.node = Some(Name::from("node-2")));
        assert_eq!(moved.as_deref(), Some("on node-2"));
    }

    #[test]
    fn a_pod_of_the_same_name_with_another_uid_is_a_new_one() {
        let mut before = pod("a", "web-0");
        before.uid = Uid::parse("7c0b8a5e-1f3d-4c6a-9b2e-0123456789ab");
        let mut after = before.clone();
        after.uid = Uid::parse("7c0b8a5e-1f3d-4c6a-9b2e-0123456789ac");
        assert_eq!(after.difference(&before).as_deref(), Some("recreated"));
    }

    #[test]
    fn the_controller_is_kind_and_name() {
        assert_eq!(pod("a", "b").controller(), Some(("ReplicaSet", "web-7d9f")));
    }
}
