//! Follows every object of one kind: a list, then a watch from its version, and
//! again from the last version heard of, for ever.
//!
//! [`Course`] decides, [`Lines`] and [`line`] read, [`Watcher`] does the I/O, a
//! [`Sink`] takes what is seen. Source: [efficient detection of changes](https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).

mod course;
mod line;
mod lines;
mod list;
mod page;
mod stats;

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::Client;
use super::error::{Cause, Error};
use crate::backoff::Policy;
use crate::chain::Chain;
use crate::group::Outcome;
use crate::health::Beat;
use crate::stop::Stop;
use course::{Course, Told};
use line::Line;
use lines::{Lines, TooLong};

pub use line::event;
pub use stats::Stats;

/// Bytes taken from the connection at once: few, there is one for each watch.
const CHUNK: usize = 2 * 1024;

/// What is followed.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// Of the list: `/api/v1/pods`.
    pub path: &'static str,
    /// For people: `pods`.
    pub name: &'static str,
}

/// Takes what a watch sees, in order. Objects are JSON text.
pub trait Sink {
    /// A list begins; what an unfinished one said is void.
    fn restart(&mut self);
    /// The text starts with an object of the list; tells how long it is.
    ///
    /// # Errors
    /// It cannot be read. When it is JSON all the same, it is given to
    /// [`Self::broken`], and the list goes on behind it.
    fn listed(&mut self, text: &[u8]) -> Result<usize, serde_json::Error>;
    /// The object that the text starts with is left out of the list.
    fn broken(&mut self, text: &[u8], error: &serde_json::Error);
    /// The list is whole: what is not in it is gone.
    fn complete(&mut self);
    /// Added or modified.
    fn applied(&mut self, object: &[u8]);
    fn deleted(&mut self, object: &[u8]);
    /// Said once for each change, of the reason too.
    fn health(&mut self, health: Health<'_>);
}

/// Whether what the sink was told is current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health<'a> {
    Live,
    /// It was, and will be again.
    Lost {
        reason: &'a str,
    },
    /// These credentials may not, or the server does not know the kind.
    Forbidden {
        message: &'a str,
    },
}

/// Times and sizes of a watch.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The server speaks about every minute (bookmarks); a longer silence is suspect.
    pub silence: Duration,
    /// Longest line. The store behind the API takes in 1.5 MiB.
    pub line: usize,
    /// After failures.
    pub backoff: Policy,
    /// Longest wait for a server that does not answer: it costs it nothing, and
    /// what comes back should be seen at once.
    pub soon: Duration,
    /// Between tries at what is forbidden.
    pub slow: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(75),
            line: 4 << 20,
            backoff: Policy {
                first: Duration::from_millis(800),
                limit: Duration::from_secs(30),
                calm: Duration::from_secs(120),
            },
            soon: Duration::from_secs(3),
            slow: Duration::from_secs(60),
        }
    }
}

/// One watch; it lives as long as its thread.
#[derive(Debug)]
pub struct Watcher {
    client: Client,
    resource: Resource,
    stats: Arc<Stats>,
    limits: Limits,
    course: Course,
    lists: u64,
    watches: u64,
}

impl Watcher {
    /// `client` is for this watch only, and silent for at most `limits.silence`.
    pub fn new(client: Client, resource: Resource, stats: Arc<Stats>, limits: Limits) -> Self {
        Self {
            client,
            resource,
            stats,
            limits,
            course: Course::new(limits),
            lists: 0,
            watches: 0,
        }
    }

    /// Follows until asked to stop; the client's `shutdown` ends a read in progress.
    pub fn run(mut self, stop: &Stop, beat: &Beat, sink: &mut dyn Sink) -> Outcome {
        loop {
            beat.stamp(Instant::now());
            let outcome = self.step(beat, sink);
            if stop.is_stopped() {
                return Ok(());
            }
            let wait = self.judge(outcome, sink);
            if beat.rest(stop, wait) {
                return Ok(());
            }
        }
    }

    /// Lists if need be, then watches to the end.
    fn step(&mut self, beat: &Beat, sink: &mut dyn Sink) -> Result<(), Error> {
        if self.course.version().is_none() {
            if self.lists > 0 {
                self.stats.relists.increment();
            }
            self.lists += 1;
            let turn = || beat.stamp(Instant::now());
            let version = list::list(&self.client, self.resource, sink, &turn)?;
            sink.complete();
            self.course.listed(version, Instant::now());
        }
        self.follow(beat, sink)
    }

    fn follow(&mut self, beat: &Beat, sink: &mut dyn Sink) -> Result<(), Error> {
        let path = self.path();
        let response = self.client.open(&path)?;
        if self.watches > 0 {
            self.stats.reconnects.increment();
        }
        self.watches += 1;
        if self.course.opened(Instant::now()) {
            sink.health(Health::Live);
        }
        let mut reader = response.into_body().into_reader();
        let mut lines = Lines::new(self.limits.line);
        let mut chunk = vec![0; CHUNK];
        loop {
            let bytes = match reader.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => chunk.get(..count).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(Error::new("GET", &path, Cause::Transport(error.into())));
                }
            };
            let now = Instant::now();
            beat.stamp(now);
            self.stats.hear(now);
            self.take(&mut lines, bytes, sink)
                .map_err(|cause| Error::new("GET", &path, cause))?;
        }
    }

    /// Hands on every line that these bytes end.
    fn take(&mut self, lines: &mut Lines, bytes: &[u8], sink: &mut dyn Sink) -> Result<(), Cause> {
        let mut failure = None;
        let fed = lines.feed(bytes, |line| {
            failure = self.take_line(line, sink).err();
            failure.is_none()
        });
        if let Err(TooLong) = fed {
            self.stats.lines_dropped.increment();
            let limit = self.limits.line;
            return Err(Cause::TooLarge { limit });
        }
        failure.map_or(Ok(()), Err)
    }

    fn take_line(&mut self, line: &[u8], sink: &mut dyn Sink) -> Result<(), Cause> {
        let version = match line::parse(line) {
            Ok(Line::Applied { object, version }) => {
                self.stats.events.increment();
                sink.applied(object);
                version
            }
            Ok(Line::Deleted { object, version }) => {
                self.stats.events.increment();
                sink.deleted(object);
                version
            }
            Ok(Line::Bookmark { version }) => version,
            Ok(Line::Failed(status)) => return Err(Cause::Status(status)),
            Ok(Line::Unknown) => {
                self.stats.lines_dropped.increment();
                return Ok(());
            }
            Err(error) => {
                self.stats.lines_dropped.increment();
                return Err(Cause::Garbage(format!("a line is no event: {error}")));
            }
        };
        self.course.advance(&version);
        Ok(())
    }

    /// How long to wait before the next step.
    fn judge(&mut self, outcome: Result<(), Error>, sink: &mut dyn Sink) -> Duration {
        let (now, random) = (Instant::now(), fastrand::f64());
        let error = match outcome {
            Ok(()) => return self.course.ended(now, random),
            Err(error) => error,
        };
        let text = Chain(&error).to_string();
        log::debug!("watch of {}: {text}", self.resource.name);
        let judgement = self.course.failed(&error, &text, now, random);
        match judgement.tell {
            Some(Told::Lost) => sink.health(Health::Lost { reason: &text }),
            Some(Told::Forbidden) => sink.health(Health::Forbidden { message: &text }),
            Some(Told::Live | Told::Nothing) | None => {}
        }
        judgement.wait
    }

    fn path(&self) -> String {
        format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
            self.resource.path,
            // Spread, so that watches do not all end together.
            fastrand::u32(300..600),
            escape(self.course.version().unwrap_or_default())
        )
    }
}

/// Fit for a value in a query (RFC 3986, section 2.3).
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
