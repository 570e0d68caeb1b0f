//! Requests to the API server in envelopes.

#![allow(
    clippy::disallowed_methods,
    reason = "the server's thread ends with its one connection"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use serde_json::{Value, json};

use super::{TOKEN, agent, ask, assert_problem};
use crate::support::{Agent, Answer, TinyApi, write_kubeconfig};

fn post(agent: &Agent, fields: &str, letter: &str) -> Answer {
    let length = letter.len();
    let fields = format!("{fields}Content-Length: {length}\r\n\r\n{letter}");
    ask(agent, "POST", "/api/k8s/proxy", &fields)
}

fn send(agent: &Agent, letter: &Value) -> Answer {
    let fields = format!("{TOKEN}Content-Type: application/json\r\n");
    post(agent, &fields, &letter.to_string())
}

#[test]
fn what_the_server_answers_is_in_the_answer() {
    let api = TinyApi::start();
    let agent = agent(&api);
    let answer = send(
        &agent,
        &json!({"method": "GET", "path": "/api/v1/nodes?limit=1"}),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let told = answer.json();
    assert_eq!(told["status"], 200);
    assert_eq!(told["body"]["items"][0]["metadata"]["name"], "edge-1");
    let headers = json!({"content-type": "application/json"});
    assert_eq!(
        told["headers"], headers,
        "its length is about the connection"
    );
    let head = send(&agent, &json!({"method": "HEAD", "path": "/version"}));
    assert_eq!(
        head.json(),
        json!({"status": 200, "headers": headers, "body": null})
    );
}

#[test]
fn an_envelope_opens_no_other_door() {
    let api = TinyApi::start();
    let agent = agent(&api);
    let json = "Content-Type: application/json\r\n";
    let letter = json!({"method": "GET", "path": "/api/v1/pods"}).to_string();
    assert_problem(&post(&agent, json, &letter), 401, "kubectl create token");
    assert_problem(&post(&agent, TOKEN, &letter), 415, "application/json");
    let form = format!("{TOKEN}Content-Type: text/plain\r\n");
    assert_problem(&post(&agent, &form, &letter), 415, "application/json");
    for (letter, status, words) in [
        (
            json!({"method": "GET", "path": "/api/v1/secrets"}),
            403,
            "is not good for that",
        ),
        (
            json!({"method": "DELETE", "path": "/api/v1/namespaces/a/pods/b"}),
            403,
            "is not good for that",
        ),
        (
            json!({"method": "POST", "path": "/api/v1/namespaces/a/pods", "body": {}}),
            403,
            "is not good for that",
        ),
        (
            json!({"method": "GET", "path": "/api/v1/pods", "headers": {"Impersonate-User": "x"}}),
            403,
            "nobody else can be spoken for",
        ),
        (
            json!({"method": "GET", "path": "/api/v1/pods/../secrets"}),
            400,
            "dots",
        ),
        (
            json!({"method": "GET", "path": "/api/v1/%2e%2e/secrets"}),
            400,
            "dots",
        ),
        (
            json!({"method": "GET", "path": "/api/v1/pods%2fa"}),
            400,
            "encoded slashes",
        ),
        (
            json!({"method": "GET", "path": "//api/v1/pods"}),
            400,
            "empty names",
        ),
        (
            json!({"method": "GET", "path": "http://other/api"}),
            400,
            "path is one of",
        ),
        (
            json!({"method": "GET", "path": "/api/v1/pods?watch=1"}),
            400,
            "/api/k8s/raw",
        ),
        (
            json!({"method": "CONNECT", "path": "/x"}),
            400,
            "method is one of",
        ),
        (json!("x"), 400, "no such object"),
    ] {
        assert_problem(&send(&agent, &letter), status, words);
    }
    for method in ["GET", "HEAD", "PUT"] {
        let answer = ask(&agent, method, "/api/k8s/proxy", TOKEN);
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"), "{method}");
        assert_eq!(answer.status, 405);
    }
}

/// A server that gives one answer to whatever is passed on, and nothing to the agent itself.
fn server(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => break,
                }
            }
            if head.starts_with(b"GET /passed") {
                // Who has seen enough reads no more.
                let _ = stream.write_all(&answer);
            }
        }
    });
    address
}

fn passed(answer: Vec<u8>) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    write_kubeconfig(&kubeconfig, server(answer));
    let agent = Agent::start(&kubeconfig, &[]);
    let fields = "Authorization: Bearer theirs\r\nContent-Type: application/json\r\n";
    let letter = json!({"method": "GET", "path": "/passed"});
    post(&agent, fields, &letter.to_string())
}

#[test]
fn a_large_answer_is_whole_or_refused() {
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let answer = |framing: &str, body: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{framing}\r\n\r\n{body}")
            .into_bytes()
    };
    let most = 16 << 20;
    let whole = passed(answer("Connection: close", &text(most)));
    assert_eq!(whole.status, 200);
    assert_eq!(whole.json()["body"].as_str().map(str::len), Some(most - 2));
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", most + 1, text(most + 1));
    for refused in [
        answer("Connection: close", &text(most + 1)),
        answer("Content-Length: 16777217", ""),
        answer("Transfer-Encoding: chunked", &chunk),
    ] {
        assert_problem(&passed(refused), 502, "larger than 16 MiB");
    }
    let cut = answer("Content-Length: 10", "{}");
    assert_problem(&passed(cut), 502, "the answer is cut off");
    assert_problem(&passed(b"SSH-2.0\r\n\r\n".to_vec()), 502, "not HTTP");
    assert_problem(&passed(Vec::new()), 502, "the API server does not answer");
}
