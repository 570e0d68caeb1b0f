//! What nodes use: the numbers of `kubectl top`, else those of the kubelet.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::rig::{Cluster, NODE, alone, cluster};
use crate::support::{Agent, eventually, within};

const MIB: u64 = 1 << 20;

/// Millicores and mebibytes, as `kubectl top` prints them.
type Figures = (u64, u64);

#[test]
fn usage_is_what_kubectl_top_shows() {
    let Some(cluster) = cluster() else { return };
    // There is a new sample every ten seconds: these are all that the agent can see.
    let mut samples = BTreeSet::from([top(&cluster)]);
    let agent = cluster.agent(&[]);
    let usage = wait_usage(&agent, || {
        samples.insert(top(&cluster));
    });
    samples.insert(top(&cluster));
    assert_eq!(usage["source"], "metrics-api");
    let (cpu, memory) = figures(&usage);
    assert!(samples.contains(&(cpu, memory)), "{usage}: {samples:?}");
    assert!(cpu > 0 && memory > 0, "{usage}");
}

#[test]
fn without_a_metrics_server_the_kubelet_is_asked() {
    let Some(cluster) = alone() else { return };
    let restored = Restored(&cluster);
    cluster.kubectl(&["delete", "apiservice", "v1beta1.metrics.k8s.io"]);
    let agent = cluster.agent(&[]);
    let usage = wait_usage(&agent, || ());
    assert_eq!(usage["source"], "kubelet-summary");
    let (cpu, memory) = figures(&usage);
    let path = format!("/api/v1/nodes/{NODE}/proxy/stats/summary?only_cpu_and_memory=true");
    let summary = cluster.kubectl(&["get", "--raw", &path]);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let bytes = summary["node"]["memory"]["workingSetBytes"]
        .as_u64()
        .unwrap();
    assert!(cpu > 0, "{usage}");
    // Another sample, but the same machine.
    let plausible = bytes / MIB / 2..bytes / MIB * 2;
    assert!(plausible.contains(&memory), "{usage}: {bytes}");
    drop(restored);
}

/// After a restart of the kubelet, the metrics server looks at it twice before it has figures, and it looks
/// every ten seconds at best.
const MEASURED: Duration = Duration::from_secs(180);

pub(super) fn top(cluster: &Cluster) -> Figures {
    let number = |cell: &str, unit: &str| cell.strip_suffix(unit)?.parse().ok();
    within(MEASURED, "figures of kubectl top", || {
        let mut command = cluster.command(&["top", "node", NODE, "--no-headers"]);
        let output = command.output().ok().filter(|ran| ran.status.success())?;
        let line = String::from_utf8(output.stdout).ok()?;
        let cells: Vec<&str> = line.split_whitespace().collect();
        match cells.as_slice() {
            [_, cpu, _, memory, _] => number(cpu, "m").zip(number(memory, "Mi")),
            _ => None,
        }
    })
}

fn figures(usage: &Value) -> Figures {
    let figure = |name: &str| usage[name].as_u64().unwrap();
    (figure("cpu_millis"), figure("memory_bytes") / MIB)
}

/// The first measurement of the node; `look` is done between the looks for it.
fn wait_usage(agent: &Agent, mut look: impl FnMut()) -> Value {
    eventually("usage of the node", || {
        look();
        let nodes = agent.json("/api/k8s/nodes");
        let mut nodes = nodes["items"].as_array()?.iter();
        let node = nodes.find(|node| node["name"] == NODE)?;
        node.get("usage").cloned()
    })
}

/// Has the metrics API back at the end, whatever happens before.
struct Restored<'c>(&'c Cluster);

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        self.0.restore_metrics();
    }
}
