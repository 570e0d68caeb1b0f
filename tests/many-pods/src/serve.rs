//! Answers lists from memory and holds watches open.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

const PODS: &str = "/api/v1/pods";
/// The version of everything: nothing ever changes.
const VERSION: &str = "1000";

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Serves each connection on a thread of its own, for ever.
pub(crate) fn accept(listener: &TcpListener, config: &Arc<ServerConfig>, pods: &Arc<[String]>) {
    for socket in listener.incoming().filter_map(Result::ok) {
        let (config, pods) = (Arc::clone(config), Arc::clone(pods));
        let body = move || {
            // A peer that goes away is its own business.
            let _ = converse(socket, config, &pods);
        };
        let _ = thread::Builder::new().spawn(body);
    }
}

fn converse(socket: TcpStream, config: Arc<ServerConfig>, pods: &[String]) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    while let Some(target) = request(&mut stream)? {
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        if parameter(query, "watch").is_some_and(|value| value != "false" && value != "0") {
            return watch(&mut stream);
        }
        let (status, body) = answer(path, query, pods);
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

/// Says nothing until the peer goes away.
fn watch(stream: &mut BufReader<Stream>) -> io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.get_mut().write_all(head.as_bytes())?;
    stream.get_mut().flush()?;
    io::copy(&mut stream.by_ref().take(1), &mut io::sink())?;
    Ok(())
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
    all.find_map(|(own, value)| (own == name).then_some(value))
}
