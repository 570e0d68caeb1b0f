//! Rows of pods, with the STATUS that `kubectl get pods` shows.

use super::{seconds, some};
use crate::cluster::{Name, Names, Pod, PodPhase, Requests, Uid};
use crate::k8s::quantity;
use crate::k8s::types::{self, Container, ContainerStatus, PodStatus, Terminated};

pub(super) fn row(object: &types::Pod<'_>, names: &mut Names) -> Pod {
    let (metadata, spec, status) = (&object.metadata, &object.spec, &object.status);
    let shown = shown(object);
    Pod {
        namespace: names.intern(&metadata.namespace),
        name: Name::from(&*metadata.name),
        uid: Uid::parse(&metadata.uid),
        created: seconds(&metadata.creation_timestamp),
        node: some(&spec.node_name, names),
        owner: owner(object, names),
        phase: PodPhase::parse(&status.phase),
        status: names.intern(&shown.status),
        ready: condition(status, "Ready"),
        containers_ready: small(shown.ready),
        containers: small(spec.containers.len() + sidecars(object).count()),
        restarts: shown.restarts,
        ip: status.pod_ip.parse().ok(),
        requests: requests(object),
    }
}

fn owner(object: &types::Pod<'_>, names: &mut Names) -> Option<Name> {
    let owners = &object.metadata.owner_references;
    let owner = owners.iter().find(|owner| owner.controller)?;
    Some(names.intern(&format!("{}/{}", &*owner.kind, &*owner.name)))
}

/// Containers and sidecars: what runs at the same time. A quantity that cannot be
/// read counts for nothing.
fn requests(object: &types::Pod<'_>) -> Requests {
    let mut sum = Requests::default();
    for container in object.spec.containers.iter().chain(sidecars(object)) {
        let wanted = &container.resources.requests;
        let cpu = quantity::millis(&wanted.cpu).unwrap_or_default();
        let cpu = u32::try_from(cpu).unwrap_or(u32::MAX);
        let memory = quantity::units(&wanted.memory).unwrap_or_default();
        sum.cpu_millis = sum.cpu_millis.saturating_add(cpu);
        sum.memory_bytes = sum.memory_bytes.saturating_add(memory);
    }
    sum
}

/// Init containers that go on running.
fn sidecars<'o>(object: &'o types::Pod<'_>) -> impl Iterator<Item = &'o Container<'o>> {
    let all = object.spec.init_containers.iter();
    all.filter(|container| &*container.restart_policy == "Always")
}

/// The columns STATUS, READY and RESTARTS.
struct Shown {
    status: String,
    ready: usize,
    restarts: u32,
}

/// As the server prints them for kubectl (`printPod` of its table printers).
fn shown(object: &types::Pod<'_>) -> Shown {
    let status = &object.status;
    let mut shown = Shown {
        status: first_of(&status.reason, &status.phase),
        ready: 0,
        restarts: 0,
    };
    let gated = |condition: &types::Condition<'_>| {
        &*condition.condition_type == "PodScheduled" && &*condition.reason == "SchedulingGated"
    };
    if status.conditions.iter().any(gated) {
        "SchedulingGated".clone_into(&mut shown.status);
    }
    let initializing = initialize(object, &mut shown);
    if !initializing || condition(status, "Initialized") {
        shown.restarts = sidecar_restarts(object);
        run(status, &mut shown);
    }
    if !object.metadata.deletion_timestamp.is_empty() {
        if &*status.reason == "NodeLost" {
            "Unknown".clone_into(&mut shown.status);
        } else if !matches!(&*status.phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut shown.status);
        }
    }
    shown
}

/// Goes through the init containers up to the first that is not done; true when
/// there is one.
fn initialize(object: &types::Pod<'_>, shown: &mut Shown) -> bool {
    for (at, container) in object.status.init_container_statuses.iter().enumerate() {
        shown.restarts = shown.restarts.saturating_add(container.restart_count);
        let state = &container.state;
        if let Some(end) = &state.terminated {
            if end.exit_code == 0 {
                continue;
            }
            shown.status = format!("Init:{}", ending(end));
        } else if is_sidecar(object, container) && container.started == Some(true) {
            shown.ready += usize::from(container.ready);
            continue;
        } else {
            let waiting = state.waiting.as_ref().map(|waiting| &*waiting.reason);
            shown.status = match waiting.filter(|why| !matches!(*why, "" | "PodInitializing")) {
                Some(reason) => format!("Init:{reason}"),
                None => format!("Init:{at}/{}", object.spec.init_containers.len()),
            };
        }
        return true;
    }
    false
}

/// Goes through the containers, the last first: the first one's state counts most.
fn run(status: &PodStatus<'_>, shown: &mut Shown) {
    let mut running = false;
    for container in status.container_statuses.iter().rev() {
        shown.restarts = shown.restarts.saturating_add(container.restart_count);
        let state = &container.state;
        let waiting = state.waiting.as_ref().filter(|why| !why.reason.is_empty());
        if let Some(waiting) = waiting {
            shown.status = waiting.reason.to_string();
        } else if let Some(end) = &state.terminated {
            shown.status = ending(end);
        } else if container.ready && state.running.is_some() {
            running = true;
            shown.ready += 1;
        }
    }
    if running && shown.status == "Completed" {
        let ready = condition(status, "Ready");
        shown.status = if ready { "Running" } else { "NotReady" }.to_owned();
    }
}

fn sidecar_restarts(object: &types::Pod<'_>) -> u32 {
    let statuses = object.status.init_container_statuses.iter();
    statuses
        .filter(|container| is_sidecar(object, container))
        .fold(0, |sum, container| {
            sum.saturating_add(container.restart_count)
        })
}

fn is_sidecar(object: &types::Pod<'_>, status: &ContainerStatus<'_>) -> bool {
    sidecars(object).any(|container| container.name == status.name)
}

fn ending(end: &Terminated<'_>) -> String {
    if !end.reason.is_empty() {
        end.reason.to_string()
    } else if end.signal != 0 {
        format!("Signal:{}", end.signal)
    } else {
        format!("ExitCode:{}", end.exit_code)
    }
}

fn condition(status: &PodStatus<'_>, wanted: &str) -> bool {
    let mut all = status.conditions.iter();
    all.any(|condition| &*condition.condition_type == wanted && &*condition.status == "True")
}

fn first_of(one: &str, other: &str) -> String {
    if one.is_empty() { other } else { one }.to_owned()
}

fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
