//! What is said about the cluster: a snapshot and a moment in, a message out.
//!
//! Everything here is pure: no clock, no I/O, no state. A figure that is not
//! known is left out, never zero. Sending is the business of `work`, answering
//! requests that of `api`.

mod events;
mod figures;
mod health;
mod heartbeat;
mod history;
mod list;
mod registration;
mod status;
mod summary;
mod view;

pub use events::{Place, batch, event};
pub use health::{Health, health};
pub use heartbeat::heartbeat;
pub use history::HistoryText;
pub use list::{Query, Selector, Visible, age, is_namespace, list, tag};
pub use registration::registration;
pub use status::status;
pub use summary::summary;
pub use view::usage;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::control::proto::{AgentStatus, InHand, ProxyStatus};

/// What reports need to know besides the cluster.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub now: SystemTime,
    /// Since the agent started.
    pub uptime: Duration,
    /// Given by the control plane earlier, or by the operator.
    pub agent_id: Option<&'a str>,
    /// What people call this agent.
    pub agent_name: &'a str,
    pub cluster_name: &'a str,
    /// Of the agent.
    pub version: &'a str,
    pub labels: &'a BTreeMap<String, String>,
    pub control_plane_url: &'a str,
    pub status: AgentStatus,
    pub proxy_status: ProxyStatus,
    /// None where commands are not taken.
    pub commands: Option<InHand>,
    /// How the stream of changes is; none before it began.
    pub changes: Option<Value>,
    /// What the control plane may ask of this agent.
    pub capabilities: &'a [&'a str],
}

/// What this version lets a control plane do.
pub const CAPABILITIES: &[&str] = &[
    "heartbeat",
    "status",
    "events",
    "commands",
    "ping",
    "config",
    "cancel",
    "kubectl",
];

#[cfg(test)]
pub(crate) mod fixture;
