//! Registration and status tell the real cluster to the reference control plane.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::usage::top;
use crate::cluster::rig::{NODE, alone};
use crate::support::SOON;

const TOKEN: &str = "token";

/// Alone, because every node and pod counts.
#[test]
fn the_control_plane_learns_the_real_cluster() {
    let Some(cluster) = alone() else { return };
    let plane = control_plane::start(&control_plane::Options::new(TOKEN)).unwrap();
    let mut samples = BTreeSet::from([top(&cluster)]);
    let agent = cluster.agent(&[
        ("PIPEOPS_API_URL", plane.url()),
        ("PIPEOPS_TOKEN", TOKEN),
        ("PIPEOPS_CLUSTER_NAME", "shop-floor-7"),
        ("PIPEOPS_HEARTBEAT_INTERVAL", "1s"),
        ("PIPEOPS_STATUS_INTERVAL", "1s"),
    ]);

    let path = |what: &[&str]| cluster.kubectl(&[&["get"], what].concat());
    assert!(plane.wait("heartbeat", 1, SOON));
    let known = plane.agents().remove(0);
    let told = &known["registration"]["cluster"];
    let uid = path(&["namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]);
    assert_eq!(told["uid"], *uid);
    assert_eq!(told["name"], "shop-floor-7");
    assert_eq!(told["node_count"], 1);
    let version: Value = serde_json::from_str(&path(&["--raw", "/version"])).unwrap();
    assert_eq!(told["version"], version["gitVersion"]);
    let node = path(&["node", NODE, "-o", "json"]);
    let node: Value = serde_json::from_str(&node).unwrap();
    let capacity = |name: &str| node["status"]["capacity"][name].as_str().unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let memory = number(capacity("memory").strip_suffix("Ki").unwrap()) * 1024;
    assert_eq!(
        told["capacity"]["cpu_millis"],
        number(capacity("cpu")) * 1000
    );
    assert_eq!(told["capacity"]["memory_bytes"], memory);
    assert_eq!(told["capacity"]["pods"], number(capacity("pods")));

    // The first status may come before the first measurement.
    let status = (1..30).find_map(|count| {
        samples.insert(top(&cluster));
        assert!(plane.wait("status", count, Duration::from_secs(60)));
        let status = plane.agents().remove(0)["status"].clone();
        status["metrics"]["cpu_millis"].is_u64().then_some(status)
    });
    samples.insert(top(&cluster));
    let status = status.expect("a status with figures");
    let metrics = &status["metrics"];
    let used = |name: &str| metrics[name].as_u64().unwrap();
    let figures = (used("cpu_millis"), used("memory_bytes") >> 20);
    assert!(samples.contains(&figures), "{metrics}: {samples:?}");
    for share in ["cpu_usage", "memory_usage"] {
        let percent = metrics[share].as_f64().unwrap();
        assert!(percent > 0.0 && percent <= 100.0, "{metrics}");
    }
    assert_eq!(status["nodes"][0]["name"], NODE);
    assert_eq!(status["nodes"][0]["ready"], true);
    let services = path(&["services", "-A", "-o", "name"]).lines().count();
    assert_eq!(status["services"].as_array().unwrap().len(), services);
    assert!(agent.stop().0.success());
}
