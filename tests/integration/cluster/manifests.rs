//! What `deployments/` holds is taken by the API server, alone and by kustomize, and
//! says the same in each file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pipeops_agent::yaml;
use serde_json::{Value, json};

use super::rig::{Cluster, cluster};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deployments");
/// The namespace of the manifests.
const NAMESPACE: &str = "pipeops-system";
pub(super) const FILES: [&str; 9] = [
    "agent.yaml",
    "components/tls/network-policy.yaml",
    "monitoring/network-policy.yaml",
    "network-policies.yaml",
    "rbac-full.yaml",
    "rbac-kubelet-summary.yaml",
    "rbac-minimal.yaml",
    "rbac-standard.yaml",
    "rbac/secrets.yaml",
];
const COMPONENTS: [&str; 8] = [
    "api-tokens",
    "full",
    "k3s",
    "minimal",
    "../monitoring",
    "pvc",
    "read-only",
    "tls",
];
/// Each rule of an operation role says for which commands it is.
const ROLES: [&str; 6] = [
    "workloads",
    "exec-logs",
    "nodes",
    "config",
    "namespaces",
    "secrets",
];

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
    assert_eq!(objects(&plain).len(), 20);
    for component in COMPONENTS {
        let made = kustomize(&cluster, &[component]);
        assert_ne!(made, plain, "{component} changes something");
        try_out(&cluster, &namespace.name, &made);
    }
    let together = kustomize(
        &cluster,
        &[
            "api-tokens",
            "full",
            "k3s",
            "minimal",
            "../monitoring",
            "pvc",
            "tls",
        ],
    );
    try_out(&cluster, &namespace.name, &together);
}

/// What the page has somebody put beside the manifests.
#[test]
fn the_api_server_takes_the_manifests_with_an_authority_of_ones_own() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("authority");
    let block = kustomization_of("private-ca");
    let files = [
        ("kustomization.yaml", &*block),
        ("ca.pem", "a certificate\n"),
    ];
    let made = beside(&cluster, &files);
    assert!(made.contains("PIPEOPS_CA_FILE"), "{made}");
    try_out(&cluster, &namespace.name, &made);
}

/// And what it has somebody put there who lets commands into one namespace, and no other.
#[test]
fn the_page_on_the_least_rights_binds_in_its_namespace_alone() {
    let Some(cluster) = cluster() else { return };
    let block = kustomization_of("minimal-rights");
    let made = objects(&beside(&cluster, &[("kustomization.yaml", &block)]));
    let bound = |kind: &str, place: &str| -> Vec<String> {
        let bindings = made.iter().filter(|object| object["kind"] == kind);
        bindings
            .map(|object| object["metadata"][place].to_string())
            .collect()
    };
    assert_eq!(bound("RoleBinding", "namespace"), ["\"shop\""; 3]);
    assert_eq!(bound("ClusterRoleBinding", "name"), ["\"pipeops-agent\""]);
}

/// The first block of YAML of a page.
fn kustomization_of(page: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = fs::read_to_string(format!("{root}/docs/how-to/{page}.md")).unwrap();
    let (_, block) = text.split_once("```yaml\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// Components give the rights of the files of their names.
#[test]
fn the_levels_are_the_same_for_kustomize() {
    let Some(cluster) = cluster() else { return };
    for (component, files) in [
        (&[][..], &["rbac-standard.yaml"][..]),
        (&["minimal"], &["rbac-minimal.yaml"]),
        (&["full"], &["rbac-standard.yaml", "rbac-full.yaml"]),
        (&["read-only"], &[]),
    ] {
        let files = files.iter().chain(&["agent.yaml"]);
        let said = rights(files.flat_map(|file| objects(&read(file))));
        let made = kustomize(&cluster, component);
        assert_eq!(rights(objects(&made)), said, "{component:?}");
    }
}

/// Kind, name, rules and whom they are given to, in some order.
fn rights(objects: impl IntoIterator<Item = Value>) -> BTreeSet<String> {
    let all = objects.into_iter();
    let all = all.filter(|object| object["kind"].as_str().unwrap().contains("Role"));
    all.map(|object| object.to_string()).collect()
}

/// Neither Secrets nor whatever there is, but in the two files that say so, and nowhere
/// the verbs by which rights are made.
#[test]
fn no_role_has_wildcards_or_secrets_that_does_not_say_so() {
    let operations = ROLES.map(|role| format!("rbac/{role}.yaml"));
    let files = FILES
        .into_iter()
        .chain(operations.iter().map(String::as_str));
    for file in files {
        for (rule, text) in rules_of(file) {
            assert!(
                file == "rbac-full.yaml" || !text.contains('*'),
                "{file}: {text}"
            );
            assert!(
                file == "rbac/secrets.yaml" || !text.contains("secrets"),
                "{file}: {text}"
            );
            for verb in rule["verbs"].as_array().unwrap() {
                let verb = verb.as_str().unwrap();
                let reads = ["get", "list", "watch"].contains(&verb);
                let writes = ["create", "update", "patch", "delete"].contains(&verb);
                let may = file.starts_with("rbac") && !file.contains("kubelet");
                assert!(reads || (writes && may), "{file}: {text}");
            }
        }
    }
}

/// What is above each rule is what the control plane can ask for with it.
#[test]
fn each_rule_says_what_it_is_for() {
    let operations = ROLES.map(|role| format!("rbac/{role}.yaml"));
    let operations = operations.iter().map(String::as_str);
    for file in operations.chain(FILES) {
        let text = read(file);
        let mut rules = 0;
        for (above, line) in text.lines().zip(text.lines().skip(1)) {
            if line.starts_with("  - apiGroups") {
                rules += 1;
                assert!(above.starts_with("  # "), "{file}: {above}\n{line}");
            }
        }
        assert_eq!(rules, rules_of(file).len(), "{file}");
    }
}

/// Each rule in a file, and its text.
pub(super) fn rules_of(file: &str) -> Vec<(Value, String)> {
    let mut rules = Vec::new();
    for object in objects(&read(file)) {
        for rule in object["rules"].as_array().into_iter().flatten() {
            rules.push((rule.clone(), rule.to_string()));
        }
    }
    rules
}

pub(super) fn read(file: &str) -> String {
    let path = Path::new(FOLDER).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rules of a ClusterRole in a manifest, as JSON.
pub(super) fn rules(manifest: &str, role: &str) -> Value {
    let mut objects = objects(manifest).into_iter();
    let found = objects
        .find(|object| object["kind"] == "ClusterRole" && object["metadata"]["name"] == role);
    found.unwrap_or_else(|| panic!("no role {role}"))["rules"].take()
}

pub(super) fn objects(manifest: &str) -> Vec<Value> {
    yaml::parse(manifest).expect("it is YAML")
}

/// Has the API server judge it, in a namespace that exists, and store nothing.
#[track_caller]
fn try_out(cluster: &Cluster, namespace: &str, manifest: &str) {
    let manifest = manifest.replace(NAMESPACE, namespace);
    let output = cluster.fed(&DRY_RUN, &manifest);
    let errors = String::from_utf8_lossy(&output.stderr);
    // Other tests have applied objects of these names otherwise.
    let mut warnings = errors.lines();
    let unexpected = warnings.find(|line| !line.contains("last-applied-configuration"));
    assert!(output.status.success(), "{errors}");
    assert_eq!(unexpected, None);
}

/// By the server in one step, since such objects come and go.
const DRY_RUN: [&str; 7] = [
    "apply",
    "--server-side",
    "--force-conflicts",
    "--dry-run=server",
    "--validate=strict",
    "-f",
    "-",
];

/// With these components, as `kustomization.yaml` says how.
pub(super) fn kustomize(cluster: &Cluster, components: &[&str]) -> String {
    let paths = components.iter();
    let paths: Vec<_> = paths
        .map(|name| format!("../deployments/components/{name}"))
        .collect();
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         resources: [../deployments]\ncomponents: [{}]\n",
        paths.join(", ")
    );
    beside(cluster, &[("kustomization.yaml", &text)])
}

/// What a folder beside `deployments` makes that has these files.
fn beside(cluster: &Cluster, files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-r", FOLDER])
        .arg(folder.path().join("deployments"))
        .status();
    assert!(copied.unwrap().success());
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    for (name, text) in files {
        fs::write(own.join(name), text).unwrap();
    }
    cluster.kubectl(&["kustomize", own.to_str().unwrap()])
}

/// The page says what the policy says: direction, peer and port of each row.
#[test]
fn the_network_page_has_every_connection_that_is_allowed() {
    let policies = objects(&read("network-policies.yaml"));
    let [deny, agent] = policies.as_slice() else {
        panic!("{policies:?}")
    };
    let tls = objects(&read("components/tls/network-policy.yaml"));
    let monitoring = objects(&read("monitoring/network-policy.yaml"));
    let both = json!(["Ingress", "Egress"]);
    assert_eq!(
        deny["spec"],
        json!({"podSelector": {}, "policyTypes": both})
    );
    assert_eq!(agent["spec"]["policyTypes"], both);
    let mut allowed = Vec::new();
    for (policy, direction, side) in [
        (agent, "ingress", "from"),
        (&tls[0], "ingress", "from"),
        (&monitoring[0], "ingress", "from"),
        (agent, "egress", "to"),
    ] {
        for rule in policy["spec"][direction].as_array().unwrap() {
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
    let scraper = json!([{
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
    }]);
    match peers {
        Value::Null => "any address",
        peers if *peers == dns => "pods `k8s-app=kube-dns` in `kube-system`",
        peers if *peers == scraper => "pods `app.kubernetes.io/name=prometheus` in `monitoring`",
        peers if *peers == named => "namespaces labelled `pipeops.io/agent-access=allowed`",
        peers => panic!("not in the words of the page: {peers}"),
    }
}
