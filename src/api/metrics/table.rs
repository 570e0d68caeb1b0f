//! Every metric, once: the text that is scraped and `docs/metrics.md` come from this table.

use Of::{Agent, Deployment, Kind, Namespace, Node, Pod};
use Sort::{Counter, Gauge, Histogram};

/// One family of samples.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub sort: Sort,
    pub of: Of,
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Counter,
    Gauge,
    Histogram,
}

/// Of what there is one sample, or one for each label more; none where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Agent(Own),
    /// Each kind that is watched.
    Kind(Watched),
    Node(OfNode),
    Namespace,
    Deployment(OfDeployment),
    Pod(OfPod),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    Build,
    Uptime,
    Started,
    Cpu,
    Memory,
    MemoryPeak,
    Threads,
    Files,
    FilesLimit,
    Requests,
    RequestTime,
    Waiting,
    Open,
    Accepted,
    Evicted,
    Refused,
    Overloaded,
    AcceptErrors,
    TlsOpen,
    TlsHandshakes,
    TlsFailures,
    Panics,
    Updates,
    Connected,
    Acknowledged,
    LastBeat,
    Missed,
    Alerting,
    Calls,
    CallsFailed,
    CallTime,
    Commands,
    CommandsWaiting,
    CommandsRunning,
    Untold,
    Journal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    Current,
    Objects,
    Silence,
    Reconnects,
    Relists,
    Events,
    DecodeErrors,
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfNode {
    Info,
    Created,
    Condition,
    Unschedulable,
    Role,
    Capacity,
    Allocatable,
    UsedCpu,
    UsedMemory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfDeployment {
    Created,
    Desired,
    Ready,
    Available,
    Updated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfPod {
    Info,
    Owner,
    Created,
    Phase,
    Ready,
    Waiting,
    Restarts,
    Requests,
}

const fn gauge(name: &'static str, of: Of, help: &'static str) -> Metric {
    Metric {
        name,
        sort: Gauge,
        of,
        help,
    }
}

const fn counter(name: &'static str, of: Of, help: &'static str) -> Metric {
    Metric {
        name,
        sort: Counter,
        of,
        help,
    }
}

const fn histogram(name: &'static str, of: Of, help: &'static str) -> Metric {
    Metric {
        name,
        sort: Histogram,
        of,
        help,
    }
}

/// In the order in which they are scraped. Names of the cluster's objects are those of
/// kube-state-metrics, so that what is made for it works.
#[rustfmt::skip]
pub static METRICS: [Metric; 67] = [
    gauge("pipeops_agent_build_info", Agent(Own::Build), "What runs here; always 1."),
    gauge("pipeops_agent_uptime_seconds", Agent(Own::Uptime), "Since the start."),
    gauge("process_start_time_seconds", Agent(Own::Started), "When the process started, since 1970."),
    counter("process_cpu_seconds_total", Agent(Own::Cpu), "Processor time, user and system."),
    gauge("process_resident_memory_bytes", Agent(Own::Memory), "Resident memory."),
    gauge("pipeops_agent_resident_memory_peak_bytes", Agent(Own::MemoryPeak), "Highest resident memory so far."),
    gauge("pipeops_agent_threads", Agent(Own::Threads), "Threads."),
    gauge("process_open_fds", Agent(Own::Files), "Open file descriptors."),
    gauge("process_max_fds", Agent(Own::FilesLimit), "File descriptors at most."),
    counter("pipeops_agent_http_requests_total", Agent(Own::Requests), "Requests answered by a route, by class of status."),
    histogram("pipeops_agent_http_request_duration_seconds", Agent(Own::RequestTime), "From a complete request to its answer made."),
    gauge("pipeops_agent_http_queue_length", Agent(Own::Waiting), "Requests that wait for a worker."),
    gauge("pipeops_agent_http_connections", Agent(Own::Open), "Open connections."),
    counter("pipeops_agent_http_connections_accepted_total", Agent(Own::Accepted), "Connections accepted."),
    counter("pipeops_agent_http_connections_evicted_total", Agent(Own::Evicted), "Idle connections closed to make room."),
    counter("pipeops_agent_http_requests_refused_total", Agent(Own::Refused), "Requests that were malformed or over a limit."),
    counter("pipeops_agent_http_requests_overloaded_total", Agent(Own::Overloaded), "Requests refused because the queue was full."),
    counter("pipeops_agent_http_accept_errors_total", Agent(Own::AcceptErrors), "Connections that could not be accepted."),
    gauge("pipeops_agent_http_tls_connections", Agent(Own::TlsOpen), "Connections that speak TLS, also those that are passed on."),
    counter("pipeops_agent_http_tls_handshakes_total", Agent(Own::TlsHandshakes), "TLS handshakes that ended well."),
    counter("pipeops_agent_http_tls_failures_total", Agent(Own::TlsFailures), "Connections that said something but ended before their handshake."),
    counter("pipeops_agent_http_panics_total", Agent(Own::Panics), "Requests that ended in a panic."),
    gauge("pipeops_agent_update_queue_length", Agent(Own::Updates), "Updates of watches that wait to be applied."),
    gauge("pipeops_agent_watch_current", Kind(Watched::Current), "Whether a kind is followed live."),
    gauge("pipeops_agent_objects", Kind(Watched::Objects), "Objects known; of events, those kept."),
    gauge("pipeops_agent_watch_silence_seconds", Kind(Watched::Silence), "Since the last byte of a watch."),
    counter("pipeops_agent_watch_reconnects_total", Kind(Watched::Reconnects), "Watches opened after the first."),
    counter("pipeops_agent_watch_relists_total", Kind(Watched::Relists), "Lists after the first."),
    counter("pipeops_agent_watch_events_total", Kind(Watched::Events), "Events of a watch."),
    counter("pipeops_agent_watch_decode_errors_total", Kind(Watched::DecodeErrors), "Objects left out because they were not as expected."),
    counter("pipeops_agent_watch_lines_dropped_total", Kind(Watched::Dropped), "Lines that were no event, or too long."),
    gauge("pipeops_agent_control_plane_connected", Agent(Own::Connected), "Whether the last heartbeat was acknowledged."),
    counter("pipeops_agent_control_plane_heartbeats_total", Agent(Own::Acknowledged), "Heartbeats acknowledged."),
    gauge("pipeops_agent_control_plane_last_heartbeat_timestamp_seconds", Agent(Own::LastBeat), "When one was acknowledged last, since 1970."),
    gauge("pipeops_agent_control_plane_heartbeats_missed", Agent(Own::Missed), "Heartbeats missed in a row."),
    gauge("pipeops_agent_control_plane_alerting", Agent(Own::Alerting), "Whether five or more are missed."),
    counter("pipeops_agent_control_plane_requests_total", Agent(Own::Calls), "Calls to the control plane."),
    counter("pipeops_agent_control_plane_request_failures_total", Agent(Own::CallsFailed), "Calls that did not succeed."),
    histogram("pipeops_agent_control_plane_request_duration_seconds", Agent(Own::CallTime), "Until the control plane answered; not of polls for commands."),
    counter("pipeops_agent_commands_total", Agent(Own::Commands), "Commands that ended, by outcome."),
    gauge("pipeops_agent_commands_waiting", Agent(Own::CommandsWaiting), "Commands that wait for a worker."),
    gauge("pipeops_agent_commands_running", Agent(Own::CommandsRunning), "Commands that run."),
    gauge("pipeops_agent_command_results_waiting", Agent(Own::Untold), "Results that the control plane does not have yet."),
    gauge("pipeops_agent_journal_size_bytes", Agent(Own::Journal), "The journal of commands."),
    gauge("pipeops_agent_node_cpu_usage_cores", Node(OfNode::UsedCpu), "What a node uses, as last measured."),
    gauge("pipeops_agent_node_memory_usage_bytes", Node(OfNode::UsedMemory), "What a node uses, as last measured."),
    gauge("kube_node_info", Node(OfNode::Info), "A node; always 1."),
    gauge("kube_node_created", Node(OfNode::Created), "When it was created, since 1970."),
    gauge("kube_node_status_condition", Node(OfNode::Condition), "Its conditions."),
    gauge("kube_node_spec_unschedulable", Node(OfNode::Unschedulable), "Whether it is cordoned."),
    gauge("kube_node_role", Node(OfNode::Role), "Its roles; always 1."),
    gauge("kube_node_status_capacity", Node(OfNode::Capacity), "What it has."),
    gauge("kube_node_status_allocatable", Node(OfNode::Allocatable), "What pods may use of it."),
    gauge("kube_namespace_status_phase", Namespace, "The phase of a namespace."),
    gauge("kube_deployment_created", Deployment(OfDeployment::Created), "When it was created, since 1970."),
    gauge("kube_deployment_spec_replicas", Deployment(OfDeployment::Desired), "Pods wanted."),
    gauge("kube_deployment_status_replicas_ready", Deployment(OfDeployment::Ready), "Pods that are ready."),
    gauge("kube_deployment_status_replicas_available", Deployment(OfDeployment::Available), "Pods that are available."),
    gauge("kube_deployment_status_replicas_updated", Deployment(OfDeployment::Updated), "Pods of the current template."),
    gauge("kube_pod_info", Pod(OfPod::Info), "A pod; always 1."),
    gauge("kube_pod_owner", Pod(OfPod::Owner), "Its controller; always 1."),
    gauge("kube_pod_created", Pod(OfPod::Created), "When it was created, since 1970."),
    gauge("kube_pod_status_phase", Pod(OfPod::Phase), "The phase it is in; the others are left out."),
    gauge("kube_pod_status_ready", Pod(OfPod::Ready), "Whether it is ready."),
    gauge("kube_pod_container_status_waiting_reason", Pod(OfPod::Waiting), "Why a container waits."),
    counter("kube_pod_container_status_restarts_total", Pod(OfPod::Restarts), "Restarts of all its containers."),
    gauge("kube_pod_container_resource_requests", Pod(OfPod::Requests), "What all its containers request."),
];
