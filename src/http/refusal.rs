//! Why a request is not answered by a handler, and what the peer is told.

use super::Response;
use super::status;

/// A status and one sentence for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: &'static str,
}

impl Refusal {
    pub(super) const OVERLOADED: Refusal =
        Refusal::new(503, "too many requests are waiting; try again in a moment");
    pub(super) const TOO_SLOW: Refusal =
        Refusal::new(408, "the request did not arrive completely in time");
    pub(super) const CUT_SHORT: Refusal =
        Refusal::new(400, "the connection ended within the request");
    pub(super) const TOO_LARGE: Refusal =
        Refusal::new(413, "the body is longer than this server takes");

    pub(super) const fn new(status: u16, reason: &'static str) -> Refusal {
        Refusal { status, reason }
    }

    pub(super) const fn malformed(reason: &'static str) -> Refusal {
        Refusal::new(400, reason)
    }

    /// RFC 9457; a 503 says when to come back.
    pub(super) fn response(self) -> Response {
        let response = Response::problem(self.status, status::phrase(self.status), self.reason);
        match self.status {
            503 => response.with("Retry-After", "1"),
            _ => response,
        }
    }
}
