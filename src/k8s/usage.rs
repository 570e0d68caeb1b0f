//! Measures what nodes use: by the Metrics API, else by each kubelet's summary
//! through the API server, else not at all.
//!
//! Sources: [resource metrics pipeline](https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/),
//! [node metrics data](https://kubernetes.io/docs/reference/instrumentation/node-metrics/).

use std::time::{Duration, Instant};

use super::client::Client;
use super::error::{Error, Verdict};
use super::quantity;
use crate::json::object;

/// A source that is missing is tried again after this long.
const RETRY: Duration = Duration::from_secs(300);
/// So many refusals in a row mean that it is: a server that starts refuses at first.
const REFUSALS: u32 = 3;
/// Kubelets are asked one by one: beyond that, a metrics server is needed.
const KUBELETS: usize = 100;

/// One measurement.
#[derive(Debug, PartialEq)]
pub struct Usage {
    pub source: Source,
    /// Those that could be measured, in no order.
    pub nodes: Vec<NodeUsage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    MetricsApi,
    KubeletSummary,
}

#[derive(Debug, PartialEq)]
pub struct NodeUsage {
    pub name: String,
    pub cpu_millis: u64,
    /// The working set: what cannot be given back under pressure.
    pub memory_bytes: u64,
}

/// Measures, and remembers which source there is not.
#[derive(Debug, Default)]
pub struct Probe {
    metrics: Presence,
    summary: Presence,
}

/// Whether a source is there, by its answers.
#[derive(Debug, Default)]
struct Presence {
    /// In a row.
    refusals: u32,
    last: Option<Instant>,
}

impl Probe {
    /// None when there is no source, or none that has figures yet. `turn` is called
    /// before each request.
    ///
    /// # Errors
    /// The API server does not answer.
    pub fn fetch(
        &mut self,
        client: &Client,
        nodes: &[&str],
        turn: &dyn Fn(),
    ) -> Result<Option<Usage>, Error> {
        let now = Instant::now();
        if self.metrics.due(now) {
            turn();
            let found = metrics(client);
            self.metrics.note(&found, now);
            if let Some(usage) = found.or_else(absent)? {
                return Ok(Some(usage));
            }
        }
        if self.summary.due(now) {
            let found = summaries(client, nodes, turn);
            self.summary.note(&found, now);
            return found.or_else(absent);
        }
        Ok(None)
    }
}

impl Presence {
    fn due(&self, now: Instant) -> bool {
        let rested = |last| now.saturating_duration_since(last) >= RETRY;
        self.refusals < REFUSALS || self.last.is_none_or(rested)
    }

    fn note(&mut self, found: &Result<Option<Usage>, Error>, now: Instant) {
        let verdict = found.as_ref().err().map(Error::verdict);
        self.refusals = match verdict {
            Some(Verdict::Absent | Verdict::Forbidden) => self.refusals.saturating_add(1),
            _ => 0,
        };
        self.last = Some(now);
    }
}

/// Failures of one source are no figures; only silence is a failure of the whole.
fn absent(error: Error) -> Result<Option<Usage>, Error> {
    match error.verdict() {
        Verdict::Unreachable | Verdict::Unauthorized => Err(error),
        Verdict::Retry { .. } | Verdict::Expired | Verdict::Forbidden | Verdict::Absent => {
            log::debug!("no figures: {error}");
            Ok(None)
        }
    }
}

object! {
    struct NodeMetricsList {
        items: Vec<NodeMetrics> = "items",
    }
}

object! {
    struct NodeMetrics {
        metadata: Named = "metadata",
        usage: Quantities = "usage",
    }
}

object! {
    struct Named {
        name: String = "name",
    }
}

object! {
    struct Quantities {
        cpu: String = "cpu",
        memory: String = "memory",
    }
}

fn metrics(client: &Client) -> Result<Option<Usage>, Error> {
    let list: NodeMetricsList = client.get("/apis/metrics.k8s.io/v1beta1/nodes")?;
    Ok(some(
        Source::MetricsApi,
        list.items.into_iter().filter_map(from_metrics).collect(),
    ))
}

fn from_metrics(node: NodeMetrics) -> Option<NodeUsage> {
    Some(NodeUsage {
        name: node.metadata.name,
        cpu_millis: quantity::millis(&node.usage.cpu)?,
        memory_bytes: quantity::units(&node.usage.memory)?,
    })
}

object! {
    /// What the kubelet says about its node; each part comes with its first sample.
    struct Summary {
        node: NodeStats = "node",
    }
}

object! {
    struct NodeStats {
        cpu: Option<CpuStats> = "cpu",
        memory: Option<MemoryStats> = "memory",
    }
}

object! {
    struct CpuStats {
        usage_nano_cores: Option<u64> = "usageNanoCores",
    }
}

object! {
    struct MemoryStats {
        working_set_bytes: Option<u64> = "workingSetBytes",
    }
}

fn summaries(client: &Client, nodes: &[&str], turn: &dyn Fn()) -> Result<Option<Usage>, Error> {
    if nodes.len() > KUBELETS {
        return Ok(None);
    }
    let mut measured = Vec::new();
    let mut gone = None;
    for name in nodes {
        turn();
        let path = format!("/api/v1/nodes/{name}/proxy/stats/summary?only_cpu_and_memory=true");
        match client.get::<Summary>(&path) {
            Ok(summary) => measured.extend(from_summary(name, &summary)),
            // One node that is down or gone does not hide the others.
            Err(error) => match error.verdict() {
                Verdict::Retry { .. } => log::debug!("no figures of one node: {error}"),
                Verdict::Absent => gone = Some(error),
                _ => return Err(error),
            },
        }
    }
    match gone {
        Some(error) if measured.is_empty() => Err(error),
        _ => Ok(some(Source::KubeletSummary, measured)),
    }
}

fn from_summary(name: &str, summary: &Summary) -> Option<NodeUsage> {
    let nanos = summary.node.cpu.as_ref()?.usage_nano_cores?;
    Some(NodeUsage {
        name: name.to_owned(),
        cpu_millis: nanos.div_ceil(1_000_000),
        memory_bytes: summary.node.memory.as_ref()?.working_set_bytes?,
    })
}

fn some(source: Source, nodes: Vec<NodeUsage>) -> Option<Usage> {
    (!nodes.is_empty()).then_some(Usage { source, nodes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use crate::k8s::error::{Cause, Status};

    #[test]
    fn figures_are_read_and_broken_ones_left_out() {
        let text = r#"{"items":[
            {"metadata":{"name":"a"},"usage":{"cpu":"156340001n","memory":"1014872Ki"}},
            {"metadata":{"name":"b"},"usage":{"cpu":"many","memory":"1"}}]}"#;
        let list: NodeMetricsList = json::read(text.as_bytes()).unwrap();
        let nodes: Vec<_> = list.items.into_iter().filter_map(from_metrics).collect();
        let a = NodeUsage {
            name: "a".to_owned(),
            cpu_millis: 157,
            memory_bytes: 1_014_872 << 10,
        };
        assert_eq!(nodes, [a]);
    }

    #[test]
    fn a_kubelet_without_samples_has_no_figures() {
        let read = |text: &str| from_summary("a", &json::read(text.as_bytes()).unwrap());
        let whole = r#"{"node":{"cpu":{"usageNanoCores":5500000},"memory":{"workingSetBytes":7}}}"#;
        assert_eq!(read(whole).map(|usage| usage.cpu_millis), Some(6));
        for text in [
            r#"{"node":{}}"#,
            r#"{"node":{"cpu":{},"memory":{"workingSetBytes":7}}}"#,
            r#"{"node":{"cpu":{"usageNanoCores":1}}}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_source_is_missing_after_some_refusals_and_tried_again_later() {
        let refused = || {
            let status = Status::of(403, None, b"");
            Err(Error::new("GET", "/x", Cause::Status(status)))
        };
        let now = Instant::now();
        let mut source = Presence::default();
        for _ in 0..3 {
            assert!(source.due(now));
            source.note(&refused(), now);
        }
        assert!(!source.due(now + Duration::from_secs(299)));
        let later = now + Duration::from_secs(300);
        assert!(source.due(later));
        // Still missing: one refusal is enough now.
        source.note(&refused(), later);
        assert!(!source.due(later));
        source.note(&Ok(None), later);
        assert!(source.due(later));
    }
}
