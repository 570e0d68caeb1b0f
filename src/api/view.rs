//! The control plane's and the watches' state as the routes show it.

use std::time::{Instant, SystemTime};

use serde::Serialize;

use super::{ControlPlane, Kubernetes, timestamp};
use crate::cluster::{Availability, Kind, Snapshot};
use crate::control::diagnose::{self, Explanation};
use crate::k8s::watch::Stats;

#[derive(Debug, Serialize)]
pub(super) struct ControlPlaneView {
    pub(super) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agent_id: Option<String>,
    pub(super) connected: bool,
    pub(super) ever_connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_acknowledged: Option<String>,
    pub(super) beats_acknowledged: u64,
    pub(super) beats_missed: u32,
    pub(super) alerting: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) explanation: Option<ExplanationView>,
}

#[derive(Debug, Serialize)]
pub(super) struct ExplanationView {
    stage: &'static str,
    text: String,
    hint: String,
}

/// One watch. `last_byte_seconds` is how long the server has been silent.
#[derive(Debug, Serialize)]
pub(super) struct KindView {
    kind: &'static str,
    availability: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_byte_seconds: Option<u64>,
    reconnects: u64,
    relists: u64,
    events: u64,
    decode_errors: u64,
    lines_dropped: u64,
}

pub(super) fn control_plane(control: &ControlPlane) -> ControlPlaneView {
    let view = control.link.view();
    let skew = control.client.clock_skew().and_then(diagnose::skew);
    ControlPlaneView {
        url: control.options.url.clone(),
        agent_id: view.agent_id,
        connected: view.ever_connected && view.missed == 0,
        ever_connected: view.ever_connected,
        last_acknowledged: view.last_acknowledged.map(timestamp),
        beats_acknowledged: view.acknowledged,
        beats_missed: view.missed,
        alerting: view.alerting,
        explanation: view.explanation.or(skew).map(ExplanationView::from),
    }
}

pub(super) fn kinds(kubernetes: &Kubernetes, snapshot: &Snapshot, now: Instant) -> Vec<KindView> {
    let watches = kubernetes.watches.iter();
    watches
        .map(|(kind, stats)| kind_view(*kind, stats, snapshot, now))
        .collect()
}

fn kind_view(kind: Kind, stats: &Stats, snapshot: &Snapshot, now: Instant) -> KindView {
    let availability = snapshot.availability(kind);
    let unix =
        |seconds: u32| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds.into());
    KindView {
        kind: kind.plural(),
        availability: availability.as_str(),
        since: availability.since().map(|since| timestamp(unix(since))),
        reason: match availability {
            Availability::Pending | Availability::Current { .. } => None,
            Availability::Stale { .. } | Availability::Forbidden { .. } => {
                availability.reason().map(str::to_owned)
            }
        },
        count: snapshot.count(kind),
        last_byte_seconds: stats.silent_for(now).map(|silence| silence.as_secs()),
        reconnects: stats.reconnects.get(),
        relists: stats.relists.get(),
        events: stats.events.get(),
        decode_errors: stats.decode_errors.get(),
        lines_dropped: stats.lines_dropped.get(),
    }
}

impl From<Explanation> for ExplanationView {
    fn from(explanation: Explanation) -> Self {
        Self {
            stage: explanation.stage.as_str(),
            text: explanation.text,
            hint: explanation.hint,
        }
    }
}
