//! The levels of rights of `deployments/`: what each lets in, what the API server
//! refuses, and what the agent says about it.

use std::process::{Command, Output};

use pipeops_agent::cluster::Kind;
use serde_json::{Value, json};

use super::manifests::{objects, read};
use super::rig::{Cluster, NODE, Namespace, cluster};
use super::rights::Login;
use super::roles::{current, golden_rights};
use crate::support::{SOON, eventually};

/// Each has the rights of the one before it, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    ReadOnly,
    /// The rest in named namespaces.
    Minimal,
    Standard,
    Full,
    /// No level: nobody is let in.
    Never,
}

use Level::{Full, Minimal, Never, ReadOnly, Standard};

/// What the control plane may ask for, and the first level that has the right to it.
/// Those that would change something for other tests are only tried.
const COMMANDS: [(&str, Level); 29] = [
    ("get pods", ReadOnly),
    ("get nodes -o wide", ReadOnly),
    ("get deployment web -o yaml", ReadOnly),
    ("events", ReadOnly),
    ("logs shell", Minimal),
    ("exec shell -- true", Minimal),
    ("get replicasets,statefulsets,daemonsets,jobs", Minimal),
    ("rollout restart deployment web", Minimal),
    ("scale deployment web --replicas=0", Minimal),
    ("set image deployment web busybox=busybox:2", Minimal),
    ("label pod shell a=b", Minimal),
    ("get horizontalpodautoscalers", Minimal),
    ("expose deployment web --port=80", Minimal),
    ("run more --image=busybox:1 --dry-run=server", Minimal),
    (
        "create job more --image=busybox:1 --dry-run=server",
        Minimal,
    ),
    ("create configmap more --dry-run=server", Minimal),
    ("delete pod shell --dry-run=server", Minimal),
    ("cordon node-1 --dry-run=server", Standard),
    (
        "taint node node-1 a=b:NoSchedule --dry-run=server",
        Standard,
    ),
    (
        "drain node-1 --pod-selector=of=@NAME@ --force --dry-run=server",
        Standard,
    ),
    ("create namespace more --dry-run=server", Standard),
    ("create quota more --hard=pods=1 --dry-run=server", Standard),
    ("get secrets", Full),
    ("create secret generic more --dry-run=server", Full),
    ("create token default", Full),
    (
        "create role more --verb=get --resource=pods --dry-run=server",
        Full,
    ),
    ("get customresourcedefinitions", Full),
    ("get pods --as=someone", Never),
    (
        "create clusterrolebinding more --clusterrole=cluster-admin --user=me --dry-run=server",
        Never,
    ),
];

#[test]
fn without_a_level_the_agent_reads_and_no_command_changes_anything() {
    let Some(cluster) = cluster() else { return };
    let rig = Rig::new(&cluster, &["agent.yaml"]);
    golden_rights(
        &cluster,
        &rig.namespace.name,
        &rig.namespace.name,
        "read-only",
    );
    rig.commands(&rig.namespace.name, ReadOnly);
    rig.told(&[
        "may not create pods (run), patch deployments.apps (apply, scale, set, rollout), \
         get pods/log (logs), create pods/exec (exec, cp), patch configmaps (apply)\n        \
         -> granted by deployments/rbac-standard.yaml, or rbac-minimal.yaml",
        "may not patch nodes (cordon, taint, label), create pods/eviction (drain), \
         create namespaces (create)\n        -> granted by deployments/rbac-standard.yaml\n",
    ]);
}

#[test]
fn the_minimal_level_is_for_named_namespaces() {
    let Some(cluster) = cluster() else { return };
    let rig = Rig::new(&cluster, &["agent.yaml", "rbac-minimal.yaml"]);
    golden_rights(
        &cluster,
        &rig.namespace.name,
        &rig.namespace.name,
        "minimal",
    );
    rig.commands(&rig.namespace.name, Minimal);
    // As if there were none in a namespace that is not named.
    let other = Rig::objects(&cluster, "other");
    golden_rights(&cluster, &rig.namespace.name, &other.name, "read-only");
    rig.commands(&other.name, ReadOnly);
    rig.told(&["may not create pods (run), ", "may not patch nodes ("]);
}

#[test]
fn the_standard_level_does_all_but_secrets_and_rights() {
    let Some(cluster) = cluster() else { return };
    let rig = Rig::new(&cluster, &["agent.yaml", "rbac-standard.yaml"]);
    golden_rights(&cluster, &rig.namespace.name, "default", "standard");
    rig.commands(&rig.namespace.name, Standard);
    rig.told(&[]);
    assert_eq!(rig.kubectl("logs shell").0, "hello\n");
    assert_eq!(rig.kubectl("exec shell -- echo here").0, "here\n");
    // To others kubectl does not say that it is forbidden.
    let scaled = rig.kubectl("autoscale deployment web --max=3").0;
    assert!(scaled.ends_with(" autoscaled\n"), "{scaled}");
}

#[test]
fn the_full_level_does_not_give_more_than_it_has() {
    let Some(cluster) = cluster() else { return };
    let rig = Rig::new(&cluster, &["agent.yaml", "rbac-full.yaml"]);
    golden_rights(&cluster, &rig.namespace.name, "default", "full");
    rig.commands(&rig.namespace.name, Full);
    rig.told(&[]);
}

/// Its result names the right that is missing, and the file that grants it.
#[test]
fn a_command_without_the_right_is_explained() {
    let Some(cluster) = cluster() else { return };
    let rig = Rig::new(&cluster, &["agent.yaml"]);
    let token = "token-of-levels";
    let plane = control_plane::start(&control_plane::Options::new(token)).unwrap();
    let set = [("PIPEOPS_API_URL", plane.url()), ("PIPEOPS_TOKEN", token)];
    let _agent = rig.login.agent(&set);
    assert!(plane.wait("heartbeat", 1, SOON));
    let id = plane.agents()[0]["id"].as_str().unwrap().to_owned();
    let args = ["logs", "shell", "-n", &rig.namespace.name];
    let logs = json!({"type": "kubectl", "payload": {"args": args}});
    plane.queue(&id, &logs).unwrap();
    let result = eventually("the result", || {
        let result = plane.commands(&id)[0]["result"].clone();
        result.is_object().then_some(result)
    });
    let error = result["error"].as_str().unwrap();
    for said in [
        "cannot get resource \"pods/log\"",
        "\nthe right to get pods/log is granted by deployments/rbac-standard.yaml",
    ] {
        assert!(error.contains(said), "{result}");
    }
}

/// The agent's account with the rights of some files, in a namespace with a pod and
/// a deployment.
struct Rig<'c> {
    namespace: Namespace<'c>,
    login: Login,
    cluster: &'c Cluster,
}

impl<'c> Rig<'c> {
    fn new(cluster: &'c Cluster, files: &[&str]) -> Self {
        let namespace = Self::objects(cluster, "level");
        namespace.kubectl(&["create", "serviceaccount", "agent"]);
        let rights = files.iter().flat_map(|file| objects(&read(file)));
        let rights = rights.filter(|object| object["kind"].as_str().unwrap().contains("Role"));
        let rights = rights.map(|object| renamed(object, &namespace.name).to_string());
        namespace.apply(&rights.collect::<Vec<_>>().join("\n---\n"));
        Self {
            login: Login::new(cluster, &namespace),
            cluster,
            namespace,
        }
    }

    /// A namespace with what the commands are about.
    fn objects(cluster: &'c Cluster, word: &str) -> Namespace<'c> {
        let namespace = cluster.namespace(word);
        let run = "run shell --image=busybox:1 --restart=Never -- sh -c";
        let label = format!("--labels=of={}", namespace.name);
        let mut run: Vec<_> = run.split(' ').chain(["echo hello; sleep 1000"]).collect();
        run.insert(2, &label);
        namespace.kubectl(&run);
        let deployment = "create deployment web --image=busybox:1 --replicas=0 --port=80";
        namespace.kubectl(&deployment.split(' ').collect::<Vec<_>>());
        let ready = "wait --for=condition=Ready --timeout=30s pod/shell";
        namespace.kubectl(&ready.split(' ').collect::<Vec<_>>());
        namespace
    }

    /// Each is let in up to that level, and refused by the API server above it.
    #[track_caller]
    fn commands(&self, namespace: &str, level: Level) {
        let refused = |command| self.kubectl_in(namespace, command).1.contains("forbidden");
        let wrong = COMMANDS
            .iter()
            .filter(|(command, needed)| refused(command) == (*needed <= level));
        let wrong: Vec<_> = wrong.map(|(command, _)| command).collect();
        assert!(wrong.is_empty(), "{level:?} in {namespace}: {wrong:?}");
    }

    fn kubectl(&self, command: &str) -> (String, String) {
        self.kubectl_in(&self.namespace.name, command)
    }

    /// What kubectl prints with the agent's token, on both ways.
    fn kubectl_in(&self, namespace: &str, command: &str) -> (String, String) {
        let command = command
            .replace("node-1", NODE)
            .replace("@NAME@", &self.namespace.name);
        let mut kubectl: Command = self.cluster.command(&["-n", namespace]);
        kubectl.arg("--kubeconfig").arg(self.login.kubeconfig());
        let Output { stdout, stderr, .. } = kubectl.args(command.split(' ')).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&stdout), text(&stderr))
    }

    /// The agent sees all kinds, and `check` warns with these words.
    #[track_caller]
    fn told(&self, warnings: &[&str]) {
        let agent = self.login.agent(&[]);
        assert_eq!(current(&agent), Kind::ALL.map(Kind::plural));
        let (code, text) = self.login.check();
        assert_eq!(code, Some(0), "{text}");
        for warning in warnings {
            assert!(text.contains(warning), "{warning} in {text}");
        }
        let all = !text.contains("may not");
        assert_eq!(all, warnings.is_empty(), "{text}");
    }
}

/// Names of a test of its own, for the account `agent` in its namespace.
fn renamed(mut object: Value, namespace: &str) -> Value {
    for pointer in ["/metadata/name", "/roleRef/name"] {
        if let Some(name) = object.pointer_mut(pointer) {
            *name = name
                .as_str()
                .unwrap()
                .replace("pipeops-agent", namespace)
                .into();
        }
    }
    if let Some(subjects) = object.get_mut("subjects") {
        let account = json!([{
            "kind": "ServiceAccount", "name": "pipeops-agent", "namespace": "pipeops-system",
        }]);
        assert_eq!(*subjects, account, "who gets the rights");
        *subjects = json!([{"kind": "ServiceAccount", "name": "agent", "namespace": namespace}]);
    }
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("namespace");
    metadata.insert("labels".into(), json!({"of-test": namespace}));
    object
}

impl Drop for Rig<'_> {
    fn drop(&mut self) {
        let own = format!("of-test={}", self.namespace.name);
        let kinds = "clusterrole,clusterrolebinding";
        let _ = self.cluster.try_kubectl(&["delete", kinds, "-l", &own]);
    }
}
