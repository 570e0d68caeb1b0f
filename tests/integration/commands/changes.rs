//! Changes streamed up: every one arrives in order, or is told as lost.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::super::support::{Agent, eventually};
use super::{Rig, plane_at};
use crate::support::api_server::object;

/// What the control plane has of the one agent.
fn there(rig: &Rig, name: &str) -> u64 {
    rig.plane.agents()[0][name].as_u64().unwrap()
}

/// Waits until it has everything that the agent has seen.
#[track_caller]
fn all_there(rig: &Rig, agent: &Agent, changes: u64) {
    eventually("the agent has seen it", || {
        let seen = agent.json("/api/status/changes");
        (seen["last_id"].as_u64() >= Some(changes)).then_some(())
    });
    eventually("the control plane has it", || {
        let last = rig.plane.agents()[0]["events"].as_array()?.last()?["name"].clone();
        (last == format!("pod-{changes}")).then_some(())
    });
    assert_eq!(there(rig, "missing"), 0);
    let events = rig.plane.agents()[0]["events"].clone();
    let ids: Vec<u64> = events
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["id"].as_u64())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[track_caller]
fn connected(rig: &Rig, agent: &Agent) {
    rig.id();
    agent.wait_log("watching pods");
    rig.api.wait_watch("pods", 1);
}

#[test]
fn changes_arrive_in_order_across_cuts_and_restarts() {
    let rig = Rig::new();
    let agent = rig.agent();
    connected(&rig, &agent);
    let faults = [
        json!({"call": "events", "count": 1, "lose": true}),
        json!({"call": "events", "count": 1, "drop": true}),
        Value::Null,
    ];
    let mut pods = 0;
    for fault in &faults {
        if !fault.is_null() {
            rig.plane.fault(fault).unwrap();
        }
        for _ in 0..60 {
            pods += 1;
            rig.api
                .apply("pods", object("pods", &format!("pod-{pods}")));
        }
        all_there(&rig, &agent, pods);
    }
    assert_eq!((there(&rig, "position"), there(&rig, "lost")), (pods, 0));
    let event = rig.plane.agents()[0]["events"][0].clone();
    assert_eq!(
        (&event["kind"], &event["what"]),
        (&json!("pods"), &json!("added"))
    );

    agent.signal(Signal::KILL);
    agent.wait();
    let agent = rig.agent();
    connected(&rig, &agent);
    rig.api.apply("pods", object("pods", "pod-1-again"));
    eventually("the next agent goes on", || {
        (there(&rig, "position") == pods + 2).then_some(())
    });
    assert_eq!((there(&rig, "lost"), there(&rig, "missing")), (1, 0));
}

#[test]
fn what_cannot_be_kept_without_a_link_is_told_as_lost() {
    let rig = Rig::new();
    let agent = rig.agent();
    connected(&rig, &agent);
    rig.api.apply("pods", object("pods", "pod-1"));
    all_there(&rig, &agent, 1);
    let Rig { api, plane, folder } = rig;
    let address = plane.address();
    plane.stop();
    for pod in 2..=1_500 {
        api.apply("pods", object("pods", &format!("pod-{pod}")));
    }
    let plane = plane_at(address, &folder);
    let rig = Rig { api, plane, folder };
    all_there(&rig, &agent, 1_500);
    assert_eq!(there(&rig, "position"), 1_500);
    assert_eq!(there(&rig, "lost"), 1_499 - 1_024);
}
