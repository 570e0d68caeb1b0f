//! A control plane that answers, but not as it should: what the agent does, and what it
//! tells its operator.

use std::fs;
use std::path::Path;
use std::time::Duration;

use control_plane::{Handle, Options};
use serde_json::{Value, json};

use super::super::support::{Agent, SOON, TinyApi, eventually};
use super::{TOKEN, agent, assert_discreet, explained, plane, registered};

fn calls(plane: &Handle, call: &str) -> usize {
    let all = plane.transcript();
    all.iter().filter(|said| said["call"] == call).count()
}

/// An agent that reads its token from this file.
fn agent_by_file(api: &TinyApi, url: &str, token: &Path) -> Agent {
    let set = [
        ("PIPEOPS_API_URL", url),
        ("PIPEOPS_TOKEN_FILE", token.to_str().unwrap()),
        ("PIPEOPS_HEARTBEAT_INTERVAL", "1"),
        ("PIPEOPS_STATUS_INTERVAL", "1"),
    ];
    Agent::start(&api.kubeconfig(), &set)
}

#[test]
fn a_refused_token_is_not_repeated_and_a_new_one_is_used() {
    let (api, plane) = (TinyApi::start(), plane());
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "expired-token-7c21").unwrap();
    let agent = agent_by_file(&api, plane.url(), &token);
    let explanation = explained(&agent, "401");
    assert_eq!(explanation["stage"], "authentication");
    let place = format!("the token in {}", token.display());
    assert!(explanation["text"].as_str().unwrap().contains(&place));
    // Five beats are missed, and yet nobody is hammered.
    agent.wait_log("alert: the control plane is never reached: 5 beats missed");
    assert_eq!(calls(&plane, "register"), 1);
    assert_eq!(agent.get_open("/ready").status, 503);

    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    registered(&plane);
    agent.wait_log("there is another token");
    assert_discreet(&agent, &plane);
}

#[test]
fn a_connected_agent_that_is_forbidden_to_beat_says_so_and_waits() {
    let (api, plane) = (TinyApi::start(), plane());
    let agent = agent(&api, plane.url(), &[]);
    registered(&plane);
    let forbidden = json!({"call": "heartbeat", "status": 403, "body": "{\"detail\": \"cluster is archived\"}"});
    plane.fault(&forbidden).unwrap();
    let explanation = explained(&agent, "cluster is archived");
    assert_eq!(explanation["stage"], "authentication");
    let beats = calls(&plane, "heartbeat");
    let ready = eventually("not ready", || {
        Some(agent.get_open("/ready")).filter(|answer| answer.status == 503)
    });
    assert!(ready.body.contains(" beats missed: "), "{}", ready.body);
    agent.wait_log("alert: the control plane is lost: 5 beats missed");
    assert_eq!(calls(&plane, "heartbeat"), beats, "no hammering");
}

#[test]
fn a_wish_to_come_back_later_is_honoured() {
    let (api, plane) = (TinyApi::start(), plane());
    let agent = agent(&api, plane.url(), &[]);
    registered(&plane);
    let busy =
        json!({"call": "heartbeat", "status": 429, "headers": {"Retry-After": "3"}, "count": 1});
    plane.fault(&busy).unwrap();
    agent.wait_log("asks to come back later");
    agent.wait_log("connected again after ");
    let all = plane.transcript();
    let mut beats = all
        .iter()
        .filter(|said| said["call"] == "heartbeat")
        .skip_while(|said| said["response"]["status"] != 429)
        .map(|said| humantime::parse_rfc3339(said["at"].as_str().unwrap()).unwrap());
    let (refused, next) = (beats.next().unwrap(), beats.next().unwrap());
    // Stamps are whole seconds.
    assert!(next.duration_since(refused).unwrap() >= Duration::from_secs(3));
}

/// What an agent says of a control plane that does this to its registration.
#[track_caller]
fn met(api: &TinyApi, fault: &Value, word: &str) -> Value {
    let plane = plane();
    plane.fault(fault).unwrap();
    let agent = agent(api, plane.url(), &[]);
    let explanation = explained(&agent, word);
    let told = agent.wait_log(word);
    assert!(
        told.contains(explanation["hint"].as_str().unwrap()),
        "{told}"
    );
    assert_eq!(agent.get_open("/health").status, 200);
    let connectivity = agent.json("/api/status/connectivity");
    assert_eq!(connectivity["control_plane"]["explanation"], explanation);
    assert_discreet(&agent, &plane);
    explanation
}

#[test]
fn every_wrong_answer_is_told_with_its_stage_and_a_hint() {
    let api = TinyApi::start();
    let elsewhere = plane();
    let html = "<html><body>Welcome to the Hotel</body></html>";
    for (fault, word, stage) in [
        (json!({"status": 500}), "has a problem", "server"),
        (
            json!({"garbage": true}),
            "does not answer with HTTP",
            "protocol",
        ),
        (
            json!({"body": html}),
            "not the JSON of the protocol",
            "protocol",
        ),
        (json!({"size": 70_000}), "more than 65536 bytes", "protocol"),
        (
            json!({"drop": true}),
            "closed the connection without",
            "tcp",
        ),
        (json!({"status": 422}), "refuses the request", "server"),
        (
            json!({"redirect": format!("{}/login?next=x", elsewhere.url())}),
            "which is not followed",
            "protocol",
        ),
    ] {
        let explanation = met(&api, &fault, word);
        assert_eq!(explanation["stage"], stage, "{explanation}");
        assert_ne!(explanation["hint"], "");
    }
    assert!(elsewhere.transcript().is_empty(), "no redirect is followed");
}

#[test]
fn a_status_that_fails_does_not_make_it_disconnected() {
    let (api, plane) = (TinyApi::start(), plane());
    plane
        .fault(&json!({"call": "status", "status": 500}))
        .unwrap();
    let agent = agent(&api, plane.url(), &[]);
    let line = agent.wait_log("status not accepted: the control plane has a problem");
    assert!(plane.wait_any("status", 3, SOON), "it goes on trying");
    assert!(line.contains("look at the control plane"), "{line}");
    assert_eq!(agent.log().matches("status not accepted").count(), 1);
    let link = agent.json("/api/health/detailed")["control_plane"].clone();
    assert_eq!(link["connected"], true, "{link}");
    plane.clear_faults();
    assert!(plane.wait("status", 1, SOON));
}

#[test]
fn a_slow_control_plane_is_told_by_the_test_of_connectivity() {
    let (api, plane) = (TinyApi::start(), plane());
    let agent = agent(&api, plane.url(), &[]);
    registered(&plane);
    plane
        .fault(&json!({"call": "health", "delay_ms": 60_000}))
        .unwrap();
    let report = agent.json("/api/status/connectivity")["control_plane"].clone();
    assert_eq!(report["reachable"], false, "{report}");
    let last = report["hops"].as_array().unwrap().last().unwrap();
    assert_eq!(last["name"], "http");
    let error = last["error"].as_str().unwrap();
    assert!(error.contains("no complete answer"), "{error}");
    // The beats are not concerned.
    assert_eq!(report["connected"], true);
}

#[test]
fn a_certificate_of_another_ca_is_told_with_the_ca_that_is_trusted() {
    let api = TinyApi::start();
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tls = |folder: &Path| {
        let options = Options {
            tls: Some(folder.to_owned()),
            ..Options::new(TOKEN)
        };
        control_plane::start(&options).unwrap()
    };
    let (plane, stranger) = (tls(folder.path()), tls(other.path()));
    let trusted = stranger.ca_pem().unwrap().to_str().unwrap();
    let wrong = agent(&api, plane.url(), &[("PIPEOPS_CA_FILE", trusted)]);
    let explanation = explained(&wrong, trusted);
    assert_eq!(explanation["stage"], "tls");
    assert!(plane.transcript().is_empty(), "no token is sent");
    drop(wrong);

    let trusted = plane.ca_pem().unwrap().to_str().unwrap();
    let right = agent(&api, plane.url(), &[("PIPEOPS_CA_FILE", trusted)]);
    assert!(plane.wait("heartbeat", 1, SOON));
    plane.fault(&json!({"certificate": "expired"})).unwrap();
    // The certificate counts for the next connection.
    plane
        .fault(&json!({"call": "heartbeat", "drop": true, "count": 1}))
        .unwrap();
    let explanation = explained(&right, "expired");
    assert_eq!(explanation["stage"], "tls", "{explanation}");
    assert_discreet(&right, &plane);
}
