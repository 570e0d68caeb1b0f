//! `pipeops-agent probe`: what a health check inside the container says.

use std::net::{SocketAddr, TcpListener};

use super::super::support::{Agent, TinyApi, command, eventually};

/// What is asked for each, by this command and by the kubelet.
const PROBES: [(&str, &str); 3] = [
    ("started", "/health"),
    ("live", "/health"),
    ("ready", "/ready"),
];

/// Exit code, standard output and standard error.
fn probe(what: &str, port: &str) -> (Option<i32>, String, String) {
    let output = command()
        .args(["probe", what, "--listen", "0.0.0.0", "--port", port])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[track_caller]
fn assert_fails(what: &str, address: SocketAddr, words: &[&str]) {
    let (code, out, err) = probe(what, &address.port().to_string());
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(words.iter().all(|word| err.contains(word)), "{err}");
}

#[test]
fn a_ready_agent_is_started_live_and_ready() {
    let api = TinyApi::start();
    let agent = Agent::start(&api.kubeconfig(), &[]);
    eventually("/ready with 200", || {
        (agent.get_open("/ready").status == 200).then_some(())
    });
    let port = agent.address().port().to_string();
    for (what, path) in PROBES {
        let (code, out, err) = probe(what, &port);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        let start = format!("http://127.0.0.1:{port}{path}: 200 ");
        assert!(out.starts_with(&start), "{out}");
        assert_eq!(out.lines().count(), 1, "{out}");
    }
}

#[test]
fn an_agent_without_kubernetes_is_started_and_live_but_not_ready() {
    let api = TinyApi::start();
    let kubeconfig = api.kubeconfig();
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kubeconfig");
    std::fs::copy(kubeconfig, &kept).unwrap();
    drop(api);
    let agent = Agent::start(&kept, &[]);
    let port = agent.address().port().to_string();
    for what in ["started", "live"] {
        assert_eq!(probe(what, &port).0, Some(0), "{what}");
    }
    assert_fails("ready", agent.address(), &["/ready: 503 "]);
}

#[test]
fn nobody_there_or_nobody_who_answers_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The kernel takes the connection, and nobody the question.
    assert_fails("live", address, &["no whole answer in time"]);
    drop(listener);
    for (what, _) in PROBES {
        assert_fails(what, address, &["does the agent run?"]);
    }
}

#[test]
fn a_port_that_only_the_agent_knows_cannot_be_asked() {
    let (code, out, err) = probe("live", "0");
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("set PIPEOPS_PORT"), "{err}");
}

#[test]
fn the_kubelet_asks_the_same() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/deployments/agent.yaml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let names = ["startupProbe", "livenessProbe", "readinessProbe"];
    for (name, (_, path)) in names.into_iter().zip(PROBES) {
        let start = format!("{name}: {{httpGet: {{path: {path},");
        assert!(manifest.contains(&start), "{start}");
    }
}
