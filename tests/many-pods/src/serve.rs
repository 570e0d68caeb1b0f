//! Answers lists from memory, holds watches open and tells them what changes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crate::pod;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const PODS: &str = "/api/v1/pods";
/// The version of every list; each change since then has the next.
const VERSION: usize = 1_000;

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// What is served.
#[derive(Debug)]
pub(crate) struct Served {
    /// As lists have them, for ever.
    pub(crate) pods: Vec<String>,
    /// What watches are told after that, in its order.
    changes: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Served {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            pods: (0..count).map(pod::text).collect(),
            changes: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// So many pods change, one after the other.
    pub(crate) fn change(&self, count: usize) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..count {
            let number = changes.len() + 1;
            let pod = pod::changed(number % self.pods.len(), VERSION + number);
            changes.push(format!("{{\"type\":\"MODIFIED\",\"object\":{pod}}}\n"));
        }
        self.changed.notify_all();
    }

    /// What came behind so many changes; waits for it.
    fn after(&self, told: usize) -> Vec<String> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.changed.wait_while(changes, |all| all.len() <= told);
        let changes = changes.unwrap_or_else(PoisonError::into_inner);
        changes.get(told..).unwrap_or_default().to_vec()
    }
}

/// Serves each connection on a thread of its own, for ever.
pub(crate) fn accept(listener: &TcpListener, config: &Arc<ServerConfig>, served: &Arc<Served>) {
    for socket in listener.incoming().filter_map(Result::ok) {
        let (config, served) = (Arc::clone(config), Arc::clone(served));
        let body = move || {
            // A peer that goes away is its own business.
            let _ = converse(socket, config, &served);
        };
        let _ = thread::Builder::new().spawn(body);
    }
}

fn converse(socket: TcpStream, config: Arc<ServerConfig>, served: &Served) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    while let Some(target) = request(&mut stream)? {
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        if parameter(query, "watch").is_some_and(|value| value != "false" && value != "0") {
            return watch(&mut stream, path, query, served);
        }
        let (status, body) = answer(path, query, &served.pods);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let stream = stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        stream.flush()?;
    }
    Ok(())
}

/// Reads a head and returns its target; requests have no bodies. None at the end.
fn request(stream: &mut BufReader<Stream>) -> io::Result<Option<String>> {
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(first.split(' ').nth(1).map(ToOwned::to_owned))
}

fn answer(path: &str, query: &str, pods: &[String]) -> (&'static str, String) {
    match path {
        PODS => ("200 OK", page(query, pods)),
        "/version" => ("200 OK", r#"{"gitVersion":"v1.35.4"}"#.to_owned()),
        "/api/v1/namespaces/kube-system" => {
            let uid = "6d3a2c8e-0f55-4a7e-9a63-0b7d4f6f9d11";
            let text =
                format!(r#"{{"metadata":{{"name":"kube-system","uid":"{uid}"}},"status":{{}}}}"#);
            ("200 OK", text)
        }
        _ if path.starts_with("/apis/metrics") => ("404 Not Found", "{}".to_owned()),
        _ => ("200 OK", list("", None)),
    }
}

fn page(query: &str, pods: &[String]) -> String {
    let number = |name| parameter(query, name).and_then(|value| value.parse().ok());
    let start = number("continue").unwrap_or(0).min(pods.len());
    let limit = number("limit").unwrap_or(pods.len());
    let end = start.saturating_add(limit).min(pods.len());
    let items = pods.get(start..end).unwrap_or_default().join(",");
    list(&items, (end < pods.len()).then_some(end))
}

fn list(items: &str, next: Option<usize>) -> String {
    let next = next
        .map(|at| format!(r#","continue":"{at}""#))
        .unwrap_or_default();
    format!(
        r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"{VERSION}"{next}}},"items":[{items}]}}"#
    )
}

/// Tells the changes of pods for ever; of others nothing, until the peer goes away.
fn watch(
    stream: &mut BufReader<Stream>,
    path: &str,
    query: &str,
    served: &Served,
) -> io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.get_mut().write_all(head.as_bytes())?;
    stream.get_mut().flush()?;
    if path != PODS {
        io::copy(&mut stream.by_ref().take(1), &mut io::sink())?;
        return Ok(());
    }
    let version = parameter(query, "resourceVersion").and_then(|text| text.parse().ok());
    let mut told = version.unwrap_or(VERSION).saturating_sub(VERSION);
    loop {
        for line in served.after(told) {
            told += 1;
            let chunk = format!("{:x}\r\n{line}\r\n", line.len());
            stream.get_mut().write_all(chunk.as_bytes())?;
        }
        stream.get_mut().flush()?;
    }
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
    all.find_map(|(own, value)| (own == name).then_some(value))
}
