//! The published protocol (`docs/control-plane-api.yaml`), one function for each call:
//! what a control plane must do, and hardly more.

use std::sync::MutexGuard;

use serde_json::{Value, json};

use crate::agents::Agents;
use crate::wire::{Request, Response};

/// What an agent reads of an answer with commands, less something for the frame.
const ANSWER: usize = 2 * 1024 * 1024 - 1024;

/// What a path under `/api/v1` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    Health,
    Register,
    Heartbeat(&'a str),
    Status(&'a str),
    Events(&'a str),
    Commands(&'a str),
    Output(&'a str, &'a str),
    Result(&'a str, &'a str),
}

impl<'a> Call<'a> {
    pub(crate) fn of(method: &str, path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
        Some(match (method, segments.as_slice()) {
            ("GET", ["health"]) => Self::Health,
            ("POST", ["agents", "register"]) => Self::Register,
            ("POST", ["agents", id, "heartbeat"]) => Self::Heartbeat(id),
            ("POST", ["agents", id, "status"]) => Self::Status(id),
            ("POST", ["agents", id, "events"]) => Self::Events(id),
            ("GET", ["agents", id, "commands"]) => Self::Commands(id),
            ("POST", ["agents", id, "commands", command, "output"]) => Self::Output(id, command),
            ("POST", ["agents", id, "commands", command, "result"]) => Self::Result(id, command),
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Register => "register",
            Self::Heartbeat(_) => "heartbeat",
            Self::Status(_) => "status",
            Self::Events(_) => "events",
            Self::Commands(_) => "commands",
            Self::Output(..) => "output",
            Self::Result(..) => "result",
        }
    }
}

/// Who may speak: everybody may ask for health, but a token that is sent must be right.
pub(crate) fn authorize(
    call: Option<Call<'_>>,
    request: &Request,
    token: &str,
) -> Option<Response> {
    let sent = request.header("authorization");
    let right = sent.is_some_and(|sent| sent.strip_prefix("Bearer ") == Some(token));
    if right || (sent.is_none() && call == Some(Call::Health)) {
        return None;
    }
    let refusal = Response::problem(401, "the token is missing or not known");
    Some(refusal.with("WWW-Authenticate", "Bearer"))
}

/// Answers a call of an authorized agent. `now` is RFC 3339.
pub(crate) fn answer(
    call: Call<'_>,
    request: &Request,
    mut agents: MutexGuard<'_, Agents>,
    now: &str,
) -> Response {
    let body = match serde_json::from_slice::<Value>(&request.body) {
        Ok(body) => body,
        Err(_) if request.method == "GET" => Value::Null,
        Err(error) => return Response::problem(400, format!("the body is no JSON: {error}")),
    };
    let outcome = match call {
        Call::Health => Ok(Response::json(200, &json!({"status": "ok"}))),
        Call::Register => register(body, &mut agents, now),
        Call::Heartbeat(id) => heartbeat(id, body, &mut agents, now),
        Call::Status(id) => status(id, body, &mut agents, now),
        Call::Events(id) => events(id, &body, &mut agents, now),
        Call::Commands(id) => commands(id, request, &mut agents, now),
        Call::Output(id, command) => output((id, command), &body, &mut agents, now),
        Call::Result(id, command) => result((id, command), body, &mut agents, now),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn register(body: Value, agents: &mut Agents, now: &str) -> Result<Response, Response> {
    let texts = [
        "/agent/name",
        "/agent/cluster_name",
        "/agent/version",
        "/agent/status",
        "/agent/last_seen",
        "/cluster/name",
        "/cluster/uid",
    ];
    require(&body, &texts)?;
    let (id, new) = agents.register(body, now);
    let mut answer = agents.answer();
    answer.insert("agent_id".to_owned(), Value::String(id));
    let status = if new { 201 } else { 200 };
    Ok(Response::json(status, &Value::Object(answer)))
}

fn heartbeat(id: &str, body: Value, agents: &mut Agents, now: &str) -> Result<Response, Response> {
    let agent = known(id, agents, now)?;
    require(
        &body,
        &["/agent_id", "/cluster_name", "/status", "/timestamp"],
    )?;
    if body["agent_id"] != id {
        return Err(Response::problem(
            422,
            "agent_id is not the one in the path",
        ));
    }
    agent.heartbeat = body;
    agent.heartbeats += 1;
    Ok(acknowledged(agents))
}

fn status(id: &str, body: Value, agents: &mut Agents, now: &str) -> Result<Response, Response> {
    let agent = known(id, agents, now)?;
    require(&body, &["/timestamp"])?;
    if !body["metrics"].is_object() {
        return Err(Response::problem(422, "/metrics is missing or no object"));
    }
    agent.status = body;
    agent.statuses += 1;
    Ok(acknowledged(agents))
}

fn events(id: &str, body: &Value, agents: &mut Agents, now: &str) -> Result<Response, Response> {
    known(id, agents, now)?;
    let (Some(to), Some(events)) = (body["to"].as_u64(), body["events"].as_array()) else {
        return Err(Response::problem(422, "/to or /events is missing"));
    };
    let gaps = body["gaps"].as_array().map_or(&[][..], Vec::as_slice);
    let position = agents.take_events(id, events, gaps, to);
    agents.save();
    Ok(Response::json(200, &json!({"acknowledged": position})))
}

fn commands(
    id: &str,
    request: &Request,
    agents: &mut Agents,
    now: &str,
) -> Result<Response, Response> {
    let commands = &mut known(id, agents, now)?.commands;
    let after = request.parameter("after").map_or(Ok(0), str::parse);
    let after = after.map_err(|_| Response::problem(422, "after is no number"))?;
    // An agent reads so much of an answer; the rest is for the next one.
    let mut room = ANSWER;
    let fits = |wire: &&&Value| {
        let size = wire.to_string().len();
        let first = room == ANSWER;
        room = room.saturating_sub(size);
        first || room > 0
    };
    let open = commands.open(after);
    let given: Vec<&Value> = open.iter().take_while(fits).copied().collect();
    let response = Response::json(200, &json!({"commands": given}));
    commands.handed_out(after);
    Ok(response)
}

fn output(
    (id, command): (&str, &str),
    body: &Value,
    agents: &mut Agents,
    now: &str,
) -> Result<Response, Response> {
    let agent = known(id, agents, now)?;
    let chunks = body["chunks"].as_array();
    let chunks = chunks.ok_or_else(|| Response::problem(422, "/chunks is missing"))?;
    let is_known = agent.commands.output(&decoded(command), chunks);
    taken(is_known, agents)
}

fn result(
    (id, command): (&str, &str),
    body: Value,
    agents: &mut Agents,
    now: &str,
) -> Result<Response, Response> {
    let agent = known(id, agents, now)?;
    require(&body, &["/timestamp", "/metadata/outcome"])?;
    if !body["success"].is_boolean() || !body["truncated"].is_boolean() {
        return Err(Response::problem(422, "/success or /truncated is missing"));
    }
    let is_known = agent.commands.result(&decoded(command), body);
    taken(is_known, agents)
}

/// What came for a command is kept, unless there is no such command.
fn taken(is_known: bool, agents: &Agents) -> Result<Response, Response> {
    if !is_known {
        return Err(Response::problem(410, "there is no such command"));
    }
    agents.save();
    Ok(Response::empty(204))
}

/// A segment of a path without percent-encoding.
fn decoded(segment: &str) -> String {
    let mut parts = segment.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).map(|code| u8::from_str_radix(code, 16));
        match code {
            Some(Ok(byte)) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            _ => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The agent, just seen; or the refusal that makes it register again.
fn known<'a>(
    id: &str,
    agents: &'a mut Agents,
    now: &str,
) -> Result<&'a mut crate::agents::Agent, Response> {
    let agent = agents
        .get_mut(id)
        .ok_or_else(|| Response::problem(404, "there is no such agent: register first"))?;
    agent.last_seen = now.to_owned();
    Ok(agent)
}

/// Nothing to say is 204; intervals and tokens are announced with 200.
fn acknowledged(agents: &Agents) -> Response {
    let answer = agents.answer();
    if answer.is_empty() {
        Response::empty(204)
    } else {
        Response::json(200, &Value::Object(answer))
    }
}

/// Refuses a body without these texts.
fn require(body: &Value, pointers: &[&str]) -> Result<(), Response> {
    let missing: Vec<&str> = pointers
        .iter()
        .copied()
        .filter(|pointer| !body.pointer(pointer).is_some_and(Value::is_string))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let detail = format!("missing or no text: {}", missing.join(", "));
    Err(Response::problem(422, detail))
}
