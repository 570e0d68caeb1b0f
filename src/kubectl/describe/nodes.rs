//! What a description of a node says beyond the node: its pods, what they ask for, its
//! lease. Pods are read page by page, and a line of each is all that is kept.

use serde_json::Value;

use super::amount::{self, Amounts};
use super::page::fill;
use super::values::{items, or_none, present, text};
use super::{Reader, put};
use crate::kubectl::failure::Failure;

const MILLI: i128 = 1_000_000;
const ONE: i128 = 1_000_000_000;

/// Requests and limits.
type Totals = [Amounts; 2];

pub(super) fn prepare(reader: &Reader<'_>, node: &mut Value) -> Result<(), Failure> {
    put(node, "roles", roles(node).into());
    pods(reader, node)?;
    let name = text(&node["metadata"]["name"]);
    let path = reader.path(
        "/apis/coordination.k8s.io/v1",
        "kube-node-lease",
        "leases",
        name,
    );
    match reader.api.get(&path) {
        Ok(mut lease) => put(node, "lease", lease["spec"].take()),
        Err(failure) => put(node, "noLease", super::why(&failure).into()),
    }
    Ok(())
}

fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object();
    let mut roles: Vec<&str> = Vec::new();
    for (key, value) in labels.into_iter().flatten() {
        match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => roles.push(role),
            None if key == "kubernetes.io/role" => roles.push(text(value)),
            None => {}
        }
    }
    roles.retain(|role| !role.is_empty());
    roles.sort_unstable();
    roles.dedup();
    or_none(roles.join(","))
}

/// The lines of its pods, and of what they ask for together.
fn pods(reader: &Reader<'_>, node: &mut Value) -> Result<(), Failure> {
    let status = &node["status"];
    let has = present(&status["allocatable"]);
    let all = amount::list(&status[if has { "allocatable" } else { "capacity" }]);
    let fields = fill(
        "spec.nodeName={metadata.name},status.phase!=Succeeded,status.phase!=Failed",
        node,
    );
    let mut totals: Totals = [Vec::new(), Vec::new()];
    let mut lines: Vec<Value> = Vec::new();
    let read = reader.each("/api/v1/pods", &[("fieldSelector", &fields)], &mut |pod| {
        let own = totals_of(&pod);
        lines.push(line(&pod, &own, &all).into());
        amount::add(&mut totals[0], &own[0]);
        amount::add(&mut totals[1], &own[1]);
    });
    match read {
        Err(failure) if failure.reason == "Forbidden" => return Ok(()),
        read => read?,
    }
    let rows = names(&all).into_iter().map(|name| row(name, &totals, &all));
    let rows: Vec<Value> = rows.collect();
    put(node, "counted", lines.len().into());
    put(node, "pods", lines.into());
    put(node, "allocated", rows.into());
    Ok(())
}

/// What is listed: the usual ones, large pages, then whatever else the node has.
fn names(all: &Amounts) -> Vec<&str> {
    let mut names = vec!["cpu", "memory", "ephemeral-storage"];
    let others = all.iter().map(|(name, _)| name.as_str());
    let others: Vec<_> = others
        .filter(|name| *name != "pods" && !names.contains(name))
        .collect();
    // By name they are sorted already.
    for pages in [true, false] {
        let some = others
            .iter()
            .filter(|name| name.starts_with(PAGES) == pages);
        names.extend(some);
    }
    names
}

const PAGES: &str = "hugepages-";

fn row(name: &str, totals: &Totals, all: &Amounts) -> Value {
    let unit = if name == "cpu" { MILLI } else { ONE };
    let is_usual = matches!(name, "cpu" | "memory" | "ephemeral-storage");
    let whole = amount::get(all, name);
    let mut told = name.to_owned();
    for total in totals {
        let amount = amount::get(total, name);
        told.push('\t');
        told.push_str(&amount.shown());
        if is_usual || name.starts_with(PAGES) {
            let percent = match whole.units(unit) {
                0 => "0".to_owned(),
                _ => amount.percent(whole, unit),
            };
            share(&mut told, &percent);
        }
    }
    told.into()
}

fn share(told: &mut String, percent: &str) {
    told.push_str(" (");
    told.push_str(percent);
    told.push_str("%)");
}

fn line(pod: &Value, own: &Totals, all: &Amounts) -> String {
    let mut told = fill("{metadata.namespace}\t{metadata.name}\t", pod);
    for (resource, unit) in [("cpu", MILLI), ("memory", ONE)] {
        for side in own {
            let amount = amount::get(side, resource);
            told.push('\t');
            told.push_str(&amount.shown());
            share(&mut told, &amount.percent(amount::get(all, resource), unit));
        }
    }
    told + &fill("\t{metadata.creationTimestamp:a}", pod)
}

/// What a pod asks for: its containers together, or the most that starting it needs.
fn totals_of(pod: &Value) -> Totals {
    ["requests", "limits"].map(|side| {
        let spec = &pod["spec"];
        let mut total = Vec::new();
        for container in items(&spec["containers"]) {
            amount::add(&mut total, &of_container(pod, container, side));
        }
        let (mut beside, mut start) = (Vec::new(), Vec::new());
        for container in items(&spec["initContainers"]) {
            let stays = container["restartPolicy"] == "Always";
            let own = match stays {
                true => of_container(pod, container, side),
                false => amount::list(&container["resources"][side]),
            };
            let mut needed = own.clone();
            if stays {
                amount::add(&mut total, &own);
                amount::add(&mut beside, &own);
                needed.clone_from(&beside);
            } else {
                amount::add(&mut needed, &beside);
            }
            amount::raise(&mut start, &needed);
        }
        amount::raise(&mut total, &start);
        let mut overhead = amount::list(&spec["overhead"]);
        if side == "limits" {
            overhead.retain(|(name, _)| amount::get(&total, name).units(1) != 0);
        }
        amount::add(&mut total, &overhead);
        total
    })
}

/// While a container is resized, it counts with the larger of what it has and will have.
fn of_container(pod: &Value, container: &Value, side: &str) -> Amounts {
    let wanted = amount::list(&container["resources"][side]);
    let lists = ["containerStatuses", "initContainerStatuses"];
    let mut statuses = lists.iter().flat_map(|list| items(&pod["status"][list]));
    let status = statuses.find(|status| status["name"] == container["name"]);
    let Some(status) =
        status.filter(|status| status["resources"].is_object() && side == "requests")
    else {
        return wanted;
    };
    let refused = items(&pod["status"]["conditions"])
        .iter()
        .any(|one| one["type"] == "PodResizePending" && one["reason"] == "Infeasible");
    let mut most = if refused { Vec::new() } else { wanted };
    amount::raise(&mut most, &amount::list(&status["resources"][side]));
    amount::raise(&mut most, &amount::list(&status["allocatedResources"]));
    most
}
