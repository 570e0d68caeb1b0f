//! What goes well: registering, beating, reporting, and doing without a control plane.

use serde_json::{Value, json};

use super::super::support::{Agent, CLUSTER, SOON, TinyApi, eventually};
use super::{agent, assert_discreet, plane, registered};

#[test]
fn it_registers_beats_and_reports_what_is_true() {
    let (api, plane) = (TinyApi::start(), plane());
    let agent = agent(&api, plane.url(), &[("PIPEOPS_CLUSTER_NAME", "edge")]);
    assert!(plane.wait("heartbeat", 3, SOON));
    let known = eventually("a status with figures", || {
        let known = plane.agents().remove(0);
        known["status"]["metrics"]["cpu_usage"]
            .is_number()
            .then_some(known)
    });

    let cluster = &known["registration"]["cluster"];
    assert_eq!(cluster["uid"], CLUSTER);
    assert_eq!(cluster["name"], "edge");
    assert_eq!(cluster["version"], "v1.34.1+k3s1");
    assert_eq!(cluster["provider"], "k3s");
    assert_eq!(cluster["node_count"], 1);
    let capacity = json!({"cpu_millis": 4000, "memory_bytes": 8_048_872 * 1024_u64, "pods": 110});
    assert_eq!(cluster["capacity"], capacity);
    assert_eq!(known["registration"]["agent"]["status"], "registering");

    let metrics = &known["status"]["metrics"];
    assert_close(&metrics["cpu_usage"], 437.2 / 40.0);
    assert_close(&metrics["memory_usage"], 2_043_512.0 / 8_048_872.0 * 100.0);
    assert_eq!(metrics["pod_count"], 1);
    assert_eq!(known["status"]["pods"][0]["name"], "web-0");
    assert_eq!(known["heartbeat"]["status"], "connected");
    assert_eq!(known["registrations"], 1);

    assert_eq!(agent.get_open("/ready").status, 200);
    let own = agent.json("/api/health/detailed");
    assert_eq!(own["control_plane"]["connected"], true, "{own}");
    assert_eq!(own["control_plane"]["agent_id"], known["id"]);
    assert_eq!(own["control_plane"]["explanation"], Value::Null);
    assert_discreet(&agent, &plane);
}

fn assert_close(value: &Value, expected: f64) {
    let value = value.as_f64().expect("a number");
    assert!((value - expected).abs() < 0.5, "{value} is not {expected}");
}

#[test]
fn without_a_control_plane_it_is_standalone_and_ready() {
    let api = TinyApi::start();
    let agent = Agent::start(&api.kubeconfig(), &[]);
    let ready = eventually("ready", || {
        Some(agent.get_open("/ready")).filter(|answer| answer.status == 200)
    });
    assert!(ready.body.contains("standalone"), "{}", ready.body);
    agent.wait_log("no control plane is configured: standalone");
    let detailed = agent.json("/api/health/detailed");
    assert_eq!(detailed["control_plane"], Value::Null, "{detailed}");
}

#[test]
fn an_agent_that_was_forgotten_registers_again_as_the_same() {
    let (api, plane) = (TinyApi::start(), plane());
    let never = [("PIPEOPS_STATUS_INTERVAL", "1h")];
    let agent = agent(&api, plane.url(), &never);
    let id = registered(&plane);
    assert!(plane.wait("status", 1, SOON));

    assert!(plane.forget(&id));
    assert!(plane.wait("register", 2, SOON));
    assert!(plane.wait("status", 2, SOON), "reported at once");
    let known = plane.agents();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0]["id"], id.as_str());
    assert_eq!(known[0]["registration"]["agent"]["id"], id.as_str());
    agent.wait_log("does not know");
    agent.wait_log("connected again after ");
    assert_discreet(&agent, &plane);
}

#[test]
fn intervals_of_the_control_plane_are_adopted_within_limits() {
    let (api, plane) = (TinyApi::start(), plane());
    let wish = json!({"heartbeat": 0.001, "status": 0});
    plane.settings(&wish).unwrap();
    let slow = [
        ("PIPEOPS_HEARTBEAT_INTERVAL", "1h"),
        ("PIPEOPS_STATUS_INTERVAL", "1h"),
    ];
    let agent = agent(&api, plane.url(), &slow);
    agent.wait_log("the control plane set intervals: heartbeat 1 s, status 1 s");
    assert!(plane.wait("heartbeat", 3, SOON), "beats each second");
    assert!(plane.wait("status", 3, SOON), "reports each second");
    plane.settings(&json!({"status": 1e9})).unwrap();
    agent.wait_log("the control plane set intervals: heartbeat 1 s, status 3600 s");
}
