//! `/api/realtime/logs`, and the same through `/ws`, against a scripted API server.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use super::live::{Event, Viewer, start};
use crate::support::api_server::{ApiServer, TOKEN};
use crate::support::{Agent, eventually};

const PATH: &str = "/api/realtime/logs";
const OWN: &str = "test-api-token";

fn watch(agent: &Agent, query: &str) -> Viewer {
    watch_as(agent, query, OWN)
}

fn watch_as(agent: &Agent, query: &str, token: &str) -> Viewer {
    let fields = format!("Authorization: Bearer {token}\r\n");
    Viewer::of(agent, &format!("{PATH}{query}"), &fields)
}

impl Viewer {
    /// The next one of that type.
    fn next_of(&mut self, kind: &str) -> Event {
        loop {
            let event = self.any();
            if event.kind == kind {
                return event;
            }
        }
    }

    /// Pod and text of the next line.
    fn line(&mut self) -> (String, String) {
        let data = self.next_of("log").data;
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        (text("pod"), text("line"))
    }
}

/// Waits until the agent knows of them: what comes later is told from its first line.
fn known(agent: &Agent, pods: &[&str]) {
    eventually("the agent knows the pods", || {
        let list = agent.json("/api/k8s/pods").to_string();
        let knows = |pod: &&str| list.contains(&format!("\"name\":\"{pod}\""));
        pods.iter().all(knows).then_some(())
    });
}

fn pair(pod: &str, line: &str) -> (String, String) {
    (pod.to_owned(), line.to_owned())
}

fn web() -> Value {
    json!({"app": "web"})
}

#[test]
fn pods_that_fit_are_one_stream_and_come_and_go() {
    let (server, agent) = start();
    server.run_pod("web-1", &web(), &["c"]);
    server.run_pod("web-2", &web(), &["c"]);
    server.run_pod("other", &json!({"app": "other"}), &["c"]);
    for second in 0..5 {
        server.write_line("web-1", second, &format!("old {second}"));
    }
    known(&agent, &["web-1", "web-2", "other"]);
    let query = "?namespace=default&labelSelector=app%3Dweb&tail=2";
    let mut viewer = watch(&agent, query);
    assert_eq!(viewer.head[0], "HTTP/1.1 200 OK");
    let picture = viewer.any();
    assert_eq!(
        (picture.kind.as_str(), &picture.data["limit"]),
        ("logs", &json!(32))
    );
    assert_eq!(viewer.line(), pair("web-1", "old 3"));
    let last = viewer.next_of("log").data;
    let expected = json!({
        "namespace": "default", "pod": "web-1", "container": "c",
        "time": "2026-11-26T06:00:04.5Z", "line": "old 4",
    });
    assert_eq!(last, expected);
    server.write_line("web-2", 9, "from the other");
    assert_eq!(viewer.line(), pair("web-2", "from the other"));
    server.write_line("other", 9, "not wanted");
    server.run_pod("web-3", &web(), &["c"]);
    server.write_line("web-3", 10, "new");
    assert_eq!(viewer.line(), pair("web-3", "new"));
    server.remove_pod("web-1");
    let ended = viewer.next_of("source");
    assert_eq!(
        (&ended.data["pod"], &ended.data["state"]),
        (&json!("web-1"), &json!("ended"))
    );
    // The same name, another pod: all of it is new.
    server.run_pod("web-1", &web(), &["c"]);
    for number in 0..4 {
        server.write_line("web-1", 20 + number, &format!("again {number}"));
    }
    for number in 0..4 {
        assert_eq!(viewer.line(), pair("web-1", &format!("again {number}")));
    }
}

#[test]
fn ten_who_watch_cost_one_request_and_no_thread_is_left() {
    let (server, agent) = start();
    let threads = || agent.threads().len();
    let before = agent.lasting_threads();
    server.run_pod("web-1", &web(), &["a"]);
    for second in 0..3 {
        server.write_line("web-1", second, &format!("line {second}"));
    }
    known(&agent, &["web-1"]);
    let query = |tail| format!("?namespace=default&pod=web-1&tail={tail}");
    // All of them at once.
    let mut viewers: Vec<_> = thread::scope(|scope| {
        let open = |tail| {
            let (agent, query) = (&agent, query(tail));
            scope.spawn(move || watch(agent, &query))
        };
        let opening: Vec<_> = (1..11).map(open).collect();
        opening.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (tail, viewer) in (1..).zip(&mut viewers) {
        for second in 3 - 3.min(tail)..3 {
            assert_eq!(viewer.line().1, format!("line {second}"));
        }
    }
    server.write_line("web-1", 9, "now");
    for viewer in &mut viewers {
        assert_eq!(viewer.line().1, "now");
    }
    assert_eq!(server.log_requests("web-1").len(), 1);
    drop(viewers);
    eventually("no thread is left", || (threads() == before).then_some(()));
}

#[test]
fn the_limit_is_said_and_a_free_place_is_taken() {
    let (server, agent) = start();
    let names: Vec<String> = (0..34).map(|number| format!("web-{number:02}")).collect();
    for name in &names {
        server.run_pod(name, &web(), &["c"]);
        server.write_line(name, 1, name);
    }
    let mut viewer = watch(&agent, "?namespace=default&labelSelector=app%3Dweb");
    let mut said = BTreeSet::new();
    while said.len() < 32 {
        said.insert(viewer.line().0);
    }
    let picture = eventually("the limit", || {
        let picture = viewer.next_of("logs").data;
        (picture["not_followed"] == 2).then_some(picture)
    });
    assert_eq!(
        (&picture["containers"], &picture["limit"]),
        (&json!(32), &json!(32))
    );
    server.remove_pod(said.first().unwrap());
    let (next, _) = viewer.line();
    assert!(!said.contains(&next), "{next} had no place");
}

#[test]
fn whoever_may_not_read_logs_is_refused() {
    let (server, agent) = start();
    server.run_pod("web-1", &web(), &["c"]);
    server.know("visitor");
    server.deny("visitor", r#""subresource":"log""#);
    let refused = watch_as(&agent, "?namespace=default", "visitor");
    assert!(
        refused.head[0].starts_with("HTTP/1.1 403 "),
        "{:?}",
        refused.head
    );
    let refused = watch_as(&agent, "", "visitor");
    assert!(
        refused.head[0].starts_with("HTTP/1.1 403 "),
        "{:?}",
        refused.head
    );
    server.know("stranger");
    server.deny("stranger", r#""verb":"list""#);
    let refused = watch_as(&agent, "?namespace=default&labelSelector=a", "stranger");
    assert!(
        refused.head[0].starts_with("HTTP/1.1 403 "),
        "{:?}",
        refused.head
    );
    // Whoever may read the log may, whether or not they may list pods.
    let mut viewer = watch_as(&agent, "?namespace=default&pod=web-1", "stranger");
    server.write_line("web-1", 1, "hello");
    assert_eq!(viewer.line().1, "hello");
    let unknown = watch_as(&agent, "?namespace=default", "nobody");
    assert!(
        unknown.head[0].starts_with("HTTP/1.1 401 "),
        "{:?}",
        unknown.head
    );
    assert_eq!(server.log_requests("web-1").len(), 1);
    assert_eq!(server.log_requests("web-1")[0].token(), Some(TOKEN));
}

#[test]
fn where_the_agent_may_not_each_reads_with_their_own_token() {
    let server = ApiServer::start();
    server.deny(TOKEN, r#""subresource":"log""#);
    server.deny(TOKEN, "/log ");
    for token in ["one", "another"] {
        server.know(token);
    }
    server.run_pod("web-1", &web(), &["c"]);
    server.write_line("web-1", 1, "hello");
    let agent = Agent::start(&server.kubeconfig(), &[]);
    eventually("ready", || {
        (agent.get_open("/ready").status == 200).then_some(())
    });
    let refused = watch(&agent, "?namespace=default");
    assert!(
        refused.head[0].starts_with("HTTP/1.1 403 "),
        "{:?}",
        refused.head
    );
    let tokens = ["one", "one", "another"];
    let mut viewers = tokens.map(|token| watch_as(&agent, "?namespace=default", token));
    for viewer in &mut viewers {
        assert_eq!(viewer.line(), pair("web-1", "hello"));
    }
    let asked = server.log_requests("web-1");
    let asked: BTreeSet<_> = asked
        .iter()
        .map(|request| request.token().unwrap())
        .collect();
    assert_eq!(asked, ["another", "one"].into());
    assert_eq!(server.log_requests("web-1").len(), 2);
}

#[test]
fn what_is_lost_and_what_fails_is_said() {
    let (server, agent) = start();
    server.run_pod("web-1", &web(), &["c"]);
    for number in 0..600 {
        server.write_line("web-1", number / 10, &format!("{number}"));
    }
    let mut viewer = watch(&agent, "?namespace=default&pod=web-1&since=87600h");
    let lost = viewer.next_of("lost");
    assert_eq!(lost.data["pod"], "web-1");
    assert!(
        lost.data["reason"]
            .as_str()
            .unwrap()
            .contains("/api/k8s/logs"),
        "{lost:?}"
    );
    // It is in the list, and nowhere else.
    server.apply("pods", crate::support::api_server::object("pods", "ghost"));
    let mut viewer = watch(&agent, "?namespace=default&pod=ghost");
    let failed = viewer.next_of("source");
    assert_eq!(failed.data["state"], "failed");
    assert!(
        failed.data["reason"].as_str().unwrap().contains("404"),
        "{failed:?}"
    );
    for (query, status) in [
        ("?tail=501", 400),
        ("?pod=a", 400),
        ("?labelSelector=a%20b", 400),
        ("?follow=true", 400),
    ] {
        let viewer = watch(&agent, query);
        let line = &viewer.head[0];
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status} ")),
            "{query}: {line}"
        );
    }
}

#[test]
fn lines_are_filtered_by_container_and_text() {
    let (server, agent) = start();
    server.run_pod("web-1", &web(), &["a", "b"]);
    server.write_line("web-1", 1, "fine");
    server.write_line("web-1", 2, "an error");
    let mut viewer = watch(&agent, "?namespace=default&container=b&contains=error");
    let told = viewer.next_of("log").data;
    assert_eq!(
        (&told["container"], &told["line"]),
        (&json!("b"), &json!("an error"))
    );
    let asked = server.log_requests("web-1");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query("container"), Some("b"));
}
