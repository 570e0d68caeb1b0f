//! What exec, attach and cp share: a command in a container with its streams.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::terminal::Raw;
use crate::k8s::exec::{Command, Input, Outcome, Session, Streams};
use crate::k8s::{Client, Error};
use crate::kubectl::{self, Failure};
use crate::stop::Stop;
use crossbeam_channel::{bounded, select};

/// As good as none.
pub(super) const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a command reads and writes.
pub(super) struct Pipes<'a> {
    /// None if it reads nothing.
    pub(super) input: Option<Input<'a>>,
    pub(super) out: &'a mut dyn Write,
    pub(super) err: &'a mut dyn Write,
}

/// Does `work`, and calls `end` if it is to stop before that is done, or takes longer.
pub(in crate::kubectl) fn until_stopped<T>(
    stop: &Stop,
    most: Duration,
    end: &(dyn Fn() + Sync),
    work: impl FnOnce() -> T,
) -> T {
    // Nothing is sent: it closes when the work is done.
    let (done, over) = bounded::<()>(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            select! {
                recv(stop.closed()) -> _ => end(),
                recv(over) -> _ => {}
                default(most) => end(),
            }
        });
        let outcome = work();
        drop(done);
        outcome
    })
}

/// A reader that went away is no news; everything else is a failure.
pub(super) fn broken(error: Error) -> Failure {
    if error.is_output() {
        return Failure::silent(1);
    }
    Failure::from(error)
}

/// Runs a command, and fails as it fails.
pub(super) fn run(
    client: &Client,
    stop: &Stop,
    command: &Command<'_>,
    pipes: Pipes<'_>,
    raw: Option<Raw>,
) -> Result<(), Failure> {
    match outcome(client, stop, command, pipes, raw)? {
        Outcome::Success => Ok(()),
        Outcome::Exit(code) => {
            let text = format!("command terminated with exit code {code}");
            let mut failure = Failure::whole(text);
            failure.code = code.into();
            Err(failure)
        }
        Outcome::Failed(problem) => Err(Failure::new(problem)),
    }
}

/// Runs a command to its end.
pub(super) fn outcome(
    client: &Client,
    stop: &Stop,
    command: &Command<'_>,
    pipes: Pipes<'_>,
    mut raw: Option<Raw>,
) -> Result<Outcome, Failure> {
    let running = Session::start(client, command).map_err(broken)?;
    let closer = running.closer().map_err(broken)?;
    let streams = Streams {
        input: pipes.input.map(|input| Input {
            from: input.from,
            wait: input.wait,
        }),
        terminal: raw.as_mut().map(Raw::terminal),
        out: pipes.out,
        err: pipes.err,
    };
    let outcome = until_stopped(stop, NO_LIMIT, &|| closer.close(), || running.run(streams));
    outcome.map_err(broken)
}

/// Where a command reads: what this process reads, or what came along.
pub(super) enum Source {
    /// Twice the same: to read from, and to wait for.
    File(File, OwnedFd),
    Given(Box<dyn Read + Send>),
}

impl Source {
    pub(super) fn of(session: &mut kubectl::Session<'_>) -> io::Result<Source> {
        if session.is_local() {
            // Not through the buffer of the standard library: what is in it cannot be
            // waited for.
            let stdin = io::stdin().as_fd().try_clone_to_owned()?;
            return Ok(Source::File(stdin.try_clone()?.into(), stdin));
        }
        let nothing = Box::new(io::empty());
        let given = std::mem::replace(&mut session.io.stdin, nothing);
        Ok(Source::Given(given))
    }

    pub(super) fn input(&mut self) -> Input<'_> {
        match self {
            Source::File(from, wait) => Input {
                from,
                wait: Some((*wait).as_fd()),
            },
            Source::Given(from) => Input { from, wait: None },
        }
    }
}

/// Whether something can be run in a pod: not when it is over.
pub(super) fn is_over(pod: &Value) -> Result<(), Failure> {
    match super::field(pod, "/status/phase") {
        phase @ ("Succeeded" | "Failed") => Err(Failure::new(format!(
            "cannot exec into a container in a completed pod; current phase is {phase}"
        ))),
        _ => Ok(()),
    }
}
