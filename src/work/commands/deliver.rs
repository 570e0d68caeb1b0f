//! Tells the control plane what commands print and how they end; ends those whose time
//! is over. Both threads are there only while there are commands.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::desk::Desk;
use super::job::Job;
use super::{BACKOFF, LONGEST_WAIT, SOON};
use crate::backoff::Backoff;
use crate::chain::Chain;
use crate::commands::{Letter, Outcome};
use crate::control::{Client, Error, Verdict};

/// Between chunks of one command; what ends sooner is told by its result alone.
const FLUSH: Duration = Duration::from_millis(250);

/// Ends commands whose time is over, for as long as there are any.
pub(super) fn keep_time(desk: &Arc<Desk>) {
    let mut state = desk.state();
    while state.is_working() {
        let now = Instant::now();
        let mut wait = FLUSH;
        let mut over = Vec::new();
        for job in state.running() {
            match job.output().deadline {
                Some(deadline) if deadline <= now => over.push(Arc::clone(job)),
                Some(deadline) => wait = wait.min(deadline - now),
                None => {}
            }
        }
        over.iter().for_each(|job| job.end(Outcome::Timeout));
        // A command begins without a change that is told: look again soon.
        state = desk.wait(state, wait);
    }
    state.time_keeping_ends();
    desk.changed();
}

enum Next {
    Letter(Letter),
    Chunks(Arc<Job>),
}

/// Delivers, results before output, for as long as there is something to come.
pub(super) fn deliver(desk: &Arc<Desk>) {
    let mut backoff = Backoff::new(BACKOFF);
    let mut not_before = Instant::now();
    while let Some(next) = next(desk, not_before) {
        let delivered = match next {
            Next::Letter(letter) => tell(desk, &desk.tools.session.client, &letter),
            Next::Chunks(job) => show(desk, &job),
        };
        let now = Instant::now();
        if delivered {
            backoff.succeeded(now);
        } else {
            not_before = now + backoff.failed(now, fastrand::f64()).min(LONGEST_WAIT);
        }
    }
}

/// Waits for something to deliver; none: there is nothing to come.
fn next(desk: &Desk, not_before: Instant) -> Option<Next> {
    let mut state = desk.state();
    loop {
        let is_over = !state.has_letters() && !state.is_working();
        if is_over || state.is_closed() {
            state.delivery_ends();
            desk.changed();
            return None;
        }
        let now = Instant::now();
        let wait = if desk.agent_id().is_none() {
            SOON
        } else if not_before > now {
            not_before - now
        } else if let Some(letter) = state.first_letter() {
            return Some(Next::Letter(letter));
        } else if let Some(job) = state.running().iter().find(|job| has_chunks(job, now)) {
            return Some(Next::Chunks(Arc::clone(job)));
        } else {
            // Whoever prints tells nobody: look again in time.
            FLUSH
        };
        state = desk.wait(state, wait);
    }
}

fn has_chunks(job: &Job, now: Instant) -> bool {
    let output = job.output();
    output.printed.waiting() > 0 && !output.unwanted && now >= output.flushed + FLUSH
}

/// True when this letter is done with.
pub(super) fn tell(desk: &Desk, client: &Client, letter: &Letter) -> bool {
    let Some(agent) = desk.tools.session.link.view().agent_id else {
        return false;
    };
    let body = letter.body(SystemTime::now());
    match client.result(&agent, &letter.id, &body) {
        Ok(()) => desk.told(letter),
        Err(error) if error.verdict() != Verdict::GiveUp => return undelivered(&error),
        Err(error) if error.status() != Some(410) && desk.lighten(&letter.id) => {
            log::warn!("command {}: {}", letter.id, Chain(&error));
        }
        Err(error) => {
            log::warn!(
                "the result of {} is not wanted: {}",
                letter.id,
                Chain(&error)
            );
            desk.told(letter);
        }
    }
    true
}

/// True when these chunks are done with.
fn show(desk: &Desk, job: &Job) -> bool {
    let batch = job.output().printed.batch();
    let agent = desk.tools.session.link.view().agent_id;
    let (Some(batch), Some(agent)) = (batch, agent) else {
        return true;
    };
    let client = &desk.tools.session.client;
    let sent = client.output(&agent, &job.command.id, &batch.body);
    let mut output = job.output();
    output.flushed = Instant::now();
    let delivered = match sent {
        Ok(()) => {
            output.printed.shown(&batch);
            output.flows = true;
            // More than fits into a batch goes on at once.
            if output.printed.waiting() > 0 {
                output.flushed -= FLUSH;
            }
            true
        }
        Err(error) if error.verdict() == Verdict::GiveUp => {
            output.unwanted = true;
            output.flows = false;
            true
        }
        Err(error) => {
            output.flows = false;
            undelivered(&error)
        }
    };
    drop(output);
    job.chunks_went();
    delivered
}

/// The heartbeat explains what is wrong with the link.
fn undelivered(error: &Error) -> bool {
    log::debug!("commands: {}", Chain(error));
    false
}
