//! Commands: how soon, and that none is lost or run twice however often the agent dies.

use std::time::{Duration, Instant};

use super::{median, seen, shipped};
use crate::commands::{Plan, Rig, kill_often, stream};
use crate::support::api_server::Op;

#[test]
fn a_command_begins_and_is_told_within_30_ms_each() {
    if shipped("times of commands").is_none() {
        return;
    }
    let rig = Rig::new();
    let _agent = rig.agent();
    rig.id();
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    for number in 0..21 {
        let pod = format!("pod-{number}");
        rig.touch(&pod);
        let queued = Instant::now();
        let path = format!("/api/v1/namespaces/default/pods/{pod}");
        let asked = rig.api.wait_requests(&path, Op::Get, 1)[0].at;
        begins.push(asked.saturating_duration_since(queued));
        assert!(rig.plane.wait("result", number + 1, crate::support::SOON));
        ends.push(asked.elapsed());
    }
    let (begin, end) = (median(begins), median(ends));
    seen(
        "from queued to asking the API server, from there to the result",
        (begin, end),
    );
    assert!(begin <= Duration::from_millis(30), "{begin:?}");
    assert!(end <= Duration::from_millis(30), "{end:?}");
}

#[test]
fn two_hundred_kills_lose_nothing_and_run_nothing_twice() {
    if shipped("two hundred kills").is_some() {
        kill_often(200);
    }
}

#[test]
fn a_hundred_thousand_changes_with_thirty_cuts_are_all_told() {
    if shipped("a hundred thousand changes").is_none() {
        return;
    }
    let told = stream(&Plan {
        changes: 100_000,
        time: Duration::from_secs(55),
        cuts: 30,
    });
    assert!(told.resident <= 6_000_000, "{told:?}");
}
