//! Watches that break: cut, reset, expired, and lines that are none.

use serde_json::json;

use super::{Rig, figure};
use crate::support::api_server::{Cut, Fault, Gate, KINDS, Op, expired_line, object, path};

const PODS: &str = "/api/v1/pods";

/// The version from which the last watch of pods was asked for.
fn resumed_from(rig: &Rig, watches: usize) -> u64 {
    let requests = rig.server.wait_requests(PODS, Op::Watch, watches);
    let version = requests[watches - 1].query("resourceVersion");
    version
        .and_then(|text| text.parse().ok())
        .expect("a version")
}

#[test]
fn a_watch_asks_for_bookmarks_and_starts_where_the_list_ended() {
    let rig = Rig::start();
    let list = &rig.server.requests(PODS, Op::Get)[0];
    assert_eq!(list.query("limit"), Some("100"));
    assert_eq!(list.query("continue"), None);
    let watch = &rig.server.requests(PODS, Op::Watch)[0];
    assert_eq!(watch.method, "GET");
    assert_eq!(watch.query("allowWatchBookmarks"), Some("true"));
    assert_eq!(resumed_from(&rig, 1), rig.server.version());
    assert_eq!(watch.authorization.as_deref(), Some("Bearer first-token"));
}

#[test]
fn half_a_line_at_the_end_is_not_taken_and_nothing_is_lost() {
    for how in [Cut::End, Cut::Close, Cut::Reset] {
        let rig = Rig::start();
        let known = rig.server.apply("pods", object("pods", "whole"));
        rig.follows();
        rig.server.apply_half("pods", object("pods", "halved"), how);
        let mut gone = object("pods", "first");
        gone["status"]["phase"] = json!("Failed");
        rig.server.apply("pods", gone);
        rig.follows();
        assert_eq!(resumed_from(&rig, 2), known, "{how:?}");
        assert_eq!(rig.lists("pods"), 1, "{how:?}: listed again");
    }
}

#[test]
fn a_bookmark_moves_the_version_of_the_next_watch() {
    let rig = Rig::start();
    let told = rig.server.bookmark("pods");
    rig.server.cut("pods", Cut::End);
    assert_eq!(resumed_from(&rig, 2), told);
    rig.server.wait_watch("pods", 2);
    rig.server.apply("pods", object("pods", "later"));
    rig.follows();
    assert_eq!(rig.server.requests(path("pods"), Op::Get).len(), 1);
}

#[test]
fn a_version_that_expired_is_listed_again_and_deletions_are_noticed() {
    for by_event in [false, true] {
        let rig = Rig::start();
        rig.server.apply("pods", object("pods", "passing"));
        rig.follows();
        // Nothing is listed before all is changed.
        let gate = Gate::default();
        rig.server.fault(PODS, Op::Get, Fault::Delay(gate.clone()));
        if by_event {
            rig.server.inject("pods", &expired_line());
        } else {
            rig.server
                .fault(PODS, Op::Watch, Fault::status(410, "Gone"));
            rig.server.cut("pods", Cut::Close);
        }
        rig.server.wait_requests(PODS, Op::Get, 2);
        rig.server.delete("pods", "passing");
        rig.server.apply("pods", object("pods", "new"));
        rig.server.compact();
        gate.open();
        rig.follows();
        assert_eq!(rig.lists("pods"), 2, "by event: {by_event}");
        assert_eq!(figure(&rig.agent, "pods", "relists"), 1);
        let changes = rig.agent.get("/api/status/changes").body;
        assert!(changes.contains("passing"), "{changes}");
    }
}

#[test]
fn a_line_that_is_no_event_is_left_behind() {
    let rig = Rig::start();
    let lines = ["{\"type\":\"ADDED\",\"obj\n", "\u{1}\u{2}\n", "null\n"];
    for (round, garbage) in lines.iter().enumerate() {
        rig.server.inject("pods", garbage.as_bytes());
        rig.server.wait_watch("pods", round + 2);
    }
    rig.server.apply("pods", object("pods", "later"));
    rig.follows();
    assert!(figure(&rig.agent, "pods", "lines_dropped") >= 3);
}

#[test]
fn a_line_of_ten_mebibytes_is_not_kept() {
    let rig = Rig::start();
    let peak = || {
        let detailed = rig.agent.json("/api/health/detailed");
        detailed["memory"]["resident_peak_bytes"].as_u64().unwrap()
    };
    let before = peak();
    rig.server.inject("pods", &vec![b'x'; 10 << 20]);
    // Its end is not waited for.
    rig.server.wait_watch("pods", 2);
    rig.server.apply("pods", object("pods", "later"));
    rig.follows();
    assert_eq!(figure(&rig.agent, "pods", "lines_dropped"), 1);
    // The limit of a line is 4 MiB, and a vector doubles.
    let grown = peak() - before;
    assert!(grown < 12 << 20, "{grown} bytes more");
}

#[test]
fn a_broken_object_fails_alone_and_is_counted() {
    let rig = Rig::start();
    let bad = json!({"type": "ADDED", "object": {
        "metadata": {"name": "bad", "namespace": "default", "resourceVersion": "7"},
        "spec": {"containers": "many"}, "status": {"phase": "Running"},
    }});
    rig.server.inject("pods", format!("{bad}\n").as_bytes());
    rig.server.apply("pods", object("pods", "good"));
    rig.follows();
    assert_eq!(figure(&rig.agent, "pods", "decode_errors"), 1);
    rig.agent.wait_log("left out the pod default/bad: ");
    assert_eq!(figure(&rig.agent, "pods", "reconnects"), 0);
}

#[test]
fn what_is_not_known_yet_is_passed_over() {
    let rig = Rig::start();
    let line = json!({"type": "SUPERSEDED", "object": {"kind": "Later"}, "more": [1, {"x": null}]});
    rig.server
        .inject("pods", format!("\n{line}\n\n").as_bytes());
    let mut pod = object("pods", "later");
    pod["apiVersion"] = json!("v9");
    pod["metadata"]["later"] = json!({"deep": [[[[]]]]});
    pod["metadata"]["creationTimestamp"] = json!(null);
    pod["spec"]["later"] = json!("x".repeat(1000));
    pod["status"]["phase"] = json!("Pending");
    rig.server.apply("pods", pod);
    rig.follows();
    assert_eq!(figure(&rig.agent, "pods", "decode_errors"), 0);
    assert_eq!(figure(&rig.agent, "pods", "lines_dropped"), 1);
    assert_eq!(figure(&rig.agent, "pods", "reconnects"), 0);
}

#[test]
fn watches_that_break_again_and_again_come_back() {
    let rig = Rig::start();
    for (round, how) in [Cut::Reset, Cut::Close, Cut::End]
        .into_iter()
        .cycle()
        .take(6)
        .enumerate()
    {
        for (kind, _) in KINDS {
            rig.server.cut(kind, how);
        }
        rig.server
            .apply("pods", object("pods", &format!("pod-{round}")));
        rig.follows();
    }
    for (kind, _) in KINDS {
        assert_eq!(rig.lists(kind), 1, "{kind}");
    }
}
