//! The cluster as tests have it: kubectl, the script that breaks its parts, and
//! namespaces that go when a test ends.

use std::cell::Cell;
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;

use crate::support::{Agent, program};

const ACCOUNT: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: "@ACCOUNT@"}
"#;
/// What an account may do everywhere, under the name of its namespace.
const EVERYWHERE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "@NAME@"}
rules: @RULES@
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "@NAME@"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "@NAME@"}
subjects: [{kind: ServiceAccount, name: "@ACCOUNT@", namespace: "@NAME@"}]
"#;
/// What an account may do in its namespace.
const HERE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: "@ACCOUNT@"}
rules: @RULES@
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: "@ACCOUNT@"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "@ACCOUNT@"}
subjects: [{kind: ServiceAccount, name: "@ACCOUNT@", namespace: "@NAME@"}]
"#;

/// The one real node.
pub(super) const NODE: &str = "node-1";
/// kubectl ends before it is worth its while to collect garbage. And at each start it reads all that is translated into
/// its language, English too, which takes longer than most commands: into this one, it has seven lines of help.
pub(super) const BRIEF: [(&str, &str); 2] = [("GOGC", "off"), ("LC_ALL", "zh_TW.UTF-8")];

/// Written by those who disturb the API server, read by all others.
static PEACE: RwLock<()> = RwLock::new(());

/// A cluster that runs. As long as it is held, nobody disturbs it who is not alone.
pub(super) struct Cluster {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    script: PathBuf,
    /// The API server was stopped or restarted.
    disturbed: Cell<bool>,
    _lock: Lock,
}

#[expect(dead_code, reason = "the guards are held, not read")]
enum Lock {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// The cluster, shared with other tests; none where there is none, which is said.
pub(super) fn cluster() -> Option<Cluster> {
    find(|| Lock::Shared(PEACE.read().unwrap_or_else(PoisonError::into_inner)))
}

/// The cluster without any other test: for those who disturb it.
pub(super) fn alone() -> Option<Cluster> {
    find(|| Lock::Alone(PEACE.write().unwrap_or_else(PoisonError::into_inner)))
}

fn find(lock: impl FnOnce() -> Lock) -> Option<Cluster> {
    let path = |name: &str| {
        let value = env::var_os(name);
        PathBuf::from(value.unwrap_or_else(|| panic!("cluster env sets {name}")))
    };
    if env::var_os("PIPEOPS_TEST_CLUSTER").is_none() {
        missing("a cluster: make test starts one");
        return None;
    }
    Some(Cluster {
        kubectl: path("PIPEOPS_TEST_KUBECTL"),
        kubeconfig: path("KUBECONFIG"),
        script: path("PIPEOPS_TEST_CLUSTER_CMD"),
        disturbed: Cell::new(false),
        _lock: lock(),
    })
}

/// Says what a test would need. Written past the harness, which shows only what
/// failed tests print.
pub(super) fn missing(what: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("{test}: not tested, because it needs {what}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

impl Cluster {
    /// An agent that has listed all it may see.
    pub(super) fn agent(&self, set: &[(&str, &str)]) -> Agent {
        let agent = Agent::start(&self.kubeconfig, set);
        super::wait_ready(&agent, 200);
        agent
    }

    /// What kubectl prints; it must succeed.
    #[track_caller]
    pub(super) fn kubectl(&self, arguments: &[&str]) -> String {
        self.run(self.either(arguments), "")
    }

    /// As [`kubectl`](Self::kubectl), with that on its standard input.
    #[track_caller]
    pub(super) fn feed(&self, arguments: &[&str], input: &str) -> String {
        self.run(self.either(arguments), input)
    }

    /// What the real one does with that on its standard input, whether it succeeds or not.
    pub(super) fn fed(&self, arguments: &[&str], input: &str) -> Output {
        output(self.command(arguments), input)
    }

    /// What kubectl prints, if it succeeds.
    pub(super) fn try_kubectl(&self, arguments: &[&str]) -> Option<String> {
        let output = output(self.either(arguments), "");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    /// The real kubectl, to be run otherwise.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.of(Command::new(&self.kubectl), arguments)
    }

    /// What changes something, our own kubectl does where it can: it takes a fifth of the processor's time. What
    /// is asked for the truth, the real one answers.
    fn either(&self, arguments: &[&str]) -> Command {
        let line = match arguments {
            ["-n", _, line @ ..] => line,
            line => line,
        };
        let is_given = |pair: &[&str]| {
            matches!(pair, ["-k", _]) || matches!(pair, ["-f", path] if *path != "-")
        };
        match line {
            // Manifests of the tree, as a user applies them.
            _ if line.windows(2).any(is_given) => self.command(arguments),
            [
                "create",
                "namespace" | "serviceaccount" | "token" | "configmap",
                ..,
            ]
            | [
                "annotate" | "apply" | "config" | "delete" | "label" | "patch" | "rollout" | "run"
                | "scale" | "uncordon" | "wait",
                ..,
            ] => {
                let mut ours = Command::new(program());
                ours.arg("kubectl");
                self.of(ours, arguments)
            }
            _ => self.command(arguments),
        }
    }

    fn of(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.envs(BRIEF);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command.args(arguments);
        command
    }

    /// Does that to the API server. `start` and `restart` return when it answers.
    #[track_caller]
    pub(super) fn api_server(&self, verb: &str) {
        self.disturbed.set(true);
        self.run(self.script(&[verb, "apiserver"]), "");
    }

    /// Does that to another part of the cluster.
    #[track_caller]
    pub(super) fn part(&self, verb: &str, part: &str) {
        self.run(self.script(&[verb, part]), "");
    }

    /// Brings an image, in a file of `docker save`, onto the node.
    #[track_caller]
    pub(super) fn load(&self, image: &Path) {
        let mut command = self.script(&["load"]);
        command.arg(image);
        self.run(command, "");
    }

    /// The address of the API server, and of all that the node has on its own network.
    pub(super) fn server(&self) -> String {
        let path = "jsonpath={.status.addresses[0].address}";
        self.kubectl(&["get", "node", NODE, "-o", path])
    }

    /// Has the metrics API as it was at the start.
    pub(super) fn restore_metrics(&self) {
        let _ = output(self.script(&["metrics"]), "");
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.script);
        command.args(arguments);
        command
    }

    /// A kubeconfig for this cluster with another user, written to that file.
    #[track_caller]
    pub(super) fn kubeconfig_of(&self, user: &Value, file: &Path) {
        let own = self.kubectl(&["config", "view", "--raw", "-o", "json"]);
        let mut config: Value = serde_json::from_str(&own).expect("kubectl prints JSON");
        config["users"][0]["user"] = user.clone();
        fs::write(file, config.to_string()).expect("a file can be written");
    }

    /// A new namespace of its own, gone with the test.
    #[track_caller]
    pub(super) fn namespace(&self, word: &str) -> Namespace<'_> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{word}-{}-{count}", process::id());
        self.kubectl(&["create", "namespace", &name]);
        let namespace = Namespace {
            cluster: self,
            name,
        };
        // Pods are refused until it is there.
        let ready = || namespace.try_kubectl(&["get", "serviceaccount", "default"]);
        crate::support::eventually("its default service account", ready);
        namespace
    }

    #[track_caller]
    fn run(&self, command: Command, input: &str) -> String {
        let shown = format!("{command:?}");
        let output = output(command, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shown}: {errors}");
        String::from_utf8(output.stdout).expect("it prints UTF-8")
    }
}

/// Network policies are held to for as long as this is; none where that cannot be, which
/// is said.
pub(super) struct Enforced<'c>(&'c Cluster);

impl<'c> Enforced<'c> {
    pub(super) fn new(cluster: &'c Cluster) -> Option<Self> {
        let output = output(cluster.script(&["policies", "on"]), "");
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(3) {
            missing(errors.lines().last().unwrap_or_default());
            return None;
        }
        assert!(output.status.success(), "{errors}");
        Some(Self(cluster))
    }
}

impl Drop for Enforced<'_> {
    fn drop(&mut self) {
        let _ = output(self.0.script(&["policies", "off"]), "");
    }
}

/// The controllers and the proxy wait longer and longer for an API server that is down, or
/// refuses them while it starts; new ones find it at once.
impl Drop for Cluster {
    fn drop(&mut self) {
        if self.disturbed.get() {
            let _ = output(self.script(&["start", "apiserver"]), "");
            for part in ["controller-manager", "scheduler", "proxy"] {
                let _ = output(self.script(&["restart", part]), "");
            }
        }
    }
}

fn output(mut command: Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it can be waited for")
}

/// A namespace, and the objects outside of namespaces that have its name.
pub(super) struct Namespace<'c> {
    cluster: &'c Cluster,
    pub(super) name: String,
}

impl Namespace<'_> {
    /// kubectl in this namespace.
    #[track_caller]
    pub(super) fn kubectl(&self, arguments: &[&str]) -> String {
        let inside = [&["-n", self.name.as_str()], arguments].concat();
        self.cluster.kubectl(&inside)
    }

    pub(super) fn try_kubectl(&self, arguments: &[&str]) -> Option<String> {
        let inside = [&["-n", self.name.as_str()], arguments].concat();
        self.cluster.try_kubectl(&inside)
    }

    /// The service account `agent`, which may do what the rules of a ClusterRole say.
    #[track_caller]
    pub(super) fn account(&self, rules: &str) {
        self.apply(&ACCOUNT.replace("@ACCOUNT@", "agent"));
        self.grant("agent", rules);
    }

    /// Lets an account do what the rules of a ClusterRole say.
    #[track_caller]
    pub(super) fn grant(&self, account: &str, rules: &str) {
        let manifest = EVERYWHERE.replace("@ACCOUNT@", account);
        self.apply(&manifest.replace("@RULES@", rules));
    }

    /// A service account that may do in this namespace what the rules of a Role say.
    #[track_caller]
    pub(super) fn member(&self, account: &str, rules: &str) {
        let manifest = format!("{ACCOUNT}---{HERE}").replace("@ACCOUNT@", account);
        self.apply(&manifest.replace("@RULES@", rules));
    }

    /// A new token of that account, alone in the file as from one moment to the next.
    #[track_caller]
    pub(super) fn write_token(&self, file: &Path) {
        let token = self.kubectl(&["create", "token", "agent"]);
        let new = file.with_extension("new");
        fs::write(&new, token).expect("a file can be written");
        fs::rename(new, file).expect("a file can be renamed");
    }

    /// Makes the objects of a manifest, in which `@NAME@` is this namespace.
    #[track_caller]
    pub(super) fn apply(&self, manifest: &str) {
        let manifest = manifest.replace("@NAME@", &self.name);
        let arguments = ["-n", &self.name, "apply", "-f", "-"];
        self.cluster.feed(&arguments, &manifest);
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        let name = self.name.as_str();
        let own = "clusterrole,clusterrolebinding,node,namespace";
        let delete = ["delete", "--ignore-not-found", "--wait=false", own, name];
        let _ = self.cluster.try_kubectl(&delete);
    }
}
