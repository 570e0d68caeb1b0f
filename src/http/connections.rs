//! Every open connection, driven as far as its socket and its rules let it go.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Sender, TrySendError};

use super::answer::Answer;
use super::connection::{Connection, Rules, Step, Want};
use super::date::Clock;
use super::refusal::Refusal;
use super::render::Frame;
use super::request::Peer;
use super::table::{Open, Table, Token};
use super::worker::{Done, Job, Sent};
use super::{Method, Request, Stats, Taken, Takeover};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Bytes read at once, shared by all connections.
const READ: usize = 16 * 1024;
/// Nothing is due for so long; the poll thread sleeps less anyway.
const FAR: Duration = Duration::from_secs(3600);

pub(super) struct Connections {
    table: Table,
    rules: Rules,
    /// Full: the request gets 503.
    jobs: Sender<Job>,
    stats: Arc<Stats>,
    clock: Clock,
    scratch: Box<[u8]>,
    /// Bytes of bodies and answers that wait for slow peers.
    held: usize,
    /// No deadline is earlier.
    next: Instant,
}

impl Connections {
    pub(super) fn new(rules: Rules, jobs: Sender<Job>, stats: Arc<Stats>) -> Connections {
        Connections {
            table: Table::default(),
            rules,
            jobs,
            stats,
            clock: Clock::default(),
            scratch: vec![0; READ].into_boxed_slice(),
            held: 0,
            next: Instant::now() + FAR,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// When [`Connections::expire`] has something to do, at the earliest.
    pub(super) fn next_deadline(&self) -> Instant {
        self.next
    }

    pub(super) fn open(
        &mut self,
        stream: TcpStream,
        peer: Peer,
        now: Instant,
    ) -> Option<(Token, Arc<TcpStream>)> {
        let stream = Arc::new(stream);
        let open = Open {
            stream: Arc::clone(&stream),
            connection: Connection::new(peer, &self.rules, now),
            // Most have sent their request by now. In a storm, whoever waits for epoll to say so may be
            // closed as idle before.
            readable: true,
            writable: true,
            ended: false,
            held: 0,
        };
        let token = self.table.insert(open)?;
        self.drive(token, Step::Wait, now);
        Some((token, stream))
    }

    /// epoll said something about a connection.
    pub(super) fn event(
        &mut self,
        token: Token,
        readable: bool,
        writable: bool,
        ended: bool,
        now: Instant,
    ) {
        if let Some(open) = self.table.get_mut(token) {
            open.readable |= readable;
            open.writable |= writable;
            open.ended |= ended;
            self.drive(token, Step::Wait, now);
        }
    }

    /// A worker has answered; `stopping` ends the connection with it. A connection that
    /// leaves is given back.
    pub(super) fn take_back(
        &mut self,
        done: Done,
        stopping: bool,
        now: Instant,
    ) -> Option<(Takeover, Taken)> {
        let open = self.table.get_mut(done.token)?;
        let step = match done.outcome {
            Sent::Taken(takeover, frame) => return self.leave(done.token, takeover, frame),
            Sent::All { close } => open
                .connection
                .answered(close || stopping, &self.rules, now),
            Sent::Part(answer) => {
                // An edge may have come before this answer did: try once more.
                open.writable = true;
                open.connection.answer(answer, &self.rules, now);
                Step::Wait
            }
            Sent::Failed => Step::Close,
        };
        self.drive(done.token, step, now);
        None
    }

    fn leave(
        &mut self,
        token: Token,
        takeover: Takeover,
        frame: Frame,
    ) -> Option<(Takeover, Taken)> {
        let open = self.table.remove(token)?;
        self.held -= open.held;
        self.stats.open.set(self.table.len() as u64);
        // The worker has given its share back before it told.
        let stream = Arc::into_inner(open.stream)?;
        Some((
            takeover,
            Taken::new(stream, open.connection.into_rest(), frame),
        ))
    }

    pub(super) fn close(&mut self, token: Token, now: Instant) {
        self.drive(token, Step::Close, now);
    }

    /// Acts on every deadline that has passed.
    pub(super) fn expire(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        for token in self.table.overdue(now) {
            if let Some(open) = self.table.get_mut(token) {
                let step = open.connection.expire();
                self.drive(token, step, now);
            }
        }
        self.next = self.table.next_deadline().unwrap_or(now + FAR);
    }

    /// Whether [`Connections::evict`] would find one.
    pub(super) fn can_evict(&self) -> bool {
        self.table.evictable().is_some()
    }

    /// Closes the idle connection nearest its deadline; false when none is idle.
    pub(super) fn evict(&mut self, now: Instant) -> bool {
        let Some(token) = self.table.evictable() else {
            return false;
        };
        self.stats.evicted.increment();
        self.close(token, now);
        true
    }

    /// Closes what waits for a request, and says whether answers are under way.
    pub(super) fn finish(&mut self, now: Instant) -> bool {
        let waiting: Vec<Token> = self
            .table
            .iter()
            .filter(|(_, open)| !open.connection.is_finishing())
            .map(|(token, _)| token)
            .collect();
        for token in waiting {
            self.close(token, now);
        }
        self.table.len() > 0
    }

    /// Does `step` and all that follows from it, and keeps the accounts.
    fn drive(&mut self, token: Token, step: Step, now: Instant) {
        self.pump(token, step, now);
        if self.account(token)
            && self.held > self.rules.held
            && let Some(open) = self.table.get_mut(token)
        {
            let shed = open.connection.shed();
            self.pump(token, shed, now);
            self.account(token);
        }
        let deadline = self
            .table
            .get_mut(token)
            .and_then(|open| open.connection.deadline());
        self.next = deadline.map_or(self.next, |deadline| self.next.min(deadline));
        self.stats.open.set(self.table.len() as u64);
    }

    /// Counts what a connection holds now; true when that is more than before.
    fn account(&mut self, token: Token) -> bool {
        let Some(open) = self.table.get_mut(token) else {
            return false;
        };
        let held = open.connection.held();
        let grew = held > open.held;
        self.held = self.held - open.held + held;
        open.held = held;
        grew
    }

    /// Goes on until the connection waits for its peer or for a worker.
    fn pump(&mut self, token: Token, mut step: Step, now: Instant) {
        loop {
            let Some(open) = self.table.get_mut(token) else {
                return;
            };
            step = match step {
                Step::Wait => {
                    match progress(open, &mut self.scratch, &self.rules, &self.stats, now) {
                        Some(step) => step,
                        None => return,
                    }
                }
                Step::Continue => send_continue(&open.stream),
                Step::Request(request, close) => self.dispatch(token, request, close, now),
                Step::Refuse(refusal) => {
                    self.stats.refused.increment();
                    self.refuse(token, refusal, Method::Get, now)
                }
                Step::Drain => match open.stream.shutdown(Shutdown::Write) {
                    Ok(()) => Step::Wait,
                    Err(_) => Step::Close,
                },
                Step::Close => {
                    if let Some(closed) = self.table.remove(token) {
                        self.held -= closed.held;
                        // A worker that fell keeps its share, and with it the socket.
                        if Arc::strong_count(&closed.stream) > 1 {
                            let _ = closed.stream.shutdown(Shutdown::Both);
                        }
                    }
                    return;
                }
            };
        }
    }

    fn dispatch(&mut self, token: Token, request: Request, close: bool, now: Instant) -> Step {
        let Some(open) = self.table.get_mut(token) else {
            return Step::Wait;
        };
        let job = Job {
            token,
            stream: Arc::clone(&open.stream),
            request,
            close,
            since: now,
        };
        match self.jobs.try_send(job) {
            Ok(()) => {
                self.stats.waiting.set(self.jobs.len() as u64);
                Step::Wait
            }
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                self.stats.overloaded.increment();
                self.refuse(token, Refusal::OVERLOADED, job.request.method, now)
            }
        }
    }

    fn refuse(&mut self, token: Token, refusal: Refusal, method: Method, now: Instant) -> Step {
        self.stats.answered(refusal.status);
        let date = self.clock.text(SystemTime::now());
        let answer = Answer::new(refusal.response(), Frame::of(method, true), date, now);
        if let Some(open) = self.table.get_mut(token) {
            open.connection.answer(answer, &self.rules, now);
        }
        Step::Wait
    }
}

/// Reads or sends once, if that may help.
fn progress(
    open: &mut Open,
    scratch: &mut [u8],
    rules: &Rules,
    stats: &Stats,
    now: Instant,
) -> Option<Step> {
    match open.connection.want() {
        Want::Bytes if open.readable => read(open, scratch, rules, now),
        Want::Room if open.writable => send(open, rules, stats, now),
        _ => None,
    }
}

fn read(open: &mut Open, scratch: &mut [u8], rules: &Rules, now: Instant) -> Option<Step> {
    match (&*open.stream).read(scratch) {
        Ok(0) => Some(open.connection.end()),
        Ok(count) => {
            // Less than asked for is all there is; an end is told by its own edge.
            open.readable = count == scratch.len() || open.ended;
            let bytes = scratch.get(..count).unwrap_or_default();
            Some(open.connection.receive(bytes, rules, now))
        }
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock => {
                open.readable = false;
                None
            }
            ErrorKind::Interrupted => Some(Step::Wait),
            _ => Some(Step::Close),
        },
    }
}

fn send(open: &mut Open, rules: &Rules, stats: &Stats, now: Instant) -> Option<Step> {
    match open.connection.send(&*open.stream, rules, now) {
        Ok(Some(answer)) => {
            stats
                .latency
                .observe(now.saturating_duration_since(answer.since));
            Some(open.connection.answered(answer.close, rules, now))
        }
        Ok(None) => {
            open.writable = false;
            None
        }
        Err(_) => Some(Step::Close),
    }
}

/// So few bytes fit, or the peer does not read its answers.
fn send_continue(stream: &TcpStream) -> Step {
    let sent = |result: io::Result<usize>| matches!(result, Ok(count) if count == CONTINUE.len());
    let mut stream = stream;
    if sent(stream.write(CONTINUE)) {
        Step::Wait
    } else {
        Step::Close
    }
}
