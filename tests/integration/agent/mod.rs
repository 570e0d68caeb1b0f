//! The built agent between a small API server and the reference control plane.

#![cfg(test)]

mod check;
mod connects;
mod emulated;
mod lifecycle;
mod outages;
mod probe;
mod refusals;
mod state;
mod tls;

use control_plane::{Handle, Options};
use serde_json::Value;

use super::support::{Agent, SOON, TinyApi, eventually};

const TOKEN: &str = "right-token-7c21";

fn plane() -> Handle {
    control_plane::start(&Options::new(TOKEN)).unwrap()
}

/// The variables of an agent that speaks to this control plane each second.
fn variables(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("PIPEOPS_API_URL", url),
        ("PIPEOPS_TOKEN", TOKEN),
        ("PIPEOPS_HEARTBEAT_INTERVAL", "1"),
        ("PIPEOPS_STATUS_INTERVAL", "1"),
    ]
}

/// What comes later in `but` replaces what is usual.
fn agent(api: &TinyApi, url: &str, but: &[(&str, &str)]) -> Agent {
    let mut set = variables(url);
    set.extend(but);
    Agent::start(&api.kubeconfig(), &set)
}

/// Waits until the control plane has its first agent, and returns the id.
#[track_caller]
fn registered(plane: &Handle) -> String {
    assert!(plane.wait("heartbeat", 1, SOON), "{:?}", plane.transcript());
    let id = plane.agents()[0]["id"].as_str().map(str::to_owned);
    id.expect("agents have ids")
}

/// Waits until the agent explains why it is not connected.
#[track_caller]
fn explained(agent: &Agent, word: &str) -> Value {
    eventually(word, || {
        let detailed = agent.json("/api/health/detailed");
        let explanation = &detailed["control_plane"]["explanation"];
        let found = explanation.to_string().contains(word);
        found.then(|| explanation.clone())
    })
}

/// No token of any kind is in the log, in the answers or in the transcript.
#[track_caller]
fn assert_discreet(agent: &Agent, plane: &Handle) {
    let paths = [
        "/api/health/detailed",
        "/api/status/connectivity",
        "/api/runtime",
        "/ready",
    ];
    let mut said: Vec<String> = paths.iter().map(|path| agent.get(path).body).collect();
    said.push(agent.log());
    said.extend(plane.transcript().iter().map(Value::to_string));
    for text in said {
        for token in ["token-7c21", "kubernetes-token", "test-api-token"] {
            assert!(!text.contains(token), "{token} is in {text}");
        }
    }
}
