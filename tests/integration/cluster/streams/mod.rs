//! Logs, commands, forwarded ports and copies: beside kubectl, on real containers.

mod copies;
pub(super) mod follow;
mod lines;
mod ports;
mod terminal;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::rig::{Cluster, Namespace};
use crate::support::{eventually, program};

const PODS: &str = include_str!("pods.yaml");
const SHELL: &str = include_str!("shell.yaml");

/// A namespace with pods.
pub(super) struct Pods<'c> {
    cluster: &'c Cluster,
    namespace: Namespace<'c>,
}

impl<'c> Pods<'c> {
    /// None yet.
    pub(super) fn none(cluster: &'c Cluster) -> Pods<'c> {
        Pods {
            cluster,
            namespace: cluster.namespace("streams"),
        }
    }

    /// The pod `shell` alone.
    fn shell(cluster: &'c Cluster) -> Pods<'c> {
        let pods = Pods::none(cluster);
        pods.namespace.apply(SHELL);
        pods.wait_shell();
        pods
    }

    /// That and pods in several states.
    fn several(cluster: &'c Cluster) -> Pods<'c> {
        let pods = Pods::none(cluster);
        let namespace = &pods.namespace;
        namespace.apply(&format!("{SHELL}---\n{PODS}"));
        namespace.kubectl(&["rollout", "status", "deploy/web", "--timeout=90s"]);
        pods.wait_shell();
        let state = "jsonpath={.status.containerStatuses[0].state}";
        eventually("the pods where they stay", || {
            let told = ["get", "pod", "done", "-o", "jsonpath={.status.phase}"];
            let done = namespace.try_kubectl(&told)? == "Failed";
            let stuck = namespace.try_kubectl(&["get", "pod", "stuck", "-o", state])?;
            (done && stuck.contains("ErrImageNeverPull")).then_some(())
        });
        pods
    }

    #[track_caller]
    fn wait_shell(&self) {
        let ready = "--for=condition=ready";
        let wait = ["wait", ready, "pod/shell", "--timeout=90s"];
        self.namespace.kubectl(&wait);
    }

    /// One of the pods of the deployment `web`.
    #[track_caller]
    fn web(&self) -> String {
        let name = "jsonpath={.items[0].metadata.name}";
        let words = ["get", "pod", "-l", "app=web", "-o", name];
        self.namespace.kubectl(&words)
    }

    /// Our kubectl in this namespace.
    fn ours(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("kubectl");
        self.place(command, arguments)
    }

    /// The real one.
    fn theirs(&self, arguments: &[&str]) -> Command {
        self.place(self.cluster.command(&[]), arguments)
    }

    fn place(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(["-n", &self.namespace.name]).args(arguments);
        command
    }

    /// The output of ours, which must succeed.
    #[track_caller]
    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = fed(self.ours(arguments), input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        output.stdout
    }
}

/// Runs it with that input, which may be larger than a pipe.
fn fed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let mut stdin = child.stdin.take().expect("it is piped");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // It may not want it.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("it can be waited for")
    })
}
