//! `GET /metrics`: the agent and the cluster for Prometheus, as its text format or as OpenMetrics.
//!
//! A scrape is made while it is sent, [`PART`] bytes at a time, so that a cluster of any size
//! costs the same memory. All its samples of the cluster are of one snapshot.

mod agent;
mod cluster;
mod table;
mod text;

use std::sync::Arc;
use std::time::Instant;

use super::Sources;
use super::accept::quality;
use super::traffic::Traffic;
use crate::cluster::Snapshot;
use crate::http::{Body, Parts, Response};
use crate::process;

pub use table::{METRICS, Metric, Of, Sort};
use text::Samples;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// A part is sent once it has so many bytes.
const PART: usize = 16 * 1024;

/// One scrape, and how far it is.
struct Scrape {
    sources: Arc<Sources>,
    traffic: Arc<Traffic>,
    snapshot: Arc<Snapshot>,
    usage: process::Usage,
    now: Instant,
    is_open: bool,
    /// The next metric of the table, and its next row.
    metric: usize,
    row: usize,
    /// Whether that metric has had its head.
    begun: bool,
}

pub(super) fn answer(
    sources: &Arc<Sources>,
    traffic: &Arc<Traffic>,
    accept: Option<&str>,
) -> Response {
    let plain = quality(accept, "text/plain");
    let open = quality(accept, "application/openmetrics-text");
    if plain.max(open) <= 0.0 {
        let detail = "metrics are text/plain or application/openmetrics-text";
        return Response::problem(406, "Not Acceptable", detail);
    }
    let is_open = open > plain;
    let mut scrape = Scrape {
        sources: Arc::clone(sources),
        traffic: Arc::clone(traffic),
        snapshot: sources.published.current(),
        usage: process::usage(),
        now: Instant::now(),
        is_open,
        metric: 0,
        row: 0,
        begun: false,
    };
    let media_type = if is_open { OPEN_METRICS } else { TEXT };
    let parts = Parts::new(move |text| scrape.write(text));
    Response::of(200, media_type, Body::Parts(parts))
}

impl Scrape {
    /// Writes the next part; false when that was the last.
    fn write(&mut self, text: &mut String) -> bool {
        text.reserve(PART + PART / 8);
        while text.len() < PART {
            let Some(metric) = METRICS.get(self.metric) else {
                if self.is_open {
                    text.push_str("# EOF\n");
                }
                return false;
            };
            if self.row < self.rows(metric.of) {
                self.begun = self.write_row(metric, text);
                self.row += 1;
            } else {
                self.metric += 1;
                self.row = 0;
                self.begun = false;
            }
        }
        true
    }

    fn rows(&self, of: Of) -> usize {
        match of {
            Of::Agent(_) => 1,
            Of::Kind(_) => self.sources.kubernetes.watches.len(),
            _ => cluster::rows(of, &self.snapshot),
        }
    }

    /// True once the head is written.
    fn write_row(&self, metric: &'static Metric, out: &mut String) -> bool {
        let mut samples = Samples {
            out,
            metric,
            is_open: self.is_open,
            begun: self.begun,
        };
        match metric.of {
            Of::Agent(what) => agent::write(what, self, &mut samples),
            Of::Kind(what) => agent::watch(what, self, self.row, &mut samples),
            of => cluster::write(of, &self.snapshot, self.row, &mut samples),
        }
        samples.begun
    }
}
