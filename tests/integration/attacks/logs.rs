//! Text that would forge a line of the log, drive a terminal or turn the direction of text: a
//! line stays one line, and the audit stays JSON.

use std::fs;

use serde_json::{Value, json};

use super::Rig;
use super::routes::{ADMIN, Kind, ROUTES};
use crate::commands::Rig as Commands;
use crate::support::{Agent, eventually};

/// Line ends, escape sequences of one and of two bytes, marks of direction, NUL.
const EVIL: &str =
    "a\r\n2026-11-24T10:00:00Z ERROR forged: line\u{1b}[2J\u{9b}31m\u{202e}\u{200f}\u{2028}\0b";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// As much of it as a field may have.
fn in_a_field() -> Vec<u8> {
    let harmless = |c: &char| !c.is_ascii_control();
    EVIL.chars().filter(harmless).collect::<String>().into()
}

/// Says it everywhere.
fn shout(rig: &Rig) {
    for route in ROUTES {
        let query = format!("?namespace={0}&container={0}&{0}=1", encoded(EVIL));
        for add in [query, format!("/{}", encoded(EVIL)), String::new()] {
            let mut ask = route.ask();
            ask.target.extend(add.bytes());
            for name in [
                "User-Agent",
                "Accept",
                "Referer",
                "X-Request-Id",
                "Cookie",
                "Last-Event-ID",
            ] {
                ask.add([name.as_bytes(), b": ", &in_a_field()].concat());
            }
            let endless = if route.kind.is_endless() {
                route.well
            } else {
                0
            };
            rig.tell(route, &ask, endless);
        }
        let mut ask = route.ask();
        ask.token = "Authorization: Bearer stranger\r\n".to_owned();
        ask.target
            .extend(format!("?namespace={}", encoded(EVIL)).bytes());
        rig.tell(
            route,
            &ask,
            if route.kind.is_endless() {
                route.well
            } else {
                0
            },
        );
    }
    for (kind, body) in [
        (Kind::Session, json!({"token": EVIL})),
        (Kind::Session, json!({"code": EVIL})),
        (Kind::Envelope, json!({"method": EVIL, "path": EVIL})),
        (
            Kind::Envelope,
            json!({"method": "DELETE", "path": format!("/api/v1/{}", encoded(EVIL))}),
        ),
        (
            Kind::Envelope,
            json!({"method": "GET", "path": "/", "headers": {EVIL: EVIL}}),
        ),
    ] {
        let route = ROUTES.iter().find(|route| route.kind == kind).unwrap();
        let mut ask = route.ask();
        ask.send("application/json", body.to_string());
        rig.tell(route, &ask, 0);
    }
}

fn is_plain(line: &str) -> bool {
    let turns =
        |c: char| c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    !line.contains(turns)
}

fn audit(agent: &Agent) -> Vec<Value> {
    let fields = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/api/audit?limit=1000";
    let answer = crate::support::request_with(agent.address(), "GET", path, &fields).unwrap();
    assert!(is_plain(&answer.body), "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

#[test]
fn lines_of_text_stay_lines() {
    let rig = Rig::start(&[("PIPEOPS_LOG_LEVEL", "trace")]);
    shout(&rig);
    let noted = audit(&rig.agent);
    assert!(
        noted
            .iter()
            .any(|line| line["what"].as_str().unwrap().starts_with("DELETE ")),
        "{noted:?}"
    );
    for line in rig.agent.log().lines() {
        let time = line.get(..20).unwrap_or_default();
        assert!(
            humantime::parse_rfc3339(time).is_ok() && is_plain(line),
            "{line:?}"
        );
        assert_ne!(line.split(' ').nth(1), Some("ERROR"), "{line}");
    }
    rig.unharmed();
}

#[test]
fn lines_of_json_stay_lines_of_json() {
    let rig = Rig::start(&[
        ("PIPEOPS_LOG_LEVEL", "trace"),
        ("PIPEOPS_LOG_FORMAT", "json"),
    ]);
    shout(&rig);
    for line in rig.agent.log().lines() {
        let read: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(read["level"] != "error" && is_plain(line), "{line:?}");
    }
    rig.unharmed();
}

/// Names of API tokens are written by the site, and stand in each line of the audit.
#[test]
fn a_name_with_marks_is_told_without_them() {
    let rig = Rig::start(&[]);
    let name = "ev\u{1b}[2Jil\u{202e}\u{9b}";
    let tokens = rig.folder.path().join("tokens");
    fs::write(
        tokens,
        format!("admin {name} other-0123456789abcdef\nadmin ada {ADMIN}\n"),
    )
    .unwrap();
    let line = eventually("the new name is read", || {
        let fields = "Authorization: Bearer other-0123456789abcdef\r\nContent-Length: 0\r\n";
        let path = "/api/k8s/raw/api/v1/pods";
        crate::support::request_with(rig.agent.address(), "DELETE", path, fields).ok()?;
        audit(&rig.agent)
            .into_iter()
            .find(|line| line["who"] == name)
    });
    assert_eq!(line["decision"], "allowed");
    assert!(rig.agent.log().lines().all(is_plain));
}

/// What the control plane asks for is told in the log and in the audit.
#[test]
fn commands_leave_lines_that_are_lines() {
    let rig = Commands::new();
    let agent = rig.agent();
    let kubectl = |args: &[&str]| json!({"type": "kubectl", "payload": {"args": args}});
    for command in [
        kubectl(&["get", "pod", EVIL]),
        kubectl(&["delete", "pod", EVIL, "--namespace", EVIL]),
        kubectl(&[EVIL]),
        json!({"id": "a\u{202e}b\u{200f}", "type": "kubectl", "payload": {"args": ["get", "pods"]}}),
        json!({"type": EVIL, "payload": {}}),
        json!({"type": "kubectl", "payload": {"args": ["get"], EVIL: EVIL}}),
        json!({"type": "exec", "payload": {"pod": EVIL, "namespace": EVIL, "command": [EVIL]}}),
        json!({"type": "apply", "payload": {"manifest": EVIL}}),
    ] {
        let told = rig.result(&rig.queue(&command));
        assert!(told.is_object(), "{told}");
    }
    let log = agent.log();
    assert!(
        log.lines().all(is_plain) && !log.contains("\n2026-11-24T10:00:00Z"),
        "{log:?}"
    );
    let audit = fs::read_to_string(rig.state().join("audit.log")).unwrap();
    assert!(audit.lines().count() >= 4, "{audit:?}");
    for line in audit.lines() {
        let read: Value = serde_json::from_str(line).unwrap();
        assert!(read["id"].is_string() && is_plain(line), "{line:?}");
    }
}
