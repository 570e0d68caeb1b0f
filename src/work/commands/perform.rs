//! One command from its record to its letter: the body of a worker.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use super::desk::Desk;
use super::execute::{execute, has_expired};
use super::job::{Job, Tap};
use super::now;
use crate::boundary;
use crate::commands::audit::{CONTROL_PLANE, Operation};
use crate::commands::{Command, End, Letter, Outcome, Stream, Task};
use crate::k8s::rights::explain;
use crate::kubectl;

/// Executes what waits, and ends when nothing does.
pub(super) fn work(desk: &Arc<Desk>) {
    while let Some(job) = desk.next_job() {
        match unfit(desk, &job) {
            Some(letter) => hand_in(desk, &job, letter),
            None => perform(desk, &job),
        }
    }
}

/// Why it is not run, if so.
fn unfit(desk: &Desk, job: &Job) -> Option<Letter> {
    let command = &job.command;
    if has_expired(job) {
        let end = End::without_run(Outcome::Expired);
        let reason = "it expired before its turn came";
        return Some(Letter::without_run(&command.id, end, reason));
    }
    if command.idempotent {
        return None;
    }
    let error = desk.journal().started(&command.id, now()).err()?;
    log::error!("command {}: {error}", command.id);
    let end = End::without_run(Outcome::Unrecorded);
    Some(Letter::without_run(&command.id, end, &error.to_string()))
}

/// A panic is a bug of one command and ends that one.
fn perform(desk: &Arc<Desk>, job: &Arc<Job>) {
    job.begin();
    let started = Instant::now();
    let (its_desk, its_job) = (Arc::clone(desk), Arc::clone(job));
    let fallen = move |why: &str| {
        let _ = writeln!(Tap(&its_job, Stream::Stderr), "internal error: {why}");
        its_desk.lose_worker();
        conclude(&its_desk, &its_job, started, 1);
    };
    let code = boundary::within(fallen, || execute(&desk.tools, job));
    conclude(desk, job, started, code);
}

/// How a command ended that has run since `started`.
pub(super) fn end(job: &Job, started: Instant, code: i32) -> End {
    let by_itself = match job.visits().refused {
        Some(_) => Outcome::Refused,
        None => Outcome::Completed,
    };
    End {
        outcome: job.ended_by().unwrap_or(by_itself),
        exit_code: Some(code),
        duration_ms: duration(started),
    }
}

fn conclude(desk: &Arc<Desk>, job: &Arc<Job>, started: Instant, code: i32) {
    let command = &job.command;
    let end = end(job, started, code);
    let output = job.output();
    let reason = reason(job, end).or_else(|| explain(&output.printed.complaint()));
    let mut letter = Letter::of_run(&command.id, end, &output.printed, reason.as_deref());
    drop(output);
    letter.recorded = !command.idempotent;
    if letter.recorded {
        record(desk, &letter);
    }
    hand_in(desk, job, letter);
}

fn hand_in(desk: &Arc<Desk>, job: &Arc<Job>, letter: Letter) {
    audit(desk, job, &letter);
    desk.finish(job, letter);
}

/// What a crash must not take away; told all the same if it cannot be recorded.
fn record(desk: &Desk, letter: &Letter) {
    let id = &letter.id;
    if let Err(error) = desk.seal(letter) {
        log::warn!("command {id}: a crash now would lose what it printed: {error}");
    }
    if let Err(error) = desk.journal().done(id, now(), letter.end) {
        // Only a crash right now would make it unknown.
        log::error!("command {id}: its end is not recorded: {error}");
    }
}

fn audit(desk: &Desk, job: &Job, letter: &Letter) {
    let visits = job.visits();
    desk.tools.audit.note(&Operation {
        who: CONTROL_PLANE,
        peer: None,
        id: &job.command.id,
        kind: &job.command.kind,
        verb: verb(&job.command),
        requests: &visits.requests,
        end: letter.end,
        refused: visits.refused.as_deref(),
    });
}

/// Milliseconds.
fn duration(started: Instant) -> u32 {
    u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX)
}

/// For the audit.
pub(super) fn verb(command: &Command) -> Option<&str> {
    let first = match &command.task {
        Task::Kubectl(kubectl) => kubectl.args.first().map(String::as_str),
        _ => None,
    };
    // Anything else may be a value, and so a secret.
    first.filter(|word| is_verb(word))
}

/// Whether a word begins a verb: `rollout` does.
fn is_verb(word: &str) -> bool {
    let known = kubectl::supported();
    known
        .iter()
        .any(|verb| verb.split(' ').next() == Some(word))
}

/// Why it did not end by itself.
pub(super) fn reason(job: &Job, end: End) -> Option<String> {
    match end.outcome {
        Outcome::Timeout => Some(format!("ended after {} s", job.command.limit.as_secs_f64())),
        Outcome::Cancelled => Some("cancelled".to_owned()),
        Outcome::Interrupted => Some("ended with the agent".to_owned()),
        _ => None,
    }
}
