//! Each list twice: as kubectl prints it and as the agent answers it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::rig::Cluster;
use crate::support::{Agent, settled};

/// So long may the agent be behind.
const LAG: Duration = Duration::from_secs(5);

/// Rows by namespace and name; the cells are those of [`LISTS`].
type Table = BTreeMap<String, Vec<String>>;

/// A list, its columns in kubectl's words and in the agent's.
struct List {
    kind: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const LISTS: [List; 5] = [
    List {
        kind: "nodes",
        columns: &[
            ("STATUS", "status"),
            ("ROLES", "roles"),
            ("VERSION", "version"),
            ("INTERNAL-IP", "internal_ip"),
            ("EXTERNAL-IP", "external_ip"),
            ("OS-IMAGE", "os"),
            ("KERNEL-VERSION", "kernel"),
            ("CONTAINER-RUNTIME", "runtime"),
        ],
    },
    List {
        kind: "pods",
        columns: &[
            ("READY", "ready"),
            ("STATUS", "status"),
            ("RESTARTS", "restarts"),
            ("IP", "ip"),
            ("NODE", "node"),
        ],
    },
    List {
        kind: "namespaces",
        columns: &[("STATUS", "status")],
    },
    List {
        kind: "deployments",
        columns: &[
            ("READY", "ready"),
            ("UP-TO-DATE", "updated"),
            ("AVAILABLE", "available"),
        ],
    },
    List {
        kind: "services",
        columns: &[
            ("TYPE", "type"),
            ("CLUSTER-IP", "cluster_ip"),
            ("EXTERNAL-IP", "external"),
            ("PORT(S)", "ports"),
        ],
    },
];

/// Every list equals kubectl's, or does so soon. The cluster goes on meanwhile, so
/// one equal look is enough.
#[track_caller]
pub(super) fn assert_equal_to_kubectl(cluster: &Cluster, agent: &Agent) {
    for list in &LISTS {
        settled(LAG, || {
            let (theirs, ours) = (list.kubectl(cluster), list.agent(agent));
            if theirs == ours {
                return Ok(());
            }
            Err(list.difference(&theirs, &ours))
        });
    }
}

/// STATUS of the pods of a namespace, by name, as kubectl prints it.
pub(super) fn pod_status(cluster: &Cluster, namespace: &str) -> BTreeMap<String, String> {
    let text = cluster.kubectl(&["-n", namespace, "get", "pods"]);
    let rows = rows(&text).into_iter();
    rows.map(|mut row| (take(&mut row, "NAME"), take(&mut row, "STATUS")))
        .collect()
}

impl List {
    fn kubectl(&self, cluster: &Cluster) -> Table {
        let text = cluster.kubectl(&["get", self.kind, "-A", "-o", "wide"]);
        let rows = rows(&text).into_iter();
        rows.map(|mut row| {
            let key = format!("{}/{}", take(&mut row, "NAMESPACE"), take(&mut row, "NAME"));
            let cells = self.columns.iter().map(|(name, _)| take(&mut row, name));
            (key, cells.map(known).collect())
        })
        .collect()
    }

    fn agent(&self, agent: &Agent) -> Table {
        let list = agent.json(&format!("/api/k8s/{}", self.kind));
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = items.iter().map(|item| {
            let key = format!("{}/{}", text(&item["namespace"]), text(&item["name"]));
            let cells = self.columns.iter().map(|(_, name)| cell(&item[*name]));
            (key, cells.collect())
        });
        rows.collect()
    }

    fn difference(&self, theirs: &Table, ours: &Table) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let mut text = format!("{} differ ({})", self.kind, names.join(", "));
        for key in theirs.keys().chain(ours.keys()) {
            let (theirs, ours) = (theirs.get(key), ours.get(key));
            if theirs != ours {
                text.push_str(&format!("\n  {key}: kubectl {theirs:?}, agent {ours:?}"));
            }
        }
        text
    }
}

/// The agent's value in kubectl's words.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(parts) if parts.is_empty() => "<none>".to_owned(),
        Value::Array(parts) => parts.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// What a node has not told, in one way.
fn known(cell: String) -> String {
    match cell.as_str() {
        "" | "<unknown>" => "<none>".to_owned(),
        _ => cell,
    }
}

/// The rows of a table that kubectl printed: column to cell.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines();
    let columns = columns(lines.next().unwrap_or_default());
    lines
        .map(|line| {
            let ends = columns.iter().skip(1).map(|(at, _)| *at);
            let ends = ends.chain([line.len()]);
            let cells = columns.iter().zip(ends).map(|((at, name), end)| {
                let end = end.min(line.len());
                let cell = line.get(*at..end).unwrap_or_default();
                (name.clone(), cell.trim().to_owned())
            });
            cells.collect()
        })
        .collect()
}

/// Where each column starts. At least two blanks stand between their names.
fn columns(header: &str) -> Vec<(usize, String)> {
    let mut columns = Vec::new();
    let mut at = 0;
    for part in header.split("  ") {
        let blanks = part.len() - part.trim_start().len();
        if !part.trim().is_empty() {
            columns.push((at + blanks, part.trim().to_owned()));
        }
        at += part.len() + 2;
    }
    columns
}

/// A cell without what follows it in brackets: `3 (7s ago)`.
fn take(row: &mut BTreeMap<String, String>, column: &str) -> String {
    let cell = row.remove(column).unwrap_or_default();
    match cell.split_once(" (") {
        Some((count, _)) if column == "RESTARTS" => count.to_owned(),
        _ => cell,
    }
}

#[test]
fn tables_of_kubectl_are_read_by_their_columns() {
    let text = "NAMESPACE   NAME   RESTARTS      NOMINATED NODE   IP\n\
                a           b      3 (7s ago)    <none>           10.0.0.1\n";
    let mut row = rows(text).remove(0);
    assert_eq!(take(&mut row, "NAMESPACE"), "a");
    assert_eq!(take(&mut row, "RESTARTS"), "3");
    assert_eq!(take(&mut row, "NOMINATED NODE"), "<none>");
    assert_eq!(take(&mut row, "IP"), "10.0.0.1");
}
