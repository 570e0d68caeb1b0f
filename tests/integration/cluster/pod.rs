//! The agent as its users run it: the image, by the manifest, in a pod.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::rig::{Cluster, cluster, missing};
use crate::image;
use crate::support::{eventually, request_with};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deployments/agent.yaml");
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "amd64"
};
const NAMESPACE: &str = "pipeops-system";
const API_TOKEN: &str = "api-token-of-the-pod";
/// Kubernetes kills after 30 s.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_image_runs_by_the_manifest() {
    let Some(cluster) = cluster() else { return };
    if !load_image(&cluster) {
        return;
    }
    let deployed = Deployed::new(&cluster);
    let pod = deployed.pod();

    // As anyone with rights on the pod, through the API server.
    let pods = format!("pods/{pod}");
    assert_eq!(deployed.ask(&pods, "/health")["status"], "healthy");
    assert_eq!(deployed.ask(&pods, "/ready")["status"], "ready");
    let version = deployed.ask("services/pipeops-agent", "/version");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));

    // As someone with the API token.
    let forward = Forward::new(&cluster, NAMESPACE, &pod, 8080);
    let list = forward.json("/api/k8s/pods");
    let mut items = list["items"].as_array().unwrap().iter();
    let own = items
        .find(|item| item["name"] == *pod)
        .expect("its own pod is in its list");
    assert_eq!(
        (&own["status"], &own["ready"]),
        (&"Running".into(), &"1/1".into())
    );
    for watch in forward.json("/api/health/detailed")["kubernetes"]["watches"]
        .as_array()
        .unwrap()
    {
        assert_eq!(watch["availability"], "current", "{watch}");
    }
    eventually("usage, which its role may read", || {
        let nodes = forward.json("/api/k8s/nodes");
        let mut nodes = nodes["items"].as_array()?.iter();
        nodes.find_map(|node| node.get("usage").cloned())
    });

    let asked = Instant::now();
    let log = deployed.delete(&pod);
    assert!(asked.elapsed() < PATIENCE, "{:?}\n{log}", asked.elapsed());
    assert!(log.contains("SIGTERM: stopping"), "{log}");
    assert!(log.trim_end().ends_with("stopped"), "{log}");
    // Before that the network of a new pod may have needed a moment.
    let (_, end) = log.split_once("SIGTERM").unwrap_or_default();
    assert!(!end.contains("WARN") && !end.contains("ERROR"), "{log}");
}

/// The image of the manifest on the node; none, which is said, without a static binary.
pub(super) fn load_image(cluster: &Cluster) -> bool {
    let Some(binary) = env::var_os("PIPEOPS_BIN") else {
        missing("the static binary: make test builds it");
        return false;
    };
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    image::build(&archive, &[(ARCHITECTURE, Path::new(&binary))]);
    cluster.load(&archive);
    true
}

/// The manifest, applied, with an API token; gone with the test.
struct Deployed<'c>(&'c Cluster);

impl<'c> Deployed<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        cluster.kubectl(&["create", "namespace", NAMESPACE]);
        let deployed = Self(cluster);
        let token = format!("--from-literal=api-token={API_TOKEN}");
        let secret = "pipeops-agent-secret";
        deployed.kubectl(&["create", "secret", "generic", secret, &token]);
        deployed.kubectl(&["apply", "-f", MANIFEST]);
        let wait = [
            "rollout",
            "status",
            "deployment/pipeops-agent",
            "--timeout=60s",
        ];
        deployed.kubectl(&wait);
        deployed
    }

    fn pod(&self) -> String {
        let selector = "app.kubernetes.io/name=pipeops-agent";
        let names = self.kubectl(&["get", "pods", "-l", selector, "-o", "name"]);
        let name = names.trim().strip_prefix("pod/");
        name.expect("one pod runs").to_owned()
    }

    fn ask(&self, what: &str, path: &str) -> Value {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/{what}:8080/proxy{path}");
        serde_json::from_str(&self.kubectl(&["get", "--raw", &path])).unwrap()
    }

    /// Deletes the pod and returns when it is gone, with all it logged.
    fn delete(&self, pod: &str) -> String {
        let mut follow = self.0.command(&["-n", NAMESPACE, "logs", "--follow", pod]);
        let follow = follow.stdout(Stdio::piped()).spawn().unwrap();
        let mut follow = Ended(follow);
        let mut log = BufReader::new(follow.0.stdout.take().unwrap());
        let mut text = String::new();
        log.read_line(&mut text).unwrap();
        self.kubectl(&["delete", "pod", pod]);
        log.read_to_string(&mut text).unwrap();
        text
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        self.0.kubectl(&[&["-n", NAMESPACE], arguments].concat())
    }
}

impl Drop for Deployed<'_> {
    fn drop(&mut self) {
        let _ = self
            .0
            .try_kubectl(&["delete", "--ignore-not-found", "-f", MANIFEST]);
    }
}

/// A way from this machine to a port of a pod.
pub(super) struct Forward {
    _process: Ended,
    /// It ends when it can no longer write.
    _out: BufReader<ChildStdout>,
    pub(super) address: SocketAddr,
}

impl Forward {
    pub(super) fn new(cluster: &Cluster, namespace: &str, pod: &str, port: u16) -> Self {
        let port = format!(":{port}");
        let mut command = cluster.command(&["-n", namespace, "port-forward", pod, &port]);
        let mut process = Ended(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        let mut out = BufReader::new(process.0.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        // Forwarding from 127.0.0.1:40123 -> 8080
        let address = line.split(' ').find_map(|word| word.parse().ok());
        Self {
            _process: process,
            _out: out,
            address: address.unwrap_or_else(|| panic!("no address: {line:?}")),
        }
    }

    fn json(&self, path: &str) -> Value {
        let token = format!("Authorization: Bearer {API_TOKEN}\r\n");
        let answer = request_with(self.address, "GET", path, &token).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }
}

/// A process that does not outlive the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
