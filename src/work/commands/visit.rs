//! Commands of somebody who is here, by the local API: done as they, told as they print.
//!
//! There is no journal and no queue: what cannot begin is refused, and what runs ends with
//! whoever asked for it. Each has a thread `visit`, there only while it runs.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::execute;
use super::job::{Job, Tap};
use super::perform::{self, reason, verb};
use crate::boundary;
use crate::chain::Chain;
use crate::commands::audit::{Audit, Operation};
use crate::commands::policy::{PolicyFile, Request};
use crate::commands::{Batch, Command, End, Outcome, Stream, Task};
use crate::k8s::{Client, Target};
use crate::seats::{Seat, Seats};
use crate::secret::Secret;

/// At once, of all visitors: each has connections and buffers of its own.
const MOST: usize = 8;
/// Virtual; a thread costs the pages it touches.
const STACK: usize = 512 * 1024;

/// With what they are done.
pub struct Reception {
    pub target: Arc<Target>,
    /// Where objects are when nobody says.
    pub namespace: String,
    pub policy: Arc<PolicyFile>,
    pub audit: Arc<Audit>,
    pub seats: Seats,
}

/// How far somebody's requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// As far as the policy.
    Policy,
    /// The same, and no Secrets.
    NoSecrets,
    /// As far as the API server lets them.
    All,
}

/// As whom a command is done.
pub struct Visitor {
    /// Says who it is, which may take a while; the error ends the command.
    pub who: Box<dyn FnOnce() -> Result<String, String> + Send>,
    pub peer: String,
    /// The value of `Authorization`; none: the agent itself.
    pub authorization: Option<Secret>,
    pub reach: Reach,
}

/// A command that runs, or has; it ends with this value.
pub struct Visit {
    job: Arc<Job>,
    ended: Arc<Mutex<Option<Ended>>>,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub end: End,
    /// Why, where it did not end by itself.
    pub reason: Option<String>,
}

/// A seat, as long as there are some.
fn seat(seats: &Seats) -> Result<Seat, String> {
    let most = seats.most();
    let free = seats.take();
    free.ok_or_else(|| format!("{most} commands run already; try again"))
}

impl Reception {
    /// For all visitors.
    pub fn seats() -> Seats {
        Seats::new(MOST)
    }

    /// Begins it; `wake` is called whenever there is something to tell.
    ///
    /// # Errors
    /// Why it does not begin.
    pub fn begin(
        self: &Arc<Self>,
        command: Command,
        visitor: Visitor,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Visit, String> {
        let seat = seat(&self.seats)?;
        let visit = Visit {
            job: Arc::new(Job::of_visitor(command, Box::new(wake))),
            ended: Arc::default(),
        };
        visit.job.begin();
        let (this, job, ended) = (
            Arc::clone(self),
            Arc::clone(&visit.job),
            Arc::clone(&visit.ended),
        );
        let body = move || {
            let fallen = {
                let (job, ended) = (Arc::clone(&job), Arc::clone(&ended));
                move |why: &str| {
                    drop(seat);
                    let _ = writeln!(Tap(&job, Stream::Stderr), "internal error: {why}");
                    settle(&ended, failed(1), None);
                    job.wake();
                }
            };
            // The seat is the boundary's, which goes when the work is done or has failed.
            boundary::within(fallen, || this.perform(&job, visitor, &ended));
        };
        let thread = thread::Builder::new().name("visit".to_owned());
        let started = thread.stack_size(STACK).spawn(body);
        started.map_err(|error| format!("no thread for it: {error}"))?;
        Ok(visit)
    }

    fn perform(&self, job: &Arc<Job>, visitor: Visitor, ended: &Mutex<Option<Ended>>) {
        let started = Instant::now();
        let Visitor {
            who,
            peer,
            authorization,
            reach,
        } = visitor;
        let who = match who() {
            Ok(who) => who,
            Err(problem) => {
                settle(ended, End::without_run(Outcome::Refused), Some(problem));
                return job.wake();
            }
        };
        let code = self.execute(job, authorization, reach);
        let end = perform::end(job, started, code);
        let refused = job.visits().refused.clone();
        self.audit.note(&Operation {
            who: &who,
            peer: Some(&peer),
            id: &job.command.id,
            kind: &job.command.kind,
            verb: verb(&job.command),
            requests: &job.visits().requests,
            end,
            refused: refused.as_deref(),
        });
        settle(ended, end, reason(job, end).or(refused));
        job.wake();
    }

    fn execute(&self, job: &Arc<Job>, authorization: Option<Secret>, reach: Reach) -> i32 {
        let Task::Kubectl(kubectl) = &job.command.task else {
            return 1;
        };
        let target = Arc::clone(&self.target);
        let client = match authorization {
            Some(authorization) => Client::for_commands_of(target, authorization),
            None => Client::for_commands(target, None),
        };
        let policy = self.policy.current();
        let judge = move |request: &Request, now| match reach {
            Reach::All => Ok(()),
            Reach::NoSecrets if request.tells_secrets() => {
                Err("an API token of the scope operate is not good for Secrets".to_owned())
            }
            Reach::NoSecrets | Reach::Policy => policy.judge(request, now),
        };
        match client {
            Ok(client) => execute::run(job, client, Box::new(judge), &self.namespace, kubectl),
            Err(error) => {
                let _ = writeln!(Tap(job, Stream::Stderr), "error: {}", Chain(&error));
                1
            }
        }
    }
}

fn failed(code: i32) -> End {
    End {
        exit_code: Some(code),
        ..End::without_run(Outcome::Completed)
    }
}

fn settle(ended: &Mutex<Option<Ended>>, end: End, reason: Option<String>) {
    let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
    ended.get_or_insert(Ended { end, reason });
}

impl Visit {
    pub fn id(&self) -> &str {
        &self.job.command.id
    }

    /// What it printed and is not told yet; none: nothing.
    pub fn batch(&self) -> Option<Batch> {
        self.job.output().printed.batch()
    }

    /// Whether there is anything to tell.
    pub fn waits(&self) -> bool {
        self.job.output().printed.waiting() > 0
    }

    /// That was told.
    pub fn shown(&self, batch: &Batch) {
        self.job.output().printed.shown(batch);
        self.job.chunks_went();
    }

    pub fn cancel(&self) {
        self.job.end(Outcome::Cancelled);
    }

    /// Ends it if its time is over; else until when it may run.
    pub fn keep_time(&self, now: Instant) -> Option<Instant> {
        let deadline = self.job.output().deadline?;
        if deadline <= now {
            self.job.end(Outcome::Timeout);
            return None;
        }
        Some(deadline)
    }

    /// How it ended, once it has; the last it printed may still have to be told.
    pub fn ended(&self) -> Option<Ended> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.clone()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.job.end(Outcome::Cancelled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_run_at_once() {
        let seats = Reception::seats();
        let _taken: Vec<_> = (0..8).map(|_| seat(&seats).unwrap()).collect();
        let refused = seat(&seats).unwrap_err();
        assert_eq!(refused, "8 commands run already; try again");
    }
}
