//! `/api/realtime/events`: what a program that looks on is told.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api_server::{ApiServer, object};
use crate::support::{Agent, eventually};

const PATH: &str = "/api/realtime/events";
/// Longest silence; the agent itself says something each 15 s.
const SILENCE: Duration = Duration::from_secs(60);

/// One who looks on.
pub(super) struct Viewer {
    lines: Lines<BufReader<TcpStream>>,
    pub(super) head: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Event {
    id: String,
    pub(super) kind: String,
    pub(super) data: Value,
}

impl Viewer {
    fn start(agent: &Agent, query: &str, fields: &str) -> Self {
        let fields = format!("Authorization: Bearer test-api-token\r\n{fields}");
        Self::of(agent, &format!("{PATH}{query}"), &fields)
    }

    /// Of whatever stream.
    pub(super) fn of(agent: &Agent, target: &str, fields: &str) -> Self {
        let mut stream = TcpStream::connect(agent.address()).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").unwrap();
        let mut lines = BufReader::new(stream).lines();
        let mut head = Vec::new();
        loop {
            match lines.next().unwrap().unwrap().as_str() {
                "" => return Self { lines, head },
                line => head.push(line.to_owned()),
            }
        }
    }

    /// The next one; those of type `status` are passed over.
    fn next(&mut self) -> Event {
        loop {
            let event = self.any();
            if event.kind != "status" {
                return event;
            }
        }
    }

    pub(super) fn any(&mut self) -> Event {
        let mut event = Event {
            id: String::new(),
            kind: String::new(),
            data: Value::Null,
        };
        loop {
            let line = self.lines.next().unwrap().unwrap();
            match line.split_once(": ") {
                Some(("id", text)) => event.id = text.to_owned(),
                Some(("event", text)) => event.kind = text.to_owned(),
                Some(("data", text)) => event.data = serde_json::from_str(text).unwrap(),
                Some(("retry", _)) => {}
                None if line.is_empty() && event.kind.is_empty() => {}
                None if line.is_empty() => return event,
                _ => panic!("{line:?}"),
            }
        }
    }
}

pub(super) fn start() -> (ApiServer, Agent) {
    let server = ApiServer::start();
    let agent = Agent::start(&server.kubeconfig(), &[]);
    eventually("ready", || {
        (agent.get_open("/ready").status == 200).then_some(())
    });
    (server, agent)
}

#[test]
fn changes_are_told_as_they_come() {
    let (server, agent) = start();
    let mut viewer = Viewer::start(&agent, "", "");
    assert_eq!(viewer.head[0], "HTTP/1.1 200 OK");
    assert!(
        viewer
            .head
            .contains(&"Content-Type: text/event-stream".to_owned())
    );
    let picture = viewer.any();
    assert_eq!(picture.kind, "status");
    assert_eq!(
        picture.data["kinds"]["pods"]["state"], "current",
        "{picture:?}"
    );
    for name in ["one", "two", "three"] {
        server.apply("pods", object("pods", name));
        let event = viewer.next();
        assert_eq!(
            (event.kind.as_str(), &event.data["name"]),
            ("event", &name.into())
        );
        assert_eq!(event.data["what"], "added");
    }
    server.delete("pods", "two");
    let event = viewer.next();
    assert_eq!(
        (&event.data["what"], &event.data["name"]),
        (&"deleted".into(), &"two".into())
    );
    // The same as whoever asks for the list of changes is told.
    let changes = agent.json("/api/status/changes");
    assert_eq!(
        *changes["changes"].as_array().unwrap().last().unwrap(),
        event.data
    );
}

#[test]
fn who_comes_back_misses_nothing_or_is_told_so() {
    let (server, agent) = start();
    let mut viewer = Viewer::start(&agent, "", "");
    viewer.any();
    server.apply("pods", object("pods", "one"));
    let last = viewer.next().id;
    drop(viewer);
    for name in ["two", "three"] {
        server.apply("pods", object("pods", name));
    }
    let mut viewer = Viewer::start(&agent, "", &format!("Last-Event-ID: {last}\r\n"));
    for name in ["two", "three"] {
        assert_eq!(viewer.next().data["name"], name);
    }
    for gone in ["1-1", &format!("{last}000"), "nonsense"] {
        let mut viewer = Viewer::start(&agent, "", &format!("Last-Event-ID: {gone}\r\n"));
        let event = viewer.any();
        let expected = if gone == "nonsense" {
            "status"
        } else {
            "resync"
        };
        assert_eq!(event.kind, expected, "{gone}: {event:?}");
    }
}

#[test]
fn only_what_is_asked_for_is_told() {
    let (server, agent) = start();
    let mut viewer = Viewer::start(&agent, "?kind=deployment,service&namespace=default", "");
    viewer.any();
    server.apply("pods", object("pods", "one"));
    server.apply("services", object("services", "two"));
    let event = viewer.next();
    assert_eq!(
        (&event.data["kind"], &event.data["name"]),
        (&"service".into(), &"two".into())
    );
    for (query, status) in [
        ("?kind=secret", 400),
        ("?label=a", 400),
        ("?labelSelector=a%20b", 400),
        ("?kind=pod&kind=x", 200),
    ] {
        let viewer = Viewer::start(&agent, query, "");
        let line = &viewer.head[0];
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status} ")),
            "{query}: {line}"
        );
    }
}

#[test]
fn many_look_on_by_one_thread_and_one_more_waits() {
    let (server, agent) = start();
    let threads = || agent.threads().len();
    let before = agent.lasting_threads();
    let mut viewers: Vec<_> = (0..64).map(|_| Viewer::start(&agent, "", "")).collect();
    eventually("one thread for all", || {
        (threads() == before + 1).then_some(())
    });
    let more = Viewer::start(&agent, "", "");
    assert!(more.head[0].starts_with("HTTP/1.1 503 "), "{:?}", more.head);
    server.apply("pods", object("pods", "one"));
    for viewer in &mut viewers {
        assert_eq!(viewer.next().data["name"], "one");
    }
    drop(viewers);
    server.apply("pods", object("pods", "two"));
    eventually("the thread ends with the last", || {
        (threads() == before).then_some(())
    });
    let mut viewer = Viewer::start(&agent, "", "");
    viewer.any();
    server.apply("pods", object("pods", "three"));
    // Where the one before is told late, it comes first.
    eventually("another thread tells", || {
        (viewer.next().data["name"] == "three").then_some(())
    });
}

#[test]
fn labels_choose_and_what_nodes_use_is_told_when_it_is_measured() {
    let server = ApiServer::start();
    let sample = |millis: u32, at: &str| {
        let usage = json!({"cpu": format!("{millis}m"), "memory": "100Ki"});
        let item = json!({"metadata": {"name": "first"}, "timestamp": at, "usage": usage});
        let all = json!({"kind": "NodeMetricsList", "items": [item]});
        server.set_answer("/apis/metrics.k8s.io/v1beta1/nodes", all);
    };
    sample(250, "2024-05-01T10:00:00Z");
    let agent = Agent::start(&server.kubeconfig(), &[]);
    eventually("usage", || {
        let nodes = agent.json("/api/k8s/nodes");
        nodes.pointer("/items/0/usage").map(|_| ())
    });
    let mut viewer = Viewer::start(&agent, "", "");
    assert_eq!(viewer.any().kind, "status");
    let metrics = viewer.any();
    assert_eq!(metrics.kind, "metrics");
    let expected = json!([{"name": "first", "cpu_millis": 250, "memory_bytes": 102_400}]);
    assert_eq!(metrics.data["nodes"], expected, "{metrics:?}");
    assert_eq!(metrics.data["source"], "metrics-api");
    let mut viewer = Viewer::start(&agent, "?labelSelector=app%3Dweb", "");
    assert_eq!(viewer.any().kind, "status", "only changes with such labels");
    server.apply("pods", object("pods", "other"));
    let mut pod = object("pods", "one");
    pod["metadata"]["labels"] = json!({"app": "web"});
    server.apply("pods", pod);
    assert_eq!(viewer.next().data["name"], "one");
}
