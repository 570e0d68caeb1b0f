//! Whether the process is alive, and how it is in detail.

use std::time::{Instant, SystemTime};

use serde::Serialize;

use super::view::{self, ControlPlaneView, KindView};
use super::{Sources, json};
use crate::control::proto;
use crate::http::Response;
use crate::{process, report};

/// `GET /health`: 200 while every loop turns, else 503 naming those that do not.
/// It never depends on the network: a restart would not mend that.
pub(super) fn basic(sources: &Sources) -> Response {
    let overdue = sources.beats.overdue(Instant::now());
    let stuck: Vec<Stuck> = overdue
        .iter()
        .map(|overdue| Stuck {
            thread: overdue.name,
            silent_seconds: overdue.silent.as_secs(),
            limit_seconds: overdue.limit.as_secs(),
        })
        .collect();
    let alive = stuck.is_empty();
    let body = Basic {
        status: if alive { "healthy" } else { "unhealthy" },
        stuck,
    };
    json(if alive { 200 } else { 503 }, &body)
}

#[derive(Serialize)]
struct Basic {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stuck: Vec<Stuck>,
}

#[derive(Serialize)]
struct Stuck {
    thread: &'static str,
    silent_seconds: u64,
    limit_seconds: u64,
}

/// `GET /api/health/detailed`.
#[derive(Serialize)]
pub(super) struct Detailed {
    /// Of the cluster, as far as it is seen: healthy, degraded or unknown.
    status: proto::Health,
    reasons: Vec<String>,
    kubernetes: KubernetesHealth,
    /// Absent in a standalone agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    control_plane: Option<ControlPlaneView>,
    websocket_connections: u64,
    memory: Memory,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_files: Option<u64>,
    uptime_seconds: u64,
    /// Whether the agent's identity outlives a restart; absent when standalone.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_kept: Option<bool>,
}

#[derive(Serialize)]
struct KubernetesHealth {
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    watches: Vec<KindView>,
}

/// Bytes.
#[derive(Serialize)]
pub(super) struct Memory {
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_peak_bytes: Option<u64>,
}

impl From<process::Usage> for Memory {
    fn from(usage: process::Usage) -> Self {
        Self {
            resident_bytes: usage.resident,
            resident_peak_bytes: usage.resident_peak,
        }
    }
}

pub(super) fn detailed(sources: &Sources) -> Detailed {
    let snapshot = sources.published.current();
    let now = Instant::now();
    let health = report::health(&snapshot, SystemTime::now());
    let usage = process::usage();
    Detailed {
        status: health.state,
        reasons: health.reasons,
        kubernetes: KubernetesHealth {
            server: sources.kubernetes.description.clone(),
            version: snapshot
                .server
                .as_ref()
                .map(|server| server.version.to_string()),
            watches: view::kinds(&sources.kubernetes, &snapshot, now),
        },
        control_plane: sources.control.as_ref().map(view::control_plane),
        // No route upgrades to WebSocket in this version.
        websocket_connections: 0,
        memory: usage.into(),
        threads: usage.threads,
        open_files: usage.open_files,
        uptime_seconds: now.saturating_duration_since(sources.started).as_secs(),
        state_kept: sources.state_kept,
    }
}
