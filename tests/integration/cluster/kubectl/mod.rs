//! Command lines run by kubectl and by this program against the same cluster: standard
//! output, standard error and exit code are equal byte for byte.
//!
//! The lines are in files, one a line. `{ns}` is a namespace full of objects, `{files}` a
//! folder of manifests. Lines that differ are in `differences.txt`, each with a reason.
//! Lines that change things are in files of their own (see [`changes`]).

mod changes;
mod passed;
mod watch;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{PoisonError, RwLock};

use serde_json::Value;
use tempfile::TempDir;

use super::rig::{self, BRIEF, Cluster, Namespace};
use crate::support::{cleared, eventually, program};
use words::split;

/// What changes by itself between two runs (ages, restarts) is equal after some tries.
const TRIES: usize = 6;

const UNKNOWN: &str = "apiVersion: example.com/v1\nkind: Nope\nmetadata: {name: x}\n";
const ONE: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: texts, namespace: \"@NAME@\"}\n";
const MISSING: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: missing}\n";

/// The command lines, by subject.
const LINES: [&str; 3] = [
    include_str!("get.lines"),
    include_str!("server.lines"),
    include_str!("describe.lines"),
];

/// Written by tests that make nodes, read by those that list them: kubectl prints nodes of which
/// nothing is measured in any order.
static NODES: RwLock<()> = RwLock::new(());

/// And what kubectl prints through the agent: one stage does for both, as it takes minutes of a processor.
#[test]
fn every_line_prints_what_kubectl_prints() {
    // Before the cluster, as everyone does it who wants both.
    let _quiet = NODES.read().unwrap_or_else(PoisonError::into_inner);
    let Some(cluster) = rig::cluster() else {
        return;
    };
    let stage = Stage::new(&cluster);
    stage.compare(&LINES.concat());
    passed::through_the_agent(&cluster, &stage);
}

/// Objects of every kind, and both programs.
struct Stage<'c> {
    cluster: &'c Cluster,
    namespace: Namespace<'c>,
    /// Manifests, and a home for what kubectl keeps.
    folder: TempDir,
}

/// What one run left.
#[derive(PartialEq, Eq)]
struct Outcome {
    out: String,
    err: String,
    code: Option<i32>,
}

impl<'c> Stage<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let stage = Self {
            cluster,
            namespace: cluster.namespace("kubectl"),
            folder: tempfile::tempdir().unwrap(),
        };
        stage.fill();
        stage.files();
        stage
    }

    fn fill(&self) {
        let space = &self.namespace;
        space.apply(include_str!("kinds.yaml"));
        for kind in ["gadgets", "regions"] {
            let crd = format!("crd/{kind}.{}.example.com", space.name);
            space.kubectl(&["wait", "--for=condition=Established", &crd]);
        }
        space.apply(include_str!("../zoo.yaml"));
        space.apply(include_str!("described.yaml"));
        space.apply(include_str!("objects.yaml"));
        eventually("objects of our own kinds", || {
            let manifest = include_str!("customs.yaml").replace("@NAME@", &space.name);
            let output = self
                .cluster
                .fed(&["-n", &space.name, "apply", "-f", "-"], &manifest);
            output.status.success().then_some(())
        });
        let phases = [
            ("running", "Running"),
            ("failed", "Failed"),
            ("half-done", "Running"),
        ];
        for (pod, phase) in phases {
            let wanted = format!("--for=jsonpath={{.status.phase}}={phase}");
            space.kubectl(&["wait", &format!("pod/{pod}"), &wanted, "--timeout=120s"]);
        }
        space.kubectl(&[
            "wait",
            "--for=condition=Complete",
            "job/job",
            "--timeout=120s",
        ]);
    }

    fn files(&self) {
        fs::create_dir(self.folder.path().join("manifests")).unwrap();
        for (name, text) in [
            ("manifests/objects.yaml", include_str!("objects.yaml")),
            ("manifests/one.yaml", ONE),
            ("missing.yaml", MISSING),
            ("unknown.yaml", UNKNOWN),
        ] {
            let text = text.replace("@NAME@", &self.namespace.name);
            fs::write(self.folder.path().join(name), text).unwrap();
        }
        home(self.cluster, &self.namespace.name, self.folder.path());
    }

    /// Runs every line, and fails with all that differ.
    fn compare(&self, lines: &str) {
        let reasons = differences();
        let mut wrong = Vec::new();
        let lines = lines
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            match (self.difference(line), reasons.get(line)) {
                (Some(difference), None) => wrong.push(difference),
                (None, Some(reason)) => {
                    wrong.push(format!("{line}: no longer differs ({reason})"));
                }
                _ => {}
            }
        }
        assert!(
            wrong.is_empty(),
            "{} differ\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    /// How the two differ each time, side by side.
    fn difference(&self, line: &str) -> Option<String> {
        let kubectl = self.cluster.command(&[]);
        let kubectl = Path::new(kubectl.get_program()).to_owned();
        let (home, ours) = (self.folder.path(), self.folder.path().join("kubectl"));
        self.differs(line, [(&kubectl, home), (&ours, home)])
    }

    /// The same of two programs, each with a home.
    fn differs(&self, line: &str, sides: [(&Path, &Path); 2]) -> Option<String> {
        let arguments = self.arguments(line);
        let mut before = None;
        let mut last = None;
        for _ in 0..TRIES {
            let pair = sides.map(|(program, home)| start(program, &arguments, home, Stdio::null()));
            let [theirs, found] = pair.map(|child| without_nanoseconds(outcome(child)));
            if found == theirs || before.as_ref() == Some(&found) {
                return None;
            }
            last = Some(told(line, &theirs, &found));
            before = Some(theirs);
        }
        last
    }

    fn arguments(&self, line: &str) -> Vec<String> {
        let files = self.folder.path().to_str().unwrap();
        let line = line
            .replace("{ns}", &self.namespace.name)
            .replace("{files}", files);
        split(&line)
    }
}

/// What is outside of the namespace goes with it.
impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let [gadgets, regions] = ["gadgets", "regions"]
            .map(|kind| format!("{kind}.{}.example.com", self.namespace.name));
        let kinds = ["delete", "crd", &gadgets, &regions, "--wait=false"];
        let _ = self.namespace.try_kubectl(&kinds);
        let volume = ["delete", "pv", &self.namespace.name, "--wait=false"];
        let _ = self.namespace.try_kubectl(&volume);
        // Pods of the zoo that do not go by themselves.
        let kept = r#"{"metadata":{"finalizers":null}}"#;
        for line in [
            &["patch", "pod", "kept", "-p", kept][..],
            &["delete", "pod", "--all", "--force", "--wait=false"],
        ] {
            let _ = self.namespace.try_kubectl(line);
        }
    }
}

/// Makes a folder a home: with a kubeconfig for the namespace, and this program as kubectl.
fn home(cluster: &Cluster, namespace: &str, folder: &Path) -> PathBuf {
    let own = cluster.kubectl(&["config", "view", "--raw", "-o", "json"]);
    let mut config: Value = serde_json::from_str(&own).unwrap();
    config["contexts"][0]["context"]["namespace"] = namespace.into();
    fs::write(folder.join("kubeconfig"), config.to_string()).unwrap();
    let link = folder.join("kubectl");
    std::os::unix::fs::symlink(program(), &link).unwrap();
    link
}

/// A program with nothing around it but a folder, which has its kubeconfig and is its home.
fn start(program: &Path, arguments: &[String], folder: &Path, input: Stdio) -> Child {
    cleared(&mut Command::new(program))
        .args(arguments)
        .env("KUBECONFIG", folder.join("kubeconfig"))
        .envs(BRIEF)
        .env("HOME", folder)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What it left when it has ended.
fn outcome(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    // On a busy machine, kubectl's library may log that a watch was short.
    let errors = text(output.stderr);
    let told = errors.split_inclusive('\n');
    let told = told.filter(|line| !line.contains("reflector.go:"));
    Outcome {
        out: text(output.stdout),
        err: told.collect(),
        code: output.status.code(),
    }
}

/// A pod that has no metrics for two minutes is an error, with its age to the nanosecond: whole seconds are compared.
fn without_nanoseconds(mut outcome: Outcome) -> Outcome {
    let line = |line: &str| match line.split_once(", age: ") {
        Some((told, age)) => {
            let (seconds, _) = age.split_once('.').unwrap_or((age, ""));
            format!("{told}, age: {seconds}\n")
        }
        None => line.to_owned(),
    };
    outcome.err = outcome.err.split_inclusive('\n').map(line).collect();
    outcome
}

/// Lines that are allowed to differ, with the reason.
fn differences() -> BTreeMap<String, String> {
    let lines = include_str!("differences.txt").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (line, reason) = line.split_once(" ## ").expect("LINE ## REASON");
            (line.trim().to_owned(), reason.to_owned())
        })
        .collect()
}

fn told(line: &str, theirs: &Outcome, ours: &Outcome) -> String {
    let mut text = format!("{line}\n");
    if theirs.code != ours.code {
        text += &format!("  exit code: {:?}, not {:?}\n", ours.code, theirs.code);
    }
    for (name, a, b) in [
        ("out", &theirs.out, &ours.out),
        ("err", &theirs.err, &ours.err),
    ] {
        if a == b {
            continue;
        }
        let (mut a, mut b) = (a.lines(), b.lines());
        let differ = loop {
            match (a.next(), b.next()) {
                (x, y) if x == y && x.is_some() => {}
                pair => break pair,
            }
        };
        text += &format!("  {name}: {:?}\n  not: {:?}\n", differ.1, differ.0);
    }
    text
}
