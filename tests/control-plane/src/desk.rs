//! Where people and tests look in and make things happen; no part of the protocol.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agents::Agent;
use crate::server::Plane;
use crate::wire::{Request, Response};

/// Longest wait of `GET /await`.
const LONGEST: Duration = Duration::from_secs(600);

pub(crate) fn answer(plane: &Plane, request: &Request) -> Response {
    let path = request.path.as_str();
    let agent = path.strip_prefix("/agents/").unwrap_or_default();
    match (request.method.as_str(), path) {
        ("GET", "/") => overview(plane, request),
        ("GET", "/agents") => Response::json(200, &plane.agents().details().into()),
        ("GET", _) if !agent.is_empty() => one(plane, agent),
        ("DELETE", _) if !agent.is_empty() => match plane.agents().forget(agent) {
            true => Response::empty(204),
            false => unknown(agent),
        },
        ("GET", "/transcript") => transcript(plane),
        ("GET", "/await") => wait(plane, request),
        ("GET", "/faults") => Response::json(200, &plane.faults().list().into()),
        ("POST", "/faults") => change(request, |fault| plane.faults().add(fault)),
        ("DELETE", "/faults") => {
            plane.faults().clear();
            Response::empty(204)
        }
        ("POST", "/settings") => change(request, |settings| plane.agents().set(settings)),
        _ => Response::problem(404, "see control-plane --help for what there is"),
    }
}

fn overview(plane: &Plane, request: &Request) -> Response {
    let wants_json = |accept: &str| accept.contains("application/json");
    if request.header("accept").is_some_and(wants_json) {
        return Response::json(200, &plane.agents().details().into());
    }
    let agents = plane.agents();
    let mut text = String::new();
    for (id, agent) in agents.all() {
        text.push_str(&paragraph(id, agent));
    }
    if text.is_empty() {
        text.push_str("no agent has registered yet\n");
    }
    Response::text(text)
}

/// What a person wants to know about an agent, in a few lines.
fn paragraph(id: &str, agent: &Agent) -> String {
    let show = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (registration, beat) = (&agent.registration, &agent.heartbeat);
    let (counts, metrics) = (&beat["metadata"]["counts"], &agent.status["metrics"]);
    let percent = |name: &str| match metrics[name].as_f64() {
        Some(value) => format!("{value:.1} %"),
        None => "-".to_owned(),
    };
    format!(
        "{id}\n  cluster    {} ({}), Kubernetes {}, agent {}\n  \
         heartbeats {}, the last at {}, {} and {}\n  \
         status     {}: nodes {} ({} ready), pods {} ({} running), cpu {}, memory {}\n",
        show(&registration["cluster"]["name"]),
        show(&registration["cluster"]["uid"]),
        show(&registration["cluster"]["version"]),
        show(&registration["agent"]["version"]),
        agent.heartbeats,
        show(&beat["timestamp"]),
        show(&beat["status"]),
        show(&beat["metadata"]["health"]),
        agent.statuses,
        show(&counts["nodes"]),
        show(&counts["nodes_ready"]),
        show(&counts["pods"]),
        show(&counts["pods_running"]),
        percent("cpu_usage"),
        percent("memory_usage"),
    )
}

fn one(plane: &Plane, id: &str) -> Response {
    match plane.agents().get_mut(id) {
        Some(agent) => Response::json(200, &agent.details(id)),
        None => unknown(id),
    }
}

fn transcript(plane: &Plane) -> Response {
    let mut lines = String::new();
    for entry in plane.transcript.entries() {
        lines.push_str(&entry.to_string());
        lines.push('\n');
    }
    Response::empty(200)
        .with("Content-Type", "application/jsonl")
        .body(lines)
}

fn wait(plane: &Plane, request: &Request) -> Response {
    let number = |name: &str, default: u64| match request.parameter(name) {
        Some(text) => text.parse::<u64>().ok(),
        None => Some(default),
    };
    let (Some(call), Some(count), Some(timeout)) = (
        request.parameter("call"),
        number("count", 1),
        number("timeout", 10),
    ) else {
        return Response::problem(400, "use /await?call=heartbeat&count=2&timeout=10");
    };
    let acknowledged = request.parameter("outcome") != Some("any");
    let limit = Duration::from_secs(timeout).min(LONGEST);
    let arrived = plane.transcript.wait(call, count, acknowledged, limit);
    let count = plane.transcript.count(call, acknowledged);
    let body = json!({"call": call, "count": count});
    Response::json(if arrived { 200 } else { 408 }, &body)
}

fn change(request: &Request, apply: impl FnOnce(&Value) -> Result<(), String>) -> Response {
    let changed = serde_json::from_slice(&request.body)
        .map_err(|error| format!("the body is no JSON: {error}"))
        .and_then(|body| apply(&body));
    match changed {
        Ok(()) => Response::empty(204),
        Err(problem) => Response::problem(422, problem),
    }
}

fn unknown(id: &str) -> Response {
    Response::problem(404, format!("there is no agent {id}"))
}
