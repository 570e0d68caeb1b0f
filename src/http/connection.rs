//! One connection: the bytes that wait, what is expected next, and until when.
//!
//! Pure: bytes and the time come in as arguments, what is to be done comes out as
//! a [`Step`]. The poll thread owns the socket and does it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Instant;

use super::answer::Answer;
use super::framing::Decoder;
use super::head::{self, Head};
use super::refusal::Refusal;
use super::scan::Scan;
use super::{Limits, Request};

/// What is still read from a peer after the last answer, so that closing does
/// not become a reset that destroys it.
const DRAIN: usize = 64 * 1024;
/// A larger empty buffer is given back.
const KEPT: usize = 1024;

/// What holds for all connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) body_limit: usize,
    /// Bytes of bodies and answers that may wait for slow peers, all together.
    pub(super) held: usize,
    pub(super) limits: Limits,
}

#[derive(Debug)]
pub(super) struct Connection {
    peer: SocketAddr,
    phase: Phase,
    buffer: Vec<u8>,
    deadline: Instant,
}

#[derive(Debug)]
enum Phase {
    /// No byte came yet.
    New,
    /// Between two requests.
    Idle,
    Head(Scan),
    Body(Box<Partial>),
    /// The request is with a worker.
    Busy,
    Answer {
        answer: Box<Answer>,
        latest: Instant,
    },
    /// Reading what a peer still sends after its last answer.
    Drain {
        left: usize,
    },
}

/// A request whose body is on its way.
#[derive(Debug)]
struct Partial {
    head: Head,
    decoder: Decoder,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Step {
    Wait,
    /// Send 100 Continue, then read on.
    Continue,
    /// Have it answered; true: and close then.
    Request(Request, bool),
    Refuse(Refusal),
    /// Nothing more is sent: shut that side, then read on.
    Drain,
    Close,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Bytes,
    Room,
    Worker,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, rules: &Rules, now: Instant) -> Connection {
        Connection {
            peer,
            phase: Phase::New,
            buffer: Vec::new(),
            deadline: now + rules.limits.first_byte,
        }
    }

    pub(super) fn want(&self) -> Want {
        match self.phase {
            Phase::Busy => Want::Worker,
            Phase::Answer { .. } => Want::Room,
            _ => Want::Bytes,
        }
    }

    /// None while a worker has the request.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!matches!(self.phase, Phase::Busy)).then_some(self.deadline)
    }

    /// Which to close first when there is no room: the lowest. None is never closed
    /// for that; whoever only began a body goes after those without a request.
    pub(super) fn rank(&self) -> Option<(bool, Instant)> {
        match self.phase {
            Phase::Busy | Phase::Answer { .. } => None,
            Phase::Body(_) => Some((true, self.deadline)),
            _ => Some((false, self.deadline)),
        }
    }

    /// Whether the end of the process waits for it.
    pub(super) fn is_finishing(&self) -> bool {
        matches!(
            self.phase,
            Phase::Busy | Phase::Answer { .. } | Phase::Drain { .. }
        )
    }

    /// Bytes of bodies and answers that wait for the peer.
    pub(super) fn held(&self) -> usize {
        match &self.phase {
            Phase::Body(partial) => partial.head.request.body.capacity(),
            Phase::Answer { answer, .. } => answer.left(),
            _ => 0,
        }
    }

    /// Bytes came.
    pub(super) fn receive(&mut self, bytes: &[u8], rules: &Rules, now: Instant) -> Step {
        if self.buffer.is_empty() {
            let (step, used) = self.advance(bytes, rules, now);
            let rest = bytes.get(used..).unwrap_or_default();
            self.buffer.extend_from_slice(rest);
            return step;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(bytes);
        let (step, used) = self.advance(&buffer, rules, now);
        buffer.drain(..used);
        if !buffer.is_empty() || buffer.capacity() <= KEPT {
            self.buffer = buffer;
        }
        step
    }

    /// The peer will send nothing more.
    pub(super) fn end(&self) -> Step {
        match self.phase {
            Phase::Head(_) | Phase::Body(_) => Step::Refuse(Refusal::CUT_SHORT),
            _ => Step::Close,
        }
    }

    /// The deadline has passed.
    pub(super) fn expire(&self) -> Step {
        match self.phase {
            Phase::Head(_) | Phase::Body(_) => Step::Refuse(Refusal::TOO_SLOW),
            _ => Step::Close,
        }
    }

    /// Too much is held for slow peers, and this one came last.
    pub(super) fn shed(&self) -> Step {
        match self.phase {
            Phase::Body(_) => Step::Refuse(Refusal::OVERLOADED),
            Phase::Answer { .. } => Step::Close,
            _ => Step::Wait,
        }
    }

    /// There is an answer to be sent.
    pub(super) fn answer(&mut self, answer: Answer, rules: &Rules, now: Instant) {
        let latest = now + rules.limits.answer;
        self.deadline = latest.min(now + rules.limits.write);
        self.phase = Phase::Answer {
            answer: Box::new(answer),
            latest,
        };
    }

    /// Sends what the peer takes; the answer is given back once it is sent.
    pub(super) fn send(
        &mut self,
        to: impl Write,
        rules: &Rules,
        now: Instant,
    ) -> io::Result<Option<Box<Answer>>> {
        let Phase::Answer { answer, latest } = &mut self.phase else {
            return Ok(None);
        };
        let before = answer.left();
        let all = answer.send(to)?;
        if answer.left() < before {
            self.deadline = (now + rules.limits.write).min(*latest);
        }
        match std::mem::replace(&mut self.phase, Phase::Busy) {
            Phase::Answer { answer, .. } if all => Ok(Some(answer)),
            unfinished => {
                self.phase = unfinished;
                Ok(None)
            }
        }
    }

    /// The answer is sent; the next request may already be here.
    pub(super) fn answered(&mut self, close: bool, rules: &Rules, now: Instant) -> Step {
        if close {
            self.buffer = Vec::new();
            self.phase = Phase::Drain { left: DRAIN };
            self.deadline = now + rules.limits.drain;
            return Step::Drain;
        }
        self.phase = Phase::Idle;
        self.deadline = now + rules.limits.idle;
        self.receive(&[], rules, now)
    }

    /// Goes on with `input`, and says how much of it is done with.
    fn advance(&mut self, input: &[u8], rules: &Rules, now: Instant) -> (Step, usize) {
        let step = match &mut self.phase {
            Phase::Busy | Phase::Answer { .. } => return (Step::Wait, 0),
            Phase::New | Phase::Idle if input.is_empty() => Ok((Step::Wait, 0)),
            Phase::New | Phase::Idle => {
                self.deadline = now + rules.limits.head;
                self.read_head(Scan::default(), input, rules, now)
            }
            Phase::Head(scan) => {
                let scan = std::mem::take(scan);
                self.read_head(scan, input, rules, now)
            }
            Phase::Body(_) => self.read_body(input),
            Phase::Drain { left } => match left.checked_sub(input.len()) {
                None => return (Step::Close, input.len()),
                Some(less) => {
                    *left = less;
                    return (Step::Wait, input.len());
                }
            },
        };
        step.unwrap_or_else(|refusal| (Step::Refuse(refusal), input.len()))
    }

    fn read_head(
        &mut self,
        mut scan: Scan,
        input: &[u8],
        rules: &Rules,
        now: Instant,
    ) -> Result<(Step, usize), Refusal> {
        let found = scan.feed(input);
        self.phase = Phase::Head(scan);
        let Some(length) = found? else {
            return Ok((Step::Wait, 0));
        };
        let (text, rest) = input.split_at(length);
        let head = head::parse(text, self.peer)?;
        let decoder = Decoder::new(head.framing, rules.body_limit)?;
        if decoder.is_done() {
            self.phase = Phase::Busy;
            return Ok((Step::Request(head.request, head.close), length));
        }
        self.deadline = now + rules.limits.body;
        let asks = head.expects_continue && rest.is_empty();
        self.phase = Phase::Body(Box::new(Partial { head, decoder }));
        if asks {
            return Ok((Step::Continue, length));
        }
        let (step, used) = self.read_body(rest)?;
        Ok((step, length + used))
    }

    fn read_body(&mut self, input: &[u8]) -> Result<(Step, usize), Refusal> {
        let Phase::Body(partial) = &mut self.phase else {
            return Ok((Step::Wait, 0));
        };
        let body = &mut partial.head.request.body;
        let used = partial.decoder.feed(input, body)?;
        if !partial.decoder.is_done() {
            return Ok((Step::Wait, used));
        }
        match std::mem::replace(&mut self.phase, Phase::Busy) {
            Phase::Body(partial) => {
                let head = partial.head;
                Ok((Step::Request(head.request, head.close), used))
            }
            _ => Ok((Step::Wait, used)),
        }
    }
}
