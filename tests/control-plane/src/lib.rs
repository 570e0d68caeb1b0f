//! The reference control plane: what an agent of `docs/control-plane-api.yaml` talks to.
//!
//! It is for tests, for the demo, and for whoever writes a control plane of their own:
//! `protocol` is the published protocol, one function for each call; `agents` is what it
//! remembers. The rest makes it a rig: `desk` (people and tests look in and make faults
//! happen), `faults`, `transcript`, `certificates`; `server` and `wire` speak HTTP/1.1.
//! It holds everything in memory and trusts whoever reaches its port: not for production.

mod agents;
mod certificates;
mod commands;
mod desk;
mod faults;
mod protocol;
mod server;
mod transcript;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use server::{Plane, Server};

/// How to start one.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What agents must send as bearer token.
    pub token: String,
    /// Speak TLS, with certificates in this folder; they are made when there are none.
    pub tls: Option<PathBuf>,
    /// Names for the certificate, beside localhost and the loopback addresses.
    pub names: Vec<String>,
    /// Remember agents here across restarts.
    pub file: Option<PathBuf>,
    /// Events of an agent that are remembered.
    pub events: usize,
}

impl Options {
    /// Plain HTTP on a free port of the loopback, nothing kept.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: token.into(),
            tls: None,
            names: Vec::new(),
            file: None,
            events: 1000,
        }
    }
}

/// Starts a control plane on threads of its own.
///
/// # Errors
/// The address is taken, a file or folder cannot be used.
pub fn start(options: &Options) -> io::Result<Handle> {
    let plane = Arc::new(Plane::new(options)?);
    let server = Server::start(options.listen, Arc::clone(&plane))?;
    let scheme = if options.tls.is_some() {
        "https"
    } else {
        "http"
    };
    Ok(Handle {
        url: format!("{scheme}://{}", server.address()),
        ca_pem: options.tls.as_deref().map(certificates::ca_file),
        server,
        plane,
    })
}

/// A running control plane; stops when dropped.
#[derive(Debug)]
pub struct Handle {
    url: String,
    ca_pem: Option<PathBuf>,
    server: Server,
    plane: Arc<Plane>,
}

impl Handle {
    /// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The CA to trust, where TLS is spoken.
    pub fn ca_pem(&self) -> Option<&Path> {
        self.ca_pem.as_deref()
    }

    /// As `POST /faults`.
    ///
    /// # Errors
    /// What is wrong with the fault.
    pub fn fault(&self, fault: &Value) -> Result<(), String> {
        self.plane.faults().add(fault)
    }

    /// As `DELETE /faults`.
    pub fn clear_faults(&self) {
        self.plane.faults().clear();
    }

    /// As `POST /settings`.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn settings(&self, settings: &Value) -> Result<(), String> {
        self.plane.agents().set(settings)
    }

    /// As `GET /agents/{id}` for all of them.
    pub fn agents(&self) -> Vec<Value> {
        self.plane.agents().details()
    }

    /// The ids of all agents.
    pub fn ids(&self) -> Vec<String> {
        self.plane
            .agents()
            .all()
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// As `DELETE /agents/{id}`; true when it was known.
    pub fn forget(&self, id: &str) -> bool {
        self.plane.agents().forget(id)
    }

    /// As `POST /agents/{id}/commands`; the command's id.
    ///
    /// # Errors
    /// What is wrong with the command, or that there is no such agent.
    pub fn queue(&self, agent: &str, command: &Value) -> Result<String, String> {
        let wire = self.plane.queue(agent, command)?;
        Ok(wire["id"].as_str().unwrap_or_default().to_owned())
    }

    /// As `GET /agents/{id}/commands`: each with its chunks and its result.
    pub fn commands(&self, agent: &str) -> Vec<Value> {
        let mut agents = self.plane.agents();
        let agent = agents.get_mut(agent);
        agent.map_or_else(Vec::new, |agent| agent.commands.list())
    }

    /// The one with that id, of those.
    pub fn command(&self, agent: &str, id: &str) -> Option<Value> {
        let mut agents = self.plane.agents();
        agents.get_mut(agent)?.commands.one(id)
    }

    /// The events of an agent after that position, as far as they are remembered.
    pub fn events(&self, agent: &str, after: u64) -> Vec<Value> {
        let agents = self.plane.agents();
        let known = agents.all().find(|(id, _)| *id == agent);
        let known = known.map_or(&[][..], |(_, known)| &known.events);
        let new = |event: &&Value| event["id"].as_u64() > Some(after);
        let from = known.partition_point(|event| !new(&event));
        known[from..].to_vec()
    }

    /// As `GET /transcript`: the latest exchanges, oldest first.
    pub fn transcript(&self) -> Vec<Value> {
        self.plane.transcript.entries()
    }

    /// As `GET /await`: true once `count` calls were acknowledged since the start.
    pub fn wait(&self, call: &str, count: u64, timeout: Duration) -> bool {
        self.plane.transcript.wait(call, count, true, timeout)
    }

    /// As `GET /await?outcome=any`: refused, failed and faulty ones count too.
    pub fn wait_any(&self, call: &str, count: u64, timeout: Duration) -> bool {
        self.plane.transcript.wait(call, count, false, timeout)
    }

    /// Closes every connection and joins every thread; the port is free afterwards.
    pub fn stop(mut self) {
        self.server.stop();
    }
}
