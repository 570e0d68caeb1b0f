//! What descriptions of workloads say beyond the object: how many pods there are, the
//! replica sets of a deployment, how long a job took.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::page::fill;
use super::values::{items, or_none, selector, text};
use super::{Reader, forms, put};
use crate::kubectl::failure::Failure;
use crate::kubectl::{duration, sort};

const HASH: &str = "pod-template-hash";

pub(super) fn pod(_: &Reader<'_>, pod: &mut Value) -> Result<(), Failure> {
    let ended = matches!(text(&pod["status"]["phase"]), "Failed" | "Succeeded");
    if !ended {
        let deleted = pod["metadata"]["deletionTimestamp"].clone();
        put(pod, "terminating", deleted);
    }
    controller(pod);
    Ok(())
}

/// Who made it: `ReplicaSet/web-1`.
fn controller(object: &mut Value) {
    if let Some(owner) = owner(object) {
        let told = fill("{kind}/{name}", owner);
        put(object, "controller", told.into());
    }
}

fn owner(object: &Value) -> Option<&Value> {
    let owners = items(&object["metadata"]["ownerReferences"]);
    owners.iter().find(|owner| owner["controller"] == true)
}

fn is_owned(object: &Value, by: &Value) -> bool {
    owner(object).is_some_and(|owner| owner["uid"] == by["metadata"]["uid"])
}

/// Counts the pods that belong to it.
pub(super) fn pods(reader: &Reader<'_>, set: &mut Value) -> Result<(), Failure> {
    let mut counts = [0_i64; 4];
    let phases = ["Running", "Pending", "Succeeded", "Failed"];
    let read = within(reader, set, "/api/v1", "pods", &mut |pod| {
        let phase = phases
            .iter()
            .position(|phase| pod["status"]["phase"] == *phase);
        if let (Some(phase), true) = (phase, is_owned(&pod, set)) {
            counts[phase] += 1;
        }
    });
    match read {
        Ok(()) => put(set, "counts", counts.to_vec().into()),
        Err(failure) if set["kind"] == "ReplicaSet" => {
            put(set, "noCounts", failure.message().into());
        }
        Err(failure) => return Err(failure),
    }
    controller(set);
    Ok(())
}

/// What the selector of a workload selects in its namespace.
fn within(
    reader: &Reader<'_>,
    workload: &Value,
    root: &str,
    kind: &str,
    each: &mut dyn FnMut(Value),
) -> Result<(), Failure> {
    let path = reader.path(root, text(&workload["metadata"]["namespace"]), kind, "");
    let labels = &workload["spec"]["selector"];
    let labels = match workload["kind"] == "ReplicationController" {
        true => super::values::pairs(labels).join(","),
        false => selector(labels),
    };
    reader.each(&path, &[("labelSelector", &labels)], each)
}

/// Names the replica sets of a deployment, and which of them is the one of today.
pub(super) fn sets(reader: &Reader<'_>, deployment: &mut Value) -> Result<(), Failure> {
    let today = template(&deployment["spec"]["template"]);
    let mut sets = Vec::new();
    let read = within(
        reader,
        deployment,
        "/apis/apps/v1",
        "replicasets",
        &mut |set| {
            if is_owned(&set, deployment) {
                let order = fill("{metadata.creationTimestamp} {metadata.name}", &set);
                let told = fill(
                    "{metadata.name} ({status.replicas=0}/{spec.replicas=0} replicas created)",
                    &set,
                );
                sets.push((order, told, template(&set["spec"]["template"]) == today));
            }
        },
    );
    if read.is_err() || sets.is_empty() {
        return Ok(());
    }
    let mut sets = sort::by(sets, &|(order, _, _)| order.clone());
    let new = sets.iter().position(|(_, _, is_new)| *is_new);
    let new = new.map_or_else(String::new, |new| sets.remove(new).1);
    let old: Vec<_> = sets.into_iter().map(|(_, told, _)| told).collect();
    put(deployment, "oldSets", or_none(old.join(", ")).into());
    put(deployment, "newSet", or_none(new).into());
    Ok(())
}

/// A template without what a deployment adds to that of its replica sets.
fn template(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    template
}

pub(super) fn job(_: &Reader<'_>, job: &mut Value) -> Result<(), Failure> {
    let status = &job["status"];
    let ago = |field: &str| duration::seconds_since(text(&status[field]));
    let lasted = ago("startTime").zip(ago("completionTime"));
    if let Some((started, completed)) = lasted {
        put(job, "lasted", crate::age::shown(started - completed).into());
    }
    if job["spec"]["completionMode"] == "Indexed" {
        let all = text(&job["status"]["completedIndexes"]);
        let end = all.bytes().skip(50).position(|byte| byte == b',');
        let told = match end.and_then(|end| all.get(..=end + 50)) {
            Some(start) => start.to_owned() + "...",
            None => or_none(all.to_owned()),
        };
        put(job, "indexes", told.into());
    }
    controller(job);
    Ok(())
}

/// The pods that use a claim.
pub(super) fn claim(reader: &Reader<'_>, claim: &mut Value) -> Result<(), Failure> {
    let metadata = &claim["metadata"];
    let mut users: Vec<String> = Vec::new();
    let path = reader.path("/api/v1", text(&metadata["namespace"]), "pods", "");
    reader.each(&path, &[], &mut |pod| {
        let uses =
            |volume: &&Value| volume["persistentVolumeClaim"]["claimName"] == metadata["name"];
        let owners = items(&metadata["ownerReferences"]);
        let owns = |owner: &Value| owner["kind"] == "Pod" && owner["uid"] == pod["metadata"]["uid"];
        let name = text(&pod["metadata"]["name"]);
        let count = items(&pod["spec"]["volumes"]).iter().filter(uses).count();
        let count = count.max(usize::from(owners.iter().any(owns)));
        users.extend((0..count).map(|_| name.to_owned()));
    })?;
    users.sort_unstable();
    put(claim, "users", users.into());
    Ok(())
}

/// What limits a namespace.
pub(super) fn namespace(reader: &Reader<'_>, namespace: &mut Value) -> Result<(), Failure> {
    let name = text(&namespace["metadata"]["name"]).to_owned();
    for (kind, field) in [("resourcequotas", "quotas"), ("limitranges", "limits")] {
        let mut all = Vec::new();
        let path = reader.path("/api/v1", &name, kind, "");
        reader.each(&path, &[], &mut |one| all.push(one))?;
        if kind == "resourcequotas" {
            all.iter_mut().try_for_each(|one| quota(reader, one))?;
        }
        let all = sort::by(all, &|one| text(&one["metadata"]["name"]).to_owned());
        put(namespace, field, all.into());
    }
    Ok(())
}

/// Puts beside each metric what it is now.
pub(super) fn metrics(_: &Reader<'_>, scaler: &mut Value) -> Result<(), Failure> {
    let current = scaler["status"]["currentMetrics"].take();
    let metrics = scaler["spec"]["metrics"].as_array_mut();
    for (index, metric) in metrics.into_iter().flatten().enumerate() {
        for (field, own) in metric.as_object_mut().into_iter().flatten() {
            if let Some(now) = current.get(index) {
                put(own, "now", now[field.as_str()]["current"].clone());
            }
        }
    }
    Ok(())
}

/// How much of a quota is used, and which pods it counts.
pub(super) fn quota(_: &Reader<'_>, quota: &mut Value) -> Result<(), Failure> {
    let status = &quota["status"];
    let mut lines: Vec<Value> = Vec::new();
    for (name, hard) in status["hard"].as_object().into_iter().flatten() {
        let used = status["used"][name].as_str().unwrap_or("0");
        lines.push([name.as_str(), used, text(hard)].join("\t").into());
    }
    let mut scopes: Vec<_> = items(&quota["spec"]["scopes"]).iter().map(text).collect();
    scopes.sort_unstable();
    let help = scopes.iter().map(|scope| forms::named(scope));
    let help: Vec<Value> = help
        .filter(|help| !help.is_empty())
        .map(Value::from)
        .collect();
    let scopes = scopes.join(", ");
    put(quota, "scopes", scopes.into());
    put(quota, "help", help.into());
    put(quota, "lines", lines.into());
    Ok(())
}

/// The size of each value; a token that belongs to an account is told, as kubectl does.
pub(super) fn secret(_: &Reader<'_>, secret: &mut Value) -> Result<(), Failure> {
    let tells = secret["type"] == "kubernetes.io/service-account-token";
    for (key, value) in secret["data"].as_object_mut().into_iter().flatten() {
        let told = if tells && key == "token" {
            let bytes = STANDARD.decode(text(value)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            fill("{:b} bytes", value)
        };
        *value = told.into();
    }
    Ok(())
}
