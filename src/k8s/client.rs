//! Sends requests to the API server, one at a time, and judges the answers.
//!
//! What others than `k8s` ask for is a [`Call`].
//!
//! It never waits and never repeats a request, but once with another token when
//! the file had one. When to try again is the caller's business.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::{Request, Response, header};
use ureq::{Agent, Body};

use super::Target;
use super::body::{decode, judge, read};
use super::call::{Call, JSON};
use super::error::{Cause, Error, Status, Verdict};
use super::travel::{INPUT, Limits, OUTPUT, RECORD, agent, apart};
use crate::json::Owned;
use crate::secret::Secret;

/// Largest answer to a single call: more than the store behind the API takes in.
const ANSWER: usize = 8 << 20;
/// Longest wait for the head of an answer that needs no waiting for.
const ANSWERED: Duration = Duration::from_secs(15);
/// Of a head, without path and token.
const HEAD: usize = 1024;

/// Judges a request by its method and its path with the query; the error says why it
/// must not be sent.
pub type Guard = Arc<dyn Fn(&str, &str) -> Result<(), String> + Send + Sync>;

/// Who asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Speaker {
    Agent,
    /// Whoever has this value of `Authorization`; no certificate of ours vouches for it.
    Other(Secret),
}

/// A way to the API server. Clones share connections and end together.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    guard: Option<Guard>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shared.fmt(f)
    }
}

#[derive(Debug)]
struct Shared {
    target: Arc<Target>,
    /// Whoever asks with this value of `Authorization`; none: the agent.
    other: Option<Secret>,
    limits: Limits,
    way: Mutex<Way>,
}

#[derive(Debug)]
struct Way {
    agent: Agent,
    /// Bytes of a head that it can send.
    output: usize,
    closed: bool,
}

impl Client {
    /// For calls that are answered at once. Connects to nothing yet.
    ///
    /// # Errors
    /// A file of the credentials cannot be used.
    pub fn for_calls(target: Arc<Target>) -> Result<Self, Error> {
        Self::new(target, Some(Duration::from_secs(15)))
    }

    /// For what a person or the control plane asks for: it takes as long as it takes,
    /// unless there is a limit, or [`Self::shutdown`] ends it.
    ///
    /// # Errors
    /// A file of the credentials cannot be used.
    pub fn for_commands(target: Arc<Target>, silence: Option<Duration>) -> Result<Self, Error> {
        Self::new(target, silence)
    }

    /// The same as somebody else, whose value of `Authorization` this is: no certificate of
    /// ours vouches for it.
    ///
    /// # Errors
    /// A file of the credentials cannot be used.
    pub fn for_commands_of(target: Arc<Target>, authorization: Secret) -> Result<Self, Error> {
        Self::of(target, Some(authorization), limits(None))
    }

    /// For one watch, which has connections of its own; `long` where it begins with a
    /// list that may be long.
    ///
    /// # Errors
    /// A file of the credentials cannot be used.
    pub fn for_watch(target: Arc<Target>, silence: Duration, long: bool) -> Result<Self, Error> {
        let limits = Limits {
            input: if long { RECORD } else { INPUT },
            ..limits(Some(silence))
        };
        Self::with(target, limits)
    }

    /// For logs that are followed, to the same server: it answers when there is a line.
    /// After two minutes of silence a connection counts as broken.
    ///
    /// # Errors
    /// A file of the credentials cannot be used.
    pub fn for_logs(&self) -> Result<Self, Error> {
        let silence = Some(Duration::from_secs(120));
        let limits = Limits {
            answer: silence,
            ..limits(silence)
        };
        let target = Arc::clone(&self.shared.target);
        let way = Self::of(target, self.shared.other.clone(), limits)?;
        Ok(Self {
            guard: self.guard.clone(),
            ..way
        })
    }

    /// For calls to the same server as somebody else, whose value of `Authorization` this is:
    /// no certificate of ours vouches for it.
    ///
    /// # Errors
    /// A file of the credentials cannot be used.
    pub fn as_other(&self, authorization: Secret) -> Result<Self, Error> {
        let target = Arc::clone(&self.shared.target);
        Self::of(target, Some(authorization), limits(Some(ANSWERED)))
    }

    /// For calls to the same server as whoever that is.
    ///
    /// # Errors
    /// As [`Self::as_other`].
    pub fn speaking_as(&self, speaker: &Speaker) -> Result<Self, Error> {
        match speaker {
            Speaker::Agent => Ok(self.clone()),
            Speaker::Other(authorization) => self.as_other(authorization.clone()),
        }
    }

    fn new(target: Arc<Target>, silence: Option<Duration>) -> Result<Self, Error> {
        Self::with(target, limits(silence))
    }

    fn with(target: Arc<Target>, limits: Limits) -> Result<Self, Error> {
        Self::of(target, None, limits)
    }

    fn of(target: Arc<Target>, other: Option<Secret>, limits: Limits) -> Result<Self, Error> {
        let agent = agent(&target, other.is_some(), limits, OUTPUT)?;
        Ok(Self {
            shared: Arc::new(Shared {
                target,
                other,
                limits,
                way: Mutex::new(Way {
                    agent,
                    output: OUTPUT,
                    closed: false,
                }),
            }),
            guard: None,
        })
    }

    /// The same way, for requests that the guard lets pass.
    #[must_use]
    pub fn guarded(self, guard: Guard) -> Self {
        Self {
            guard: Some(guard),
            ..self
        }
    }

    /// What every request asks before it is sent: a refusal is one as of the server.
    pub(super) fn permit(&self, method: &str, path: &str) -> Result<(), Error> {
        let judged = self
            .guard
            .as_ref()
            .map_or(Ok(()), |guard| guard(method, path));
        judged.map_err(|reason| Error::new(method, path, Cause::Status(Status::forbidden(reason))))
    }

    /// Ends requests in progress and fails all later ones; any thread may ask.
    pub fn shutdown(&self) {
        let mut way = self.way();
        way.closed = true;
        way.agent.clone().shutdown();
    }

    /// Where it is, as [`Target::server`].
    pub fn server(&self) -> &str {
        self.shared.target.server()
    }

    pub(super) fn target(&self) -> &Target {
        &self.shared.target
    }

    /// Whoever asks, if that is not the agent.
    pub(super) fn other(&self) -> Option<&Secret> {
        self.shared.other.as_ref()
    }

    pub(super) fn get<T: Owned>(&self, path: &str) -> Result<T, Error> {
        let answer = self.call("GET", path, None)?;
        decode("GET", path, &answer)
    }

    pub(super) fn post<T: Owned>(&self, path: &str, body: &[u8]) -> Result<T, Error> {
        let answer = self.call("POST", path, Some(body))?;
        decode("POST", path, &answer)
    }

    fn call(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let body = body.map(|body| (JSON, body));
        let response = self.send(&Call {
            method,
            path,
            accept: JSON,
            body,
        })?;
        let mut answer = Vec::new();
        read(path, response, ANSWER, &mut answer, &|| ())?;
        Ok(answer)
    }

    /// A successful answer whose body is still to be read.
    pub(super) fn open(&self, path: &str) -> Result<Response<Body>, Error> {
        self.send(&Call::get(path, JSON))
    }

    pub(super) fn send(&self, call: &Call<'_>) -> Result<Response<Body>, Error> {
        self.permit(call.method, call.path)?;
        let outcome = self
            .authorized(call)
            .and_then(judge)
            .map_err(|cause| Error::new(call.method, call.path, cause));
        let unknown = |error: &Error| error.verdict() == Verdict::Unauthorized;
        if outcome
            .as_ref()
            .is_err_and(|error| error.distrusted() || unknown(error))
        {
            self.renew(OUTPUT);
        }
        outcome
    }

    /// Tries with the current token, and once more if the file has another by now.
    fn authorized(&self, call: &Call<'_>) -> Result<Response<Body>, Cause> {
        let target = &self.shared.target;
        if let Some(other) = &self.shared.other {
            return self.exchange(call, Some(other));
        }
        let authorization = target.authorization(Instant::now()).map_err(Cause::Token)?;
        let first = self.exchange(call, authorization.as_ref())?;
        let refused = authorization.filter(|_| first.status() == 401);
        let other = refused.and_then(|old| target.other_authorization(&old, Instant::now()));
        match other {
            Some(other) => self.exchange(call, Some(&other)),
            None => Ok(first),
        }
    }

    fn exchange(
        &self,
        call: &Call<'_>,
        authorization: Option<&Secret>,
    ) -> Result<Response<Body>, Cause> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.shared.target.server(), call.path))
            .header(header::ACCEPT, call.accept);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization.expose());
        }
        let token = authorization.map_or(0, |authorization| authorization.expose().len());
        let agent = self.agent_for(call.path.len() + token);
        match call.body {
            Some((content_type, body)) => request
                .header(header::CONTENT_TYPE, content_type)
                .body(body)
                .map_err(ureq::Error::Http)
                .and_then(|request| apart(|| agent.run(request))),
            None => request
                .body(())
                .map_err(ureq::Error::Http)
                .and_then(|request| apart(|| agent.run(request))),
        }
        .map_err(Cause::Transport)
    }

    /// One that can send a head with a path and a token of so many bytes.
    fn agent_for(&self, bytes: usize) -> Agent {
        let needed = (HEAD + bytes).next_multiple_of(OUTPUT);
        if self.way().output < needed {
            self.renew(needed);
        }
        self.way().agent.clone()
    }

    /// Reads the certificates again for the requests to come: the server's own was not
    /// trusted, or ours is no longer accepted, and files are replaced before they end.
    /// When that fails, the old ones stay and the next request says why.
    fn renew(&self, output: usize) {
        let shared = &self.shared;
        let Ok(fresh) = agent(
            &shared.target,
            shared.other.is_some(),
            shared.limits,
            output,
        ) else {
            return;
        };
        let mut way = self.way();
        if !way.closed {
            way.agent = fresh;
            way.output = output;
        }
    }

    fn way(&self) -> std::sync::MutexGuard<'_, Way> {
        self.shared
            .way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn limits(silence: Option<Duration>) -> Limits {
    Limits {
        silence,
        answer: silence.map(|silence| silence.min(ANSWERED)),
        input: INPUT,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;
    use crate::k8s::fixture::client_of;

    /// Answers one request, and leaves the connection open.
    fn answer(listener: &TcpListener, status: &str) -> TcpStream {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let asked = stream.read(&mut request).is_ok_and(|count| count > 0);
        if asked {
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}").unwrap();
        }
        stream
    }

    #[test]
    fn a_long_path_is_sent_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client_of(&listener);
        let path = format!("/{}", "x".repeat(20_000));
        let line = thread::scope(|scope| {
            let asked = scope.spawn(|| client.get::<serde_json::Value>(&path));
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            drop(stream);
            asked.join().unwrap().unwrap_err();
            line
        });
        assert_eq!(line, format!("GET {path} HTTP/1.1\r\n"));
    }

    #[test]
    fn after_a_401_the_next_request_begins_anew() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client_of(&listener);
        let ask = || client.get::<serde_json::Value>("/x");
        let (refused, second) = thread::scope(|scope| {
            // Certificates belong to a connection: each answer waits for another one.
            scope.spawn(|| {
                let first = answer(&listener, "401 Unauthorized");
                (first, answer(&listener, "200 OK"))
            });
            let outcomes = (ask(), ask());
            // Ends the wait for a second connection that did not come.
            drop(TcpStream::connect(listener.local_addr().unwrap()));
            outcomes
        });
        assert_eq!(refused.unwrap_err().verdict(), Verdict::Unauthorized);
        assert!(second.is_ok());
    }
}
