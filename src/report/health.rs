//! How the cluster is, in one word and in many.

use std::time::{Duration, SystemTime};

use super::figures::moment;
use crate::cluster::{Availability, Kind, Node, Pod, Readiness, Snapshot};
use crate::control::proto;
use crate::sorted::Sorted;

/// A watch that is lost for less long is most likely about to be resumed.
const LOST_IS_NEWS: Duration = Duration::from_secs(60);

/// A pod that nobody has placed for longer does not fit anywhere.
const UNPLACED_IS_NEWS: Duration = Duration::from_secs(300);

/// So many reasons are told; the rest is counted.
const REASONS: usize = 10;

/// Statuses of a pod that will not get well by waiting. Init containers show
/// them after `Init:`.
const STUCK: [&str; 9] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// The health of the cluster as the agent sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// `Unknown` when nodes or workloads cannot be seen.
    pub state: proto::Health,
    /// Why it is not `Healthy`, in words; then never empty.
    pub reasons: Vec<String>,
}

/// Judges what the snapshot shows at `now`.
pub fn health(snapshot: &Snapshot, now: SystemTime) -> Health {
    let unseen = unseen(snapshot, now);
    let state = if unseen.is_empty() {
        proto::Health::Degraded
    } else {
        proto::Health::Unknown
    };
    let mut reasons = unseen;
    reasons.extend(nodes(snapshot));
    reasons.extend(deployments(snapshot));
    reasons.extend(pods(snapshot, now));
    if reasons.is_empty() {
        return Health {
            state: proto::Health::Healthy,
            reasons,
        };
    }
    let more = reasons.len().saturating_sub(REASONS);
    reasons.truncate(REASONS);
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    Health { state, reasons }
}

/// Why what matters cannot be seen. Namespaces, services and events tell nothing
/// about health.
fn unseen(snapshot: &Snapshot, now: SystemTime) -> Vec<String> {
    let kinds = [Kind::Node, Kind::Pod, Kind::Deployment];
    let told = kinds.into_iter().filter_map(|kind| {
        let reason = unseen_because(snapshot, kind, now)?;
        Some(format!("{}: {reason}", kind.plural()))
    });
    told.collect()
}

fn unseen_because(snapshot: &Snapshot, kind: Kind, now: SystemTime) -> Option<String> {
    let listed = snapshot.count(kind).is_some();
    match snapshot.availability(kind) {
        Availability::Forbidden { message, .. } => Some(format!("forbidden: {message}")),
        Availability::Stale { reason, .. } if !listed => Some(format!("not listed yet: {reason}")),
        Availability::Stale { since, reason } => {
            let since = moment(*since);
            let lost = now.duration_since(since).unwrap_or_default();
            let since = humantime::format_rfc3339_seconds(since);
            (lost >= LOST_IS_NEWS).then(|| format!("not followed since {since}: {reason}"))
        }
        Availability::Pending | Availability::Current { .. } => {
            (!listed).then(|| "not listed yet".to_owned())
        }
    }
}

fn nodes(snapshot: &Snapshot) -> Vec<String> {
    if snapshot.count(Kind::Node) == Some(0) {
        return vec!["the cluster has no nodes".to_owned()];
    }
    let told = snapshot.nodes.iter().flat_map(|node| node_reasons(node));
    told.collect()
}

fn node_reasons(node: &Node) -> Vec<String> {
    let name = &node.name;
    let mut told = Vec::new();
    if node.readiness != Readiness::Ready {
        let state = node.readiness.as_str();
        told.push(match &node.reason {
            Some(reason) => format!("node {name} is {state}: {reason}"),
            None => format!("node {name} is {state}"),
        });
    }
    let pressures = node.pressures.all().into_iter().filter(|(_, bad)| *bad);
    told.extend(pressures.map(|(pressure, _)| format!("node {name} has {pressure}")));
    told
}

fn deployments(snapshot: &Snapshot) -> Vec<String> {
    let short = snapshot.deployments.iter().filter(|row| row.short());
    let told = short.map(|row| {
        let (namespace, name) = (&row.namespace, &row.name);
        let (available, desired) = (row.available, row.desired);
        format!("deployment {namespace}/{name} has {available}/{desired} available")
    });
    told.collect()
}

/// Pods by trouble, not by name: there may be thousands.
fn pods(snapshot: &Snapshot, now: SystemTime) -> Vec<String> {
    let mut stuck: Sorted<&str, usize> = Sorted::default();
    let mut unplaced = 0;
    for pod in snapshot.pods.iter() {
        if let Some(status) = stuck_in(pod) {
            *stuck.entry(status) += 1;
        } else if pod.node.is_none() && !pod.finished() && pod.created > 0 {
            let age = now.duration_since(moment(pod.created)).unwrap_or_default();
            unplaced += usize::from(age >= UNPLACED_IS_NEWS);
        }
    }
    let told = stuck.into_iter();
    let mut told: Vec<String> = told
        .map(|(status, count)| format!("{} in {status}", pods_counted(count)))
        .collect();
    if unplaced > 0 {
        let minutes = UNPLACED_IS_NEWS.as_secs() / 60;
        let count = pods_counted(unplaced);
        told.push(format!("{count} not scheduled for over {minutes} minutes"));
    }
    told
}

fn stuck_in(pod: &Pod) -> Option<&str> {
    let status = pod.status.strip_prefix("Init:").unwrap_or(&pod.status);
    STUCK.contains(&status).then_some(&*pod.status)
}

fn pods_counted(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} pod{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Name, PodPhase, Row, State, Update};
    use crate::report::fixture::{self, THEN};

    fn told(state: &mut State) -> (proto::Health, Vec<String>) {
        let health = health(&state.snapshot(), fixture::facts().now);
        (health.state, health.reasons)
    }

    #[test]
    fn a_cluster_in_order_is_healthy() {
        let told = told(&mut fixture::healthy());
        assert_eq!(told, (proto::Health::Healthy, Vec::new()));
    }

    #[test]
    fn nothing_seen_is_unknown_not_healthy() {
        let (state, reasons) = told(&mut fixture::empty());
        assert_eq!(state, proto::Health::Unknown);
        let expected = [
            "nodes: not listed yet",
            "pods: not listed yet",
            "deployments: not listed yet",
        ];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn troubles_are_named() {
        let mut state = fixture::cluster();
        let mut node = fixture::node("node-2");
        node.readiness = Readiness::Unknown;
        node.reason = Some(Name::from("NodeStatusUnknown"));
        node.pressures.disk = true;
        state.apply(Update::Applied(Row::from(node)), THEN);
        let init = fixture::pod("web-3", "Init:ImagePullBackOff");
        state.apply(Update::Applied(Row::from(init)), THEN);
        let mut pending = fixture::pod("web-4", "Pending");
        pending.phase = PodPhase::Pending;
        pending.node = None;
        pending.created = THEN - 201;
        state.apply(Update::Applied(Row::from(pending)), THEN);
        let (state, reasons) = told(&mut state);
        assert_eq!(state, proto::Health::Degraded);
        let expected = [
            "node node-2 is Unknown: NodeStatusUnknown",
            "node node-2 has DiskPressure",
            "deployment default/web has 1/2 available",
            "1 pod in CrashLoopBackOff",
            "1 pod in Init:ImagePullBackOff",
            "1 pod not scheduled for over 5 minutes",
        ];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_watch_lost_for_long_makes_it_unknown() {
        let mut state = fixture::healthy();
        state.apply(fixture::stale(Kind::Pod, THEN + 60), THEN);
        assert_eq!(told(&mut state).0, proto::Health::Healthy);
        let mut state = fixture::healthy();
        state.apply(fixture::stale(Kind::Pod, THEN), THEN);
        let (state, reasons) = told(&mut state);
        assert_eq!(state, proto::Health::Unknown);
        let expected = "pods: not followed since 2023-11-14T22:13:20Z: connection reset";
        assert_eq!(reasons, [expected]);
    }

    #[test]
    fn what_may_not_be_seen_matters_only_if_it_tells_health() {
        let forbid = |kind| {
            let mut state = fixture::healthy();
            let message = "pods is forbidden".to_owned();
            let forbidden = Availability::Forbidden { since: 1, message };
            state.apply(Update::Available(kind, forbidden), THEN);
            told(&mut state)
        };
        assert_eq!(forbid(Kind::Service).0, proto::Health::Healthy);
        let (state, reasons) = forbid(Kind::Pod);
        assert_eq!(state, proto::Health::Unknown);
        assert_eq!(reasons, ["pods: forbidden: pods is forbidden"]);
    }

    #[test]
    fn many_reasons_are_counted() {
        let mut state = fixture::cluster();
        for i in 0..50 {
            let short = fixture::deployment(&format!("web-{i}"), 0);
            state.apply(Update::Applied(Row::from(short)), THEN);
        }
        let (_, reasons) = told(&mut state);
        assert_eq!(reasons.len(), REASONS + 1);
        assert_eq!(reasons.last().unwrap(), "and 42 more");
    }
}
