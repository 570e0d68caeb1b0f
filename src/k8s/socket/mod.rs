//! A WebSocket to the API server, for what flows both ways: exec, attach, port-forward.
//!
//! Each message begins with the number of its channel; that is what every protocol of
//! Kubernetes makes of it, and it is taken off here. One thread drives a socket with
//! [`Socket::turn`]. Whoever copies into it asks [`Socket::has_room`] first: 64 KiB may
//! wait to be sent, and then the source is not read.

mod connect;
mod handshake;
#[cfg(test)]
mod tests;
mod wire;

use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub(super) use self::connect::connect;
pub(super) use self::wire::Wire;
use super::error::{Cause, Error};
use crate::websocket::{self, BINARY, CLOSE, Decoder, Frame, PING, PONG};

/// Bytes that may wait to be sent before the source has to.
const ROOM: usize = 64 * 1024;
/// Silence after which the other side is asked whether it is there.
const QUIET: Duration = Duration::from_secs(20);
/// Silence after which it is not.
const DEAD: Duration = Duration::from_secs(60);
const NORMAL: [u8; 2] = 1000u16.to_be_bytes();

/// An agreed connection.
pub(super) struct Socket {
    wire: Wire,
    /// The path, for messages.
    path: String,
    protocol: &'static str,
    /// Bytes that are no whole frame yet.
    inbox: Vec<u8>,
    decoder: Decoder,
    /// Of the message whose parts come.
    channel: Option<u8>,
    random: SystemRandom,
    heard: Instant,
    asked: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// The other side said that this is all.
    Closed,
    /// It ended without a word.
    Cut,
}

/// Ends a connection from another thread: its turn ends at once, as [`State::Cut`].
#[derive(Debug)]
pub struct Closer(TcpStream);

impl Closer {
    pub fn close(&self) {
        // It may have ended by itself.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Socket {
    pub(super) fn protocol(&self) -> &'static str {
        self.protocol
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn closer(&self) -> Result<Closer, Error> {
        self.wire.hold().map(Closer).map_err(|error| self.io(error))
    }

    /// Whether more may be sent without piling up.
    pub(super) fn has_room(&self) -> bool {
        self.wire.unsent() < ROOM
    }

    /// Puts a message into the queue; the next turn sends it.
    pub(super) fn send(&mut self, channel: u8, bytes: &[u8]) -> Result<(), Error> {
        self.put(BINARY, &[&[channel], bytes])
    }

    /// Says that this is all. What was put into the queue is sent first, as far as the
    /// connection takes it at once.
    pub(super) fn close(&mut self) {
        // The answer is not waited for, so a failure tells nothing.
        let _ = self.put(CLOSE, &[&NORMAL]);
        let _ = self.wire.flush();
    }

    /// Sends, waits until something comes or one of `sources` can be read, for `limit`
    /// at most, and hands what came to `each`. Tells which sources are ready, by bits.
    pub(super) fn turn(
        &mut self,
        sources: &[BorrowedFd<'_>],
        limit: Duration,
        each: &mut dyn FnMut(u8, &[u8]) -> io::Result<()>,
    ) -> Result<u8, Error> {
        // The first frames may have come with the answer.
        self.read(each)?;
        self.sent()?;
        let limit = limit.min(self.ask(Instant::now())?);
        let (readable, ready) = self
            .wait(sources, limit)
            .map_err(|error| self.io(error.into()))?;
        if readable && self.state == State::Open {
            match self.wire.fill(&mut self.inbox) {
                Ok(true) => {}
                Ok(false) => self.state = State::Cut,
                Err(error) if is_cut(&error) => self.state = State::Cut,
                Err(error) => return Err(self.io(error)),
            }
            (self.heard, self.asked) = (Instant::now(), false);
            self.read(each)?;
        }
        Ok(ready)
    }

    fn sent(&mut self) -> Result<(), Error> {
        match self.wire.flush() {
            // What was said before may still be read.
            Err(error) if is_cut(&error) => {
                self.wire.out().clear();
                Ok(())
            }
            outcome => outcome.map_err(|error| self.io(error)),
        }
    }

    /// After a long silence asks for a sign of life; says how long to wait now.
    fn ask(&mut self, now: Instant) -> Result<Duration, Error> {
        let silence = now.saturating_duration_since(self.heard);
        if silence >= DEAD {
            return Err(self.io(ErrorKind::TimedOut.into()));
        }
        if silence < QUIET {
            return Ok(QUIET - silence);
        }
        if !self.asked {
            self.asked = true;
            self.put(PING, &[])?;
            self.sent()?;
        }
        Ok(DEAD - silence)
    }

    fn wait(&self, sources: &[BorrowedFd<'_>], limit: Duration) -> Result<(bool, u8), Errno> {
        let own = if self.wire.is_full() {
            PollFlags::IN | PollFlags::OUT
        } else {
            PollFlags::IN
        };
        let fd = self.wire.as_fd();
        let mut all = vec![PollFd::new(&fd, own)];
        all.extend(
            sources
                .iter()
                .map(|source| PollFd::new(source, PollFlags::IN)),
        );
        let limit = Timespec::try_from(limit).ok();
        match poll(&mut all, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().difference(PollFlags::OUT).is_empty();
        let ready = (0..).zip(all.iter().skip(1));
        let bits = ready.fold(0, |bits, (place, fd)| {
            bits | u8::from(is_ready(fd)) << place
        });
        Ok((all.first().is_some_and(is_ready), bits))
    }

    /// Hands over what the inbox holds in whole frames.
    fn read(&mut self, each: &mut dyn FnMut(u8, &[u8]) -> io::Result<()>) -> Result<(), Error> {
        let mut inbox = std::mem::take(&mut self.inbox);
        let mut read = 0;
        while self.state != State::Closed {
            let rest = inbox.get_mut(read..).unwrap_or_default();
            let frame = self.decoder.next(rest);
            let Some((frame, size)) = frame.map_err(|problem| self.violated(problem.0))? else {
                break;
            };
            match frame {
                Frame::Data { start, payload, .. } => {
                    if start {
                        self.channel = None;
                    }
                    self.data(payload, each)?;
                }
                Frame::Ping(payload) => self.put(PONG, &[payload])?,
                Frame::Pong => {}
                Frame::Close { code, reason } => {
                    self.closed(code, reason)?;
                }
            }
            read += size;
        }
        self.inbox = inbox;
        self.inbox.drain(..read);
        Ok(())
    }

    fn data(
        &mut self,
        payload: &[u8],
        each: &mut dyn FnMut(u8, &[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let (channel, bytes) = match (self.channel, payload) {
            (Some(channel), bytes) => (channel, bytes),
            (None, [channel, bytes @ ..]) => (*self.channel.insert(*channel), bytes),
            (None, []) => return Ok(()),
        };
        // An empty message only says that the channel is there.
        if bytes.is_empty() {
            return Ok(());
        }
        each(channel, bytes).map_err(|error| Error::new("GET", &self.path, Cause::Output(error)))
    }

    fn closed(&mut self, code: u16, reason: &[u8]) -> Result<(), Error> {
        self.close();
        self.state = State::Closed;
        if matches!(code, 1000 | 1005) {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(reason);
        Err(self.violated(&format!("the server closed with code {code}: {reason}")))
    }

    fn put(&mut self, opcode: u8, parts: &[&[u8]]) -> Result<(), Error> {
        let mut mask = [0; 4];
        self.random
            .fill(&mut mask)
            .map_err(|_| self.io(io::Error::other("no random numbers")))?;
        websocket::encode(opcode, parts, mask, self.wire.out());
        Ok(())
    }

    fn io(&self, error: io::Error) -> Error {
        Error::new("GET", &self.path, Cause::Transport(error.into()))
    }

    fn violated(&self, problem: &str) -> Error {
        let problem = super::error::one_line(problem);
        Error::new("GET", &self.path, Cause::Garbage(problem))
    }
}

/// Whether the connection ended rather than failed.
fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}
