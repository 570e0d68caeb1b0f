//! Sends the calls of the protocol, one at a time, and judges the answers.
//!
//! It never repeats a call by itself (but once with another token, when the file
//! had one) and never waits: when to try again is the caller's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request, header};

use super::address::Address;
use super::answer::{Raw, judge, text};
use super::error::{Cause, Failure, Peer};
use super::proto::{
    Answer, Commands, EventsAcknowledged, Heartbeat, Registered, Registration, Status,
};
use super::proxy::Proxy;
use super::tls::Roots;
use super::{Call, Error, Mistake, Options, date};
use crate::json::{Fields, Owned, Place, Slot};
use crate::metrics::{Counter, Histogram};
use crate::resolver::Names;
use crate::secret::Secret;
use crate::tls;
use crate::token::Token;

/// Answers are small; more is not from a control plane.
const ANSWER_LIMIT: u64 = 64 * 1024;
/// Except those with commands.
const COMMANDS_LIMIT: u64 = 2 * 1024 * 1024;
/// A connection is kept for the call that follows at once, not for the next beat:
/// one that a gateway forgot in between would cost that beat its time limit.
const IDLE: Duration = Duration::from_secs(5);
/// Bytes that are sent for a call besides its body, about: head, encryption, set-up.
const BESIDES: u64 = 1024;
const USER_AGENT: &str = concat!("pipeops-agent/", env!("CARGO_PKG_VERSION"));
/// No answer with a Date was seen yet.
const NO_SKEW: i64 = i64::MIN;

/// A client of one control plane; threads share it by reference.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    address: Address,
    peer: Arc<Peer>,
    token: Token,
    latency: Histogram,
    tried: [Counter; Call::ALL.len()],
    failures: [Counter; Call::ALL.len()],
    skew: AtomicI64,
    sent: AtomicU64,
}

impl Client {
    /// Checks the options and reads the CA file; connects to nothing.
    ///
    /// # Errors
    /// [`Error::Options`], which says what to correct.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let way = Way::new(options).map_err(Error::Options)?;
        let token = Token::new(options.token.clone());
        let peer = Peer {
            host: way.address.host.clone(),
            authority: way.address.authority(),
            proxy: way.proxy.as_ref().map(ToString::to_string),
            roots: way.roots.describe(),
            token: token.describe(),
            timeout: options.timeout,
        };
        Ok(Self {
            agent: agent(&way, options.timeout),
            address: way.address,
            peer: Arc::new(peer),
            token,
            latency: Histogram::default(),
            tried: Default::default(),
            failures: Default::default(),
            skew: AtomicI64::new(NO_SKEW),
            sent: AtomicU64::new(0),
        })
    }

    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn register(&self, registration: &Registration) -> Result<Registered, Error> {
        let path = "/api/v1/agents/register".to_owned();
        let mut answer: Registered = self.send(Call::Register, path, registration)?;
        answer.agent_id.take_if(|id| id.is_empty());
        Ok(answer)
    }

    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn heartbeat(&self, id: &str, heartbeat: &Heartbeat) -> Result<Answer, Error> {
        self.send(Call::Heartbeat, about(id, "heartbeat"), heartbeat)
    }

    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn status(&self, id: &str, status: &Status<'_>) -> Result<Answer, Error> {
        self.send(Call::Status, about(id, "status"), status)
    }

    /// A batch of changes; the position up to which the control plane has everything.
    ///
    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn events(&self, id: &str, batch: &str) -> Result<u64, Error> {
        let path = about(id, "events");
        let answer: EventsAcknowledged = self.call(Call::Events, path, Some(batch.as_bytes()))?;
        Ok(answer.acknowledged.unwrap_or_default())
    }

    /// Commands without a result after a position, for whoever has that folder; the answer may take as long as `wait`
    /// while there are none.
    ///
    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn commands(
        &self,
        id: &str,
        instance: &str,
        after: u64,
        wait: Duration,
    ) -> Result<Vec<Value>, Error> {
        let path = format!(
            "{}?wait={}&after={after}&instance={instance}",
            about(id, "commands"),
            wait.as_secs()
        );
        let answer: Commands = self.call(Call::Commands, path, None)?;
        Ok(answer.commands)
    }

    /// Chunks of what a command prints.
    ///
    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn output(&self, id: &str, command: &str, output: &Value) -> Result<(), Error> {
        let path = about_command(id, command, "output");
        let _: Pong = self.send(Call::Output, path, output)?;
        Ok(())
    }

    /// What became of a command.
    ///
    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn result(&self, id: &str, command: &str, result: &Value) -> Result<(), Error> {
        let path = about_command(id, command, "result");
        let _: Pong = self.send(Call::Result, path, result)?;
        Ok(())
    }

    /// How long the control plane takes to answer.
    ///
    /// # Errors
    /// Any of [`Error::Failed`].
    pub fn ping(&self) -> Result<Duration, Error> {
        let started = Instant::now();
        let path = "/api/v1/health".to_owned();
        let _: Pong = self.call(Call::Ping, path, None)?;
        Ok(started.elapsed())
    }

    /// Ends calls in progress and fails all later ones; any thread may ask.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }

    /// Whether the file of the token has another one than was read last, which the next
    /// call then uses.
    pub fn token_changed(&self) -> bool {
        self.token.changed(Instant::now())
    }

    /// A key made of the token, another for each purpose; none when there is no token now.
    pub fn key(&self, purpose: &str) -> Option<[u8; 32]> {
        self.token.key(purpose, Instant::now())
    }

    /// Bytes since the start, about.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Of answered calls.
    pub fn latency(&self) -> &Histogram {
        &self.latency
    }

    /// How often a call was made.
    pub fn tried(&self, call: Call) -> u64 {
        self.tried[call as usize].get()
    }

    /// How often it did not succeed.
    pub fn failures(&self, call: Call) -> u64 {
        self.failures[call as usize].get()
    }

    /// Seconds that this machine's clock is ahead of the control plane's, by the last
    /// answer; negative when it is behind. [`super::diagnose::skew`] judges it.
    pub fn clock_skew(&self) -> Option<i64> {
        Some(self.skew.load(Ordering::Relaxed)).filter(|skew| *skew != NO_SKEW)
    }

    fn send<B: Serialize, T: Owned>(&self, call: Call, path: String, body: &B) -> Result<T, Error> {
        match serde_json::to_vec(body) {
            Ok(body) => self.call(call, path, Some(&body)),
            Err(error) => Err(self.failed(call, path, Cause::Encode(error))),
        }
    }

    fn call<T: Owned>(&self, call: Call, path: String, body: Option<&[u8]>) -> Result<T, Error> {
        self.authorized(call, &path, body)
            .and_then(|answer| answer.decode())
            .map_err(|cause| self.failed(call, path, cause))
    }

    /// Tries with the current token, and once more if the file has another by now.
    fn authorized(&self, call: Call, path: &str, body: Option<&[u8]>) -> Result<Raw, Cause> {
        self.tried[call as usize].increment();
        let token = self.token.current(Instant::now()).map_err(Cause::Token)?;
        let first = self.exchange(call, path, body, &token);
        let refused = matches!(first, Err(Cause::Status { status: 401, .. }));
        match self.token.other_than(&token, Instant::now()) {
            Some(other) if refused => self.exchange(call, path, body, &other),
            _ => first,
        }
    }

    fn exchange(
        &self,
        call: Call,
        path: &str,
        body: Option<&[u8]>,
        token: &Secret,
    ) -> Result<Raw, Cause> {
        let bytes = body.map_or(0, |body| body.len() as u64) + BESIDES;
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        let request = Request::builder()
            .method(call.method())
            .uri(self.address.join(path))
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        let started = Instant::now();
        let response = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body)
                .map_err(ureq::Error::Http)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::Http)
                .and_then(|request| self.agent.run(request)),
        };
        let response = response.map_err(Cause::Transport)?;
        self.note_skew(response.headers());
        let limit = match call {
            Call::Commands => COMMANDS_LIMIT,
            _ => ANSWER_LIMIT,
        };
        let answer = judge(response, limit)?;
        // How long it takes until there is a command says nothing about the way.
        if call != Call::Commands {
            self.latency.observe(started.elapsed());
        }
        Ok(answer)
    }

    fn note_skew(&self, headers: &HeaderMap) {
        if let Some(theirs) = text(headers, header::DATE).and_then(date::parse) {
            let skew = seconds(SystemTime::now()).saturating_sub(seconds(theirs));
            self.skew.store(skew, Ordering::Relaxed);
        }
    }

    fn failed(&self, call: Call, path: String, cause: Cause) -> Error {
        self.failures[call as usize].increment();
        Error::Failed(Box::new(Failure {
            call,
            path,
            peer: Arc::clone(&self.peer),
            skew: self.clock_skew(),
            cause,
        }))
    }
}

/// The validated way to the control plane.
pub(super) struct Way {
    pub(super) address: Address,
    pub(super) proxy: Option<Proxy>,
    pub(super) roots: Roots,
}

impl Way {
    pub(super) fn new(options: &Options) -> Result<Self, Mistake> {
        let address =
            Address::parse(&options.url, options.plain_http_allowed).map_err(Mistake::Url)?;
        let (proxy, no_proxy) = (options.proxy.as_deref(), options.no_proxy.as_deref());
        let proxy = Proxy::choose(proxy, no_proxy, &address).map_err(Mistake::Proxy)?;
        let file = options.ca_file.as_deref();
        let roots = Roots::load(file).map_err(|problem| {
            Mistake::CaFile(file.map(ToOwned::to_owned).unwrap_or_default(), problem)
        })?;
        Ok(Self {
            address,
            proxy,
            roots,
        })
    }
}

/// Any JSON object.
#[derive(Default)]
struct Pong;

impl<'t> Place<'t> for Pong {
    fn slot(&mut self) -> Slot<'_, 't> {
        Slot::Object(self)
    }
}

impl<'t> Fields<'t> for Pong {
    fn field(&mut self, _name: &[u8]) -> Option<Slot<'_, 't>> {
        None
    }
}

fn agent(way: &Way, timeout: Duration) -> Agent {
    // Half at most, so that a call that runs out of time says at which stage.
    let connect = (timeout / 2).min(Duration::from_secs(10));
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(timeout))
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .proxy(way.proxy.as_ref().map(Proxy::connector))
        .user_agent(USER_AGENT)
        .accept("application/json")
        .input_buffer_size(16 * 1024)
        .output_buffer_size(8 * 1024)
        .max_response_header_size(16 * 1024)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .max_idle_age(IDLE)
        .build();
    let connector = tls::connector(way.roots.config());
    Agent::with_parts(config, connector, Names::default())
}

/// The path of a call about one agent.
fn about(id: &str, call: &str) -> String {
    let mut path = "/api/v1/agents/".to_owned();
    push_segment(&mut path, id);
    path.push_str(call);
    path
}

/// The path of a call about one of its commands.
fn about_command(id: &str, command: &str, call: &str) -> String {
    let mut path = about(id, "commands/");
    push_segment(&mut path, command);
    path.push_str(call);
    path
}

/// An id is data and must not become path.
fn push_segment(path: &mut String, id: &str) {
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path.push('/');
}

/// Since 1970, negative before.
fn seconds(moment: SystemTime) -> i64 {
    let whole = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match moment.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => whole(before.duration()).saturating_neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        let path = about("a-1/../b?c d.é", "status");
        assert_eq!(
            path,
            "/api/v1/agents/a-1%2F%2E%2E%2Fb%3Fc%20d%2E%C3%A9/status"
        );
    }
}
