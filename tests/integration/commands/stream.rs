//! Very many changes while the link is cut again and again: every position is an event or
//! told as lost, in order, and the agent's memory stays flat.

#![allow(
    clippy::print_stdout,
    reason = "what was counted is told with --show-output"
)]

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use control_plane::Options;
use serde_json::{Value, json};

use super::super::support::{Agent, within};
use super::{Rig, TOKEN};
use crate::support::api_server::{ApiServer, object};

const PODS: u64 = 50;
/// Ways in which a link can be cut; one of them loses only the acknowledgement.
const CUTS: [&str; 4] = ["reset", "drop", "lose", "garbage"];
/// For so long each.
const CUT: Duration = Duration::from_millis(400);
/// From the first change to the last acknowledgement.
const LONGEST: Duration = Duration::from_secs(150);

/// So many changes, spread over that time, while the link is cut so often.
pub(crate) struct Plan {
    pub(crate) changes: u64,
    pub(crate) time: Duration,
    pub(crate) cuts: u32,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) events: u64,
    pub(crate) lost: u64,
    /// Bytes.
    pub(crate) resident: u64,
}

/// The number of a change is the count of restarts of its pod, so that it can be told
/// from what arrives.
pub(super) fn change(api: &ApiServer, number: u64) {
    let mut pod = object("pods", &format!("pod-{}", number % PODS));
    pod["status"]["containerStatuses"] = json!([{"name": "c", "restartCount": number}]);
    api.apply("pods", pod);
}

/// Changes with these numbers, so many a second: no burst that no ring would hold.
pub(super) fn pour(api: &ApiServer, numbers: std::ops::Range<u64>, rate: u64) {
    let (began, mut next) = (Instant::now(), numbers.start);
    within(LONGEST, "the last change", || {
        let due = numbers.start + part(rate, began.elapsed(), Duration::from_secs(1));
        let due = due.min(numbers.end);
        (next..due).for_each(|number| change(api, number));
        next = due;
        (next == numbers.end).then_some(())
    });
}

/// The number, but of a pod that is new.
fn number(event: &Value) -> Option<u64> {
    let summary = event["summary"].as_str()?;
    summary.rsplit_once("restarts ")?.1.parse().ok()
}

/// Checks what arrived since: in order, and as far from each other as the changes were.
pub(super) fn check(last: &mut Option<(u64, u64)>, events: &[Value]) {
    for event in events {
        let at = event["id"].as_u64().unwrap();
        let number = number(event);
        if let (Some(before), Some(number)) = (*last, number) {
            let distance = (at.wrapping_sub(before.0), number.wrapping_sub(before.1));
            assert!(
                distance.0 > 0 && distance.0 == distance.1,
                "{before:?} {event}"
            );
        }
        *last = number.map(|number| (at, number)).or(*last);
    }
}

#[track_caller]
pub(crate) fn stream(plan: &Plan) -> Seen {
    let plane = control_plane::start(&Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        events: usize::try_from(2 * plan.changes).unwrap(),
        ..Options::new(TOKEN)
    });
    let rig = Rig::with(plane.unwrap(), tempfile::tempdir().unwrap());
    let agent = rig.agent();
    let id = rig.id();
    agent.wait_log("watching pods");
    rig.api.wait_watch("pods", 1);
    let began = Instant::now();
    let (mut made, mut cuts, mut is_cut) = (0, 0, false);
    let (mut position, mut last) = (0, None);
    within(LONGEST, "the last change", || {
        let passed = began.elapsed();
        let due = part(plan.changes, passed, plan.time).min(plan.changes);
        (made..due).for_each(|done| change(&rig.api, done + 1));
        made = due;
        // A cut begins with each part of the time, and ends within it.
        let phase = part(u64::from(plan.cuts), passed, plan.time);
        let end = plan.time * cuts / plan.cuts + CUT;
        if !is_cut && u64::from(cuts) < (phase + 1).min(u64::from(plan.cuts)) {
            let way = CUTS[cuts as usize % CUTS.len()];
            // Some cut everything: then the heartbeat has to find the way again.
            let fault = match cuts % 10 {
                3 => json!({ way: true }),
                _ => json!({ way: true, "call": "events" }),
            };
            rig.plane.fault(&fault).unwrap();
            (cuts, is_cut) = (cuts + 1, true);
        } else if is_cut && passed > end {
            rig.plane.clear_faults();
            is_cut = false;
        }
        let events = rig.plane.events(&id, position);
        check(&mut last, &events);
        position = events
            .last()
            .map_or(position, |last| last["id"].as_u64().unwrap());
        let is_last = |(_, number): (u64, u64)| number == plan.changes;
        (last.is_some_and(is_last) && !is_cut).then_some(())
    });
    assert_eq!(cuts, plan.cuts);
    every_position(&rig, &agent, plan)
}

/// So much of a whole as has passed.
fn part(whole: u64, passed: Duration, time: Duration) -> u64 {
    let part = u128::from(whole) * passed.as_millis() / time.as_millis();
    u64::try_from(part).unwrap()
}

/// Each is an event or within a gap, and nothing is both.
fn every_position(rig: &Rig, agent: &Agent, plan: &Plan) -> Seen {
    let known = rig.plane.agents().remove(0);
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for event in known["events"].as_array().unwrap() {
        let at = event["id"].as_u64().unwrap();
        spans.push((at, at));
    }
    let events = spans.len() as u64;
    for gap in known["gaps"].as_array().unwrap() {
        spans.push((gap[0].as_u64().unwrap(), gap[1].as_u64().unwrap()));
    }
    spans.sort_unstable();
    let next = spans.iter().fold(1, |next, span| {
        assert!(span.0 == next && span.1 >= span.0, "{span:?} at {next}");
        span.1 + 1
    });
    let lost = next - 1 - events;
    assert_eq!(next - 1, plan.changes, "{} gaps", known["gaps"]);
    assert_eq!(
        (&known["missing"], &known["lost"]),
        (&json!(0), &json!(lost))
    );
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let resident = peak.unwrap() * 1024;
    let seen = Seen {
        events,
        lost,
        resident,
    };
    println!("{} changes, {} cuts: {seen:?}", plan.changes, plan.cuts);
    seen
}

#[test]
fn many_changes_and_cuts_lose_nothing_silently() {
    let seen = stream(&Plan {
        changes: 4_000,
        time: Duration::from_secs(12),
        cuts: 6,
    });
    assert_eq!((seen.events, seen.lost), (4_000, 0));
}
