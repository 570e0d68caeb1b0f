//! Logs of containers that grow as a test says, and who may read them.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::tls::Stream;
use super::{ApiServer, Request, lock};

/// By the path of the request.
#[derive(Default)]
pub(super) struct Logs(Mutex<HashMap<String, Log>>);

#[derive(Default)]
struct Log {
    text: String,
    ended: bool,
    /// Dropped at the end.
    followers: Vec<Sender<String>>,
}

impl Logs {
    fn write(&self, path: &str, text: &str) {
        let mut logs = lock(&self.0);
        let log = logs.entry(path.to_owned()).or_default();
        log.text.push_str(text);
        log.followers
            .retain(|follower| follower.send(text.to_owned()).is_ok());
    }

    fn end(&self, path: &str) {
        let mut logs = lock(&self.0);
        let log = logs.entry(path.to_owned()).or_default();
        log.ended = true;
        log.followers.clear();
    }

    /// What is there, as far as it is asked for, and what comes.
    pub(super) fn open(&self, request: &Request) -> Option<Receiver<String>> {
        let mut logs = lock(&self.0);
        let log = logs.get_mut(&request.path)?;
        let (sender, receiver) = channel();
        let lines: Vec<&str> = log.text.split_inclusive('\n').collect();
        let tail = request.query("tailLines").map(|tail| tail.parse().unwrap());
        let skipped = lines.len().saturating_sub(tail.unwrap_or(usize::MAX));
        let _ = sender.send(lines[skipped..].concat());
        if !log.ended && request.query("follow") == Some("true") {
            log.followers.push(sender);
        }
        Some(receiver)
    }
}

/// Sends it in chunks until it ends or the client is gone.
pub(super) fn send(mut stream: Stream, told: &Receiver<String>) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n";
    write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n")?;
    stream.flush()?;
    while let Ok(text) = told.recv() {
        if !text.is_empty() {
            write!(stream, "{:x}\r\n{text}\r\n", text.len())?;
            stream.flush()?;
        }
    }
    stream.write_all(b"0\r\n\r\n")?;
    stream.flush()
}

impl ApiServer {
    /// A pod that runs, whose log is empty, in the namespace `default`.
    pub(crate) fn run_pod(&self, name: &str, labels: &serde_json::Value, containers: &[&str]) {
        let mut pod = super::object("pods", name);
        let uid = format!("11111111-2222-3333-4444-{:012x}", self.version());
        pod["kind"] = "Pod".into();
        pod["apiVersion"] = "v1".into();
        pod["metadata"]["uid"] = uid.as_str().into();
        pod["metadata"]["labels"] = labels.clone();
        let status = |container: &&str| {
            let id = format!("{uid}/{container}");
            let state = serde_json::json!({"running": {}});
            serde_json::json!({"name": container, "containerID": id, "ready": true, "state": state})
        };
        let all: Vec<_> = containers.iter().map(status).collect();
        pod["status"]["containerStatuses"] = all.into();
        self.set_answer(
            &format!("/api/v1/namespaces/default/pods/{name}"),
            pod.clone(),
        );
        self.shared.logs.write(&log_path(name), "");
        self.apply("pods", pod);
    }

    /// Appends a line to the log of a pod, of whatever container.
    pub(crate) fn write_line(&self, pod: &str, second: u32, text: &str) {
        let line = format!(
            "2026-11-26T06:{:02}:{:02}.5Z {text}\n",
            second / 60,
            second % 60
        );
        self.shared.logs.write(&log_path(pod), &line);
    }

    /// The container has ended, and the pod is gone.
    pub(crate) fn remove_pod(&self, name: &str) {
        let path = format!("/api/v1/namespaces/default/pods/{name}");
        lock(&self.shared.answers).remove(&path);
        self.shared.logs.end(&log_path(name));
        lock(&self.shared.logs.0).remove(&log_path(name));
        self.delete("pods", name);
    }

    /// Requests for the log of a pod so far.
    pub(crate) fn log_requests(&self, pod: &str) -> Vec<Request> {
        self.requests(&log_path(pod), super::Op::Get)
    }

    /// Knows that token, too.
    pub(crate) fn know(&self, token: &str) {
        lock(&self.shared.known).push(token.to_owned());
    }

    /// Whoever has that token has no right to what is called so.
    pub(crate) fn deny(&self, token: &str, what: &str) {
        lock(&self.shared.denied).push((token.to_owned(), what.to_owned()));
    }
}

pub(crate) fn log_path(pod: &str) -> String {
    format!("/api/v1/namespaces/default/pods/{pod}/log")
}
