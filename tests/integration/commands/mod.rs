//! Commands through the built agent, between a scripted API server and the reference
//! control plane: what runs, what arrives, what survives.

#![cfg(test)]

mod changes;
mod crashes;
mod ends;
mod faults;
mod manifests;
mod permissions;
mod runs;
mod stream;
mod workloads;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use control_plane::{Handle, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::api_server::{ApiServer, Fault, Gate, Op};
pub(crate) use crashes::kill_often;
pub(crate) use stream::{Plan, stream};

use super::support::{Agent, SOON, cleared, command, eventually};

const TOKEN: &str = "right-token-5e91";

/// A control plane, an API server with pods that can be asked for, and a folder for
/// state; agents come and go.
pub(crate) struct Rig {
    pub(crate) api: ApiServer,
    pub(crate) plane: Handle,
    folder: TempDir,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plane = plane_at(SocketAddr::from(([127, 0, 0, 1], 0)), &folder);
        Self::with(plane, folder)
    }

    /// With a control plane that saves nothing: for hundreds of commands, which it would write again with each.
    pub(crate) fn unsaved() -> Self {
        let plane = control_plane::start(&Options::new(TOKEN)).unwrap();
        Self::with(plane, tempfile::tempdir().unwrap())
    }

    /// With that control plane.
    fn with(plane: Handle, folder: TempDir) -> Self {
        let api = ApiServer::start();
        let kind = |name: &str, kind: &str| {
            json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": true,
                "kind": kind, "verbs": ["get", "list"]})
        };
        let pods = kind("pods", "Pod");
        let secrets = kind("secrets", "Secret");
        api.set_answer("/api", json!({"versions": ["v1"]}));
        api.set_answer("/apis", json!({"groups": []}));
        api.set_answer("/api/v1", json!({"resources": [pods, secrets]}));
        Self { api, plane, folder }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// An agent with this rig's state.
    pub(crate) fn agent(&self) -> Agent {
        self.agent_with(&self.state(), &[])
    }

    fn agent_with(&self, state: &Path, set: &[(&str, &str)]) -> Agent {
        let mut command = command();
        self.environment(&mut command, state, set);
        Agent::spawn(&mut command)
    }

    /// What an agent of this rig is told.
    fn environment(&self, command: &mut Command, state: &Path, set: &[(&str, &str)]) {
        cleared(command)
            .env("PIPEOPS_LISTEN", "127.0.0.1:0")
            .env("PIPEOPS_API_TOKEN", "test-api-token")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("KUBECONFIG", self.api.kubeconfig())
            .env("PIPEOPS_STATE_DIR", state)
            .env("PIPEOPS_API_URL", self.plane.url())
            .env("PIPEOPS_TOKEN", TOKEN)
            .env("PIPEOPS_HEARTBEAT_INTERVAL", "1")
            .envs(set.iter().copied());
    }

    /// The agent's id, once it beats.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        assert!(self.plane.wait("heartbeat", 1, SOON));
        self.plane.ids().remove(0)
    }

    #[track_caller]
    pub(crate) fn queue(&self, command: &Value) -> String {
        self.plane.queue(&self.id(), command).unwrap()
    }

    /// What is known of a command: how often it was handed out, its chunks, its result.
    #[track_caller]
    pub(crate) fn seen(&self, id: &str) -> Value {
        self.plane.command(&self.id(), id).expect("it was queued")
    }

    /// Waits for the result of a command.
    #[track_caller]
    pub(crate) fn result(&self, id: &str) -> Value {
        eventually(&format!("the result of {id}"), || {
            Some(self.seen(id)["result"].clone()).filter(|result| !result.is_null())
        })
    }

    /// Queues and waits.
    #[track_caller]
    fn outcome(&self, command: &Value) -> Value {
        self.result(&self.queue(command))
    }

    /// A command that counts as one that changes something, and asks for this pod; the
    /// command's id is the pod's name.
    #[track_caller]
    pub(crate) fn touch(&self, pod: &str) -> String {
        let path = pod_path(pod);
        let answer = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod}});
        self.api.set_answer(&path, answer);
        self.queue(&touch(pod))
    }

    /// Four commands that run, `slow-0` to `slow-3`, until their gates open.
    #[track_caller]
    fn all_workers_busy(&self) -> Vec<Gate> {
        let slow: Vec<_> = (0..4).map(|n| format!("slow-{n}")).collect();
        let gates = slow.iter().map(|pod| self.touch_slowly(pod)).collect();
        for pod in &slow {
            eventually("all workers are busy", || {
                (self.runs(pod) == 1).then_some(())
            });
        }
        gates
    }

    /// As [`Rig::touch`], but the API server does not answer before the gate opens.
    #[track_caller]
    fn touch_slowly(&self, pod: &str) -> Gate {
        let gate = Gate::default();
        self.api
            .fault(&pod_path(pod), Op::Get, Fault::Delay(gate.clone()));
        self.touch(pod);
        gate
    }

    /// How often the command of that pod ran.
    pub(crate) fn runs(&self, pod: &str) -> usize {
        self.api.requests(&pod_path(pod), Op::Get).len()
    }
}

/// At an address, with what an earlier one in the folder remembered.
fn plane_at(listen: SocketAddr, folder: &TempDir) -> Handle {
    let options = Options {
        listen,
        file: Some(folder.path().join("plane.json")),
        ..Options::new(TOKEN)
    };
    control_plane::start(&options).unwrap()
}

fn pod_path(pod: &str) -> String {
    format!("/api/v1/namespaces/default/pods/{pod}")
}

/// No verb comes first, so that the agent does not know that it only reads.
fn touch(pod: &str) -> Value {
    let args = ["--namespace=default", "get", "pod", pod, "--output=name"];
    json!({"id": pod, "type": "kubectl", "payload": {"args": args}})
}
