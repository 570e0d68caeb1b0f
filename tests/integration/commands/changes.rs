//! Changes streamed up: every one arrives in order, or is told as lost.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::super::support::{Agent, eventually};
use super::stream::{change, check, pour};
use super::{Rig, plane_at};
use crate::support::api_server::{ApiServer, object};

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
    let id = rig.id();
    eventually("the next agent goes on", || {
        let last = rig.plane.events(&id, 0).last()?["name"].clone();
        (last == "pod-1-again").then_some(())
    });
    // A second one if the last acknowledgement was cut off by the kill.
    let lost = there(&rig, "lost");
    assert!((1..=2).contains(&lost), "{lost}");
    assert_eq!(there(&rig, "position"), pods + lost + 1);
    assert_eq!(there(&rig, "missing"), 0);
}

/// Another control plane at the same place, with what that one remembered.
fn replaced(rig: Rig, meanwhile: impl FnOnce(&ApiServer)) -> Rig {
    let Rig { api, plane, folder } = rig;
    let address = plane.address();
    plane.stop();
    meanwhile(&api);
    let plane = plane_at(address, &folder);
    Rig { api, plane, folder }
}

/// Waits for the last event, and checks how what arrived lies in the count.
#[track_caller]
fn arrived(rig: &Rig, number: u64) {
    let id = rig.id();
    let text = format!("restarts {number}");
    eventually("the last change", || {
        let events = rig.plane.events(&id, 0);
        let last = events.last()?["summary"].as_str()?.ends_with(&text);
        last.then(|| check(&mut None, &events))
    });
    assert_eq!(there(rig, "missing"), 0);
}

/// The files that hold changes which wait.
fn kept(rig: &Rig) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(rig.state().join("changes")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut kept: Vec<_> = paths.filter(|path| path.extension().is_some()).collect();
    kept.sort();
    kept
}

/// An agent of which one change has arrived.
fn told_one() -> (Rig, Agent) {
    let rig = Rig::new();
    let agent = rig.agent();
    connected(&rig, &agent);
    change(&rig.api, 1);
    eventually("it arrives", || {
        (there(&rig, "position") == 1).then_some(())
    });
    (rig, agent)
}

#[test]
fn what_happens_without_a_link_waits_on_the_disk() {
    let (rig, _agent) = told_one();
    assert_eq!(
        kept(&rig),
        [] as [PathBuf; 0],
        "nothing is written while the link is up"
    );
    let rig = replaced(rig, |api| pour(api, 2..3_001, 500));
    arrived(&rig, 3_000);
    assert_eq!((there(&rig, "position"), there(&rig, "lost")), (3_000, 0));
    eventually("what has arrived is removed", || {
        kept(&rig).is_empty().then_some(())
    });
}

#[test]
fn what_had_not_arrived_is_told_by_the_next_agent() {
    let (rig, agent) = told_one();
    let rig = replaced(rig, |api| {
        pour(api, 2..1_001, 500);
        eventually("they are kept", || {
            let last = agent.json("/api/status/changes")["last_id"].as_u64();
            (last == Some(1_000)).then_some(())
        });
        // One more turn has it on the disk, be it the last one.
        agent.signal(Signal::TERM);
        assert!(agent.wait().0.success());
    });
    let next = rig.agent();
    connected(&rig, &next);
    eventually("the next agent tells it", || {
        (there(&rig, "position") == 1_001).then_some(())
    });
    let events = rig.plane.events(&rig.id(), 0);
    assert_eq!(
        (events.len(), there(&rig, "lost"), there(&rig, "missing")),
        (1_000, 1, 0)
    );
    assert_eq!(rig.plane.agents()[0]["gaps"], json!([[1_001, 1_001]]));
}

#[test]
fn a_kill_loses_nothing_that_is_not_told() {
    let (rig, agent) = told_one();
    let folder = rig.state().join("changes");
    let rig = replaced(rig, |api| {
        pour(api, 2..1_001, 500);
        eventually("some are kept", || (size(&folder) > 30_000).then_some(()));
        agent.signal(Signal::KILL);
        agent.wait();
    });
    // A bit flips in the middle, the last write was cut.
    let length = |path: &PathBuf| path.metadata().unwrap().len();
    let path = kept(&rig).into_iter().max_by_key(length).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    bytes.truncate(bytes.len() - 3);
    std::fs::write(&path, bytes).unwrap();
    let next = rig.agent();
    next.wait_log("is damaged");
    connected(&rig, &next);
    rig.api.apply("pods", object("pods", "after"));
    let id = rig.id();
    eventually("the next agent goes on", || {
        let last = rig.plane.events(&id, 0).last()?["name"].clone();
        (last == "after").then_some(())
    });
    let gaps = rig.plane.agents()[0]["gaps"].as_array().unwrap().len();
    let events = rig.plane.events(&id, 0);
    check(&mut None, &events[..events.len() - 1]);
    assert!(events.len() > 100, "{}", events.len());
    // The damage, the end that was cut, what was written no more; more of them by when the kill came.
    assert!(gaps >= 2, "{gaps}");
    assert_eq!(there(&rig, "missing"), 0);
    assert_eq!(
        there(&rig, "position"),
        events.len() as u64 + there(&rig, "lost")
    );
}

#[test]
fn what_waits_for_too_long_is_dropped_from_the_front_and_told() {
    let rig = Rig::new();
    let agent = rig.agent_with(&rig.state(), &[("PIPEOPS_STATE_SIZE", "1Mi")]);
    connected(&rig, &agent);
    change(&rig.api, 1);
    eventually("it arrives", || {
        (there(&rig, "position") == 1).then_some(())
    });
    let mut largest = 0;
    let state = rig.state();
    let rig = replaced(rig, |api| {
        for part in 0..6 {
            pour(api, 2 + part * 500..502 + part * 500, 500);
            largest = largest.max(size(&state));
        }
    });
    agent.wait_log("the oldest are dropped");
    arrived(&rig, 3_001);
    assert!(largest <= 1 << 20, "{largest}");
    let lost = there(&rig, "lost");
    assert!(lost > 500, "{lost}");
    assert_eq!(rig.plane.agents()[0]["gaps"], json!([[2, lost + 1]]));
    assert_eq!(there(&rig, "position"), 3_001);
    eventually("the heartbeat says so", || {
        let beat = rig.plane.agents()[0]["heartbeat"]["metadata"]["changes"].clone();
        (beat["dropped"] == lost && beat["waiting"] == 0).then_some(())
    });
}

/// Bytes of all files below.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(file) if file.is_dir() => size(&entry.path()),
        file => file.map_or(0, |file| file.len()),
    };
    entries.map(bytes).sum()
}

#[test]
fn a_day_that_is_spent_lets_changes_wait_and_nothing_else() {
    let rig = Rig::new();
    let day = ("PIPEOPS_BYTES_PER_DAY", "60k");
    let agent = rig.agent_with(&rig.state(), &[day, ("PIPEOPS_STATUS_INTERVAL", "1")]);
    connected(&rig, &agent);
    change(&rig.api, 1);
    eventually("it arrives", || {
        (there(&rig, "position") == 1).then_some(())
    });
    agent.wait_log("wait until midnight UTC");
    let statuses = there(&rig, "statuses");
    pour(&rig.api, 2..301, 200);
    eventually("the heartbeat says so", || {
        let beat = rig.plane.agents()[0]["heartbeat"]["metadata"]["changes"].clone();
        let spent = beat["bytes_today"].as_u64() >= beat["bytes_per_day"].as_u64();
        (spent && beat["waiting"].as_u64() >= Some(298) && beat["kept"] == true).then_some(())
    });
    assert_eq!(rig.outcome(&json!({"type": "ping"}))["success"], true);
    agent.signal(Signal::KILL);
    agent.wait();
    // The next one is bound by what this one has sent.
    let agent = rig.agent_with(&rig.state(), &[day]);
    connected(&rig, &agent);
    assert_eq!(rig.outcome(&json!({"type": "ping"}))["success"], true);
    assert_eq!(
        (there(&rig, "position"), there(&rig, "statuses")),
        (1, statuses)
    );
    agent.signal(Signal::KILL);
    agent.wait();
    let agent = rig.agent();
    connected(&rig, &agent);
    eventually("without a limit they arrive", || {
        (there(&rig, "position") > 300).then_some(())
    });
    assert_eq!(there(&rig, "missing"), 0);
}
