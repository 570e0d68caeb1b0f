//! The least of an API server that an agent is content with: one node, one pod, figures,
//! and watches that say nothing. It speaks plain HTTP on the loopback.

#![allow(
    clippy::disallowed_methods,
    reason = "its threads end with the connections of the agent under test"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io, thread};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The uid of kube-system: what identifies the cluster.
pub(crate) const CLUSTER: &str = "0b5a1c52-7a5c-4a0f-9d6b-6b1c8f2f6d11";

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct TinyApi {
    address: SocketAddr,
    folder: TempDir,
    ended: Arc<AtomicBool>,
}

impl TinyApi {
    /// It allows everything.
    pub(crate) fn start() -> Self {
        Self::with_pods(1)
    }

    /// It allows everything and has so many pods.
    pub(crate) fn with_pods(count: usize) -> Self {
        Self::serving(json!({"status": {"allowed": true}}), count)
    }

    /// It gives this answer to whoever asks what is allowed.
    pub(crate) fn reviewing(answer: Value) -> Self {
        Self::serving(answer, 1)
    }

    fn serving(review: Value, pods: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if seen.load(Ordering::SeqCst) {
                    break;
                }
                // How a connection ends is the client's affair.
                let review = review.clone();
                thread::spawn(move || drop(converse(stream, &review, pods)));
            }
        });
        let folder = tempfile::tempdir().expect("a folder can be made");
        write_kubeconfig(&folder.path().join("kubeconfig"), address);
        Self {
            address,
            folder,
            ended,
        }
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }
}

impl Drop for TinyApi {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// A kubeconfig for the API server at that address.
pub(crate) fn write_kubeconfig(path: &Path, address: SocketAddr) {
    let text = format!(
        "current-context: tiny\nusers: [{{name: u, user: {{token: kubernetes-token}}}}]\n\
         clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\n\
         contexts: [{{name: tiny, context: {{cluster: c, user: u}}}}]\n"
    );
    fs::write(path, text).expect("the file can be written");
}

fn converse(stream: TcpStream, review: &Value, pods: usize) -> io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        // Without a token it is anybody, who may do everything here.
        let mut known = true;
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("authorization:") {
                known = value.trim() == "bearer kubernetes-token";
            }
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        let head = "HTTP/1.1 200 OK\r\n";
        if target.contains("watch=") {
            write!(answers, "{head}Transfer-Encoding: chunked\r\n\r\n")?;
            continue;
        }
        let path = target.split('?').next().unwrap_or_default();
        if !known {
            write!(
                answers,
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{{}}"
            )?;
            continue;
        }
        let body = answer(path, review, pods).to_string();
        write!(
            answers,
            "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
}

fn answer(path: &str, review: &Value, pods: usize) -> Value {
    let list = |items: Value| json!({"metadata": {"resourceVersion": "7"}, "items": items});
    match path {
        "/version" => json!({"gitVersion": "v1.34.1+k3s1"}),
        "/api/v1/namespaces/kube-system" => json!({"metadata": {"uid": CLUSTER}}),
        "/api/v1/nodes" => list(json!([node()])),
        "/api/v1/pods" => list((0..pods).map(pod).collect()),
        "/apis/metrics.k8s.io/v1beta1/nodes" => list(json!([{
            "metadata": {"name": "edge-1"},
            "usage": {"cpu": "437219823n", "memory": "2043512Ki"},
        }])),
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => review.clone(),
        _ => list(json!([])),
    }
}

fn node() -> Value {
    let size = json!({"cpu": "4", "memory": "8048872Ki", "pods": "110"});
    json!({
        "metadata": {"name": "edge-1", "uid": "3d1d7c1e-2b0a-4d52-8a77-0f6f8a4a9f01",
            "labels": {"kubernetes.io/arch": "arm64"}},
        "spec": {"providerID": "k3s://edge-1"},
        "status": {
            "capacity": size,
            "allocatable": size,
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.34.1+k3s1", "architecture": "arm64"},
        },
    })
}

fn pod(index: usize) -> Value {
    let uid = format!("5e0e7a53-9a41-4d0b-bb0e-{index:012x}");
    // All but the first have long names, so that a list is long for its pods.
    let name = format!("web-{index}{}", "-a".repeat(index.min(120)));
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": uid,
            "labels": {"app": "web", "index": index.to_string()}},
        "spec": {"nodeName": "edge-1", "containers": [{"name": "web", "image": "nginx"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}
