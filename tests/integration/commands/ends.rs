//! How a command is ended from outside: its time limit, a cancel, the end of the agent.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use super::super::support::eventually;
use super::{Rig, pod_path, touch};
use crate::support::api_server::{Fault, Gate, Op};

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
    // Also for one that has none of its records.
    let _next = rig.agent_with(&rig.state().join("next"), &[]);
    assert_eq!(rig.result("waits")["success"], true);
    assert_eq!(rig.runs("waits"), 1);
    assert_eq!(rig.runs("slow-0"), 1);
}
