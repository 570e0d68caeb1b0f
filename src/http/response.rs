//! An answer, as a handler makes it.
//!
//! How it is put on the wire, and which fields the front adds, is `render`'s.

use std::fmt;
use std::sync::Arc;

use super::Takeover;
use crate::json::map;

/// Status, fields and body. The front adds Date, Content-Length, Connection,
/// `X-Content-Type-Options: nosniff` and, unless set, `Cache-Control: no-store`.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

/// The bytes of an answer.
#[derive(Debug, Default)]
pub enum Body {
    #[default]
    Empty,
    Static(&'static [u8]),
    Owned(Vec<u8>),
    /// Shared by several answers, such as a rendering that many ask for.
    Shared(Arc<[u8]>),
    /// Made while it is sent, so that no more of it is held than the peer takes at once.
    Parts(Parts),
    /// None: the connection leaves the front, and whoever takes it answers. The status and the
    /// fields of the response are not sent.
    Taken(Takeover),
}

/// Adds the next part of a body to the text; false when it was the last.
pub struct Parts(Box<dyn FnMut(&mut String) -> bool + Send>);

impl Parts {
    pub fn new(next: impl FnMut(&mut String) -> bool + Send + 'static) -> Self {
        Self(Box::new(next))
    }

    pub(super) fn next(&mut self, text: &mut String) -> bool {
        (self.0)(text)
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl Body {
    /// What is there already; nothing of a body in parts.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Body::Empty | Body::Parts(_) | Body::Taken(_) => &[],
            Body::Static(bytes) => bytes,
            Body::Owned(bytes) => bytes,
            Body::Shared(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Owned(bytes)
    }
}

impl From<Arc<[u8]>> for Body {
    fn from(bytes: Arc<[u8]>) -> Body {
        Body::Shared(bytes)
    }
}

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    /// The connection leaves the front. Its status is not known here: it counts as a request,
    /// of no class.
    pub fn taken(takeover: Takeover) -> Response {
        Response {
            status: 0,
            headers: Vec::new(),
            body: Body::Taken(takeover),
        }
    }

    pub fn json(status: u16, body: impl Into<Body>) -> Response {
        Response::of(status, "application/json", body.into())
    }

    pub fn text(status: u16, body: impl Into<String>) -> Response {
        let body = Body::Owned(body.into().into_bytes());
        Response::of(status, "text/plain; charset=utf-8", body)
    }

    /// An error in the form of RFC 9457.
    pub fn problem(status: u16, title: &str, detail: &str) -> Response {
        let body = map! {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
        };
        let body = Body::Owned(body.to_string().into_bytes());
        Response::of(status, "application/problem+json", body)
    }

    /// Adds a field. A value that could end its line makes the answer a 500.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    pub fn of(status: u16, media_type: &'static str, body: Body) -> Response {
        Response {
            status,
            headers: vec![("Content-Type", media_type.to_owned())],
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_four_members() {
        let response = Response::problem(404, "Not Found", "no \"such\" path");
        let body: serde_json::Value = serde_json::from_slice(response.body.as_bytes()).unwrap();
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["title"], "Not Found");
        assert_eq!(body["status"], 404);
        assert_eq!(body["detail"], "no \"such\" path");
        assert_eq!(response.headers[0].1, "application/problem+json");
    }
}
