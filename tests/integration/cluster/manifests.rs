//! What `deployments/` holds is taken by the API server, alone and by kustomize, and
//! says the same in each file.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Deserializer, Value, json};

use super::rig::{Cluster, cluster};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deployments");
/// The namespace of the manifests.
const NAMESPACE: &str = "pipeops-system";
const FILES: [&str; 4] = [
    "agent.yaml",
    "network-policies.yaml",
    "rbac-kubelet-summary.yaml",
    "rbac-minimal.yaml",
];
const COMPONENTS: [&str; 3] = ["k3s", "minimal", "pvc"];

#[test]
fn the_api_server_takes_every_file_without_a_warning() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("files");
    for file in FILES {
        try_out(&cluster, &namespace.name, &read(file));
    }
    // A misspelt field is refused: this test can fail.
    let wrong = read("agent.yaml").replace("publishNotReadyAddresses", "publishNotReady");
    let wrong = wrong.replace(NAMESPACE, &namespace.name);
    let output = cluster.fed(&DRY_RUN, &wrong);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("publishNotReady"));
}

#[test]
fn the_api_server_takes_what_kustomize_makes() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("kustomize");
    let plain = cluster.kubectl(&["kustomize", FOLDER]);
    try_out(&cluster, &namespace.name, &plain);
    assert_eq!(objects(&cluster, &plain).len(), 10);
    for component in COMPONENTS {
        let made = kustomize(&cluster, &[component]);
        assert_ne!(made, plain, "{component} changes something");
        try_out(&cluster, &namespace.name, &made);
    }
    try_out(&cluster, &namespace.name, &kustomize(&cluster, &COMPONENTS));
}

#[test]
fn the_minimal_role_is_the_same_for_kustomize() {
    let Some(cluster) = cluster() else { return };
    let made = kustomize(&cluster, &["minimal"]);
    let rules = |text: &str| rules(&cluster, text, "pipeops-agent");
    assert_eq!(rules(&made), rules(&read("rbac-minimal.yaml")));
    assert_ne!(rules(&made), rules(&read("agent.yaml")));
}

/// Not one of them may write, or see secrets, or do whatever there is.
#[test]
fn no_role_writes_or_has_wildcards() {
    let Some(cluster) = cluster() else { return };
    let mut roles = 0;
    for file in FILES {
        for object in objects(&cluster, &read(file)) {
            for rule in object["rules"].as_array().into_iter().flatten() {
                roles += 1;
                let text = rule.to_string();
                assert!(!text.contains('*') && !text.contains("secrets"), "{text}");
                for verb in rule["verbs"].as_array().unwrap() {
                    let reads = ["get", "list", "watch"].contains(&verb.as_str().unwrap());
                    assert!(reads, "{file}: {text}");
                }
            }
        }
    }
    assert_eq!(roles, 8, "rules");
}

pub(super) fn read(file: &str) -> String {
    let path = Path::new(FOLDER).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rules of a ClusterRole in a manifest, as JSON.
pub(super) fn rules(cluster: &Cluster, manifest: &str, role: &str) -> Value {
    let mut objects = objects(cluster, manifest).into_iter();
    let found = objects
        .find(|object| object["kind"] == "ClusterRole" && object["metadata"]["name"] == role);
    found.unwrap_or_else(|| panic!("no role {role}"))["rules"].take()
}

/// What kubectl reads in a manifest.
fn objects(cluster: &Cluster, manifest: &str) -> Vec<Value> {
    let create = ["create", "--dry-run=client", "-f", "-", "-o", "json"];
    let text = cluster.feed(&create, manifest);
    let objects = Deserializer::from_str(&text).into_iter();
    objects.map(|object| object.expect("it is JSON")).collect()
}

/// Has the API server judge it, in a namespace that exists, and store nothing.
#[track_caller]
fn try_out(cluster: &Cluster, namespace: &str, manifest: &str) {
    let manifest = manifest.replace(NAMESPACE, namespace);
    let output = cluster.fed(&DRY_RUN, &manifest);
    let errors = String::from_utf8_lossy(&output.stderr);
    // The namespace is of the test's own making.
    let mut warnings = errors.lines();
    let unexpected = warnings.find(|line| !line.contains("last-applied-configuration"));
    assert!(output.status.success(), "{errors}");
    assert_eq!(unexpected, None);
}

const DRY_RUN: [&str; 5] = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];

/// With these components, as `kustomization.yaml` says how.
fn kustomize(cluster: &Cluster, components: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-r", FOLDER])
        .arg(folder.path().join("deployments"))
        .status();
    assert!(copied.unwrap().success());
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    let paths = components.iter();
    let paths: Vec<_> = paths
        .map(|name| format!("../deployments/components/{name}"))
        .collect();
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         resources: [../deployments]\ncomponents: [{}]\n",
        paths.join(", ")
    );
    fs::write(own.join("kustomization.yaml"), text).unwrap();
    cluster.kubectl(&["kustomize", own.to_str().unwrap()])
}

/// The page says what the policy says: direction, peer and port of each row.
#[test]
fn the_network_page_has_every_connection_that_is_allowed() {
    let Some(cluster) = cluster() else { return };
    let policies = objects(&cluster, &read("network-policies.yaml"));
    let [deny, agent] = policies.as_slice() else {
        panic!("{policies:?}")
    };
    let both = json!(["Ingress", "Egress"]);
    assert_eq!(
        deny["spec"],
        json!({"podSelector": {}, "policyTypes": both})
    );
    assert_eq!(agent["spec"]["policyTypes"], both);
    let mut allowed = Vec::new();
    for (direction, side) in [("ingress", "from"), ("egress", "to")] {
        for rule in agent["spec"][direction].as_array().unwrap() {
            for port in rule["ports"].as_array().unwrap() {
                let protocol = port["protocol"].as_str().unwrap();
                let peer = peer(&rule[side]);
                allowed.push(format!(
                    "| {direction} | {peer} | {protocol} {} |",
                    port["port"]
                ));
            }
        }
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/network.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.contains("gress | "));
    let rows: Vec<_> = rows
        .map(|row| row.rsplitn(3, '|').nth(2).unwrap().to_owned() + "|")
        .collect();
    assert_eq!(rows, allowed);
}

/// In the words of the page.
fn peer(peers: &Value) -> &'static str {
    let dns = json!([{
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }]);
    let named =
        json!([{"namespaceSelector": {"matchLabels": {"pipeops.io/agent-access": "allowed"}}}]);
    match peers {
        Value::Null => "any address",
        peers if *peers == dns => "pods `k8s-app=kube-dns` in `kube-system`",
        peers if *peers == named => "namespaces labelled `pipeops.io/agent-access=allowed`",
        peers => panic!("not in the words of the page: {peers}"),
    }
}
