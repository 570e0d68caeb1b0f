//! What works: register, beat, report, over plain HTTP and TLS; tokens; shutting down.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use pipeops_agent::control::{Options, TokenSource, Verdict};
use serde_json::json;

use super::{TOKEN, beat, client, options, plane, registration, tls_plane, transcript, trusting};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn an_agent_registers_beats_and_reports() {
    let plane = plane();
    let client = client(&options(plane.url()));
    assert!(client.ping().unwrap() > Duration::ZERO);
    let id = client.register(&registration()).unwrap().agent_id.unwrap();
    client.heartbeat(&id, &beat(&id)).unwrap();
    let status = transcript("status")["request"]["body"].to_string();
    client
        .status(&id, &serde_json::from_str(&status).unwrap())
        .unwrap();

    assert!(plane.wait("status", 1, SOON));
    let agents = plane.agents();
    assert_eq!(agents[0]["id"], id);
    assert_eq!(agents[0]["heartbeats"], 1);
    assert_eq!(agents[0]["status"]["metrics"]["cpu_usage"], 31.0);
    assert_eq!(client.latency().count(), 4);
    assert!(client.clock_skew().unwrap().abs() < 30);
    assert!(
        !plane
            .transcript()
            .iter()
            .any(|said| said.to_string().contains(TOKEN))
    );
}

#[test]
fn tls_with_a_ca_of_its_own_works_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = tls_plane(folder.path());
    client(&trusting(&first)).register(&registration()).unwrap();
    first.stop();
    let second = tls_plane(folder.path());
    client(&trusting(&second)).ping().unwrap();
}

#[test]
fn an_agent_that_is_not_known_registers_again_as_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = control_plane::Options::new(TOKEN);
    served.file = Some(folder.path().join("agents.json"));
    let plane = control_plane::start(&served).unwrap();
    let client1 = client(&options(plane.url()));
    let id = client1.register(&registration()).unwrap().agent_id.unwrap();
    plane.stop();

    // It remembers, then it forgets.
    let plane = control_plane::start(&served).unwrap();
    let client2 = client(&options(plane.url()));
    client2.heartbeat(&id, &beat(&id)).unwrap();
    assert!(plane.forget(&id));
    let error = client2.heartbeat(&id, &beat(&id)).unwrap_err();
    assert_eq!(error.verdict(), Verdict::Unknown);
    let again = client2.register(&registration()).unwrap().agent_id;
    assert_eq!(again.as_ref(), Some(&id));
    client2.heartbeat(&id, &beat(&id)).unwrap();
}

#[test]
fn a_changed_token_file_is_read_when_the_old_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let plane = plane();
    let client = client(&Options {
        token: TokenSource::File(path.clone()),
        ..options(plane.url())
    });
    assert_eq!(client.ping().unwrap_err().verdict(), Verdict::SlowLane);
    fs::write(&path, "old-token\n").unwrap();
    assert_eq!(client.ping().unwrap_err().status(), Some(401));
    fs::write(&path, format!("{TOKEN}\n")).unwrap();
    client.ping().unwrap();
}

#[test]
fn an_answer_with_less_or_more_than_is_known_is_fine() {
    let plane = plane();
    let client = client(&options(plane.url()));
    for body in [
        "",
        "{}",
        r#"{"later":[1],"token":"t","agent_id":""}"#,
        r#"{"token":{"x":1}}"#,
    ] {
        plane
            .fault(&json!({"status": 202, "body": body, "count": 1}))
            .unwrap();
        assert_eq!(
            client.register(&registration()).unwrap().agent_id,
            None,
            "{body}"
        );
    }
}

#[test]
fn shutdown_ends_a_call_in_progress() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let client = client(&options(&url));
    thread::scope(|scope| {
        let call = scope.spawn(|| client.ping());
        // The call is on its way once its connection is here.
        let (_connection, _) = silent.accept().unwrap();
        let asked = Instant::now();
        client.shutdown();
        assert!(call.join().unwrap().is_err());
        assert!(asked.elapsed() < Duration::from_secs(5));
    });
    assert!(client.ping().is_err());
}
