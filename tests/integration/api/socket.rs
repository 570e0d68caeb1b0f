//! `/ws` as a client of another make sees it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::{Error, Message, WebSocket};

use super::live::start;
use crate::support::api_server::object;
use crate::support::{Agent, Answer, request_with};

const SILENCE: Duration = Duration::from_secs(60);
const TOKEN: (&str, &str) = ("Authorization", "Bearer test-api-token");

/// A connection, or the status with which it was refused.
fn connect(
    agent: &Agent,
    path: &str,
    fields: &[(&'static str, &str)],
) -> Result<(WebSocket<TcpStream>, Option<String>), u16> {
    let url = format!("ws://{}{path}", agent.address());
    let mut request: Request = url.into_client_request().unwrap();
    for (name, value) in fields {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(agent.address()).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    match tungstenite::client(request, stream) {
        Ok((socket, response)) => {
            let agreed = response.headers().get("sec-websocket-protocol");
            let agreed = agreed.map(|value| value.to_str().unwrap().to_owned());
            Ok((socket, agreed))
        }
        Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(other) => panic!("{other}"),
    }
}

fn read(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The next message of that type.
fn read_of(socket: &mut WebSocket<TcpStream>, kind: &str) -> Value {
    loop {
        let message = read(socket);
        if message["type"] == kind {
            return message;
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, message: &Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

fn opened(agent: &Agent) -> WebSocket<TcpStream> {
    let (mut socket, _) = connect(agent, "/ws", &[TOKEN]).unwrap();
    let welcome = read(&mut socket);
    assert_eq!(welcome["type"], "welcome");
    socket
}

#[test]
fn who_subscribes_is_told_and_may_go_on_after_a_break() {
    let (server, agent) = start();
    let mut socket = opened(&agent);
    say(
        &mut socket,
        &json!({"type": "subscribe", "payload": {"kinds": ["pod"]}}),
    );
    assert_eq!(read(&mut socket)["type"], "subscribe");
    let status = read_of(&mut socket, "status");
    assert_eq!(status["payload"]["kinds"]["pods"]["state"], "current");
    server.apply("services", object("services", "not-wanted"));
    server.apply("pods", object("pods", "one"));
    let event = read_of(&mut socket, "event");
    assert_eq!(event["payload"]["name"], "one", "{event}");
    let id = event["id"].as_str().unwrap().to_owned();
    socket.close(None).unwrap();
    assert!(matches!(
        socket.read(),
        Ok(Message::Close(_)) | Err(Error::ConnectionClosed)
    ));
    server.apply("pods", object("pods", "two"));
    let mut socket = opened(&agent);
    say(
        &mut socket,
        &json!({"type": "subscribe", "payload": {"kinds": ["pod"], "since": id}}),
    );
    assert_eq!(read_of(&mut socket, "event")["payload"]["name"], "two");
    say(
        &mut socket,
        &json!({"type": "subscribe", "payload": {"since": "1-1"}}),
    );
    assert_eq!(read_of(&mut socket, "resync")["type"], "resync");
    say(&mut socket, &json!({"type": "unsubscribe"}));
    read_of(&mut socket, "unsubscribe");
    server.apply("pods", object("pods", "three"));
    say(&mut socket, &json!({"type": "ping", "payload": "x"}));
    let next = read(&mut socket);
    assert_eq!(
        (&next["type"], &next["payload"]),
        (&json!("pong"), &json!("x"))
    );
}

#[test]
fn a_token_comes_by_field_protocol_or_ticket() {
    let (_server, agent) = start();
    assert_eq!(connect(&agent, "/ws", &[]).unwrap_err(), 401);
    let wrong = ("Authorization", "Bearer wrong");
    assert_eq!(connect(&agent, "/ws", &[wrong]).unwrap_err(), 401);
    let token = URL_SAFE_NO_PAD.encode("test-api-token");
    let bearer = format!("base64url.bearer.authorization.pipeops.io.{token}, v1.pipeops.io");
    let (mut socket, agreed) =
        connect(&agent, "/ws", &[("Sec-WebSocket-Protocol", &bearer)]).unwrap();
    assert_eq!(
        agreed.as_deref(),
        Some("v1.pipeops.io"),
        "the token is not sent back"
    );
    assert_eq!(read(&mut socket)["type"], "welcome");
    let issued = issue(&agent);
    assert_eq!(issued.status, 201, "{issued:?}");
    let path = format!("/ws?ticket={}", issued.json()["ticket"].as_str().unwrap());
    let (mut socket, _) = connect(&agent, &path, &[]).unwrap();
    assert_eq!(read(&mut socket)["type"], "welcome");
    assert!(!agent.log().contains(&token));
}

fn issue(agent: &Agent) -> Answer {
    let fields = "Authorization: Bearer test-api-token\r\nContent-Type: application/json\r\n\
                  Content-Length: 2\r\n\r\n{}";
    request_with(agent.address(), "POST", "/api/realtime/tickets", fields).unwrap()
}

#[test]
fn what_is_no_websocket_is_told_what_this_is() {
    let (_server, agent) = start();
    let answer = agent.get("/ws");
    assert_eq!(answer.status, 426, "{answer:?}");
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    let old = ("Sec-WebSocket-Version", "8");
    assert_eq!(connect(&agent, "/ws", &[TOKEN, old]).unwrap_err(), 426);
}

#[test]
fn logs_are_subscribed_to_beside_changes() {
    let (server, agent) = start();
    server.run_pod("web-1", &json!({"app": "web"}), &["c"]);
    server.write_line("web-1", 1, "hello");
    let mut socket = opened(&agent);
    say(
        &mut socket,
        &json!({"type": "subscribe", "payload": {"kinds": ["service"]}}),
    );
    read_of(&mut socket, "status");
    let wanted = json!({"logs": {"namespace": "default", "labelSelector": "app=web", "tail": 5}});
    say(
        &mut socket,
        &json!({"type": "subscribe", "payload": wanted}),
    );
    assert_eq!(read_of(&mut socket, "subscribe")["payload"], wanted);
    assert_eq!(read_of(&mut socket, "logs")["payload"]["limit"], 32);
    let told = read_of(&mut socket, "log");
    assert_eq!(told["payload"]["line"], "hello", "{told}");
    server.apply("services", object("services", "one"));
    assert_eq!(read_of(&mut socket, "event")["payload"]["name"], "one");
    for (payload, problem) in [
        (json!({"logs": {"follow": "x"}}), "there is no follow"),
        (json!({"logs": {}, "kinds": []}), "logs are subscribed to"),
        (json!({"logs": []}), "logs is an object"),
    ] {
        say(
            &mut socket,
            &json!({"type": "subscribe", "payload": payload}),
        );
        let told = read_of(&mut socket, "error");
        let told = told["payload"]["problem"].as_str().unwrap();
        assert!(told.starts_with(problem), "{told}");
    }
    say(&mut socket, &json!({"type": "unsubscribe"}));
    read_of(&mut socket, "unsubscribe");
    server.write_line("web-1", 2, "not told");
    say(&mut socket, &json!({"type": "ping"}));
    assert_eq!(read(&mut socket)["type"], "pong");
    // Whoever may not is told so, and what else they asked for goes on.
    server.know("visitor");
    server.deny("visitor", r#""subresource":"log""#);
    let token = ("Authorization", "Bearer visitor");
    let (mut socket, _) = connect(&agent, "/ws", &[token]).unwrap();
    say(
        &mut socket,
        &json!({"type": "subscribe", "payload": wanted}),
    );
    let refused = read_of(&mut socket, "error");
    let problem = refused["payload"]["problem"].as_str().unwrap();
    assert!(
        problem.contains("no right in Kubernetes to get pods/log"),
        "{problem}"
    );
}

#[test]
fn a_question_about_it_opens_none() {
    let (_server, agent) = start();
    let mut stream = TcpStream::connect(agent.address()).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let head = "HEAD /ws HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer test-api-token\r\n\
                Connection: Upgrade, close\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.contains("Upgrade: websocket\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
}

/// One message with an id of its own, of that type.
fn of_id(socket: &mut WebSocket<TcpStream>, kind: &str, id: &str) -> Value {
    loop {
        let message = read_of(socket, kind);
        if message["payload"]["id"] == id {
            return message["payload"].clone();
        }
    }
}

fn command(socket: &mut WebSocket<TcpStream>, fields: &Value) {
    say(socket, &json!({"type": "command", "payload": fields}));
}

#[test]
fn commands_are_done_as_whoever_asks_and_told_as_they_print() {
    let (server, agent) = start();
    server.know("visitor");
    server.run_pod("web-1", &json!({}), &["c"]);
    server.write_line("web-1", 1, "hello");
    let visitor = ("Authorization", "Bearer visitor");
    let (mut socket, _) = connect(&agent, "/ws", &[visitor]).unwrap();
    assert_eq!(read(&mut socket)["payload"]["limits"]["commands"], 4);
    let follow = |id: &str| json!({"id": id, "type": "logs", "pod": "web-1", "namespace": "default", "follow": true});
    command(&mut socket, &follow("a"));
    assert_eq!(of_id(&mut socket, "command", "a"), json!({"id": "a"}));
    let told = of_id(&mut socket, "output", "a");
    assert_eq!(
        (&told["stream"], &told["seq"]),
        (&json!("stdout"), &json!(0)),
        "{told}"
    );
    assert!(
        told["data"].as_str().unwrap().ends_with("hello\n"),
        "{told}"
    );
    server.write_line("web-1", 2, "while it runs");
    let told = of_id(&mut socket, "output", "a");
    assert!(
        told["data"].as_str().unwrap().ends_with("while it runs\n"),
        "{told}"
    );
    let asked = server.log_requests("web-1");
    assert!(
        asked
            .iter()
            .all(|request| request.token() == Some("visitor")),
        "{asked:?}"
    );
    for id in ["b", "c", "d"] {
        command(&mut socket, &follow(id));
        of_id(&mut socket, "output", id);
    }
    command(&mut socket, &follow("e"));
    let refused = of_id(&mut socket, "error", "e");
    assert!(
        refused["problem"]
            .as_str()
            .unwrap()
            .starts_with("4 commands"),
        "{refused}"
    );
    say(
        &mut socket,
        &json!({"type": "cancel", "payload": {"id": "a"}}),
    );
    let result = of_id(&mut socket, "result", "a");
    assert_eq!(
        (&result["outcome"], &result["success"]),
        (&json!("cancelled"), &json!(false))
    );
    command(
        &mut socket,
        &json!({"id": "f", "type": "kubectl", "args": ["version"]}),
    );
    assert!(
        of_id(&mut socket, "output", "f")["data"]
            .as_str()
            .unwrap()
            .contains("v1.34.1-scripted")
    );
    let result = of_id(&mut socket, "result", "f");
    assert_eq!(
        (&result["outcome"], &result["exit_code"]),
        (&json!("completed"), &json!(0))
    );
    drop(socket);
    let audit = || agent.log();
    crate::support::eventually("what ran ends with the connection, and is noted", || {
        let noted = audit().matches("\"outcome\":\"cancelled\"").count();
        (noted == 4).then_some(())
    });
    let audit = audit();
    let line = audit
        .lines()
        .find(|line| line.contains("\"id\":\"f\""))
        .unwrap();
    let line = line.rsplit_once("audit: ").unwrap().1;
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["who"], &line["verb"], &line["peer"]),
        (&json!("visitor"), &json!("version"), &json!("127.0.0.1")),
    );
}

#[test]
fn what_is_no_command_or_not_allowed_is_told() {
    let (server, agent) = start();
    let mut socket = opened(&agent);
    let version = json!({"id": "a", "type": "kubectl", "args": ["version"]});
    command(&mut socket, &version);
    let refused = of_id(&mut socket, "error", "a");
    assert!(
        refused["problem"].as_str().unwrap().contains("scope read"),
        "{refused}"
    );
    server.know("visitor");
    server.run_pod("web-1", &json!({}), &["c"]);
    server.deny("visitor", "/log ");
    let visitor = ("Authorization", "Bearer visitor");
    let (mut socket, _) = connect(&agent, "/ws", &[visitor]).unwrap();
    for (fields, problem) in [
        (json!([]), "a command is an object"),
        (json!({}), "a command has an id"),
        (json!({"id": 7}), "a command has an id"),
        (json!({"id": "a"}), "a command has a type"),
        (json!({"id": "a", "type": "dance"}), "\"dance\" is no type"),
        (json!({"id": "a", "type": "kubectl"}), "\"args\" is no list"),
        (
            json!({"id": "a", "type": "kubectl", "args": ["version"], "x": 1}),
            "\"x\" is no field",
        ),
        (
            json!({"id": "a", "type": "config"}),
            "\"config\" is for the control plane",
        ),
        (
            json!({"id": "a\n", "type": "ping"}),
            "the id is no printable",
        ),
    ] {
        command(&mut socket, &fields);
        let told = read_of(&mut socket, "error");
        let told = told["payload"]["problem"].as_str().unwrap();
        assert!(told.starts_with(problem), "{fields}: {told}");
    }
    say(
        &mut socket,
        &json!({"type": "cancel", "payload": {"id": "zz"}}),
    );
    assert_eq!(of_id(&mut socket, "error", "zz")["type"], "cancel");
    // The API server refuses, the caller is told in its words.
    command(
        &mut socket,
        &json!({"id": "b", "type": "logs", "pod": "web-1", "namespace": "default"}),
    );
    assert_eq!(of_id(&mut socket, "output", "b")["stream"], "stderr");
    let result = of_id(&mut socket, "result", "b");
    assert_eq!(
        (&result["success"], &result["exit_code"]),
        (&json!(false), &json!(1))
    );
    // Whom the API server does not know has nothing done.
    let local = json!({"id": "c", "type": "kubectl", "args": ["cp", "a", "b"]});
    command(&mut socket, &local);
    assert_eq!(of_id(&mut socket, "result", "c")["success"], false);
}
