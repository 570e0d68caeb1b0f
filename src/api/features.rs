//! `GET /api/status/features`: what this agent, as configured, really does.

use serde::Serialize;

use super::{Sources, route};
use crate::cluster::{Availability, Kind, UsageSource};

#[derive(Serialize)]
pub(super) struct Features {
    features: Vec<Feature>,
    /// What the control plane was told at registration.
    capabilities: &'static [&'static str],
    /// Routes with GET.
    operations: Vec<&'static str>,
}

#[derive(Serialize)]
struct Feature {
    name: &'static str,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(super) fn all(sources: &Sources) -> Features {
    let snapshot = sources.published.current();
    let watched: Vec<&str> = Kind::ALL
        .into_iter()
        .filter(|kind| matches!(snapshot.availability(*kind), Availability::Current { .. }))
        .map(Kind::plural)
        .collect();
    let usage = snapshot.usage.as_ref().map(|usage| match usage.source {
        UsageSource::MetricsApi => "from the Metrics API",
        UsageSource::KubeletSummary => "from the kubelets",
    });
    let control = sources.control.as_ref();
    let control_detail = control.map_or("none configured", |control| &control.options.url);
    let features = vec![
        feature("watch", !watched.is_empty(), watched.join(", ")),
        feature("usage", usage.is_some(), usage.unwrap_or("not measurable")),
        feature("control_plane", control.is_some(), control_detail),
        feature("local_api", true, "token"),
    ];
    Features {
        features,
        capabilities: crate::report::CAPABILITIES,
        operations: [
            route::OPEN,
            route::GUARDED,
            route::STREAMS,
            route::PASSED,
            route::SESSIONS,
        ]
        .concat(),
    }
}

fn feature(name: &'static str, enabled: bool, detail: impl Into<String>) -> Feature {
    let detail = Some(detail.into()).filter(|detail| !detail.is_empty());
    Feature {
        name,
        enabled,
        detail,
    }
}
