//! What the control plane remembers: its agents, what they sent last, and what they are
//! told about intervals. Kept in a file where one was asked for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::commands::Commands;

#[derive(Debug)]
pub(crate) struct Agents {
    file: Option<PathBuf>,
    /// Events kept for each agent; older ones are dropped.
    kept: usize,
    known: BTreeMap<String, Agent>,
    settings: Map<String, Value>,
}

/// One agent; the JSON is what it sent.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    pub(crate) registration: Value,
    pub(crate) registrations: u64,
    pub(crate) last_seen: String,
    pub(crate) heartbeat: Value,
    pub(crate) heartbeats: u64,
    pub(crate) status: Value,
    pub(crate) statuses: u64,
    pub(crate) events: Vec<Value>,
    /// Told as lost, as they came.
    pub(crate) gaps: Vec<Value>,
    /// Up to which event all is here.
    pub(crate) position: u64,
    /// Positions that were told as lost.
    pub(crate) lost: u64,
    /// Positions that are neither here nor told as lost: an agent's mistake.
    pub(crate) missing: u64,
    pub(crate) commands: Commands,
}

impl Agents {
    pub(crate) fn load(file: Option<PathBuf>, kept: usize) -> io::Result<Self> {
        let mut known = BTreeMap::new();
        let text = match file.as_ref().map(fs::read_to_string) {
            None => String::new(),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Some(text) => text?,
        };
        if !text.trim().is_empty() {
            let saved: Vec<Value> = serde_json::from_str(&text)?;
            known.extend(saved.iter().filter_map(Agent::restore));
        }
        Ok(Self {
            file,
            kept,
            known,
            settings: Map::new(),
        })
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Agent> {
        self.known.get_mut(id)
    }

    /// Takes a batch of events in; the position that is complete now.
    pub(crate) fn take_events(
        &mut self,
        id: &str,
        events: &[Value],
        gaps: &[Value],
        to: u64,
    ) -> Option<u64> {
        let agent = self.known.get_mut(id)?;
        let position = agent.take_events(events, gaps, to);
        for list in [&mut agent.events, &mut agent.gaps] {
            list.drain(..list.len().saturating_sub(self.kept));
        }
        Some(position)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &Agent)> {
        self.known.iter()
    }

    /// Takes a registration in: its id, and whether it is a new one. The cluster's UID is
    /// the identity, so that a reinstalled agent is the same one.
    pub(crate) fn register(&mut self, registration: Value, now: &str) -> (String, bool) {
        let uid = |registration: &Value| registration["cluster"]["uid"].clone();
        let same = |(_, known): &(&String, &Agent)| uid(&known.registration) == uid(&registration);
        let id = match self.known.iter().find(same) {
            Some((id, _)) => id.clone(),
            None => match registration["agent"]["id"].as_str() {
                Some(id) => id.to_owned(),
                None => format!("agent-{}", uid(&registration).as_str().unwrap_or_default()),
            },
        };
        let new = !self.known.contains_key(&id);
        let agent = self.known.entry(id.clone()).or_default();
        agent.registration = registration;
        agent.registrations += 1;
        agent.last_seen = now.to_owned();
        self.save();
        (id, new)
    }

    pub(crate) fn forget(&mut self, id: &str) -> bool {
        let known = self.known.remove(id).is_some();
        self.save();
        known
    }

    /// Everything about everyone.
    pub(crate) fn details(&self) -> Vec<Value> {
        let details = |(id, agent): (&String, &Agent)| agent.details(id);
        self.known.iter().map(details).collect()
    }

    /// What agents are told, or done to them: see the program's help.
    pub(crate) fn set(&mut self, settings: &Value) -> Result<(), String> {
        let settings = settings.as_object().ok_or("settings are a JSON object")?;
        for (name, value) in settings {
            match name.as_str() {
                "heartbeat" | "status" | "clock_offset" if value.is_number() => {}
                "token" if value.is_boolean() => {}
                _ => return Err(format!("{name}: {value} is no setting")),
            }
            self.settings.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    /// The fields that every answer to an agent may have.
    pub(crate) fn answer(&self) -> Map<String, Value> {
        let mut answer = Map::new();
        let interval = |name: &str| Some((name.to_owned(), self.settings.get(name)?.clone()));
        let intervals: Map<_, _> = ["heartbeat", "status"]
            .into_iter()
            .filter_map(interval)
            .collect();
        if !intervals.is_empty() {
            answer.insert("intervals".to_owned(), Value::Object(intervals));
        }
        if self.settings.get("token") == Some(&Value::Bool(true)) {
            answer.insert("token".to_owned(), json!({"available": true}));
        }
        answer
    }

    /// Seconds that this control plane's clock is made to be ahead.
    pub(crate) fn clock_offset(&self) -> i64 {
        self.settings
            .get("clock_offset")
            .and_then(Value::as_i64)
            .unwrap_or(0)
    }

    /// A crash leaves the old file or the new one. A file that cannot be written does
    /// not keep agents from being served.
    pub(crate) fn save(&self) {
        let Some(file) = &self.file else { return };
        let staged = file.with_extension("new");
        let text = format!("{:#}\n", Value::Array(self.details()));
        let _ = fs::write(&staged, text).and_then(|()| fs::rename(&staged, file));
    }
}

impl Agent {
    /// Takes in what is not here yet; the position that is complete now.
    fn take_events(&mut self, events: &[Value], gaps: &[Value], to: u64) -> u64 {
        let position = self.position;
        let fresh = |at: &u64| (position + 1..=to).contains(at);
        let came = events.iter().filter_map(|event| event["id"].as_u64());
        let came = came.filter(fresh).count() as u64;
        let told = gaps
            .iter()
            .filter_map(|gap| Some(gap[0].as_u64()?..=gap[1].as_u64()?));
        let told = told
            .map(|gap| gap.filter(fresh).count() as u64)
            .sum::<u64>();
        self.lost += told;
        self.missing += to.saturating_sub(position).saturating_sub(came + told);
        let new = |event: &&Value| event["id"].as_u64().is_some_and(|id| id > position);
        self.events.extend(events.iter().filter(new).cloned());
        let new = |gap: &&Value| gap[1].as_u64().is_some_and(|end| end > position);
        self.gaps.extend(gaps.iter().filter(new).cloned());
        self.position = position.max(to);
        self.position
    }

    pub(crate) fn details(&self, id: &str) -> Value {
        json!({
            "id": id,
            "registration": self.registration,
            "registrations": self.registrations,
            "last_seen": self.last_seen,
            "heartbeat": self.heartbeat,
            "heartbeats": self.heartbeats,
            "status": self.status,
            "statuses": self.statuses,
            "events": self.events,
            "gaps": self.gaps,
            "position": self.position,
            "lost": self.lost,
            "missing": self.missing,
            "commands": self.commands.list(),
        })
    }

    fn restore(saved: &Value) -> Option<(String, Self)> {
        let number = |name: &str| saved[name].as_u64().unwrap_or(0);
        let agent = Self {
            registration: saved["registration"].clone(),
            registrations: number("registrations"),
            last_seen: saved["last_seen"].as_str().unwrap_or_default().to_owned(),
            heartbeat: saved["heartbeat"].clone(),
            heartbeats: number("heartbeats"),
            status: saved["status"].clone(),
            statuses: number("statuses"),
            events: saved["events"].as_array().cloned().unwrap_or_default(),
            gaps: saved["gaps"].as_array().cloned().unwrap_or_default(),
            position: number("position"),
            lost: number("lost"),
            missing: number("missing"),
            commands: Commands::restore(&saved["commands"]),
        };
        Some((saved["id"].as_str()?.to_owned(), agent))
    }
}
