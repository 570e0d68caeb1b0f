//! `/ws` as a client of another make sees it.

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
