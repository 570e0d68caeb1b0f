//! One connection: records on its outer side, plain bytes on its inner one, each way at the
//! pace of the slower.
//!
//! At most one read of the inner side (16 KiB) is held encrypted, and at most what one read
//! of the outer side brought is held decrypted: nothing is read before that is gone.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rustix::event::epoll::EventFlags;
use rustls::{ServerConfig, ServerConnection};

use super::end::{End, later};
use crate::http::answer::Answer;
use crate::http::date::Clock;
use crate::http::refusal::Refusal;
use crate::http::render::Frame;
use crate::http::{Limits, Method};

/// Turns of one connection before others get theirs.
const STEPS: usize = 16;
/// What is still read from a peer to whom all is said, so that closing does not become a
/// reset that destroys it.
const DRAIN: usize = 64 * 1024;
/// Plain bytes that may wait inside of rustls; more than one read.
const HELD: usize = 32 * 1024;
const PLAIN: Refusal = Refusal::malformed("this port speaks TLS: ask it by https://");

pub(super) struct Tunnel {
    outer: End,
    inner: End,
    tls: ServerConnection,
    phase: Phase,
    /// The handshake has ended well.
    established: bool,
    /// The front has closed: until when the peer may take what is left.
    deadline: Option<Instant>,
    /// The last of these, however much the peer takes.
    latest: Instant,
}

enum Phase {
    /// No byte came yet.
    New,
    Open,
    /// All is said; so many bytes of the peer are dropped.
    Drain(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Outer,
    Inner,
}

/// What a connection needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waits,
    /// Another turn.
    More,
    Over,
}

impl Tunnel {
    /// # Errors
    /// The configuration is of no use.
    pub(super) fn new(
        outer: TcpStream,
        inner: TcpStream,
        config: Arc<ServerConfig>,
    ) -> Result<Self, rustls::Error> {
        let mut tls = ServerConnection::new(config)?;
        tls.set_buffer_limit(Some(HELD));
        Ok(Self {
            outer: End::new(outer),
            inner: End::new(inner),
            tls,
            phase: Phase::New,
            established: false,
            deadline: None,
            latest: Instant::now(),
        })
    }

    pub(super) fn stream(&self, side: Side) -> &TcpStream {
        match side {
            Side::Outer => &self.outer.stream,
            Side::Inner => &self.inner.stream,
        }
    }

    /// epoll said something.
    pub(super) fn event(&mut self, side: Side, flags: EventFlags) {
        match side {
            Side::Outer => self.outer.event(flags),
            Side::Inner => self.inner.event(flags),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// True once: the handshake has ended well since the last look.
    pub(super) fn is_newly_established(&mut self) -> bool {
        let is_new = !self.established && !self.tls.is_handshaking();
        self.established |= is_new;
        is_new
    }

    /// It said something, but no handshake came of it.
    pub(super) fn has_failed(&self) -> bool {
        !self.established && !matches!(self.phase, Phase::New)
    }

    /// Moves what can be moved.
    pub(super) fn drive(&mut self, scratch: &mut [u8], limits: &Limits, now: Instant) -> State {
        if self.inner.gone && self.deadline.is_none() {
            self.latest = now + limits.answer;
            self.deadline = Some(self.latest.min(now + limits.write));
        }
        for _ in 0..STEPS {
            match self.step(scratch, limits, now) {
                Ok(true) => {}
                Ok(false) if self.is_over() => return State::Over,
                Ok(false) => return State::Waits,
                Err(error) => {
                    log::debug!("a TLS connection ends: {error}");
                    return State::Over;
                }
            }
        }
        State::More
    }

    fn is_over(&self) -> bool {
        self.outer.over && self.outer.shut && self.inner.over
    }

    /// True when something was done.
    fn step(&mut self, scratch: &mut [u8], limits: &Limits, now: Instant) -> io::Result<bool> {
        match self.phase {
            Phase::New => self.begin(limits, now),
            Phase::Open if self.outer.gone && self.outer.over => Err(closed("the peer is gone")),
            Phase::Open => {
                let sent = self.send(scratch, limits, now)?;
                let received = self.receive(limits, now)?;
                Ok(sent || received)
            }
            Phase::Drain(left) => self.drain(scratch, left),
        }
    }

    /// No record of TLS begins with a letter, every request of HTTP does.
    fn begin(&mut self, limits: &Limits, now: Instant) -> io::Result<bool> {
        if self.inner.gone {
            return Err(closed("the front gives up"));
        }
        if !self.outer.readable {
            return Ok(false);
        }
        let mut first = [0];
        match self.outer.stream.peek(&mut first) {
            Ok(0) => return Err(closed("the peer says nothing")),
            Ok(_) => self.phase = Phase::Open,
            Err(error) => {
                self.outer.readable = false;
                return later(error);
            }
        }
        if first[0].is_ascii_uppercase() {
            self.refuse(limits, now);
        }
        Ok(true)
    }

    /// Whoever speaks plain HTTP is told so, as far as there is room.
    fn refuse(&mut self, limits: &Limits, now: Instant) {
        let mut clock = Clock::default();
        let date = clock.text(SystemTime::now());
        let frame = Frame::of(Method::Get, true);
        let _ = Answer::new(PLAIN.response(), frame, date, now).send(&mut self.outer);
        self.finish(limits, now);
    }

    /// From the front to the peer.
    fn send(&mut self, scratch: &mut [u8], limits: &Limits, now: Instant) -> io::Result<bool> {
        if self.tls.wants_write() {
            return self.send_records(limits, now);
        }
        if self.inner.over {
            if !self.outer.shut {
                self.outer.shut();
                return Ok(true);
            }
            if self.inner.gone {
                self.finish(limits, now);
            }
            return Ok(self.inner.gone);
        }
        if self.tls.is_handshaking() {
            return match self.inner.gone {
                true => Err(closed("the handshake takes too long")),
                false => Ok(false),
            };
        }
        match self.inner.get(scratch) {
            None => Ok(false),
            Some(0) => {
                self.inner.over = true;
                self.tls.send_close_notify();
                Ok(true)
            }
            Some(count) => {
                let bytes = scratch.get(..count).unwrap_or_default();
                self.tls.writer().write_all(bytes)?;
                Ok(true)
            }
        }
    }

    fn send_records(&mut self, limits: &Limits, now: Instant) -> io::Result<bool> {
        if !self.outer.writable {
            return Ok(false);
        }
        match self.tls.write_tls(&mut self.outer) {
            Ok(_) => {
                let longer = |_| self.latest.min(now + limits.write);
                self.deadline = self.deadline.map(longer);
                Ok(true)
            }
            Err(error) => later(error),
        }
    }

    /// From the peer to the front.
    fn receive(&mut self, limits: &Limits, now: Instant) -> io::Result<bool> {
        if self.outer.over {
            return Ok(false);
        }
        let mut plain = self.tls.reader();
        match plain.fill_buf() {
            Ok([]) => Ok(self.pass_end()),
            Ok(bytes) => {
                let taken = self.inner.put(bytes);
                plain.consume(taken.unwrap_or_default());
                Ok(taken.is_some())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.receive_records(limits, now),
                // Without a word: HTTP knows what is whole.
                ErrorKind::UnexpectedEof => Ok(self.pass_end()),
                _ => Err(error),
            },
        }
    }

    fn pass_end(&mut self) -> bool {
        self.outer.over = true;
        self.inner.shut();
        true
    }

    fn receive_records(&mut self, limits: &Limits, now: Instant) -> io::Result<bool> {
        if !self.outer.readable {
            return Ok(false);
        }
        match self.tls.read_tls(&mut self.outer) {
            Ok(0) if self.tls.is_handshaking() => Err(closed("the peer is gone")),
            Ok(_) => {
                if let Err(error) = self.tls.process_new_packets() {
                    log::debug!("a TLS connection fails: {error}");
                    // The alert, as far as there is room.
                    let _ = self.tls.write_tls(&mut self.outer);
                    self.finish(limits, now);
                }
                Ok(true)
            }
            Err(error) => later(error),
        }
    }

    /// All is said.
    fn finish(&mut self, limits: &Limits, now: Instant) {
        self.outer.shut();
        let _ = self.inner.stream.shutdown(Shutdown::Both);
        self.phase = Phase::Drain(DRAIN);
        self.deadline = Some(now + limits.drain);
    }

    fn drain(&mut self, scratch: &mut [u8], left: usize) -> io::Result<bool> {
        if !self.outer.readable {
            return Ok(false);
        }
        match self.outer.read(scratch) {
            Ok(0) => Err(closed("all is said")),
            Ok(count) if count > left => Err(closed("the peer goes on")),
            Ok(count) => {
                self.phase = Phase::Drain(left - count);
                Ok(true)
            }
            Err(error) => later(error),
        }
    }
}

fn closed(why: &'static str) -> io::Error {
    io::Error::other(why)
}
