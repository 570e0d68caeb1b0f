//! What the two loops that speak to the control plane share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use serde_json::Value;

use crate::control::proto::{AgentStatus, InHand, ProxyStatus, WantedIntervals};
use crate::control::{Client, Intervals, Link};
use crate::kubectl;
use crate::report::{CAPABILITIES, Facts};

/// There is no setting for labels yet.
static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

/// Who the agent says it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Of this machine or pod.
    pub agent_name: String,
    pub cluster_name: String,
    /// Where the agent believes it speaks to.
    pub control_plane_url: String,
    pub started: Instant,
}

/// One per process; the loops hold it by reference.
#[derive(Debug)]
pub struct Session {
    pub client: Arc<Client>,
    pub link: Arc<Link>,
    pub identity: Identity,
    intervals: Mutex<Intervals>,
    capabilities: Vec<&'static str>,
    in_hand: Mutex<Option<InHand>>,
    changes: Mutex<Option<Value>>,
}

impl Session {
    pub fn new(
        client: Arc<Client>,
        link: Arc<Link>,
        identity: Identity,
        intervals: Intervals,
    ) -> Self {
        Self {
            client,
            link,
            identity,
            intervals: Mutex::new(intervals),
            capabilities: capabilities(),
            in_hand: Mutex::new(None),
            changes: Mutex::new(None),
        }
    }

    pub fn intervals(&self) -> Intervals {
        *self
            .intervals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the control plane wants, within limits; true when that changed
    /// anything.
    pub(super) fn adopt(&self, wanted: Option<&WantedIntervals>) -> bool {
        let Some(wanted) = wanted else { return false };
        let mut intervals = self
            .intervals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let changed = intervals.set(wanted);
        if changed {
            self.link.set_interval(intervals.heartbeat);
            log::info!(
                "the control plane set intervals: heartbeat {} s, status {} s",
                intervals.heartbeat.as_secs_f64(),
                intervals.status.as_secs_f64()
            );
        }
        changed
    }

    /// What the next heartbeat says about commands.
    pub(super) fn set_in_hand(&self, in_hand: InHand) {
        *self.in_hand.lock().unwrap_or_else(PoisonError::into_inner) = Some(in_hand);
    }

    /// What the next heartbeat says about the stream of changes.
    pub(super) fn set_changes(&self, changes: Value) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) = Some(changes);
    }

    /// What a report says besides the cluster's state.
    pub(super) fn facts<'a>(&'a self, id: Option<&'a str>, status: AgentStatus) -> Facts<'a> {
        let in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        Facts {
            commands: *in_hand,
            changes: changes.clone(),
            now: SystemTime::now(),
            uptime: self.identity.started.elapsed(),
            agent_id: id,
            agent_name: &self.identity.agent_name,
            cluster_name: &self.identity.cluster_name,
            version: crate::version::VERSION,
            labels: &NO_LABELS,
            control_plane_url: &self.identity.control_plane_url,
            status,
            proxy_status: ProxyStatus::Disabled,
            capabilities: &self.capabilities,
        }
    }
}

/// Calls, and the types of commands whose verb there is.
fn capabilities() -> Vec<&'static str> {
    let verbs = kubectl::supported();
    let types = [
        ("apply", "apply"),
        ("logs", "logs"),
        ("exec", "exec"),
        ("scale", "scale"),
        ("restart", "rollout restart"),
    ];
    let there = types.into_iter().filter(|(_, verb)| verbs.contains(verb));
    let there = there.map(|(name, _)| name);
    CAPABILITIES.iter().copied().chain(there).collect()
}
