//! `GET /api/metrics/runtime`: what the agent itself uses and does.

use std::time::Instant;

use serde::Serialize;

use super::Sources;
use super::health::Memory;
use crate::metrics::Histogram;
use crate::process;

#[derive(Serialize)]
pub(super) struct Runtime {
    cpu: Cpu,
    memory: Memory,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_files: Option<u64>,
    http: Http,
    /// Absent in a standalone agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    control_plane: Option<ControlPlane>,
    websocket_connections: u64,
    uptime_seconds: f64,
}

/// Since the start.
#[derive(Serialize)]
struct Cpu {
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// Of one core, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
}

#[derive(Serialize)]
struct Http {
    requests: u64,
    by_status: ByStatus,
    latency: Latency,
    connections_open: u64,
    connections_accepted: u64,
    connections_evicted: u64,
    requests_refused: u64,
    overloaded: u64,
    accept_errors: u64,
    panics: u64,
}

#[derive(Serialize)]
struct ByStatus {
    #[serde(rename = "2xx")]
    success: u64,
    #[serde(rename = "3xx")]
    redirection: u64,
    #[serde(rename = "4xx")]
    client_error: u64,
    #[serde(rename = "5xx")]
    server_error: u64,
}

#[derive(Serialize)]
struct ControlPlane {
    beats_acknowledged: u64,
    beats_missed: u32,
    alerting: bool,
    latency: Latency,
}

#[derive(Serialize)]
struct Latency {
    count: u64,
    /// Absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_seconds: Option<f64>,
}

pub(super) fn read(sources: &Sources) -> Runtime {
    let usage = process::usage();
    let uptime = Instant::now()
        .saturating_duration_since(sources.started)
        .as_secs_f64();
    let seconds = usage.cpu.map(|cpu| cpu.as_secs_f64());
    Runtime {
        cpu: Cpu {
            seconds,
            percent: seconds
                .filter(|_| uptime > 0.0)
                .map(|seconds| 100.0 * seconds / uptime),
        },
        memory: usage.into(),
        threads: usage.threads,
        open_files: usage.open_files,
        http: http(sources),
        control_plane: sources.control.as_ref().map(control_plane),
        websocket_connections: 0,
        uptime_seconds: uptime,
    }
}

fn http(sources: &Sources) -> Http {
    let stats = &sources.http;
    let [_, success, redirection, client_error, server_error] = &stats.by_class;
    Http {
        requests: stats.requests.get(),
        by_status: ByStatus {
            success: success.get(),
            redirection: redirection.get(),
            client_error: client_error.get(),
            server_error: server_error.get(),
        },
        latency: latency(&stats.latency),
        connections_open: stats.open.get(),
        connections_accepted: stats.accepted.get(),
        connections_evicted: stats.evicted.get(),
        requests_refused: stats.refused.get(),
        overloaded: stats.overloaded.get(),
        accept_errors: stats.accept_errors.get(),
        panics: stats.panics.get(),
    }
}

fn control_plane(control: &super::ControlPlane) -> ControlPlane {
    let view = control.link.view();
    ControlPlane {
        beats_acknowledged: view.acknowledged,
        beats_missed: view.missed,
        alerting: view.alerting,
        latency: latency(control.client.latency()),
    }
}

fn latency(histogram: &Histogram) -> Latency {
    let count = histogram.count();
    let divisor = u32::try_from(count).unwrap_or(u32::MAX);
    Latency {
        count,
        mean_seconds: (count > 0).then(|| histogram.sum().as_secs_f64() / f64::from(divisor)),
    }
}
