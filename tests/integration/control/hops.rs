//! The walk to the control plane, stage by stage.

use std::time::{Duration, Instant};

use pipeops_agent::control::Options;
use pipeops_agent::control::diagnose::{Hop, hops};
use serde_json::json;

use super::{options, plane, tls_plane, trusting};

fn names(hops: &[Hop]) -> Vec<&'static str> {
    hops.iter().map(|hop| hop.name).collect()
}

fn failure(hops: &[Hop]) -> &str {
    hops.last().unwrap().outcome.as_ref().unwrap_err()
}

#[test]
fn every_stage_is_passed_and_timed() {
    let folder = tempfile::tempdir().unwrap();
    let plane = tls_plane(folder.path());
    let walked = hops(&trusting(&plane));
    assert_eq!(names(&walked), ["dns", "tcp", "tls", "http", "clock"]);
    assert!(walked.iter().all(|hop| hop.outcome.is_ok()), "{walked:?}");
    assert!(walked[2].detail.contains("TLS 1.3"), "{walked:?}");
    assert!(walked[2].detail.contains("ca.pem"), "{walked:?}");
}

#[test]
fn the_first_failure_is_the_last_hop() {
    let folder = tempfile::tempdir().unwrap();
    let plane = tls_plane(folder.path());
    let walked = hops(&options(plane.url()));
    assert_eq!(names(&walked), ["dns", "tcp", "tls"]);
    assert!(failure(&walked).contains("not trusted"), "{walked:?}");

    plane.settings(&json!({"clock_offset": 600})).unwrap();
    let walked = hops(&trusting(&plane));
    assert_eq!(walked.last().unwrap().name, "clock");
    assert!(failure(&walked).contains("behind"), "{walked:?}");

    plane.fault(&json!({"status": 500})).unwrap();
    let walked = hops(&trusting(&plane));
    assert_eq!(names(&walked), ["dns", "tcp", "tls", "http"]);
    assert!(failure(&walked).contains("500"), "{walked:?}");

    let gone = trusting(&plane);
    plane.stop();
    let walked = hops(&gone);
    assert_eq!(names(&walked), ["dns", "tcp"]);
    assert!(failure(&walked).contains("refused"), "{walked:?}");

    let walked = hops(&options("https://control.invalid"));
    assert_eq!(names(&walked), ["dns"]);
    assert!(failure(&walked).contains("control.invalid"), "{walked:?}");

    let walked = hops(&options("https://user@host"));
    assert_eq!(names(&walked), ["options"]);
}

#[test]
fn a_walk_is_bounded_in_time() {
    let plane = plane();
    plane.fault(&json!({"delay_ms": 60_000})).unwrap();
    let started = Instant::now();
    let walked = hops(&Options {
        timeout: Duration::from_millis(300),
        ..options(plane.url())
    });
    assert_eq!(names(&walked), ["dns", "tcp", "http"]);
    assert!(
        failure(&walked).contains("no complete answer"),
        "{walked:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}
