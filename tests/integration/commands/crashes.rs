//! kill -9 at any moment: nothing is lost, nothing runs twice.

#![allow(
    clippy::print_stdout,
    reason = "what was counted is told with --show-output"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::super::support::{Agent, eventually};
use super::Rig;

fn kill(agent: Agent) {
    agent.signal(Signal::KILL);
    agent.wait();
}

#[test]
fn what_had_begun_is_unknown_and_what_had_not_runs() {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.id();
    let gates = rig.all_workers_busy();
    rig.touch("waits");
    eventually("it is in hand", || {
        (rig.seen("waits")["handed_out"] == 1).then_some(())
    });
    kill(agent);
    gates.iter().for_each(super::Gate::open);
    let agent = rig.agent();
    for slow in 0..4 {
        let id = format!("slow-{slow}");
        let result = rig.result(&id);
        assert_eq!(result["metadata"]["outcome"], "unknown", "{result}");
        assert_eq!(rig.runs(&id), 1);
    }
    assert_eq!(rig.result("waits")["success"], true);
    assert_eq!(rig.runs("waits"), 1);
    agent.wait_log("of an earlier agent: unknown");
}

/// An agent was killed between the end of the command `done` and the acknowledgement.
fn done_and_not_told() -> Rig {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.id();
    rig.plane
        .fault(&json!({"call": "result", "drop": true}))
        .unwrap();
    rig.touch("done");
    assert!(rig.plane.wait_any("result", 1, super::SOON));
    kill(agent);
    rig
}

#[test]
fn what_was_done_and_not_told_is_told_by_the_next_agent() {
    let rig = done_and_not_told();
    rig.plane.clear_faults();
    let kept = files(&rig.state().join("outbox"));
    assert!(!kept.is_empty());
    let told = b"pod/done";
    let is_told = |file: &Vec<u8>| file.windows(told.len()).any(|it| it == told);
    assert!(!files(&rig.state()).iter().chain(&kept).any(is_told));
    let _agent = rig.agent();
    let result = rig.result("done");
    assert_eq!(
        (&result["success"], &result["truncated"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(result["output"], "pod/done\n");
    assert_eq!(rig.runs("done"), 1);
    eventually("what is told is not kept", || {
        files(&rig.state().join("outbox")).is_empty().then_some(())
    });
}

/// The contents of the files in a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter_map(|path| std::fs::read(path).ok()).collect()
}

#[test]
fn with_another_token_the_end_is_told_without_what_was_printed() {
    let rig = done_and_not_told();
    let Rig { api, plane, folder } = rig;
    plane.stop();
    let plane = control_plane::start(&control_plane::Options {
        file: Some(folder.path().join("plane.json")),
        ..control_plane::Options::new("renewed-token")
    });
    let plane = plane.unwrap();
    let rig = Rig { api, plane, folder };
    let _agent = rig.agent_with(&rig.state(), &[("PIPEOPS_TOKEN", "renewed-token")]);
    let result = rig.result("done");
    assert_eq!(
        (&result["success"], &result["truncated"]),
        (&json!(true), &json!(true))
    );
    let error = result["error"].as_str().unwrap();
    assert!(error.contains("another token"), "{error}");
    assert_eq!(rig.runs("done"), 1);
}

#[test]
fn what_is_idempotent_runs_again() {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.id();
    let gate = super::Gate::default();
    let path = super::pod_path("again");
    let delay = super::Fault::Delay(gate.clone());
    rig.api.fault(&path, super::Op::Get, delay);
    let mut command = super::touch("again");
    command["idempotent"] = json!(true);
    rig.api.set_answer(
        &path,
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "again"}}),
    );
    rig.queue(&command);
    eventually("it runs", || (rig.runs("again") == 1).then_some(()));
    kill(agent);
    gate.open();
    let _agent = rig.agent();
    assert_eq!(rig.result("again")["output"], "pod/again\n");
    assert_eq!(rig.runs("again"), 2);
}

#[test]
fn a_journal_that_is_damaged_is_told_and_doubted() {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.id();
    for pod in ["a", "b", "c"] {
        rig.touch(pod);
        rig.result(pod);
    }
    kill(agent);
    let path = rig.state().join("commands.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    // Made before the damage was found: it may have run.
    let mut old = super::touch("old");
    old["created_at"] = json!("2026-01-01T00:00:00Z");
    rig.queue(&old);
    let agent = rig.agent();
    let line = agent.wait_log("is damaged");
    assert!(line.contains("commands.journal.corrupt-1"), "{line}");
    assert_eq!(rig.result("old")["metadata"]["outcome"], "unknown");
    assert_eq!(rig.runs("old"), 0);
    let mut new = super::touch("new");
    new["created_at"] = json!("2096-01-01T00:00:00Z");
    assert_eq!(rig.outcome(&new)["metadata"]["outcome"], "completed");
}

/// Kills agents at random moments under a stream of commands, and counts.
#[track_caller]
pub(crate) fn kill_often(rounds: u32) {
    let rig = Rig::unsaved();
    let mut agent = rig.agent();
    rig.id();
    let mut ids = BTreeSet::new();
    for round in 0..rounds {
        // Only an agent that is connected has something to lose.
        let first = rig.touch(&format!("pod-{round}-first"));
        rig.result(&first);
        ids.insert(first);
        for number in 0..3 {
            ids.insert(rig.touch(&format!("pod-{round}-{number}")));
        }
        // Nothing comes so often: this only takes its time.
        let moment = Duration::from_millis(fastrand::u64(0..60));
        assert!(!rig.plane.wait_any("register", u64::MAX, moment));
        kill(agent);
        agent = rig.agent();
    }
    let mut outcomes = BTreeMap::new();
    for id in &ids {
        let result = rig.result(id);
        let outcome = result["metadata"]["outcome"].as_str().unwrap().to_owned();
        let runs = rig.runs(id);
        assert!(runs <= 1, "{id} ran {runs} times");
        if outcome == "completed" {
            assert_eq!(
                (runs, &result["success"]),
                (1, &json!(true)),
                "{id}: {result}"
            );
            assert_eq!(result["output"], format!("pod/{id}\n"), "{result}");
        }
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    assert!(!agent.log().contains("journal"), "{}", agent.log());
    println!("{rounds} kills, {} commands: {outcomes:?}", ids.len());
}

#[test]
fn kills_at_random_moments_lose_nothing_and_run_nothing_twice() {
    kill_often(12);
}

#[test]
fn of_two_agents_with_folders_of_their_own_one_runs_it() {
    let rig = Rig::new();
    let _first = rig.agent();
    rig.id();
    let gate = rig.touch_slowly("slow");
    eventually("it runs", || (rig.runs("slow") == 1).then_some(()));
    let _second = rig.agent_with(&rig.state().join("second"), &[]);
    eventually("both ask for commands", || {
        let said = rig.plane.transcript().into_iter();
        let polls = said.filter(|one| one["call"] == "commands");
        let mut asked: Vec<String> = polls
            .filter_map(|one| {
                Some(
                    one["request"]["query"]
                        .as_str()?
                        .rsplit_once('=')?
                        .1
                        .to_owned(),
                )
            })
            .collect();
        asked.sort();
        asked.dedup();
        rig.outcome(&json!({"type": "ping"}));
        (asked.len() == 2).then_some(())
    });
    gate.open();
    let result = rig.result("slow");
    assert_eq!(result["output"], "pod/slow\n", "{result}");
    assert_eq!(rig.runs("slow"), 1);
}

#[test]
fn what_an_agent_had_whose_records_are_gone_is_unknown() {
    let rig = Rig::new();
    let _agent = rig.agent();
    rig.id();
    let mut held = super::touch("held");
    held["instance"] = json!("of-another-folder");
    let result = rig.outcome(&held);
    assert_eq!(result["metadata"]["outcome"], "unknown", "{result}");
    let error = result["error"].as_str().unwrap();
    assert!(error.contains("may have run"), "{error}");
    assert_eq!(rig.runs("held"), 0);
    rig.touch("read");
    let mut again = super::touch("read");
    again["id"] = json!("read-again");
    again["instance"] = json!("of-another-folder");
    again["idempotent"] = json!(true);
    assert_eq!(rig.outcome(&again)["success"], true);
}

#[test]
fn an_agent_waits_with_changes_until_the_one_before_it_has_ended() {
    let rig = Rig::new();
    let first = rig.agent();
    rig.id();
    let gate = rig.touch_slowly("slow");
    eventually("it runs", || (rig.runs("slow") == 1).then_some(()));
    let second = rig.agent();
    second.wait_log("another agent uses it");
    rig.touch("next");
    // One of the two has it; whichever, it is not the second before the first has ended.
    eventually("it is in hand or put off", || {
        (rig.seen("next")["handed_out"].as_u64() >= Some(1)).then_some(())
    });
    gate.open();
    assert_eq!(rig.result("slow")["success"], true);
    kill(first);
    // Unknown when the kill came while the first was about it.
    let outcome = rig.result("next")["metadata"]["outcome"].clone();
    assert!(outcome == "completed" || outcome == "unknown", "{outcome}");
    assert!(rig.runs("slow") == 1 && rig.runs("next") <= 1);
    rig.touch("last");
    assert_eq!(rig.result("last")["success"], true);
}
