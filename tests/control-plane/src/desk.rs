//! Where people and tests look in and make things happen; no part of the protocol.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agents::Agent;
use crate::server::Plane;
use crate::wire::{Request, Response};

/// Longest wait of `GET /await`.
const LONGEST: Duration = Duration::from_secs(600);

/// The end of a path that is about the commands of an agent.
const COMMANDS: &str = "/commands";

pub(crate) fn answer(plane: &Plane, request: &Request) -> Response {
    let path = request.path.as_str();
    let agent = path.strip_prefix("/agents/").unwrap_or_default();
    match (request.method.as_str(), path) {
        ("GET", "/") => overview(plane, request),
        ("POST", _) if agent.ends_with(COMMANDS) => queue(plane, agent, request),
        ("GET", _) if agent.ends_with(COMMANDS) => commands(plane, agent),
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
    let commands = agent.commands.list();
    let lines: String = commands.iter().map(|one| line(one, &show)).collect();
    format!(
        "{id}\n  cluster    {} ({}), Kubernetes {}, agent {}\n  \
         heartbeats {}, the last at {}, {} and {}\n  \
         status     {}: nodes {} ({} ready), pods {} ({} running), cpu {}, memory {}\n{lines}",
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

/// A command in one line: what became of it, and how its output begins.
fn line(one: &Value, show: &dyn Fn(&Value) -> String) -> String {
    let (command, result) = (&one["command"], &one["result"]);
    let outcome = match (&result["metadata"]["outcome"], one["handed_out"].as_u64()) {
        (Value::String(outcome), _) => outcome.clone(),
        (_, Some(0)) => "waits".to_owned(),
        _ => "runs".to_owned(),
    };
    let said = result["output"].as_str().or(result["error"].as_str());
    let said = said
        .and_then(|text| text.lines().next())
        .unwrap_or_default();
    format!(
        "  command    {} {}: {outcome}, exit code {}, {} chunks  {said}\n",
        show(&command["id"]),
        show(&command["type"]),
        show(&result["exit_code"]),
        one["chunks"].as_array().map_or(0, Vec::len),
    )
}

fn one(plane: &Plane, id: &str) -> Response {
    match plane.agents().get_mut(id) {
        Some(agent) => Response::json(200, &agent.details(id)),
        None => unknown(id),
    }
}

/// An operator's command for an agent.
fn queue(plane: &Plane, agent: &str, request: &Request) -> Response {
    let queued = serde_json::from_slice(&request.body)
        .map_err(|error| format!("the body is no JSON: {error}"))
        .and_then(|command| plane.queue(agent.trim_end_matches(COMMANDS), &command));
    match queued {
        Ok(command) => Response::json(201, &command),
        Err(problem) => Response::problem(422, problem),
    }
}

fn commands(plane: &Plane, agent: &str) -> Response {
    let agent = agent.trim_end_matches(COMMANDS);
    match plane.agents().get_mut(agent) {
        Some(known) => Response::json(200, &known.commands.list().into()),
        None => unknown(agent),
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
