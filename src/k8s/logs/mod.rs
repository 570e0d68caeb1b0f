//! Reads what a container wrote, at once or as it comes.
//!
//! A log that is followed goes on after a cut, a restart of the node's or the server's
//! programs, and a rotation. It ends when the container does, as it does for kubectl.

mod containers;
mod seen;
mod stamp;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use self::containers::{Container, containers};
use self::seen::Seen;
pub use self::stamp::Stamp;
use super::client::Client;
use super::error::{Cause, Error, Verdict};
use super::watch::escape;
use crate::backoff::{Backoff, Policy};
use crate::stop::Stop;

/// Bytes taken from the connection at once.
const CHUNK: usize = 16 * 1024;
const RETRY: Policy = Policy {
    first: Duration::from_millis(800),
    limit: Duration::from_secs(20),
    calm: Duration::from_secs(60),
};
/// Failures in a row before it is given up, after about two minutes.
const FAILURES: u32 = 12;

/// A log, and how much of it.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    /// Of the container before this one.
    pub previous: bool,
    /// With the time in front of each line.
    pub timestamps: bool,
    pub since: Option<Since>,
    /// The last lines only.
    pub tail: Option<u64>,
    pub limit_bytes: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum Since {
    /// A moment (RFC 3339).
    Time(String),
    Seconds(u64),
}

/// Takes what came; its failure ends the reading.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Reads what is there.
///
/// # Errors
/// No answer, a refusal, a cut, or a sink that takes no more.
pub fn read(client: &Client, question: &Question, sink: Sink<'_>) -> Result<(), Error> {
    let path = path(question, question.since.as_ref(), question.tail, "");
    let mut each = |bytes: &[u8]| sink(bytes);
    match stream(client, &path, &mut each)? {
        None => Ok(()),
        Some(error) => Err(Error::new("GET", &path, Cause::Transport(error))),
    }
}

/// Reads on until the container ends, which is known as `instance`. Each call of `sink`
/// has whole lines, or a piece of a very long one.
///
/// # Errors
/// The first answer is a refusal or does not come, it does not come again for minutes, or
/// the sink takes no more.
pub fn follow(
    client: &Client,
    question: &Question,
    instance: &str,
    stop: &Stop,
    sink: Sink<'_>,
) -> Result<(), Error> {
    Follower {
        client,
        question,
        instance,
        seen: Seen::new(question.timestamps),
        begun: Instant::now(),
        answered: false,
        complete: false,
    }
    .run(stop, sink)
}

struct Follower<'a> {
    client: &'a Client,
    question: &'a Question,
    instance: &'a str,
    seen: Seen,
    begun: Instant,
    answered: bool,
    complete: bool,
}

impl Follower<'_> {
    fn run(mut self, stop: &Stop, sink: Sink<'_>) -> Result<(), Error> {
        let mut backoff = Backoff::new(RETRY);
        loop {
            let outcome = self.once(sink);
            if stop.is_stopped() {
                return Ok(());
            }
            self.answered |= outcome.is_ok();
            self.complete = self.is_complete(&outcome);
            let error = match outcome {
                Ok(End::Quiet) => {
                    backoff.succeeded(Instant::now());
                    continue;
                }
                Ok(End::Clean) if !self.lives() => return self.finish(sink),
                Ok(End::Clean | End::Cut) => None,
                Err(error) if !self.is_final(&error) => Some(error),
                // It had ended, and the pod says so only now.
                Err(_) if self.complete => return self.finish(sink),
                Err(error) => return Err(error),
            };
            let wait = backoff.failed(Instant::now(), fastrand::f64());
            match error {
                Some(error) if backoff.failures() > FAILURES => return Err(error),
                Some(_) => {}
                None => backoff = Backoff::new(RETRY),
            }
            if stop.wait(wait) {
                return Ok(());
            }
        }
    }

    /// One answer from its start to its end.
    fn once(&mut self, sink: Sink<'_>) -> Result<End, Error> {
        self.seen.restart();
        let path = self.path();
        let seen = &mut self.seen;
        let mut out = Vec::new();
        let mut each = |bytes: &[u8]| {
            seen.feed(bytes, &mut out);
            let outcome = if out.is_empty() { Ok(()) } else { sink(&out) };
            out.clear();
            outcome
        };
        match stream(self.client, &path, &mut each) {
            Ok(None) => Ok(End::Clean),
            Ok(Some(ureq::Error::Timeout(_))) => Ok(End::Quiet),
            Ok(Some(_)) => Ok(End::Cut),
            // The node does not answer before there is a line.
            Err(error) if error.is_timeout() => Ok(End::Quiet),
            Err(error) => Err(error),
        }
    }

    fn path(&self) -> String {
        let question = self.question;
        let (since, tail) = match self.seen.since() {
            Some(second) => (Some(Since::Time(stamp::text(second))), None),
            None if question.tail == Some(0) && self.begun.elapsed() > CALM => {
                // Asked again without a line so far: none of the meantime is to be lost.
                let seconds = self.begun.elapsed().as_secs() + 1;
                (Some(Since::Seconds(seconds)), None)
            }
            None => (question.since.clone(), question.tail),
        };
        path(
            question,
            since.as_ref(),
            tail,
            "&follow=true&timestamps=true",
        )
    }

    fn finish(mut self, sink: Sink<'_>) -> Result<(), Error> {
        let mut out = Vec::new();
        self.seen.flush(&mut out);
        if out.is_empty() {
            return Ok(());
        }
        sink(&out).map_err(|error| Error::new("GET", &self.path(), Cause::Output(error)))
    }

    /// Whether all has come, if the container has ended. A node that fell has ended the answer, too: then nobody
    /// answers for a while.
    fn is_complete(&self, outcome: &Result<End, Error>) -> bool {
        match outcome {
            Ok(end) => matches!(end, End::Clean),
            Err(error) => self.complete && error.status().is_some_and(|told| told.code < 500),
        }
    }

    /// Whether asking again can only fail again. A node whose program starts does not
    /// know its pods for a while, so what it says of them counts for nothing.
    fn is_final(&self, error: &Error) -> bool {
        error.is_output() || !self.answered || !self.lives()
    }

    /// Whether the container that was read still runs: then the answer ended early.
    fn lives(&self) -> bool {
        if self.instance.is_empty() {
            return false;
        }
        let Question { namespace, pod, .. } = self.question;
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}",
            escape(namespace),
            escape(pod)
        );
        match self.client.get::<Value>(&path) {
            Ok(pod) => runs(&pod, &self.question.container, self.instance),
            Err(error) if error.verdict() == Verdict::Absent => false,
            // Asking for the log will show.
            Err(_) => true,
        }
    }
}

/// Shorter waits lose nothing.
const CALM: Duration = Duration::from_millis(500);

/// How an answer ended.
enum End {
    Clean,
    Cut,
    /// Nothing came for long: nobody knows whether the connection still works.
    Quiet,
}

/// Hands what comes to `each`; the inner error is of a body that broke off.
fn stream(
    client: &Client,
    path: &str,
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Option<ureq::Error>, Error> {
    let mut reader = client.open(path)?.into_body().into_reader();
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(count) => each(chunk.get(..count).unwrap_or_default())
                .map_err(|error| Error::new("GET", path, Cause::Output(error)))?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Ok(Some(error.into())),
        }
    }
}

fn path(question: &Question, since: Option<&Since>, tail: Option<u64>, more: &str) -> String {
    let mut path = format!(
        "/api/v1/namespaces/{}/pods/{}/log?container={}{more}",
        escape(&question.namespace),
        escape(&question.pod),
        escape(&question.container),
    );
    if question.previous {
        path.push_str("&previous=true");
    }
    if question.timestamps && more.is_empty() {
        path.push_str("&timestamps=true");
    }
    match since {
        Some(Since::Time(time)) => path.push_str(&format!("&sinceTime={}", escape(time))),
        Some(Since::Seconds(seconds)) => path.push_str(&format!("&sinceSeconds={seconds}")),
        None => {}
    }
    let numbers = [("tailLines", tail), ("limitBytes", question.limit_bytes)];
    for (name, number) in numbers {
        if let Some(number) = number {
            path.push_str(&format!("&{name}={number}"));
        }
    }
    path
}

/// Whether the pod says so of that container.
fn runs(pod: &Value, container: &str, instance: &str) -> bool {
    let lists = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ];
    lists
        .iter()
        .filter_map(|list| pod["status"][list].as_array())
        .flatten()
        .any(|status| {
            status["name"] == container
                && status["containerID"] == instance
                && status["state"]["running"].is_object()
        })
}
