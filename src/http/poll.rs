//! The poll thread: owns the listeners and every connection without a complete
//! request or with an answer its peer takes slowly.
//!
//! Sockets are watched for edges, so a request costs no epoll_ctl: an event only
//! marks a connection readable or writable. Nothing here blocks but epoll_wait,
//! which sleeps until the next deadline or for one turn.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use super::Limits;
use super::Stats;
use super::accept::{Listener, Verdict, verdict};
use super::connections::Connections;
use super::request::Peer;
use super::table::Token;
use super::tls::Entrance;
use super::wake::Wake;
use super::worker::Done;
use crate::group::Outcome;
use crate::health::Beat;

/// Events taken from epoll at once.
const EVENTS: usize = 64;
/// Connections taken from a listener before others get their turn.
const BATCH: usize = 64;
/// Marks of what is no connection; a [`Token`] never gets so high.
const WAKE: u64 = u64::MAX;
const LISTENERS: u64 = u64::MAX - 1;

pub(super) struct Poller {
    epoll: OwnedFd,
    listeners: Vec<Listener>,
    connections: Connections,
    /// After the connections: whoever ends TLS goes by its end.
    entrance: Option<Entrance>,
    /// Connections at most.
    most: usize,
    limits: Limits,
    done: Receiver<Done>,
    wake: Arc<Wake>,
    stats: Arc<Stats>,
    beat: Beat,
    /// When to end at the latest, once asked to.
    end: Option<Instant>,
}

/// What a poller is made of.
pub(super) struct Parts {
    pub(super) listeners: Vec<Listener>,
    pub(super) connections: Connections,
    /// Where connections that speak TLS are taken to.
    pub(super) entrance: Option<Entrance>,
    pub(super) most: usize,
    pub(super) limits: Limits,
    pub(super) done: Receiver<Done>,
    pub(super) wake: Arc<Wake>,
    pub(super) stats: Arc<Stats>,
    pub(super) beat: Beat,
}

impl Poller {
    pub(super) fn new(parts: Parts) -> io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        watch(&epoll, &parts.wake, WAKE, EventFlags::IN)?;
        for (index, listener) in (0..).zip(&parts.listeners) {
            watch(&epoll, listener, LISTENERS - index, EventFlags::IN)?;
        }
        Ok(Poller {
            epoll,
            listeners: parts.listeners,
            connections: parts.connections,
            entrance: parts.entrance,
            most: parts.most,
            limits: parts.limits,
            done: parts.done,
            wake: parts.wake,
            stats: parts.stats,
            beat: parts.beat,
            end: None,
        })
    }

    pub(super) fn run(mut self) -> Outcome {
        loop {
            let now = Instant::now();
            self.beat.stamp(now);
            let stopping = self.wake.is_stopping();
            while let Ok(done) = self.done.try_recv() {
                if let Some((takeover, taken)) = self.connections.take_back(done, stopping, now) {
                    // Whoever has it watches it from now on.
                    match epoll::delete(&self.epoll, taken.stream()) {
                        Ok(()) => takeover.take(taken),
                        Err(error) => log::error!("a connection cannot leave: {error}"),
                    }
                }
            }
            self.connections.expire(now);
            if stopping && self.has_stopped(now) {
                return Ok(());
            }
            let more = self.accept(now);
            let timeout = if more {
                Duration::ZERO
            } else {
                self.timeout(now)
            };
            self.wait(timeout, stopping)?;
        }
    }

    /// Sleeps until something happens, and marks what did.
    fn wait(&mut self, timeout: Duration, stopping: bool) -> Result<(), Errno> {
        let empty = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        let mut events = [empty; EVENTS];
        self.wake.before_sleep();
        let news = !self.done.is_empty() || self.wake.is_stopping() != stopping;
        let timeout = if news { Duration::ZERO } else { timeout };
        let timeout = Timespec::try_from(timeout).ok();
        let count = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Err(Errno::INTR) => 0,
            other => other?,
        };
        self.wake.after_sleep();
        let now = Instant::now();
        for event in events.iter().take(count) {
            self.event(event.data.u64(), event.flags, now);
        }
        Ok(())
    }

    fn event(&mut self, mark: u64, flags: EventFlags, now: Instant) {
        let listener = usize::try_from(LISTENERS.wrapping_sub(mark)).ok();
        if let Some(listener) = listener.and_then(|index| self.listeners.get_mut(index)) {
            listener.ready = true;
        } else if mark != WAKE {
            let token = Token::from_u64(mark);
            let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
            let ended = flags.intersects(over);
            let readable = ended || flags.contains(EventFlags::IN);
            let writable = flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR);
            self.connections
                .event(token, readable, writable, ended, now);
        }
    }

    fn timeout(&self, now: Instant) -> Duration {
        let paused = self.listeners.iter().filter_map(|listener| listener.paused);
        let ends = paused.filter(|end| *end > now).chain(self.end);
        let next = ends.fold(self.connections.next_deadline(), Instant::min);
        next.saturating_duration_since(now).min(self.limits.turn)
    }

    /// Takes what waits at the listeners; true when more may wait there.
    fn accept(&mut self, now: Instant) -> bool {
        let mut more = false;
        for index in 0..self.listeners.len() {
            let mut taken = 0;
            while taken < BATCH && self.accept_one(index, now) {
                taken += 1;
            }
            more |= taken == BATCH;
        }
        more
    }

    /// False when this listener is done with for now.
    fn accept_one(&mut self, index: usize, now: Instant) -> bool {
        let full = self.connections.len() >= self.most;
        let Some(listener) = self.listeners.get_mut(index) else {
            return false;
        };
        // Full of requests in flight: the backlog waits for the first that ends.
        if !listener.is_open(now) || (full && !self.connections.can_evict()) {
            return false;
        }
        let entrance = self.entrance.as_ref().filter(|_| listener.secure);
        if entrance.is_some_and(Entrance::is_full) {
            listener.paused = Some(now + self.limits.accept_pause);
            return false;
        }
        let accepted = listener.accept().and_then(|(stream, address)| {
            let secure = entrance.is_some();
            let stream = match entrance {
                Some(entrance) => entrance.admit(stream)?,
                None => stream,
            };
            Ok((stream, Peer { address, secure }))
        });
        match accepted {
            Ok((stream, peer)) => {
                if full {
                    self.connections.evict(now);
                }
                self.open(stream, peer, now);
                true
            }
            Err(error) => self.failed(index, error, now),
        }
    }

    /// Accepting failed; true when it may be tried again at once.
    fn failed(&mut self, index: usize, error: Errno, now: Instant) -> bool {
        let Some(listener) = self.listeners.get_mut(index) else {
            return false;
        };
        let verdict = verdict(error);
        if verdict == Verdict::Empty {
            listener.ready = false;
            return false;
        }
        self.stats.accept_errors.increment();
        if verdict == Verdict::Next {
            return true;
        }
        let made_room = match verdict {
            Verdict::Full | Verdict::Exhausted => self.connections.evict(now),
            _ => false,
        };
        let again = made_room && verdict == Verdict::Full;
        if !again {
            listener.paused = Some(now + self.limits.accept_pause);
        }
        self.complain(error);
        again
    }

    /// One line for the first, second, fourth, eighth error: the counter has them all.
    fn complain(&self, error: Errno) {
        if self.stats.accept_errors.get().is_power_of_two() {
            log::warn!("cannot accept a connection: {}", io::Error::from(error));
        }
    }

    fn open(&mut self, stream: TcpStream, peer: Peer, now: Instant) {
        self.stats.accepted.increment();
        let Some((token, stream)) = self.connections.open(stream, peer, now) else {
            return;
        };
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP;
        if let Err(error) = watch(&self.epoll, &stream, token.to_u64(), flags) {
            self.stats.accept_errors.increment();
            self.complain(error);
            self.connections.close(token, now);
        }
    }

    /// No listener any more, no connection without an answer under way; true when
    /// the last is finished or the time is over.
    fn has_stopped(&mut self, now: Instant) -> bool {
        self.listeners.clear();
        let end = *self.end.get_or_insert(now + self.limits.stop);
        let busy = self.connections.finish(now);
        if busy && now >= end {
            let count = self.connections.len();
            log::warn!("{count} connections were still open when the time to stop was over");
        }
        !busy || now >= end
    }
}

/// Asks epoll for the edges of `source`, marked so.
pub(super) fn watch(
    epoll: &OwnedFd,
    source: impl AsFd,
    mark: u64,
    flags: EventFlags,
) -> Result<(), Errno> {
    epoll::add(
        epoll,
        source,
        EventData::new_u64(mark),
        flags | EventFlags::ET,
    )
}
