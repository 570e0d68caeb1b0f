//! `GET /api/status/connectivity`: tries every way right now and times it.
//!
//! That costs real connections and up to half a minute, so one asks at a time and
//! the answer serves everyone for some seconds.

use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::view::{self, ControlPlaneView};
use super::{Sources, json, timestamp};
use crate::chain::Chain;
use crate::control::diagnose::{self, Hop};
use crate::http::Response;
use crate::k8s::calls;

const FRESH: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Connectivity(Mutex<Option<(Instant, Arc<[u8]>)>>);

#[derive(Serialize)]
struct Report {
    tested: String,
    kubernetes: Kubernetes,
    /// Absent in a standalone agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    control_plane: Option<ControlPlane>,
}

#[derive(Serialize)]
struct Kubernetes {
    server: String,
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct ControlPlane {
    reachable: bool,
    hops: Vec<HopView>,
    #[serde(flatten)]
    link: ControlPlaneView,
}

/// One stage of the way: `dns`, `tcp`, `tls`, `http`, `clock`.
#[derive(Serialize)]
struct HopView {
    name: &'static str,
    detail: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Connectivity {
    pub(super) fn answer(&self, sources: &Sources) -> Response {
        let mut last = match self.0.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let detail = "a test is running; ask again in a moment";
                return Response::problem(503, "Service Unavailable", detail)
                    .with("Retry-After", "2");
            }
        };
        if let Some((at, body)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return Response::json(200, Arc::clone(body));
        }
        let response = json(200, &test(sources));
        let body: Arc<[u8]> = Arc::from(response.body.as_bytes());
        *last = Some((Instant::now(), body));
        response
    }
}

fn test(sources: &Sources) -> Report {
    Report {
        tested: timestamp(SystemTime::now()),
        kubernetes: kubernetes(&sources.kubernetes),
        control_plane: sources.control.as_ref().map(control_plane),
    }
}

fn kubernetes(kubernetes: &super::Kubernetes) -> Kubernetes {
    let started = Instant::now();
    let answer = calls::version(&kubernetes.client);
    let took = started.elapsed().as_secs_f64();
    let (version, error) = match answer {
        Ok(version) => (Some(version.git_version), None),
        Err(error) => (None, Some(Chain(&error).to_string())),
    };
    Kubernetes {
        server: kubernetes.description.clone(),
        reachable: error.is_none(),
        latency_seconds: error.is_none().then_some(took),
        version,
        error,
    }
}

fn control_plane(control: &super::ControlPlane) -> ControlPlane {
    let hops = diagnose::hops(&control.options);
    ControlPlane {
        reachable: hops.iter().all(|hop| hop.outcome.is_ok()),
        hops: hops.into_iter().map(HopView::from).collect(),
        link: view::control_plane(control),
    }
}

impl From<Hop> for HopView {
    fn from(hop: Hop) -> Self {
        let (latency_seconds, error) = match hop.outcome {
            Ok(took) => (Some(took.as_secs_f64()), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            name: hop.name,
            detail: hop.detail,
            ok: error.is_none(),
            latency_seconds,
            error,
        }
    }
}
