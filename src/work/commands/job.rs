//! One command in hand: what it is, what it has printed, how it is ended from outside.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::age::since_1970;
use crate::commands::audit::MOST_REQUESTS;
use crate::commands::policy::Request;
use crate::commands::{Command, Outcome, Printed, Stream};
use crate::k8s;
use crate::stop::{self, Stop, StopSource};

/// Output that may wait for its chunks before the command waits too. Without a link
/// nobody waits: then the middle of the output is left out.
const AHEAD: u64 = 256 * 1024;
/// A command waits so long for its chunks to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// Judges a request to the API server, at that second since 1970.
pub(super) type Judge = Box<dyn Fn(&Request, u64) -> Result<(), String> + Send + Sync>;

pub(super) struct Job {
    pub(super) command: Command,
    /// Who is told when there is something to show; none: they look by themselves.
    told: Option<Box<dyn Fn() + Send + Sync>>,
    stop: Stop,
    ending: Mutex<Ending>,
    output: Mutex<Output>,
    visits: Arc<Mutex<Visits>>,
    /// Chunks went, or need not go any more.
    went: Condvar,
}

/// What it asked of the API server.
#[derive(Default)]
pub(super) struct Visits {
    /// As far as the audit tells.
    pub(super) requests: Vec<String>,
    /// Why the policy refused one.
    pub(super) refused: Option<String>,
}

#[derive(Default)]
struct Ending {
    /// Dropping it ends the command.
    source: Option<StopSource>,
    client: Option<k8s::Client>,
    why: Option<Outcome>,
}

pub(super) struct Output {
    pub(super) printed: Printed,
    /// When chunks went last.
    pub(super) flushed: Instant,
    /// False while chunks cannot go, or nobody wants them.
    pub(super) flows: bool,
    pub(super) unwanted: bool,
    /// None before it began.
    pub(super) deadline: Option<Instant>,
}

impl Job {
    /// Of somebody who is here.
    pub(super) fn of_visitor(command: Command, told: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            told: Some(told),
            ..Self::new(command)
        }
    }

    pub(super) fn wake(&self) {
        if let Some(told) = &self.told {
            told();
        }
    }

    pub(super) fn new(command: Command) -> Self {
        let (source, stop) = stop::channel();
        let now = Instant::now();
        Self {
            stop,
            ending: Mutex::new(Ending {
                source: Some(source),
                ..Ending::default()
            }),
            output: Mutex::new(Output {
                printed: Printed::new(),
                flushed: now,
                flows: true,
                unwanted: false,
                deadline: None,
            }),
            visits: Arc::default(),
            went: Condvar::new(),
            told: None,
            command,
        }
    }

    /// The clock of its time limit starts.
    pub(super) fn begin(&self) {
        let now = Instant::now();
        let mut output = self.output();
        output.flushed = now;
        output.deadline = Some(now + self.command.limit);
    }

    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Has each request judged, and notes it.
    pub(super) fn guard(&self, judge: Judge) -> k8s::Guard {
        let visits = Arc::clone(&self.visits);
        Arc::new(move |method, path| {
            let (judged, told) = if Request::is_ambiguous(path) {
                let reason = "the agent's policy refuses encoded slashes and dots in a path";
                (Err(reason.to_owned()), format!("{method} {path}"))
            } else if let Some(request) = Request::of(method, path) {
                let judged = judge(&request, since_1970(SystemTime::now()).into());
                (judged, request.to_string())
            } else {
                return Ok(());
            };
            let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
            if visits.requests.len() < MOST_REQUESTS && visits.requests.last() != Some(&told) {
                visits.requests.push(told);
            }
            if let Err(reason) = &judged {
                visits.refused.get_or_insert_with(|| reason.clone());
            }
            judged
        })
    }

    pub(super) fn visits(&self) -> MutexGuard<'_, Visits> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client whose calls end with the command.
    pub(super) fn uses(&self, client: &k8s::Client) {
        let mut ending = self.ending();
        if ending.why.is_some() {
            client.shutdown();
        }
        ending.client = Some(client.clone());
    }

    /// Ends it; the first reason counts.
    pub(super) fn end(&self, why: Outcome) {
        let mut ending = self.ending();
        ending.why.get_or_insert(why);
        ending.source = None;
        if let Some(client) = &ending.client {
            client.shutdown();
        }
        // Whoever is about to wait for its chunks holds the output.
        drop(self.output());
        self.went.notify_all();
    }

    pub(super) fn ended_by(&self) -> Option<Outcome> {
        self.ending().why
    }

    pub(super) fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever waits for chunks to go looks again.
    pub(super) fn chunks_went(&self) {
        self.went.notify_all();
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, stream: Stream, bytes: &[u8]) {
        let mut output = self.output();
        output.printed.push(stream, bytes);
        self.wake();
        let ahead = |output: &mut Output| {
            output.flows && output.printed.waiting() > AHEAD && !self.stop.is_stopped()
        };
        drop(self.went.wait_timeout_while(output, PATIENCE, ahead));
    }
}

/// One stream of a job, for whoever prints.
pub(super) struct Tap<'a>(pub(super) &'a Job, pub(super) Stream);

impl Write for Tap<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // At most what may wait, so that a large write waits in between.
        let most = usize::try_from(AHEAD).unwrap_or(usize::MAX);
        let bytes = bytes.get(..most).unwrap_or(bytes);
        self.0.print(self.1, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
