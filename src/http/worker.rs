//! Runs the handler. A worker never waits for a peer: it sends what the socket
//! takes at once, and the poll thread sends the rest.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::answer::Answer;
use super::date::Clock;
use super::render::Frame;
use super::table::Token;
use super::wake::Wake;
use super::{Body, Handler, Request, Response, Stats, Takeover, status};
use crate::boundary;
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

#[derive(Clone)]
pub(super) struct Worker {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) jobs: Receiver<Job>,
    pub(super) desk: Arc<Desk>,
    pub(super) beat: Beat,
    pub(super) turn: Duration,
    pub(super) clock: Clock,
}

/// Where connections are given back.
pub(super) struct Desk {
    /// Full: waits for the poll thread, which never waits for a worker.
    done: Sender<Done>,
    wake: Arc<Wake>,
    stats: Arc<Stats>,
}

impl Desk {
    pub(super) fn new(done: Sender<Done>, wake: Arc<Wake>, stats: Arc<Stats>) -> Self {
        Self { done, wake, stats }
    }

    fn give_back(&self, token: Token, outcome: Sent) {
        // Fails only when the poll thread has ended, and with it all connections.
        let _ = self.done.send(Done { token, outcome });
        self.wake.wake();
    }
}

impl Worker {
    /// Ends when the poll thread has: that one holds the only sender of jobs.
    pub(super) fn run(mut self) -> Outcome {
        loop {
            self.beat.stamp(Instant::now());
            match self.jobs.recv_timeout(self.turn) {
                Ok(job) => {
                    self.desk.stats.waiting.set(self.jobs.len() as u64);
                    let token = job.token;
                    let outcome = self.answer(job);
                    self.desk.give_back(token, outcome);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn answer(&mut self, job: Job) -> Sent {
        let response = boundary::within(self.fallen(&job), || self.handler.handle(&job.request));
        let stats = &self.desk.stats;
        if let Body::Taken(takeover) = response.body {
            stats.answered(response.status);
            return Sent::Taken(takeover, Frame::of(job.request.method, true));
        }
        let close = job.close || self.desk.wake.is_stopping();
        let frame = Frame::of(job.request.method, close);
        let date = self.clock.text(SystemTime::now());
        let mut answer = Answer::new(response, frame, date, job.since);
        stats.answered(answer.status);
        match answer.send(&*job.stream) {
            Ok(true) => {
                stats.latency.observe(job.since.elapsed());
                Sent::All { close }
            }
            Ok(false) => Sent::Part(answer),
            Err(_) => Sent::Failed,
        }
    }

    /// What becomes of a request whose handler panics: the poll thread sends the answer.
    fn fallen(&self, job: &Job) -> impl FnOnce(&str) + Send + use<> {
        let desk = Arc::clone(&self.desk);
        let (token, since) = (job.token, job.since);
        let frame = Frame::of(job.request.method, true);
        move |_| {
            desk.stats.panics.increment();
            let detail = "the handler failed; the log says why";
            let response = Response::problem(500, status::phrase(500), detail);
            let mut clock = Clock::default();
            let answer = Answer::new(response, frame, clock.text(SystemTime::now()), since);
            desk.stats.answered(answer.status);
            desk.give_back(token, Sent::Part(answer));
        }
    }
}
