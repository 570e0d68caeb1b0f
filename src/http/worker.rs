//! Runs the handler. A worker never waits for a peer: it sends what the socket
//! takes at once, and the poll thread sends the rest.

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::answer::Answer;
use super::date::Clock;
use super::render::Frame;
use super::table::Token;
use super::wake::Wake;
use super::{Body, Handler, Request, Response, Stats, Takeover, status};
use crate::group::Outcome;
use crate::health::Beat;

/// A complete request.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) token: Token,
    pub(super) stream: Arc<TcpStream>,
    pub(super) request: Request,
    /// The connection ends after the answer.
    pub(super) close: bool,
    /// When the request was complete.
    pub(super) since: Instant,
}

/// A connection comes back.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) token: Token,
    pub(super) outcome: Sent,
}

#[derive(Debug)]
pub(super) enum Sent {
    All {
        close: bool,
    },
    Part(Answer),
    /// The connection leaves the front.
    Taken(Takeover, Frame),
    /// The peer is gone.
    Failed,
}

pub(super) struct Worker {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) jobs: Receiver<Job>,
    /// Full: waits for the poll thread, which never waits for a worker.
    pub(super) done: Sender<Done>,
    pub(super) wake: Arc<Wake>,
    pub(super) stats: Arc<Stats>,
    pub(super) beat: Beat,
    pub(super) turn: Duration,
    pub(super) clock: Clock,
}

impl Worker {
    /// Ends when the poll thread has: that one holds the only sender of jobs.
    pub(super) fn run(mut self) -> Outcome {
        loop {
            self.beat.stamp(Instant::now());
            match self.jobs.recv_timeout(self.turn) {
                Ok(job) => {
                    self.stats.waiting.set(self.jobs.len() as u64);
                    self.work(job);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn work(&mut self, job: Job) {
        let token = job.token;
        let outcome = self.answer(job);
        // Fails only when the poll thread has ended, and with it all connections.
        let _ = self.done.send(Done { token, outcome });
        self.wake.wake();
    }

    fn answer(&mut self, job: Job) -> Sent {
        let (response, panicked) = self.handle(&job.request);
        if let Body::Taken(takeover) = response.body {
            self.stats.answered(response.status);
            return Sent::Taken(takeover, Frame::of(job.request.method, true));
        }
        let close = job.close || panicked || self.wake.is_stopping();
        let frame = Frame::of(job.request.method, close);
        let date = self.clock.text(SystemTime::now());
        let mut answer = Answer::new(response, frame, date, job.since);
        self.stats.answered(answer.status);
        match answer.send(&*job.stream) {
            Ok(true) => {
                self.stats.latency.observe(job.since.elapsed());
                Sent::All { close }
            }
            Ok(false) => Sent::Part(answer),
            Err(_) => Sent::Failed,
        }
    }

    fn handle(&self, request: &Request) -> (Response, bool) {
        match catch_unwind(AssertUnwindSafe(|| self.handler.handle(request))) {
            Ok(response) => (response, false),
            Err(_) => {
                self.stats.panics.increment();
                let detail = "the handler failed; the log says where";
                (Response::problem(500, status::phrase(500), detail), true)
            }
        }
    }
}
