//! What goes over the wire, field for field as `docs/control-plane-api.yaml` says.
//!
//! A figure that is not known is absent, never zero; a list that is not known is
//! absent, never empty. Unknown fields of an answer are ignored, so that a newer
//! control plane can talk to an older agent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::{Anything, object};

/// `POST /api/v1/agents/register`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    pub agent: Agent,
    pub cluster: Cluster,
    /// What this agent can do: `heartbeat`, `status`, ...
    pub capabilities: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Given by the control plane earlier, or by the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub name: String,
    pub cluster_name: String,
    pub version: String,
    pub labels: BTreeMap<String, String>,
    pub status: AgentStatus,
    pub last_seen: Timestamp,
    /// Where the agent believes it speaks to.
    pub control_plane_url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    Registering,
    Connected,
    /// The last beat of an agent that was asked to stop.
    Stopping,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    /// UID of the namespace `kube-system`: the identity that outlives a reinstall.
    pub uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Of Kubernetes, as `v1.36.1+k3s1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

/// Sums over all nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<u64>,
}

object! {
    /// The answer to a registration; an empty answer counts too.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Registered {
        /// Absent or empty when the control plane keeps the id it was sent.
        pub agent_id: Option<String> = "agent_id",
        pub intervals: Option<WantedIntervals> = "intervals",
        /// A new token is announced; fetching it belongs to token rotation.
        pub token: Option<Anything> = "token",
    }
    check Registered::fits
}

object! {
    /// The answer to a heartbeat or a status; an empty answer counts too.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Answer {
        pub intervals: Option<WantedIntervals> = "intervals",
        /// A new token is announced; fetching it belongs to token rotation.
        pub token: Option<Anything> = "token",
    }
}

object! {
    /// Seconds that the control plane wishes between calls; [`crate::control::Intervals`]
    /// keeps them within limits.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct WantedIntervals {
        pub heartbeat: Option<f64> = "heartbeat",
        pub status: Option<f64> = "status",
    }
}

object! {
    /// The answer to a batch of changes; an empty answer counts too.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct EventsAcknowledged {
        pub acknowledged: Option<u64> = "acknowledged",
    }
    check |answer| answer.acknowledged.map(drop).ok_or("acknowledged is missing")
}

object! {
    /// The answer to a poll; what a command is, `commands` says.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Commands {
        pub commands: Vec<serde_json::Value> = "commands",
    }
}

/// `POST /api/v1/agents/{id}/heartbeat`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub agent_id: String,
    pub cluster_name: String,
    pub status: AgentStatus,
    pub proxy_status: ProxyStatus,
    pub timestamp: Timestamp,
    pub metadata: Metadata,
}

/// Whether the agent's proxy to the Kubernetes API serves the control plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyStatus {
    #[default]
    Disabled,
    Active,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub version: String,
    pub health: Health,
    /// Why the health is not `healthy`, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    pub counts: Counts,
    /// Seconds since the agent started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<InHand>,
    /// How the stream of changes is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<serde_json::Value>,
}

/// Commands between their arrival and their acknowledged result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InHand {
    pub waiting: u64,
    pub running: u64,
    /// Results that are on the way.
    pub untold: u64,
    pub journal: JournalState,
}

/// What becomes of the record of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalState {
    /// It is on a disk that stays.
    Kept,
    /// It goes with the pod or the machine.
    Fleeting,
    /// It cannot be written: what changes something is refused.
    Unusable,
}

/// Of the cluster, as the agent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Healthy,
    Degraded,
    Unknown,
}

/// What the nodes use together, from one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    pub cpu_millis: u64,
    pub memory_bytes: u64,
    pub source: UsageSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UsageSource {
    MetricsApi,
    KubeletSummary,
}

/// A kind that was never listed, or must not be, has no count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes_ready: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods_running: Option<u64>,
}

/// `POST /api/v1/agents/{id}/status`; text is borrowed where it can be, since a
/// status may name thousands of pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<Node<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<Namespace<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub deployments: Option<Vec<Deployment<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<Service<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Vec<Pod<'a>>>,
    pub metrics: Metrics,
    pub timestamp: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Absent when the node has no Ready condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    pub schedulable: bool,
    /// Of the kubelet.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub version: Option<Cow<'a, str>>,
    /// Allocatable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    /// Allocatable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis_used: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes_used: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Namespace<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `Active` or `Terminating`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment<'a> {
    #[serde(borrow)]
    pub namespace: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Wanted.
    pub replicas: u32,
    pub ready: u32,
    pub available: u32,
    pub updated: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service<'a> {
    #[serde(borrow)]
    pub namespace: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pod<'a> {
    #[serde(borrow)]
    pub namespace: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(borrow)]
    pub phase: Cow<'a, str>,
    pub ready: bool,
    pub restarts: u32,
    /// Absent until it is scheduled.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub node: Option<Cow<'a, str>>,
    /// Why it waits or failed, as `CrashLoopBackOff`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

/// Sums over the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Percent of the allocatable CPU of the nodes that were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_usage: Option<f64>,
    /// Percent of the allocatable memory of the nodes that were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_usage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_count: Option<u64>,
}

/// A moment; RFC 3339 in UTC with whole seconds on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub SystemTime);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A clock before 1970 or past 9999 has no RFC 3339 text; say the nearest that has.
        let latest = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(253_402_300_799);
        let moment = self.0.clamp(SystemTime::UNIX_EPOCH, latest);
        serializer.collect_str(&humantime::format_rfc3339_seconds(moment))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        humantime::parse_rfc3339(&text)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

impl Registered {
    /// An id goes into paths, files and log lines: it must be short and printable.
    fn fits(&self) -> Result<(), &'static str> {
        match &self.agent_id {
            Some(id) if id.len() > 253 || id.chars().any(char::is_control) => {
                Err("agent_id is longer than 253 bytes or not printable")
            }
            _ => Ok(()),
        }
    }
}
