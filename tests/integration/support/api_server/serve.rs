//! Serves one connection: reads requests, applies faults, answers.

use std::io::{self, Read, Write};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use serde_json::{Value, json};

use super::fault::{Fault, Op, status};
use super::logs;
use super::store::{Cut, KINDS, Listed, Message};
use super::tls::Stream;
use super::{Request, Shared};

/// Whether the connection stays for another request.
pub(super) enum Next {
    Stay(Stream),
    End,
    Reset(Stream),
}

/// Reads one request; none at the end of the connection.
pub(super) fn request(stream: &mut Stream, pending: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut chunk = [0; 8192];
    loop {
        if let Some((request, length)) = parse(pending) {
            pending.drain(..length);
            return Ok(Some(request));
        }
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(None);
        }
        pending.extend_from_slice(&chunk[..count]);
    }
}

fn parse(bytes: &[u8]) -> Option<(Request, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let field = |name: &str| {
        let named = |line: &str| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        };
        head.lines().skip(1).find_map(named)
    };
    let length = field("content-length").map_or(0, |text| text.parse().unwrap_or(0));
    if bytes.len() < end + length {
        return None;
    }
    let request = Request {
        at: Instant::now(),
        method,
        path: path.to_owned(),
        query: query.split('&').filter_map(pair).collect(),
        authorization: field("authorization"),
        body: String::from_utf8_lossy(&bytes[end..end + length]).into_owned(),
        head: head.into_owned(),
    };
    Some((request, end + length))
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), unescape(value)))
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code =
            code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers one request, or does what the script says instead.
pub(super) fn answer(mut stream: Stream, request: &Request, shared: &Shared) -> io::Result<Next> {
    let op = request.op();
    match shared.faults.take(&request.path, op) {
        None => right(stream, request, shared),
        Some(Fault::Delay(gate)) => {
            gate.pass();
            right(stream, request, shared)
        }
        Some(Fault::Status(code, fields, body)) => {
            write(&mut stream, code, fields, body.as_bytes())?;
            Ok(Next::Stay(stream))
        }
        Some(Fault::Body(body)) => {
            write(&mut stream, 200, "", &body)?;
            Ok(Next::Stay(stream))
        }
        Some(Fault::Raw(bytes)) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            Ok(Next::End)
        }
        Some(Fault::Half) => {
            let (code, body) = once(request, shared);
            let whole = render(code, "", body.as_bytes());
            stream.write_all(&whole[..whole.len() - body.len() / 2])?;
            stream.flush()?;
            Ok(Next::End)
        }
        Some(Fault::Reset) => Ok(Next::Reset(stream)),
        Some(Fault::Silence) => {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            Ok(Next::End)
        }
    }
}

fn right(mut stream: Stream, request: &Request, shared: &Shared) -> io::Result<Next> {
    let kind = KINDS.iter().find(|(_, path)| *path == request.path);
    if let (Some((kind, _)), Op::Watch, true) = (kind, request.op(), shared.admits(request)) {
        let version = request.query("resourceVersion").unwrap_or_default();
        let version = version
            .parse()
            .expect("the agent sends versions it was given");
        let bookmarks = request.query("allowWatchBookmarks") == Some("true");
        let Some(told) = shared.store().watch(kind, version, bookmarks) else {
            write(&mut stream, 410, "", status(410, "Expired").as_bytes())?;
            return Ok(Next::Stay(stream));
        };
        return watch(stream, &told);
    }
    if shared.admits(request)
        && !shared.denies(request)
        && let Some(told) = shared.logs.open(request)
    {
        logs::send(stream, &told)?;
        return Ok(Next::End);
    }
    let (code, body) = once(request, shared);
    write(&mut stream, code, "", body.as_bytes())?;
    Ok(Next::Stay(stream))
}

/// The right answer to anything but a watch.
fn once(request: &Request, shared: &Shared) -> (u16, String) {
    if !shared.admits(request) {
        return (401, status(401, "Unauthorized"));
    }
    if let Some(answer) = shared.answers().get(&request.path) {
        return (200, answer.to_string());
    }
    let path = request.path.as_str();
    if let Some((kind, _)) = KINDS.iter().find(|(_, list)| *list == path) {
        let limit = request.query("limit").and_then(|limit| limit.parse().ok());
        let listed = shared
            .store()
            .list(kind, limit.unwrap_or(0), request.query("continue"));
        return match listed {
            Listed::Page(page) => (200, page),
            Listed::Expired => (410, status(410, "Expired")),
        };
    }
    match path {
        "/version" => (200, json!({"gitVersion": "v1.34.1-scripted"}).to_string()),
        "/api/v1/namespaces/kube-system" => {
            let uid = "11111111-2222-3333-4444-555555555555";
            let metadata = json!({"name": "kube-system", "uid": uid});
            (200, json!({"metadata": metadata}).to_string())
        }
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let allowed = !shared.denies(request);
            (201, json!({"status": {"allowed": allowed}}).to_string())
        }
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" => {
            let user = json!({"username": request.token()});
            (201, json!({"status": {"userInfo": user}}).to_string())
        }
        _ if shared.denies(request) => (403, status(403, "Forbidden")),
        _ => (404, status(404, "NotFound")),
    }
}

/// Sends chunks until the watch is cut or the client is gone.
fn watch(mut stream: Stream, told: &Receiver<Message>) -> io::Result<Next> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    write!(stream, "{head}\r\n")?;
    stream.flush()?;
    while let Ok(message) = told.recv() {
        match message {
            Message::Bytes(bytes) => {
                write!(stream, "{:x}\r\n", bytes.len())?;
                stream.write_all(&bytes)?;
                stream.write_all(b"\r\n")?;
            }
            Message::Cut(Cut::End) => {
                stream.write_all(b"0\r\n\r\n")?;
                stream.flush()?;
                return Ok(Next::End);
            }
            Message::Cut(Cut::Close) => return Ok(Next::End),
            Message::Cut(Cut::Reset) => return Ok(Next::Reset(stream)),
        }
        stream.flush()?;
    }
    Ok(Next::End)
}

fn write(stream: &mut Stream, code: u16, fields: &str, body: &[u8]) -> io::Result<()> {
    stream.write_all(&render(code, fields, body))?;
    stream.flush()
}

fn render(code: u16, fields: &str, body: &[u8]) -> Vec<u8> {
    let mut whole = format!(
        "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    )
    .into_bytes();
    whole.extend_from_slice(body);
    whole
}

impl Request {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs.find_map(|(own, value)| (own == name).then_some(value.as_str()))
    }

    /// Whether the connection is to end with the answer.
    pub(super) fn is_last(&self) -> bool {
        let mut lines = self.head.lines();
        lines.any(|line| line.eq_ignore_ascii_case("connection: close"))
    }

    /// Of whoever asks.
    pub(crate) fn token(&self) -> Option<&str> {
        self.authorization.as_deref()?.strip_prefix("Bearer ")
    }

    pub(crate) fn op(&self) -> Op {
        if self.query("watch") == Some("true") {
            Op::Watch
        } else {
            Op::Get
        }
    }
}

/// Metrics API and kubelet answers are set whole.
pub(super) type Answers = std::collections::HashMap<String, Value>;
