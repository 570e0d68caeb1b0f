//! Selectors and tables of the lists mean what they mean for kubectl.

use std::collections::BTreeSet;

use super::rig::{Namespace, cluster};
use crate::support::{Agent, settled};

const OBJECTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: web, tier: front, empty: ""}}
spec: {containers: [{name: c, image: none, imagePullPolicy: Never}], nodeSelector: {none: "none"}}
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: web, tier: back, example.com/stage: "1.0"}}
spec: {containers: [{name: c, image: none, imagePullPolicy: Never}], nodeSelector: {none: "none"}}
---
apiVersion: v1
kind: Pod
metadata: {name: three}
spec: {containers: [{name: c, image: none, imagePullPolicy: Never}], nodeSelector: {none: "none"}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {ports: [{port: 80}], selector: {app: web}}
"#;

/// Of pods, all of whose answers differ from each other somewhere.
const LABELS: [&str; 14] = [
    "app=web",
    "app==web,tier!=back",
    "tier!=back",
    "app",
    "!app",
    "app,!empty",
    "empty=",
    "tier in (front, back)",
    "tier in (front)",
    "tier notin (front)",
    "app notin (web), tier",
    "example.com/stage=1.0",
    "example.com/stage in (1.0),app",
    "none",
];
const FIELDS: [&str; 5] = [
    "metadata.name=one",
    "metadata.name!=one,status.phase=Pending",
    "status.phase!=Pending",
    "spec.nodeName=",
    "spec.nodeName!=",
];

fn encoded(text: &str) -> String {
    let byte = |byte: u8| format!("%{byte:02x}");
    text.bytes().map(byte).collect()
}

fn kubectl(namespace: &Namespace<'_>, kind: &str, flag: &str, selector: &str) -> BTreeSet<String> {
    let text = namespace.kubectl(&["get", kind, flag, selector, "-o", "name"]);
    let names = text.lines().filter_map(|line| line.split_once('/'));
    names.map(|(_, name)| name.to_owned()).collect()
}

fn ours(agent: &Agent, path: &str) -> BTreeSet<String> {
    let list = agent.json(path);
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let names = items.iter().filter_map(|item| item["name"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn selectors_choose_what_kubectl_chooses() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("queries");
    namespace.apply(OBJECTS);
    let agent = cluster.agent(&[]);
    let base = format!("namespace={}", namespace.name);
    for (kind, flag, parameter, selectors) in [
        ("pods", "-l", "labelSelector", &LABELS[..]),
        ("pods", "--field-selector", "fieldSelector", &FIELDS[..]),
        ("services", "-l", "labelSelector", &LABELS[..4]),
    ] {
        for selector in selectors {
            let path = format!("/api/k8s/{kind}?{base}&{parameter}={}", encoded(selector));
            settled(std::time::Duration::from_secs(5), || {
                let (theirs, ours) = (
                    kubectl(&namespace, kind, flag, selector),
                    ours(&agent, &path),
                );
                if theirs == ours {
                    return Ok(());
                }
                Err(format!("{kind} {selector}: {theirs:?}, ours {ours:?}"))
            });
        }
    }
    let name = format!(
        "labelSelector=kubernetes.io/metadata.name={}",
        namespace.name
    );
    let own = ours(&agent, &format!("/api/k8s/namespaces?{name}"));
    assert_eq!(own, BTreeSet::from([namespace.name.clone()]));
}

#[test]
fn tables_are_those_of_kubectl() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("tables");
    namespace.apply(OBJECTS);
    let agent = cluster.agent(&[]);
    for kind in ["pods", "services", "nodes"] {
        let query = match kind {
            "nodes" => "as=table".to_owned(),
            _ => format!("as=table&namespace={}", namespace.name),
        };
        settled(std::time::Duration::from_secs(5), || {
            let theirs = sorted(&namespace.kubectl(&["get", kind]));
            let ours = sorted(&agent.get(&format!("/api/k8s/{kind}?{query}")).body);
            if theirs == ours {
                return Ok(());
            }
            Err(format!("{theirs:#?}, ours {ours:#?}"))
        });
    }
}

/// Cells of the lines, without ages: time goes on between two looks.
fn sorted(table: &str) -> BTreeSet<Vec<String>> {
    let mut lines = table.lines();
    let header: Vec<_> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let age = header.iter().position(|name| *name == "AGE");
    let cells = |line: &str| {
        let cells = line.split_whitespace().enumerate();
        let others = cells.filter(|(at, _)| Some(*at) != age);
        others.map(|(_, cell)| cell.to_owned()).collect()
    };
    std::iter::once(cells(&header.join(" ")))
        .chain(lines.map(cells))
        .collect()
}
