//! Which path means what. All routes only read, but those that pass requests on and those that
//! log in and out.

use super::{description, lists, logs, page, proxy, raw, session};
use crate::cluster::Kind;
use crate::http::Request;

/// Methods of most routes; those below [`raw::PREFIX`] have all.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// The routes that anyone may ask: what probes and load balancers need, and what the others are.
pub(super) const OPEN: &[&str] = &[
    "/",
    "/health",
    "/healthz",
    "/livez",
    "/ready",
    "/readyz",
    "/version",
    "/api/openapi.yaml",
];

/// The routes that need a token; metrics are open where that is set.
pub(super) const GUARDED: &[&str] = &[
    "/metrics",
    "/api/health/detailed",
    "/api/status/features",
    "/api/status/connectivity",
    "/api/status/cluster",
    "/api/status/changes",
    "/api/metrics/runtime",
    "/api/audit",
    "/api/metrics/history",
    "/api/k8s/nodes",
    "/api/k8s/pods",
    "/api/k8s/namespaces",
    "/api/k8s/deployments",
    "/api/k8s/services",
    "/api/k8s/events",
];

/// Where requests are passed on to the API server, as whoever asks.
pub(super) const PASSED: &[&str] = &[
    "/api/k8s/raw/PATH",
    "/api/k8s/logs/NAMESPACE/POD",
    "/api/k8s/proxy",
];

/// Routes with a token whose answers do not end.
pub(super) const STREAMS: &[&str] = &["/api/realtime/events", "/api/realtime/logs", "/ws"];

/// Where browsers log in and out.
pub(super) const SESSIONS: &[&str] = &[
    "/api/session",
    "/api/session/pairing",
    "/api/realtime/tickets",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Index,
    Health,
    Ready,
    Version,
    Description,
    DetailedHealth,
    Features,
    Runtime,
    Connectivity,
    Cluster,
    List(Kind),
    Changes,
    History,
    Metrics,
    Audit,
    Logs,
    Proxy,
    Raw,
    Events,
    LogStream,
    Socket,
    Tickets,
    Session,
    Pairing,
}

impl Action {
    /// What load balancers and probes ask, by whatever name, and as often as they like.
    pub(super) fn is_probe(self) -> bool {
        matches!(self, Self::Health | Self::Ready | Self::Version)
    }

    /// The value of `Allow`; none: every method.
    pub(super) fn methods(self) -> Option<&'static str> {
        match self {
            Self::Raw => None,
            Self::Proxy => Some(proxy::ALLOW),
            Self::Session => Some(session::ALLOW),
            Self::Pairing | Self::Tickets => Some(session::ALLOW_PAIRING),
            _ => Some(ALLOW),
        }
    }

    /// What it answers that request with; none: that depends.
    pub(super) fn media_type(self, request: &Request) -> Option<&'static str> {
        match self {
            Self::Raw | Self::Metrics | Self::Logs => None,
            Self::Index if page::wanted(request.headers.get("accept")) => Some("text/html"),
            Self::Events | Self::LogStream => Some("text/event-stream"),
            Self::Description => Some(description::MEDIA_TYPE),
            Self::List(_) => Some(lists::media_type(request)),
            _ => Some("application/json"),
        }
    }
}

pub(super) fn find(path: &str) -> Option<Action> {
    Some(match path {
        "/" => Action::Index,
        "/health" | "/healthz" | "/livez" => Action::Health,
        "/ready" | "/readyz" => Action::Ready,
        "/version" => Action::Version,
        "/api/openapi.yaml" => Action::Description,
        "/api/health/detailed" => Action::DetailedHealth,
        "/api/status/features" => Action::Features,
        "/api/status/connectivity" => Action::Connectivity,
        "/api/status/cluster" => Action::Cluster,
        "/api/status/changes" => Action::Changes,
        "/metrics" => Action::Metrics,
        "/api/metrics/runtime" => Action::Runtime,
        "/api/audit" => Action::Audit,
        "/api/metrics/history" => Action::History,
        "/api/realtime/events" => Action::Events,
        "/api/realtime/logs" => Action::LogStream,
        "/ws" => Action::Socket,
        "/api/realtime/tickets" => Action::Tickets,
        "/api/session" => Action::Session,
        "/api/session/pairing" => Action::Pairing,
        "/api/k8s/proxy" => Action::Proxy,
        "/api/k8s/nodes" => Action::List(Kind::Node),
        "/api/k8s/pods" => Action::List(Kind::Pod),
        "/api/k8s/namespaces" => Action::List(Kind::Namespace),
        "/api/k8s/deployments" => Action::List(Kind::Deployment),
        "/api/k8s/services" => Action::List(Kind::Service),
        "/api/k8s/events" => Action::List(Kind::Event),
        _ => return passed(path),
    })
}

fn passed(path: &str) -> Option<Action> {
    let below = path.strip_prefix(raw::PREFIX);
    if below.is_some_and(|rest| rest.starts_with('/')) {
        Some(Action::Raw)
    } else {
        path.starts_with(logs::PREFIX).then_some(Action::Logs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_paths_are_the_routes() {
        for path in [OPEN, GUARDED, STREAMS, PASSED, SESSIONS].concat() {
            assert!(find(path).is_some(), "{path}");
        }
        for path in [
            "",
            "/api/k8s/raw",
            "/api/k8s/rawer/",
            "/api",
            "/health/",
            "/api/k8s/secrets",
            "/API/k8s/pods",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
