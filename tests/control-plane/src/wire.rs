//! HTTP/1.1 as far as an agent, curl and a test need it: one request with a
//! Content-Length, one response, on a connection that stays open.

use std::io::{self, Read, Write};

use serde_json::{Value, json};

const HEAD_LIMIT: usize = 16 * 1024;
/// A status of thousands of pods fits.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of the query, as it stands there.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

impl Response {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let text = format!("{body:#}\n");
        Self::empty(status)
            .with("Content-Type", "application/json")
            .body(text)
    }

    pub(crate) fn text(body: String) -> Self {
        Self::empty(200)
            .with("Content-Type", "text/plain; charset=utf-8")
            .body(body)
    }

    /// Problem details, RFC 9457.
    pub(crate) fn problem(status: u16, detail: impl Into<String>) -> Self {
        let body = json!({
            "type": "about:blank",
            "title": reason(status),
            "status": status,
            "detail": detail.into(),
        });
        Self::empty(status)
            .with("Content-Type", "application/problem+json")
            .body(format!("{body:#}\n"))
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// As it goes over the wire; a 204 has no body and no length (RFC 9110, 8.6).
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 204 {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Reads requests from one connection.
pub(crate) struct Reader {
    /// Read, not used yet.
    bytes: Vec<u8>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// The next request; none when the other side is done. `InvalidData` is what HTTP
    /// (or this server) does not know.
    pub(crate) fn next(&mut self, stream: &mut (impl Read + Write)) -> io::Result<Option<Request>> {
        let (mut request, head) = loop {
            if let Some(found) = parse(&self.bytes)? {
                break found;
            }
            if self.bytes.len() > HEAD_LIMIT {
                return Err(invalid("the head is too large"));
            }
            if !self.more(stream)? {
                return match self.bytes.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        };
        let length = match request.header("content-length") {
            Some(text) => text.parse().map_err(|_| invalid("a length is no number"))?,
            None if request.header("transfer-encoding").is_some() => {
                return Err(invalid("a body needs a Content-Length here"));
            }
            None => 0,
        };
        if length > BODY_LIMIT {
            return Err(invalid("the body is too large"));
        }
        if request.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        while self.bytes.len() < head + length {
            if !self.more(stream)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.bytes.split_off(head + length);
        request.body = self.bytes.split_off(head);
        self.bytes = rest;
        Ok(Some(request))
    }

    fn more(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        let mut buffer = [0; 8192];
        let count = stream.read(&mut buffer)?;
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }
}

/// The request without its body, and how many bytes its head has; none while it is
/// incomplete.
fn parse(bytes: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed
        .parse(bytes)
        .map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(head) = status else {
        return Ok(None);
    };
    let target = parsed.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = parsed.headers.iter().map(|header| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_ascii_lowercase(), value)
    });
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    Ok(Some((request, head)))
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
