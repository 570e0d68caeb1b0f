//! Watches that break: cut, reset, expired, and lines that are none.

use serde_json::json;

use super::Rig;
use crate::support::api_server::{Cut, Op, object, path};

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
    rig.server.wait_watch("pods");
    rig.server.apply("pods", object("pods", "later"));
    rig.follows();
    assert_eq!(rig.server.requests(path("pods"), Op::Get).len(), 1);
}
