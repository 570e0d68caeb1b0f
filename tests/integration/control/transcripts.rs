//! Both sides against the golden transcripts: what the agent sends is the request, what
//! the reference control plane answers is the response, to the field.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use control_plane::Handle;
use pipeops_agent::control::{Client, Error, Verdict, proto};
use serde_json::{Value, json};

use super::{TOKEN, client, options, plane, transcript, transcripts};

fn all() -> Vec<(String, Value)> {
    let mut all: Vec<_> = fs::read_dir(transcripts())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .map(|name| (name.clone(), transcript(&name)))
        .collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(all.len() >= 24);
    all
}

#[test]
fn the_agent_sends_the_requests_and_understands_the_responses() {
    for (name, golden) in all() {
        if golden["only"] == "server" {
            continue;
        }
        let plane = plane();
        plane.fault(&as_fault(&golden["response"])).unwrap();
        let outcome = send(&client(&options(plane.url())), &golden);

        let said = plane.transcript();
        let (sent, wanted) = (&said[0]["request"], &golden["request"]);
        for field in ["method", "path", "body"] {
            assert_eq!(sent[field], wanted[field], "{name}");
        }
        for (header, value) in wanted["headers"].as_object().unwrap() {
            assert_eq!(sent["headers"][header], *value, "{name}: {header}");
        }
        let agent = sent["headers"]["user-agent"].as_str().unwrap();
        assert!(agent.starts_with("pipeops-agent/"), "{agent}");
        assert!(sent["headers"].get("accept-encoding").is_none(), "{name}");

        let status = golden["response"]["status"].as_u64().unwrap();
        match outcome {
            Ok(heard) => {
                assert!(status < 300, "{name}");
                let body = &golden["response"]["body"];
                assert_eq!(heard["agent_id"], body["agent_id"], "{name}");
                for interval in ["heartbeat", "status"] {
                    let seconds = |value: &Value| value["intervals"][interval].as_f64();
                    assert_eq!(seconds(&heard), seconds(body), "{name}");
                }
                assert_eq!(heard["commands"], body["commands"], "{name}");
                assert_eq!(heard["acknowledged"], body["acknowledged"], "{name}");
                assert_eq!(heard["token"], !body["token"].is_null(), "{name}");
            }
            Err(error) => {
                assert_eq!(error.status().map(u64::from), Some(status), "{name}");
                let words = golden["response"]["body"]["detail"].as_str().unwrap();
                assert!(error.to_string().contains(words), "{name}: {error}");
                assert_eq!(error.verdict(), verdict(status), "{name}");
            }
        }
    }
}

#[test]
fn the_reference_control_plane_gives_the_responses() {
    for (name, golden) in all() {
        let plane = plane();
        for earlier in golden["given"].as_array().into_iter().flatten() {
            let earlier = transcript(earlier.as_str().unwrap());
            let (status, _, _) = exchange(&plane, &earlier);
            assert_eq!(status, 201, "{name}");
        }
        for command in golden["queued"].as_array().into_iter().flatten() {
            let id = plane.agents()[0]["id"].as_str().unwrap().to_owned();
            plane.queue(&id, command).unwrap();
        }
        for (given, give) in [
            (&golden["settings"], Handle::settings as fn(&_, &_) -> _),
            (&golden["fault"], Handle::fault),
        ] {
            if !given.is_null() {
                give(&plane, given).unwrap();
            }
        }
        let (status, headers, body) = exchange(&plane, &golden);
        let wanted = &golden["response"];
        assert_eq!(u64::from(status), wanted["status"], "{name}");
        assert_eq!(body, wanted["body"], "{name}");
        for (header, value) in wanted["headers"].as_object().unwrap() {
            let line = format!("{header}: {}", value.as_str().unwrap()).to_lowercase();
            assert!(
                headers.lines().any(|one| one == line),
                "{name}: {line} in {headers}"
            );
        }
    }
}

/// What makes the reference control plane answer just so.
fn as_fault(response: &Value) -> Value {
    let body = match &response["body"] {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    json!({"status": response["status"], "headers": response["headers"], "body": body})
}

/// Sends the golden request with the agent's own types; what it heard, as JSON.
fn send(client: &Client, golden: &Value) -> Result<Value, Error> {
    let text = golden["request"]["body"].to_string();
    let path = golden["request"]["path"].as_str().unwrap();
    let segment = |at| path.split('/').nth(at).unwrap_or_default();
    let id = segment(4);
    let command = segment(6).replace("%2F", "/");
    let value = || serde_json::from_str::<Value>(&text).unwrap();
    let silent = |()| json!({"token": false});
    match golden["call"].as_str().unwrap() {
        "register" => client
            .register(&serde_json::from_str(&text).unwrap())
            .map(|heard| {
                json!({
                    "agent_id": heard.agent_id,
                    "intervals": intervals(heard.intervals),
                    "token": heard.token.is_some(),
                })
            }),
        "heartbeat" => client
            .heartbeat(id, &serde_json::from_str(&text).unwrap())
            .map(answer),
        "status" => client
            .status(id, &serde_json::from_str(&text).unwrap())
            .map(answer),
        "health" => client.ping().map(|_| json!({"token": false})),
        "commands" => client
            .commands(id, 0, Duration::ZERO)
            .map(|heard| json!({"commands": heard, "token": false})),
        "events" => client
            .events(id, &value().to_string())
            .map(|position| json!({"acknowledged": position, "token": false})),
        "output" => client.output(id, &command, &value()).map(silent),
        "result" => client.result(id, &command, &value()).map(silent),
        other => panic!("the agent does not know {other}"),
    }
}

fn answer(heard: proto::Answer) -> Value {
    json!({"intervals": intervals(heard.intervals), "token": heard.token.is_some()})
}

fn intervals(wanted: Option<proto::WantedIntervals>) -> Value {
    let wanted = wanted.unwrap_or_default();
    json!({"heartbeat": wanted.heartbeat, "status": wanted.status})
}

fn verdict(status: u64) -> Verdict {
    let seconds = Duration::from_secs;
    match status {
        401 | 403 => Verdict::SlowLane,
        404 => Verdict::Unknown,
        410 => Verdict::GiveUp,
        429 => Verdict::Retry {
            after: Some(seconds(7)),
        },
        503 => Verdict::Retry { after: None },
        other => panic!("no transcript should have {other}"),
    }
}

/// Sends the golden request as bytes: status, headers in lower case, body.
fn exchange(plane: &Handle, golden: &Value) -> (u16, String, Value) {
    let request = &golden["request"];
    let token = golden["token"].as_str().unwrap_or(TOKEN);
    let body = match &request["body"] {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n",
        request["method"].as_str().unwrap(),
        request["path"].as_str().unwrap(),
        body.len()
    );
    for (name, value) in request["headers"].as_object().unwrap() {
        let value = value.as_str().unwrap().replace("[token]", token);
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(plane.address()).unwrap();
    write!(stream, "{head}\r\n{body}").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = match body {
        "" => Value::Null,
        body => serde_json::from_str(body).unwrap(),
    };
    (status, head.to_lowercase(), body)
}
