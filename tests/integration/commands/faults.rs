//! The way to the control plane fails, or the disk.

#![allow(clippy::print_stderr, reason = "what is not tested is told")]

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::super::support::{SOON, eventually};
use super::{Rig, plane_at};
use crate::support::api_server::object;

#[test]
fn a_result_is_told_until_it_is_acknowledged() {
    let rig = Rig::new();
    let _agent = rig.agent();
    rig.id();
    for fault in [
        json!({"call": "result", "count": 1, "lose": true}),
        json!({"call": "result", "count": 1, "drop": true}),
        json!({"call": "result", "count": 1, "reset": true}),
        json!({"call": "result", "count": 1, "garbage": true}),
        json!({"call": "result", "count": 1, "status": 503}),
        json!({"call": "commands", "count": 1, "lose": true}),
        json!({"call": "commands", "count": 1, "body": "<html>"}),
    ] {
        rig.plane.fault(&fault).unwrap();
        let pod = format!("pod-{}", fastrand::u32(..));
        rig.touch(&pod);
        assert_eq!(
            rig.result(&pod)["output"],
            format!("pod/{pod}\n"),
            "{fault}"
        );
        rig.plane.clear_faults();
        // The same may come twice; it ran once.
        eventually("the outbox is empty", || {
            let said = rig.plane.transcript();
            let last = said.iter().rfind(|one| one["call"] == "result")?;
            (last["response"]["status"] == 204).then_some(())
        });
        assert_eq!(rig.runs(&pod), 1, "{fault}");
    }
}

#[test]
fn what_the_control_plane_does_not_take_holds_up_nobody() {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.id();
    rig.plane
        .fault(&json!({"call": "result", "count": 1, "status": 413}))
        .unwrap();
    rig.touch("large");
    let result = rig.result("large");
    assert_eq!(
        (&result["truncated"], &result["exit_code"]),
        (&json!(true), &json!(0))
    );
    assert!(
        result["error"].as_str().unwrap().contains("did not take"),
        "{result}"
    );
    rig.plane
        .fault(&json!({"call": "result", "count": 1, "status": 410}))
        .unwrap();
    rig.touch("unwanted");
    agent.wait_log("the result of unwanted is not wanted");
    rig.touch("next");
    rig.result("next");
}

#[test]
fn a_control_plane_that_restarts_gets_every_result() {
    let rig = Rig::new();
    let _agent = rig.agent();
    rig.id();
    let gate = rig.touch_slowly("slow");
    eventually("it runs", || (rig.runs("slow") == 1).then_some(()));
    let Rig { api, plane, folder } = rig;
    let address = plane.address();
    plane.stop();
    gate.open();
    let plane = plane_at(address, &folder);
    let rig = Rig { api, plane, folder };
    assert_eq!(rig.result("slow")["output"], "pod/slow\n");
    assert_eq!(rig.runs("slow"), 1);
    // It still hands out what is new.
    rig.touch("next");
    rig.result("next");
}

#[test]
fn an_id_that_comes_again_is_answered_from_the_record() {
    let rig = Rig::new();
    let _agent = rig.agent();
    rig.id();
    rig.touch("once");
    rig.result("once");
    // A control plane that forgot everything but the command.
    let again = rig.seen("once")["command"].clone();
    let body = json!({ "commands": [again] }).to_string();
    let before = rig.plane.agents().len();
    rig.plane
        .fault(&json!({"call": "commands", "count": 1, "body": body}))
        .unwrap();
    // Ends the poll that waits.
    rig.outcome(&json!({"type": "ping"}));
    eventually("it is told again", || {
        (rig.seen("once")["results"] == 2).then_some(())
    });
    assert_eq!((rig.runs("once"), before), (1, 1));
}

#[test]
fn without_a_disk_nothing_is_changed_and_the_agent_lives() {
    let rig = Rig::new();
    let agent = rig.agent_with(Path::new("/proc/nowhere"), &[]);
    rig.id();
    let beats = rig.plane.agents()[0]["heartbeats"].as_u64();
    rig.touch("changes");
    let result = rig.result("changes");
    assert_eq!(result["metadata"]["outcome"], "unrecorded", "{result}");
    assert!(
        result["error"]
            .as_str()
            .unwrap()
            .contains("cannot be written"),
        "{result}"
    );
    assert_eq!(rig.runs("changes"), 0);
    assert_eq!(rig.outcome(&json!({"type": "ping"}))["success"], true);
    eventually("the heartbeat says so", || {
        let beat = rig.plane.agents()[0]["heartbeat"]["metadata"]["commands"].clone();
        (beat["journal"] == "unusable").then_some(())
    });
    // Changes are sent all the same; what waits would wait in memory alone.
    rig.api.wait_watch("pods", 1);
    rig.api.apply("pods", object("pods", "seen"));
    eventually("the change arrives, and the heartbeat says so", || {
        let known = &rig.plane.agents()[0];
        let kept = &known["heartbeat"]["metadata"]["changes"]["kept"];
        (known["position"] == 1 && *kept == false).then_some(())
    });
    assert!(rig.plane.wait("heartbeat", beats.unwrap_or(0) + 2, SOON));
    assert_eq!(agent.get_open("/health").status, 200);
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_room() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: a full disk: mounting one needs root");
        return;
    }
    let rig = Rig::new();
    let state = rig.state();
    std::fs::create_dir(&state).unwrap();
    // A disk of the agent alone, in a mount namespace of its own; it ends with it.
    let script = "mount -t tmpfs -o size=64k state \"$1\" && exec \"$2\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(&state).arg(crate::support::program());
    rig.environment(&mut command, &state, &[]);
    let agent = crate::support::Agent::spawn(&mut command);
    rig.touch("before");
    assert_eq!(rig.result("before")["success"], true);
    let beat = || rig.plane.agents()[0]["heartbeat"]["metadata"]["commands"]["journal"].clone();
    eventually("it says that this disk goes with it", || {
        (beat() == "fleeting").then_some(())
    });
    let inside = format!("/proc/{}/root{}", agent.pid(), state.display());
    let filler = format!("{inside}/filler");
    // As much as fits.
    let _ = std::fs::write(&filler, vec![b'x'; 128 * 1024]);
    // What a page of the journal still takes is taken first.
    let refused = (0..200).find_map(|number| {
        let pod = format!("pod-{number}");
        rig.touch(&pod);
        let result = rig.result(&pod);
        let refused = result["metadata"]["outcome"] == "unrecorded";
        assert_eq!(rig.runs(&pod), usize::from(!refused), "{result}");
        refused.then_some(result)
    });
    let refused = refused.expect("the disk is full");
    assert!(
        refused["error"].as_str().unwrap().contains("No space left"),
        "{refused}"
    );
    assert_eq!(rig.outcome(&json!({"type": "ping"}))["success"], true);
    eventually("it says that it cannot record", || {
        (beat() == "unusable").then_some(())
    });
    assert_eq!(agent.get_open("/health").status, 200);
    std::fs::remove_file(&filler).unwrap();
    rig.touch("after");
    assert_eq!(rig.result("after")["success"], true);
}
