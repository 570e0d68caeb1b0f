//! Lists that fail, are nonsense, come in pages or are large.

use std::time::Duration;

use serde_json::json;

use super::{Rig, figure, follows, lives, ready, shown, stored, unready};
use crate::support::api_server::{ApiServer, Fault, Gate, KINDS, Op, object, path, status};
use crate::support::{Agent, within};

const PODS: &str = "/api/v1/pods";

fn agent(server: &ApiServer) -> Agent {
    Agent::start(&server.kubeconfig(), &[])
}

/// The agent shows all that the server has.
#[track_caller]
fn heals(agent: &Agent, server: &ApiServer) {
    follows(agent, server, &KINDS.map(|(kind, _)| kind));
    ready(agent);
}

#[test]
fn a_server_that_asks_for_patience_is_not_asked_before() {
    for (op, seconds) in [(Op::Get, 1), (Op::Watch, 2)] {
        let server = ApiServer::start();
        let fields = ["Retry-After: 1\r\n", "Retry-After: 2\r\n"][seconds - 1];
        let body = status(429, "TooManyRequests");
        server.fault(PODS, op, Fault::Status(429, fields, body));
        let agent = agent(&server);
        server.wait_requests(PODS, op, 2);
        heals(&agent, &server);
        let asked = server.requests(PODS, op);
        let waited = asked[1].at - asked[0].at;
        let wanted = Duration::from_secs(seconds as u64);
        assert!(waited >= wanted, "{op:?}: {waited:?}");
        assert_eq!(
            server.requests(PODS, Op::Get).len(),
            1 + usize::from(op == Op::Get)
        );
    }
}

#[test]
fn a_server_that_fails_is_named_and_asked_again() {
    let server = ApiServer::start();
    for code in [500, 503] {
        server.fault(PODS, Op::Get, Fault::status(code, "InternalError"));
    }
    server.always(PODS, Op::Get, Fault::status(504, "Timeout"));
    let agent = agent(&server);
    // The first reason may be gone from /ready before anyone looks.
    agent.wait_log("GET /api/v1/pods failed: status 500, InternalError");
    unready(&agent, "pods: GET /api/v1/pods failed: status 504, Timeout");
    server.wait_requests(PODS, Op::Get, 3);
    server.heal();
    heals(&agent, &server);
}

#[test]
fn a_list_that_is_nonsense_is_asked_for_again() {
    let server = ApiServer::start();
    let page = "<html><body>Sign in to the hotel network</body></html>";
    let faults = [
        (
            "nodes",
            Fault::Body(br#"{"metadata":{"resourceVersion":"7"},"items":[{]}"#.to_vec()),
        ),
        ("pods", Fault::Body(Vec::new())),
        ("namespaces", Fault::Half),
        (
            "deployments",
            Fault::Raw(b"\x16\x03\x01 no HTTP\r\n\r\n".to_vec()),
        ),
        ("services", Fault::Body(page.into())),
        (
            "events",
            Fault::Body(br#"{"metadata":{},"items":[]}"#.to_vec()),
        ),
    ];
    for (kind, fault) in faults {
        server.fault(path(kind), Op::Get, fault);
    }
    let agent = agent(&server);
    for (kind, list) in KINDS {
        assert_eq!(server.wait_requests(list, Op::Get, 1).len(), 1, "{kind}");
    }
    heals(&agent, &server);
    for (kind, list) in KINDS {
        assert_eq!(server.requests(list, Op::Get).len(), 2, "{kind}");
    }
}

#[test]
fn an_empty_list_is_a_known_zero() {
    let server = ApiServer::start();
    server.delete("deployments", "first");
    let agent = agent(&server);
    heals(&agent, &server);
    let list = agent.json("/api/k8s/deployments");
    assert_eq!((&list["count"], &list["items"]), (&json!(0), &json!([])));
}

#[test]
fn a_list_comes_in_pages_and_starts_over_when_its_mark_expires() {
    let server = ApiServer::start();
    for number in 0..250 {
        server.apply("pods", object("pods", &format!("pod-{number:03}")));
    }
    let (open, gate) = (Gate::default(), Gate::default());
    open.open();
    server.fault(PODS, Op::Get, Fault::Delay(open));
    server.fault(PODS, Op::Get, Fault::Delay(gate.clone()));
    let agent = agent(&server);
    let asked = server.wait_requests(PODS, Op::Get, 2);
    assert_eq!(asked[0].query("continue"), None);
    assert!(
        asked[1]
            .query("continue")
            .is_some_and(|mark| mark.contains('+'))
    );
    // Half a list is not shown.
    let list = agent.json("/api/k8s/pods");
    assert_eq!(
        (list.get("items"), &list["availability"]["state"]),
        (None, &json!("pending"))
    );
    for (kind, _) in KINDS.into_iter().filter(|(kind, _)| *kind != "pods") {
        server.wait_watch(kind, 1);
    }
    server.compact();
    server.delete("pods", "pod-000");
    gate.open();
    heals(&agent, &server);
    let asked = server.requests(PODS, Op::Get);
    let marks: Vec<_> = asked
        .iter()
        .map(|request| request.query("continue").is_some())
        .collect();
    assert_eq!(marks, [false, true, false, true, true]);
    assert!(
        asked
            .iter()
            .all(|request| request.query("limit") == Some("100"))
    );
}

#[test]
fn a_list_of_large_objects_comes_in_smaller_pages() {
    let server = ApiServer::start();
    for number in 0..100 {
        let mut pod = object("pods", &format!("large-{number:02}"));
        pod["metadata"]["annotations"] = json!({"large": "x".repeat(100_000)});
        server.apply("pods", pod);
    }
    let agent = agent(&server);
    heals(&agent, &server);
    let asked = server.requests(PODS, Op::Get);
    let limits: Vec<_> = asked
        .iter()
        .map(|request| request.query("limit").unwrap())
        .collect();
    assert_eq!(limits[..2], ["100", "10"]);
    assert_eq!(limits.len(), 1 + 11);
    let memory = agent.json("/api/health/detailed")["memory"].clone();
    let peak = memory["resident_peak_bytes"].as_u64().unwrap();
    assert!(peak < 64 << 20, "{peak} bytes");
}

#[test]
fn a_broken_object_in_a_list_fails_alone() {
    let server = ApiServer::start();
    let whole = stored(&server, "pods");
    let mut bad = object("pods", "bad");
    bad["spec"]["containers"] = json!("many");
    server.apply("pods", bad.clone());
    let agent = agent(&server);
    within(super::HEALED, "the others", || {
        (shown(&agent, "pods").as_ref() == Some(&whole)).then_some(())
    });
    assert_eq!(figure(&agent, "pods", "decode_errors"), 1);
    server.apply("pods", object("pods", "bad"));
    heals(&agent, &server);
    lives(&agent);
}

#[test]
fn a_list_that_is_reset_is_asked_for_again() {
    let rig = Rig::start();
    rig.server
        .fault(PODS, Op::Watch, Fault::status(410, "Gone"));
    rig.server.fault(PODS, Op::Get, Fault::Reset);
    rig.server.fault(PODS, Op::Get, Fault::Half);
    rig.server
        .cut("pods", crate::support::api_server::Cut::Reset);
    rig.server.wait_requests(PODS, Op::Get, 3);
    rig.server.apply("pods", object("pods", "later"));
    rig.follows();
}
