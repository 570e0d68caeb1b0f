//! The commands of one agent: what it shall do, what came of it.
//!
//! A command stays in the answers until its result has arrived. Chunks are put in
//! order, and of several results the first counts.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// Commands kept for each agent; the oldest that have a result are dropped.
const KEPT: usize = 20_000;
/// Until a command expires that does not say when.
const LIFETIME: Duration = Duration::from_secs(3600);
/// An instance that has not asked for so long has given up what it was handed out: twice the
/// longest poll of an agent, and something.
const LEASE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Commands {
    all: Vec<Command>,
    last: u64,
    /// When each instance asked last.
    asked: BTreeMap<String, SystemTime>,
}

#[derive(Debug)]
struct Command {
    /// As it goes over the wire.
    wire: Value,
    position: u64,
    handed_out: u64,
    chunks: Vec<Value>,
    result: Value,
    /// How many results came; one is right.
    results: u64,
    /// An agent that was busy asked for this pause.
    not_before: Option<SystemTime>,
}

impl Commands {
    /// Takes in what an operator asks for; the command as it goes over the wire.
    pub(crate) fn queue(&mut self, asked: &Value) -> Result<Value, String> {
        let fields = asked.as_object().ok_or("a command is a JSON object")?;
        let position = self.last + 1;
        let moment = |at: SystemTime| humantime::format_rfc3339_seconds(at).to_string();
        let now = SystemTime::now();
        let mut wire = json!({
            "id": format!("command-{position}"),
            "position": position,
            "payload": {},
            "created_at": moment(now),
            "expires_at": moment(now + LIFETIME),
        });
        for (name, value) in fields {
            wire[name] = value.clone();
        }
        if !wire["type"].is_string() || !wire["id"].is_string() {
            return Err("a command has a type, and its id is a text".to_owned());
        }
        if self.all.iter().any(|known| known.wire["id"] == wire["id"]) {
            return Err(format!("there is a command {} already", wire["id"]));
        }
        self.last = position;
        self.all.push(Command::new(wire.clone(), position));
        self.forget_oldest();
        Ok(wire)
    }

    /// Those without a result after a position, as far as they may be handed out now.
    /// What another instance has in hand is not for this one.
    pub(crate) fn open(&self, after: u64, instance: &str) -> Vec<&Value> {
        let open = |command: &&Command| {
            command.position > after && command.is_due() && self.is_for(command, instance)
        };
        self.all
            .iter()
            .filter(open)
            .map(|command| &command.wire)
            .collect()
    }

    /// Notes that an instance asks.
    pub(crate) fn asks(&mut self, instance: &str) {
        self.asked.insert(instance.to_owned(), SystemTime::now());
    }

    /// Notes that these were sent to an instance. From then on each says so: should that one
    /// be gone, the next knows that the command may have begun.
    pub(crate) fn handed_out(&mut self, given: &[Value], instance: &str) {
        for command in &mut self.all {
            if given.iter().any(|wire| wire["id"] == command.wire["id"]) {
                command.handed_out += 1;
                if command.wire["instance"].is_null() && !instance.is_empty() {
                    command.wire["instance"] = json!(instance);
                }
            }
        }
    }

    fn is_for(&self, command: &Command, instance: &str) -> bool {
        let Some(holder) = command.wire["instance"].as_str() else {
            return true;
        };
        let since = self
            .asked
            .get(holder)
            .and_then(|asked| asked.elapsed().ok());
        holder == instance || since.is_none_or(|since| since > LEASE)
    }

    /// Appends chunks; false when there is no such command.
    pub(crate) fn output(&mut self, id: &str, chunks: &[Value]) -> bool {
        let Some(command) = self.find(id) else {
            return false;
        };
        for chunk in chunks {
            let seq = chunk["seq"].as_u64();
            if seq == Some(0) {
                command.chunks.clear();
            }
            let last = command.chunks.last().and_then(|last| last["seq"].as_u64());
            if seq > last {
                command.chunks.push(chunk.clone());
            }
        }
        true
    }

    /// Takes a result in; false when there is no such command.
    pub(crate) fn result(&mut self, id: &str, result: Value) -> bool {
        let Some(command) = self.find(id) else {
            return false;
        };
        if let Some(seconds) = result["retry_after"].as_u64() {
            command.not_before = Some(SystemTime::now() + Duration::from_secs(seconds));
            // It has not begun: it is for anyone.
            if let Some(wire) = command.wire.as_object_mut() {
                wire.remove("instance");
            }
            return true;
        }
        command.results += 1;
        if command.result.is_null() {
            command.result = result;
        }
        true
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        self.all.iter().map(Command::details).collect()
    }

    pub(crate) fn one(&mut self, id: &str) -> Option<Value> {
        self.find(id).map(|command| command.details())
    }

    /// As [`Commands::list`] made it.
    pub(crate) fn restore(saved: &Value) -> Self {
        let command = |saved: &Value| {
            let position = saved["command"]["position"].as_u64()?;
            Some(Command {
                handed_out: saved["handed_out"].as_u64()?,
                chunks: saved["chunks"].as_array()?.clone(),
                result: saved["result"].clone(),
                results: saved["results"].as_u64()?,
                ..Command::new(saved["command"].clone(), position)
            })
        };
        let saved = saved.as_array().into_iter().flatten();
        let all: Vec<Command> = saved.filter_map(command).collect();
        let last = all.last().map_or(0, |command| command.position);
        // Whoever has something in hand is not known to be gone.
        let holder = |command: &Command| command.wire["instance"].as_str().map(str::to_owned);
        let holders = all.iter().filter_map(holder);
        let asked = holders.map(|holder| (holder, SystemTime::now())).collect();
        Self { all, last, asked }
    }

    fn find(&mut self, id: &str) -> Option<&mut Command> {
        self.all
            .iter_mut()
            .find(|command| command.wire["id"] == *id)
    }

    fn forget_oldest(&mut self) {
        let is_old = |command: &Command| !command.result.is_null();
        if self.all.len() > KEPT
            && let Some(oldest) = self.all.iter().position(is_old)
        {
            self.all.remove(oldest);
        }
    }
}

impl Command {
    fn new(wire: Value, position: u64) -> Self {
        Self {
            wire,
            position,
            handed_out: 0,
            chunks: Vec::new(),
            result: Value::Null,
            results: 0,
            not_before: None,
        }
    }

    fn details(&self) -> Value {
        json!({
            "command": self.wire,
            "handed_out": self.handed_out,
            "chunks": self.chunks,
            "result": self.result,
            "results": self.results,
        })
    }

    fn is_due(&self) -> bool {
        let waits = self
            .not_before
            .is_some_and(|moment| SystemTime::now() < moment);
        self.result.is_null() && !waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(types: &[&str]) -> Commands {
        let mut commands = Commands::default();
        for kind in types {
            commands.queue(&json!({"type": kind})).unwrap();
        }
        commands
    }

    fn ids(commands: &Commands, after: u64) -> Vec<&str> {
        let open = commands.open(after, "one");
        open.iter().filter_map(|one| one["id"].as_str()).collect()
    }

    #[test]
    fn commands_are_open_until_their_result_is_here() {
        let mut commands = with(&["ping", "status", "ping"]);
        assert_eq!(ids(&commands, 0), ["command-1", "command-2", "command-3"]);
        assert_eq!(ids(&commands, 2), ["command-3"]);
        assert!(commands.result("command-2", json!({"success": true})));
        assert!(commands.result("command-2", json!({"success": false})));
        assert!(commands.result("command-3", json!({"retry_after": 60})));
        assert!(!commands.result("command-4", json!({})));
        assert_eq!(ids(&commands, 0), ["command-1"]);
        let list = commands.list();
        assert_eq!(list[1]["result"]["success"], true);
        assert_eq!(
            (&list[1]["results"], &list[2]["results"]),
            (&2.into(), &0.into())
        );
        assert_eq!(Commands::restore(&list.clone().into()).list(), list);
    }

    #[test]
    fn what_an_instance_has_in_hand_is_for_no_other_while_that_one_asks() {
        let mut commands = with(&["apply"]);
        let open = |commands: &Commands, instance| commands.open(0, instance).len();
        commands.asks("one");
        assert_eq!((open(&commands, "one"), open(&commands, "two")), (1, 1));
        let given: Vec<Value> = commands.open(0, "one").into_iter().cloned().collect();
        commands.handed_out(&given, "one");
        assert_eq!((open(&commands, "one"), open(&commands, "two")), (1, 0));
        // Not even after a restart of the control plane.
        let saved = Value::from(commands.list());
        assert_eq!(open(&Commands::restore(&saved), "two"), 0);
        let gone = SystemTime::now() - 2 * LEASE;
        commands.asked.insert("one".to_owned(), gone);
        assert_eq!(commands.open(0, "two")[0]["instance"], "one");
        // What was given back has no holder.
        assert!(commands.result("command-1", json!({"retry_after": 0})));
        assert_eq!(commands.open(0, "two")[0].get("instance"), None);
    }

    #[test]
    fn chunks_are_in_order_once_and_zero_begins_anew() {
        let mut commands = with(&["logs"]);
        let chunk = |seq: u64| json!({"seq": seq});
        let mut send = |seqs: &[u64]| {
            let chunks: Vec<Value> = seqs.iter().copied().map(chunk).collect();
            assert!(commands.output("command-1", &chunks));
            commands.list()[0]["chunks"].as_array().unwrap().len()
        };
        assert_eq!(send(&[0, 1]), 2);
        assert_eq!(send(&[1, 2]), 3);
        assert_eq!(send(&[0]), 1);
        assert!(!commands.output("other", &[]));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        let mut commands = with(&["ping"]);
        for asked in [
            json!([]),
            json!({}),
            json!({"type": 7}),
            json!({"type": "ping", "id": 7}),
            json!({"type": "ping", "id": "command-1"}),
        ] {
            assert!(commands.queue(&asked).is_err(), "{asked}");
        }
    }
}
