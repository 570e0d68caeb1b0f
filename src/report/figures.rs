//! Figures that several reports share.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::cluster::{Kind, Node, PodPhase, Readiness, Snapshot, Usage, UsageSource};
use crate::control::proto;

/// A measurement that is older says nothing about now.
const USAGE_IS_FRESH: Duration = Duration::from_secs(300);

/// Used and total of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    used: u64,
    of: u64,
}

/// Both resources over the nodes that were measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) cpu: Share,
    pub(super) memory: Share,
}

impl Share {
    /// Percent with one decimal; none of nothing.
    pub(super) fn percent(self) -> Option<f64> {
        let permille = u128::from(self.used) * 1_000 / u128::from(self.of.max(1));
        let permille = u32::try_from(permille).unwrap_or(u32::MAX);
        (self.of > 0).then(|| f64::from(permille) / 10.0)
    }

    fn add(&mut self, used: u64, of: Option<u64>) {
        if let Some(of) = of {
            self.used = self.used.saturating_add(used);
            self.of = self.of.saturating_add(of);
        }
    }
}

/// The last measurement, unless it is too old.
pub(super) fn fresh_usage(snapshot: &Snapshot, now: SystemTime) -> Option<&Usage> {
    let usage = snapshot.usage.as_deref()?;
    let age = now.duration_since(moment(usage.at)).unwrap_or_default();
    (age <= USAGE_IS_FRESH && !usage.nodes.is_empty()).then_some(usage)
}

/// What the measured nodes use together.
pub(super) fn total(usage: &Usage) -> proto::Usage {
    proto::Usage {
        cpu_millis: sum(usage.nodes.iter().map(|node| node.cpu_millis)),
        memory_bytes: sum(usage.nodes.iter().map(|node| node.memory_bytes)),
        source: match usage.source {
            UsageSource::MetricsApi => proto::UsageSource::MetricsApi,
            UsageSource::KubeletSummary => proto::UsageSource::KubeletSummary,
        },
    }
}

/// What the measured nodes use of what they have; a node that does not say what
/// it has counts on neither side.
pub(super) fn shares(snapshot: &Snapshot, usage: &Usage) -> Shares {
    let mut shares = Shares::default();
    for node in snapshot.nodes.iter() {
        if let Some(used) = usage.node(&node.name) {
            let of = &node.allocatable;
            shares.cpu.add(used.cpu_millis, of.cpu_millis);
            shares.memory.add(used.memory_bytes, of.memory_bytes);
        }
    }
    shares
}

pub(super) fn counts(snapshot: &Snapshot) -> proto::Counts {
    let nodes = count(snapshot, Kind::Node);
    let pods = count(snapshot, Kind::Pod);
    let ready = |node: &&Arc<Node>| node.readiness == Readiness::Ready;
    let running = snapshot.pods.iter();
    let running = running.filter(|pod| pod.phase == PodPhase::Running);
    proto::Counts {
        nodes,
        nodes_ready: nodes.map(|_| number(snapshot.nodes.iter().filter(ready).count())),
        namespaces: count(snapshot, Kind::Namespace),
        deployments: count(snapshot, Kind::Deployment),
        services: count(snapshot, Kind::Service),
        pods,
        pods_running: pods.map(|_| number(running.count())),
    }
}

/// None when the kind was never listed or may not be seen.
pub(super) fn count(snapshot: &Snapshot, kind: Kind) -> Option<u64> {
    snapshot.count(kind).map(number)
}

/// The sum of what each says; none when one does not say, or there is none.
pub(super) fn sum_of_all(mut values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let first = values.next()??;
    values.try_fold(first, |sum, value| Some(sum.saturating_add(value?)))
}

/// A moment of the cluster's rows.
pub(super) fn moment(seconds: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into())
}

fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::saturating_add)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
