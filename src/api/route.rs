//! Which path means what. All routes only read, but those that pass requests on.

use super::{logs, proxy, raw};
use crate::cluster::Kind;

/// Methods of nearly every route.
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

/// The routes that need the API token; metrics are open where that is set.
pub(super) const GUARDED: &[&str] = &[
    "/metrics",
    "/api/health/detailed",
    "/api/status/features",
    "/api/status/connectivity",
    "/api/status/cluster",
    "/api/status/changes",
    "/api/metrics/runtime",
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

/// Routes with the API token whose answers do not end.
pub(super) const STREAMS: &[&str] = &["/api/realtime/events"];

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
    Logs,
    Proxy,
    Raw,
    Events,
}

impl Action {
    /// Its methods; those below [`raw::PREFIX`] have all.
    pub(super) fn allow(self) -> &'static str {
        match self {
            Action::Proxy => proxy::ALLOW,
            _ => ALLOW,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Open(Action),
    Guarded(Action),
    /// Who may ask is for the API server to say.
    Passed(Action),
    Unknown,
}

pub(super) fn find(path: &str) -> Route {
    let action = match path {
        "/" => return Route::Open(Action::Index),
        "/health" | "/healthz" | "/livez" => return Route::Open(Action::Health),
        "/ready" | "/readyz" => return Route::Open(Action::Ready),
        "/version" => return Route::Open(Action::Version),
        "/api/openapi.yaml" => return Route::Open(Action::Description),
        "/api/health/detailed" => Action::DetailedHealth,
        "/api/status/features" => Action::Features,
        "/api/status/connectivity" => Action::Connectivity,
        "/api/status/cluster" => Action::Cluster,
        "/api/status/changes" => Action::Changes,
        "/metrics" => Action::Metrics,
        "/api/metrics/runtime" => Action::Runtime,
        "/api/metrics/history" => Action::History,
        "/api/realtime/events" => Action::Events,
        "/api/k8s/proxy" => return Route::Passed(Action::Proxy),
        "/api/k8s/nodes" => Action::List(Kind::Node),
        "/api/k8s/pods" => Action::List(Kind::Pod),
        "/api/k8s/namespaces" => Action::List(Kind::Namespace),
        "/api/k8s/deployments" => Action::List(Kind::Deployment),
        "/api/k8s/services" => Action::List(Kind::Service),
        "/api/k8s/events" => Action::List(Kind::Event),
        _ => return passed(path),
    };
    Route::Guarded(action)
}

fn passed(path: &str) -> Route {
    let below = path.strip_prefix(raw::PREFIX);
    if below.is_some_and(|rest| rest.starts_with('/')) {
        Route::Passed(Action::Raw)
    } else if path.starts_with(logs::PREFIX) {
        Route::Passed(Action::Logs)
    } else {
        Route::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_paths_are_the_routes() {
        for path in OPEN {
            assert!(matches!(find(path), Route::Open(_)), "{path}");
        }
        for path in GUARDED.iter().chain(STREAMS) {
            assert!(matches!(find(path), Route::Guarded(_)), "{path}");
        }
        for path in PASSED {
            assert!(matches!(find(path), Route::Passed(_)), "{path}");
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
            assert_eq!(find(path), Route::Unknown, "{path}");
        }
    }
}
