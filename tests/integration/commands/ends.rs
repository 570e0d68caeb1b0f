//! How a command is ended from outside: its time limit, a cancel, the end of the agent.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use super::super::support::eventually;
use super::{Rig, pod_path, touch};
use crate::support::api_server::{Fault, Gate, Op, object};

#[test]
fn a_time_limit_ends_a_command() {
    let rig = Rig::new();
    let _agent = rig.agent();
    let gate = Gate::default();
    rig.api
        .fault(&pod_path("slow"), Op::Get, Fault::Delay(gate));
    let mut command = touch("slow");
    command["payload"]["timeout_seconds"] = json!(0.5);
    let result = rig.outcome(&command);
    assert_eq!(result["metadata"]["outcome"], "timeout", "{result}");
    assert!(
        result["error"]
            .as_str()
            .unwrap()
            .contains("ended after 0.5 s"),
        "{result}"
    );
    let lasted = result["metadata"]["duration_ms"].as_u64().unwrap();
    assert!((500..5_000).contains(&lasted), "{result}");
}

#[test]
fn a_cancel_ends_what_runs_and_drops_what_waits() {
    let rig = Rig::new();
    let _agent = rig.agent();
    rig.id();
    let _gates: Vec<_> = (0..4)
        .map(|n| rig.touch_slowly(&format!("slow-{n}")))
        .collect();
    eventually("it runs", || (rig.runs("slow-3") == 1).then_some(()));
    rig.touch("waits");
    for id in ["waits", "slow-3"] {
        let cancel = json!({"type": "cancel", "payload": {"command": id}});
        assert_eq!(rig.outcome(&cancel)["success"], true);
        let result = rig.result(id);
        assert_eq!(result["metadata"]["outcome"], "cancelled", "{result}");
    }
    assert_eq!(rig.runs("waits"), 0);
    let nobody = json!({"type": "cancel", "payload": {"command": "nobody"}});
    let result = rig.outcome(&nobody);
    assert_eq!(
        (&result["success"], &result["exit_code"]),
        (&json!(false), &json!(1))
    );
}

/// A wait ends in the middle of its watch, a drain between two tries of an eviction.
#[test]
fn waiting_and_draining_end_at_once_when_they_are_cancelled() {
    let rig = Rig::new();
    let kind = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"]});
    let kinds = [kind("pods", "Pod", true), kind("nodes", "Node", false)];
    rig.api.set_answer("/api/v1", json!({"resources": kinds}));
    let mut node = object("nodes", "first");
    node["spec"]["unschedulable"] = json!(true);
    rig.api.set_answer("/api/v1/nodes/first", node);
    let pod = object("pods", "first");
    let namespace = pod["metadata"]["namespace"].as_str().unwrap();
    let eviction = format!("/api/v1/namespaces/{namespace}/pods/first/eviction");
    let refusal = Fault::status(429, "TooManyRequests");
    rig.api.always(&eviction, Op::Get, refusal);
    let _agent = rig.agent();
    rig.api.wait_watch("nodes", 1);
    for args in [
        &[
            "wait",
            "node/first",
            "--for=jsonpath={.never}",
            "--timeout=-1s",
        ][..],
        &["drain", "first", "--force", "--delete-emptydir-data"],
    ] {
        let id = rig.queue(&json!({"type": "kubectl", "payload": {"args": args}}));
        if args[0] == "wait" {
            rig.api.wait_watch("nodes", 2);
        } else {
            rig.api.wait_requests(&eviction, Op::Get, 1);
        }
        let cancel = json!({"type": "cancel", "payload": {"command": id}});
        assert_eq!(rig.outcome(&cancel)["success"], true);
        let asked = Instant::now();
        let result = rig.result(&id);
        assert!(asked.elapsed().as_secs() < 4, "{args:?}: {result}");
        assert_eq!(result["metadata"]["outcome"], "cancelled", "{result}");
    }
    assert_eq!(rig.api.requests(&eviction, Op::Get).len(), 1);
}

#[test]
fn the_end_of_the_agent_interrupts_and_says_so() {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.id();
    let _gates = rig.all_workers_busy();
    rig.touch("waits");
    eventually("it is in hand", || {
        (rig.seen("waits")["handed_out"] == 1).then_some(())
    });
    let asked = Instant::now();
    agent.signal(Signal::TERM);
    let (status, log) = agent.wait();
    let lasted = asked.elapsed();
    assert!(status.success(), "{status}\n{log}");
    assert!(lasted.as_secs() < 8, "{lasted:?}\n{log}");
    for slow in 0..4 {
        let result = rig.seen(&format!("slow-{slow}"))["result"].clone();
        assert_eq!(result["metadata"]["outcome"], "interrupted", "{result}");
    }
    // What had not begun is for the next agent.
    assert!(rig.seen("waits")["result"].is_null());
    let _next = rig.agent();
    assert_eq!(rig.result("waits")["success"], true);
    assert_eq!(rig.runs("waits"), 1);
    assert_eq!(rig.runs("slow-0"), 1);
}
