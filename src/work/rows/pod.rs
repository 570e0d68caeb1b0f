//! Rows of pods, with the STATUS that `kubectl get pods` shows.

use super::{labels, seconds, some};
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
        labels: labels(metadata, names),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(text: &str) -> Pod {
        row(&json::read(text.as_bytes()).unwrap(), &mut Names::new())
    }

    fn columns(pod: &Pod) -> (String, &str, u32) {
        (pod.readiness(), &pod.status, pod.restarts)
    }

    #[test]
    fn a_running_pod_is_read() {
        let pod = read(
            r#"{"metadata":{"name":"web-1","namespace":"shop","ownerReferences":[
                  {"kind":"Node","name":"n"},{"kind":"ReplicaSet","name":"web","controller":true}]},
                "spec":{"nodeName":"edge-1","containers":[
                  {"name":"a","resources":{"requests":{"cpu":"250m","memory":"64Mi"}}},
                  {"name":"b","resources":{"requests":{"cpu":1}}}],
                  "initContainers":[{"name":"i","resources":{"requests":{"cpu":"9"}}},
                    {"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"1m"}}}]},
                "status":{"phase":"Running","podIP":"10.42.0.7",
                  "conditions":[{"type":"Ready","status":"True"},{"type":"Initialized","status":"True"}],
                  "initContainerStatuses":[
                    {"name":"i","restartCount":5,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}},
                    {"name":"s","ready":true,"started":true,"restartCount":2,"state":{"running":{}}}],
                  "containerStatuses":[
                    {"name":"a","ready":true,"restartCount":1,"state":{"running":{"startedAt":"x"}}},
                    {"name":"b","ready":true,"restartCount":0,"state":{"running":{}}}]}}"#,
        );
        assert_eq!(columns(&pod), ("3/3".to_owned(), "Running", 3));
        assert!(pod.ready);
        assert_eq!(pod.controller(), Some(("ReplicaSet", "web")));
        assert_eq!(pod.node.as_deref(), Some("edge-1"));
        assert_eq!(pod.ip, "10.42.0.7".parse().ok());
        let wanted = Requests {
            cpu_millis: 1_251,
            memory_bytes: 64 << 20,
        };
        assert_eq!(pod.requests, wanted);
    }

    /// One container and one init container; `status` as the server has it.
    fn status_of(deleted: bool, status: &str) -> String {
        let deleted = if deleted {
            r#","deletionTimestamp":"2024-05-01T10:00:00Z""#
        } else {
            ""
        };
        let text = format!(
            r#"{{"metadata":{{"name":"a"{deleted}}},
                "spec":{{"containers":[{{"name":"c"}}],"initContainers":[{{"name":"i"}}]}},
                "status":{{{status}}}}}"#
        );
        read(&text).status.to_string()
    }

    #[test]
    fn init_containers_show_how_far_they_are() {
        let init = |state: &str| {
            let statuses = format!(r#""initContainerStatuses":[{{"name":"i","state":{state}}}]"#);
            status_of(false, &format!(r#""phase":"Pending",{statuses}"#))
        };
        assert_eq!(init(r#"{"running":{}}"#), "Init:0/1");
        assert_eq!(init("{}"), "Init:0/1");
        assert_eq!(
            init(r#"{"waiting":{"reason":"PodInitializing"}}"#),
            "Init:0/1"
        );
        assert_eq!(
            init(r#"{"waiting":{"reason":"ImagePullBackOff"}}"#),
            "Init:ImagePullBackOff"
        );
        assert_eq!(
            init(r#"{"terminated":{"exitCode":2,"reason":"Error"}}"#),
            "Init:Error"
        );
        assert_eq!(init(r#"{"terminated":{"exitCode":2}}"#), "Init:ExitCode:2");
        assert_eq!(
            init(r#"{"terminated":{"exitCode":2,"signal":9}}"#),
            "Init:Signal:9"
        );
        assert_eq!(init(r#"{"terminated":{"exitCode":0}}"#), "Pending");
    }

    #[test]
    fn containers_show_what_holds_them_up() {
        let run = |state: &str| {
            let statuses = format!(r#""containerStatuses":[{{"name":"c","state":{state}}}]"#);
            status_of(false, &format!(r#""phase":"Running",{statuses}"#))
        };
        assert_eq!(
            run(r#"{"waiting":{"reason":"CrashLoopBackOff"}}"#),
            "CrashLoopBackOff"
        );
        assert_eq!(run(r#"{"waiting":{}}"#), "Running");
        assert_eq!(
            run(r#"{"terminated":{"exitCode":1,"reason":"OOMKilled"}}"#),
            "OOMKilled"
        );
        assert_eq!(
            run(r#"{"terminated":{"exitCode":137,"signal":9}}"#),
            "Signal:9"
        );
        assert_eq!(run(r#"{"terminated":{"exitCode":3}}"#), "ExitCode:3");
    }

    #[test]
    fn one_of_two_containers_done_is_not_the_end() {
        let both = |ready: &str| {
            let text = format!(
                r#"{{"metadata":{{"name":"a"}},"spec":{{"containers":[{{"name":"c"}},{{"name":"d"}}]}},
                  "status":{{"phase":"Running","conditions":[{{"type":"Ready","status":"{ready}"}}],
                  "containerStatuses":[
                    {{"name":"c","state":{{"terminated":{{"exitCode":0,"reason":"Completed"}}}}}},
                    {{"name":"d","ready":true,"state":{{"running":{{}}}}}}]}}}}"#
            );
            read(&text).status.to_string()
        };
        assert_eq!(both("True"), "Running");
        assert_eq!(both("False"), "NotReady");
    }

    #[test]
    fn what_stands_above_the_containers_wins() {
        assert_eq!(
            status_of(false, r#""phase":"Failed","reason":"Evicted""#),
            "Evicted"
        );
        assert_eq!(status_of(true, r#""phase":"Running""#), "Terminating");
        assert_eq!(
            status_of(true, r#""phase":"Running","reason":"NodeLost""#),
            "Unknown"
        );
        assert_eq!(status_of(true, r#""phase":"Succeeded""#), "Succeeded");
        let gated = r#""phase":"Pending",
            "conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]"#;
        assert_eq!(status_of(false, gated), "SchedulingGated");
    }
}
