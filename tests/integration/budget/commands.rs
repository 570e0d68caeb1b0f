//! Commands: how soon.

use std::time::{Duration, Instant};

use super::{median, seen, shipped};
use crate::commands::Rig;
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
