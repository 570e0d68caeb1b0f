//! A command as it comes, and as it is understood: typed, or a reason why not. Pure.
//!
//! What is around the payload may grow: unknown fields there are ignored. In the payload
//! nothing is: a field that is not known may be what makes the command safe.

mod payload;

use std::time::{Duration, SystemTime};

use log::LevelFilter;
use serde_json::Value;

use super::journal::ID_LIMIT;

/// Largest payload, counted as JSON.
const PAYLOAD_LIMIT: usize = 1024 * 1024;

const NO_ID: &str = "the id is no printable text of 1 to 253 bytes";

/// What the control plane wants done.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub id: String,
    pub position: u64,
    pub created: SystemTime,
    pub expires: SystemTime,
    /// May run again when nobody knows whether it ran.
    pub idempotent: bool,
    /// The folder of the agent that it was handed out to before, if it was.
    pub instance: Option<String>,
    /// `type`, as it was sent.
    pub kind: String,
    pub task: Task,
    /// How long it may run.
    pub limit: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    Ping,
    /// Send a status now.
    Status,
    Config(Config),
    /// End the command with this id.
    Cancel(String),
    /// Everything that kubectl can do.
    Kubectl(Kubectl),
}

/// What is to be set; none stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Config {
    /// Seconds.
    pub heartbeat: Option<f64>,
    /// Seconds.
    pub status: Option<f64>,
    pub log_level: Option<LevelFilter>,
}

/// A command line, without the name of the program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kubectl {
    pub args: Vec<String>,
    pub stdin: Option<String>,
    /// Instead of the one that is usual here.
    pub namespace: Option<String>,
}

/// A command that is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Invalid {
    /// None: there is nobody to answer.
    pub id: Option<String>,
    pub position: u64,
    pub reason: String,
}

impl Command {
    /// Reads what came over the wire.
    ///
    /// # Errors
    /// What is wrong with it, for whoever sent it.
    pub fn parse(wire: &Value) -> Result<Self, Invalid> {
        let id = wire["id"].as_str().filter(|id| is_id(id));
        let position = wire["position"].as_u64().unwrap_or(0);
        read(wire, id, position).map_err(|reason| Invalid {
            id: id.map(str::to_owned),
            position,
            reason,
        })
    }
}

impl Command {
    /// One of somebody who is here: it begins now or never.
    ///
    /// # Errors
    /// Why it is none.
    pub fn of_visitor(id: &str, kind: &str, payload: &Value) -> Result<Self, String> {
        if !is_id(id) {
            return Err(NO_ID.to_owned());
        }
        let (task, limit) = payload::read(kind, payload)?;
        if !matches!(task, Task::Kubectl(_)) {
            return Err(format!("{kind:?} is for the control plane"));
        }
        let now = SystemTime::now();
        Ok(Self {
            id: id.to_owned(),
            position: 0,
            created: now,
            expires: now + limit,
            idempotent: task.only_reads(),
            instance: None,
            kind: kind.to_owned(),
            task,
            limit,
        })
    }
}

fn read(wire: &Value, id: Option<&str>, position: u64) -> Result<Command, String> {
    let id = id.ok_or(NO_ID)?;
    let kind = wire["type"].as_str().ok_or("there is no type")?;
    let moment = |name: &str| {
        let moment = wire[name].as_str().map(humantime::parse_rfc3339);
        moment
            .and_then(Result::ok)
            .ok_or_else(|| format!("{name} is missing or no moment such as 2026-11-24T10:00:00Z"))
    };
    let idempotent = match &wire["idempotent"] {
        Value::Null => false,
        Value::Bool(said) => *said,
        _ => return Err("idempotent is neither true nor false".to_owned()),
    };
    let payload = &wire["payload"];
    if payload.to_string().len() > PAYLOAD_LIMIT {
        return Err(format!("the payload is larger than {PAYLOAD_LIMIT} bytes"));
    }
    let (task, limit) = payload::read(kind, payload)?;
    Ok(Command {
        id: id.to_owned(),
        instance: wire["instance"].as_str().map(str::to_owned),
        position,
        created: moment("created_at")?,
        expires: moment("expires_at")?,
        idempotent: idempotent || task.only_reads(),
        kind: kind.to_owned(),
        task,
        limit,
    })
}

/// An id goes into paths, files and log lines.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_LIMIT && !id.chars().any(char::is_control)
}

impl Task {
    /// Whether running it twice is the same as once, whatever happens in between.
    fn only_reads(&self) -> bool {
        const READING: [&str; 14] = [
            "api-resources",
            "api-versions",
            "auth can-i",
            "auth whoami",
            "cluster-info",
            "describe",
            "diff",
            "events",
            "explain",
            "get",
            "logs",
            "top",
            "version",
            "wait",
        ];
        let Self::Kubectl(Kubectl { args, .. }) = self else {
            return true;
        };
        let word = |place| args.get(place).map_or("", String::as_str);
        let two = format!("{} {}", word(0), word(1));
        READING.contains(&word(0))
            || READING.contains(&two.as_str())
            || matches!(two.as_str(), "rollout status" | "rollout history")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wire(kind: &str, payload: Value) -> Value {
        json!({
            "id": "c-1", "position": 7, "type": kind, "payload": payload,
            "created_at": "2026-11-24T10:00:00Z", "expires_at": "2026-11-24T11:00:00Z",
        })
    }

    fn kubectl(args: &[&str]) -> Command {
        Command::parse(&wire("kubectl", json!({ "args": args }))).unwrap()
    }

    #[test]
    fn a_command_is_read_with_what_is_around_it() {
        let mut sent = wire("ping", json!({}));
        sent["later"] = json!("ignored");
        let command = Command::parse(&sent).unwrap();
        assert_eq!((command.id.as_str(), command.position), ("c-1", 7));
        assert_eq!(command.task, Task::Ping);
        let lasts = command.expires.duration_since(command.created).unwrap();
        assert_eq!(lasts, Duration::from_secs(3600));
        assert_eq!(command.limit, Duration::from_secs(60));
    }

    #[test]
    fn what_reads_may_run_again_and_what_is_said_to() {
        for args in [
            &["get", "pods"][..],
            &["logs", "web"],
            &["auth", "can-i", "get", "pods"],
            &["rollout", "status", "deploy/web"],
        ] {
            assert!(kubectl(args).idempotent, "{args:?}");
        }
        for args in [
            &["delete", "pod", "web"][..],
            &["auth", "reconcile"],
            &["rollout", "restart", "deploy/web"],
            &["-n", "get", "delete", "pods"],
        ] {
            assert!(!kubectl(args).idempotent, "{args:?}");
        }
        let mut said = wire("kubectl", json!({"args": ["delete", "pod", "web"]}));
        said["idempotent"] = json!(true);
        assert!(Command::parse(&said).unwrap().idempotent);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let with = |name: &str, value: Value| {
            let mut wire = wire("ping", json!({}));
            wire[name] = value;
            wire
        };
        let long = "x".repeat(254);
        let large = json!({"args": ["apply"], "stdin": "x".repeat(PAYLOAD_LIMIT)});
        for (wire, words) in [
            (json!([]), "the id is"),
            (with("id", json!(7)), "the id is"),
            (with("id", json!("")), "the id is"),
            (with("id", json!("a\nb")), "the id is"),
            (with("id", json!(long)), "the id is"),
            (with("type", Value::Null), "there is no type"),
            (with("type", json!("dance")), "\"dance\" is no type"),
            (with("created_at", json!("yesterday")), "created_at is"),
            (with("expires_at", Value::Null), "expires_at is missing"),
            (with("idempotent", json!("yes")), "idempotent is neither"),
            (wire("kubectl", large), "larger than 1048576 bytes"),
        ] {
            let invalid = Command::parse(&wire).unwrap_err();
            assert!(invalid.reason.contains(words), "{wire}: {}", invalid.reason);
            let known = wire["id"].as_str() == Some("c-1");
            assert_eq!(invalid.id.is_some(), known, "{wire}");
        }
    }
}
