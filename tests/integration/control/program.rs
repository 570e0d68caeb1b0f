//! The reference control plane as a program and as a rig: what `curl` sees.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use control_plane::Handle;
use serde_json::{Value, json};

use super::{beat, client, options, plane, registration};

fn ask(plane: &Handle, method: &str, target: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(plane.address()).unwrap();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[test]
fn people_see_agents_and_tests_wait_for_them() {
    let plane = plane();
    assert!(
        ask(&plane, "GET", "/", "")
            .1
            .contains("no agent has registered yet")
    );
    let client = client(&options(plane.url()));
    let id = client.register(&registration()).unwrap().agent_id.unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            ask(
                &plane,
                "GET",
                "/await?call=heartbeat&count=2&timeout=30",
                "",
            )
        });
        for _ in 0..2 {
            client.heartbeat(&id, &beat(&id)).unwrap();
        }
        let (status, body) = waiting.join().unwrap();
        assert_eq!(status, 200);
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({"call": "heartbeat", "count": 2})
        );
    });
    let (_, text) = ask(&plane, "GET", "/", "");
    assert!(text.contains(&id) && text.contains("2 (1 ready)"), "{text}");
    let (_, one) = ask(&plane, "GET", &format!("/agents/{id}"), "");
    assert_eq!(
        serde_json::from_str::<Value>(&one).unwrap()["heartbeats"],
        2
    );
    let (_, lines) = ask(&plane, "GET", "/transcript", "");
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(
        ask(&plane, "GET", "/await?call=status&timeout=0", "").0,
        408
    );
    assert_eq!(ask(&plane, "DELETE", &format!("/agents/{id}"), "").0, 204);
    assert_eq!(ask(&plane, "GET", &format!("/agents/{id}"), "").0, 404);
}

#[test]
fn faults_come_and_go_by_request() {
    let plane = plane();
    let client = client(&options(plane.url()));
    let fault = r#"{"call":"register","status":500}"#;
    assert_eq!(ask(&plane, "POST", "/faults", fault).0, 204);
    assert!(client.register(&registration()).is_err());
    assert!(!plane.wait("register", 1, Duration::ZERO));
    assert!(plane.wait_any("register", 1, Duration::ZERO));
    assert_eq!(ask(&plane, "DELETE", "/faults", "").0, 204);
    client.register(&registration()).unwrap();
    assert!(plane.wait("register", 1, Duration::ZERO));
    for (target, body) in [
        ("/faults", "{}"),
        ("/settings", "[]"),
        ("/settings", "{\"x\":1}"),
        ("/faults", "x"),
    ] {
        assert_eq!(ask(&plane, "POST", target, body).0, 422, "{target} {body}");
    }
    assert_eq!(ask(&plane, "GET", "/nowhere", "").0, 404);
}

#[test]
fn stopping_frees_the_port_and_ends_those_who_wait() {
    let plane = plane();
    let address = plane.address();
    let mut waiting = TcpStream::connect(address).unwrap();
    write!(
        waiting,
        "GET /await?call=never&timeout=600 HTTP/1.1\r\n\r\n"
    )
    .unwrap();
    plane.stop();
    let mut rest = String::new();
    // Cut or answered: it ends.
    let _ = waiting.read_to_string(&mut rest);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn an_operator_queues_commands_and_sees_what_comes_of_them() {
    let plane = plane();
    let client = client(&options(plane.url()));
    let id = client.register(&registration()).unwrap().agent_id.unwrap();
    let path = format!("/agents/{id}/commands");
    let (status, queued) = ask(&plane, "POST", &path, r#"{"type": "ping"}"#);
    assert_eq!(status, 201, "{queued}");
    assert!(ask(&plane, "GET", "/", "").1.contains("ping: waits"));
    assert_eq!(ask(&plane, "POST", &path, "{}").0, 422);
    assert_eq!(ask(&plane, "GET", "/agents/nobody/commands", "").0, 404);

    let given = client
        .commands(&id, "one", 0, Duration::from_secs(20))
        .unwrap();
    assert_eq!(given[0]["id"], "command-1");
    assert!(ask(&plane, "GET", "/", "").1.contains("ping: runs"));
    // What the agent has in hand it is not given again; what comes ends its wait.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.commands(&id, "one", 1, Duration::from_secs(20)));
        plane.queue(&id, &json!({"type": "status"})).unwrap();
        assert_eq!(waiting.join().unwrap().unwrap()[0]["position"], 2);
    });
    let chunk = json!({"seq": 0, "stream": "stdout", "data": "pong\n"});
    let output = json!({"chunks": [chunk]});
    client.output(&id, "command-1", &output).unwrap();
    let result = json!({
        "success": true, "output": "pong\n", "exit_code": 0, "truncated": false,
        "metadata": {"outcome": "completed"}, "timestamp": "2026-11-24T09:30:01Z",
    });
    // The answer is lost, and the same comes again.
    plane
        .fault(&json!({"call": "result", "lose": true, "count": 1}))
        .unwrap();
    assert!(client.result(&id, "command-1", &result).is_err());
    client.result(&id, "command-1", &result).unwrap();
    let seen = &plane.commands(&id)[0];
    assert_eq!((&seen["results"], &seen["result"]), (&json!(2), &result));
    assert_eq!(seen["chunks"], json!([chunk]));
    let (_, text) = ask(&plane, "GET", "/", "");
    assert!(
        text.contains("ping: completed, exit code 0, 1 chunks  pong"),
        "{text}"
    );
    let open = client.commands(&id, "one", 0, Duration::ZERO).unwrap();
    assert_eq!(open.len(), 1);
}
