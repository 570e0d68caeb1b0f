//! The HTTP/1.1 front: sockets, framing, limits, deadlines and workers.
//!
//! It knows no route. One poll thread owns the listeners and every connection
//! that has no complete request; workers get complete requests only, so a slow
//! peer never holds one. Rules are those of RFC 9110 and RFC 9112, read
//! strictly: a request that two readers could frame differently is refused.
//! Where TLS is spoken, one more thread stands between the peers and the front.
//! Why this is not `tiny_http`: `docs/adr/0002-http-front.md`.

mod accept;
mod answer;
mod chunked;
mod connection;
mod connections;
mod date;
mod framing;
mod front;
mod head;
mod poll;
mod refusal;
mod render;
mod request;
mod response;
mod scan;
mod status;
mod table;
mod takeover;
mod tls;
mod wake;
mod worker;

use std::net::SocketAddr;
use std::time::Duration;

use crate::metrics::{Counter, Gauge, Histogram};

pub use front::{Error, Front};
pub use request::{Headers, Method, Request};
pub use response::{Body, Parts, Response};
pub use takeover::{Taken, Takeover};
pub use tls::Files;

/// What the front needs to know to be bound.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes a free port; see [`Front::addresses`].
    pub listen: Vec<SocketAddr>,
    /// Where TLS is spoken, and what proves who speaks.
    pub tls: Option<Tls>,
    /// Open connections at most; at the cap an idle one makes room.
    pub connections: usize,
    /// Threads that run the handler, 1 to 16.
    pub workers: usize,
    /// Longest request body in bytes; longer ones get 413.
    pub body_limit: usize,
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            tls: None,
            connections: 256,
            workers: 4,
            body_limit: 1 << 20,
            limits: Limits::default(),
        }
    }
}

/// Listening by TLS, beside the plain addresses.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Port 0 takes a free port; see [`Front::tls_addresses`].
    pub listen: Vec<SocketAddr>,
    pub files: Files,
    /// How long the files are not looked at again.
    pub every: Duration,
}

impl Tls {
    pub fn new(listen: Vec<SocketAddr>, files: Files) -> Self {
        let every = Duration::from_secs(60);
        Self {
            listen,
            files,
            every,
        }
    }
}

/// Every deadline of the front.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the connection to its first byte.
    pub first_byte: Duration,
    /// From the first byte of a request to its complete head.
    pub head: Duration,
    /// From the complete head to the complete body, however fast bytes come.
    pub body: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// Longest silence of a peer that takes its answer slowly.
    pub write: Duration,
    /// For the whole of an answer.
    pub answer: Duration,
    /// For what a refused peer still sends.
    pub drain: Duration,
    /// Pause after accepting failed and no connection could make room.
    pub accept_pause: Duration,
    /// For answers under way when asked to stop.
    pub stop: Duration,
    /// Longest sleep of a loop of the front: its stamp is at most this old.
    pub turn: Duration,
    /// Longest time a handler may take before liveness fails.
    pub handler: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(5),
            head: Duration::from_secs(5),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            write: Duration::from_secs(5),
            answer: Duration::from_secs(60),
            drain: Duration::from_secs(2),
            accept_pause: Duration::from_millis(50),
            stop: Duration::from_secs(2),
            turn: Duration::from_secs(30),
            handler: Duration::from_secs(120),
        }
    }
}

/// Answers requests. It runs on several workers at once; a panic inside is
/// answered as 500, counted, and closes that connection only.
pub trait Handler: Send + Sync {
    fn handle(&self, request: &Request) -> Response;
}

impl<F: Fn(&Request) -> Response + Send + Sync> Handler for F {
    fn handle(&self, request: &Request) -> Response {
        self(request)
    }
}

/// What the front counts.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests that were answered, refused ones included.
    pub requests: Counter,
    /// Answers by status class, 1xx first.
    pub by_class: [Counter; 5],
    /// From the complete request to its answer given to the kernel.
    pub latency: Histogram,
    pub accepted: Counter,
    pub open: Gauge,
    /// Idle connections closed to make room.
    pub evicted: Counter,
    /// Requests that were malformed or over a limit.
    pub refused: Counter,
    /// Requests that wait for a worker.
    pub waiting: Gauge,
    /// 503, because the queue to the workers was full.
    pub overloaded: Counter,
    pub accept_errors: Counter,
    pub panics: Counter,
    /// Connections that speak TLS, also those that were taken over, and those whose peers
    /// still have to take something.
    pub tls_open: Gauge,
    pub tls_handshakes: Counter,
    /// Connections that said something and ended before their handshake did.
    pub tls_failures: Counter,
}

impl Stats {
    fn answered(&self, status: u16) {
        self.requests.increment();
        let class = usize::from(status / 100).wrapping_sub(1);
        if let Some(counter) = self.by_class.get(class) {
            counter.increment();
        }
    }
}

#[cfg(test)]
mod tests;
