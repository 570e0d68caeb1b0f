//! TLS in front of the front: one thread that ends it for all connections.
//!
//! The poll thread accepts a connection, gives the socket to this thread, and keeps one end
//! of a pair of sockets in its place, which speaks plain HTTP. So whatever holds for
//! connections (cap, eviction, deadlines, who takes one over) is the front's, once, and
//! holds from the first byte of a handshake. This thread moves bytes, as far as both
//! sides let it, and goes by what the front closes.

mod certificate;
mod end;
mod tunnel;

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use self::tunnel::{Side, State, Tunnel};
use super::poll::watch;
use super::wake::Wake;
use super::{Limits, Stats};
use crate::group::Outcome;
use crate::health::Beat;

pub(super) use self::certificate::Certificate;
pub use self::certificate::Files;

/// Connections on their way to this thread. Full: the rest waits in the backlog.
const ARRIVALS: usize = 256;
/// What the kernel may hold between this thread and the front, each way; it doubles that.
const BETWEEN: usize = 32 * 1024;
/// Bytes read at once, shared by all connections: what one record holds.
const READ: usize = 16 * 1024;
/// Events taken from epoll at once.
const EVENTS: usize = 64;
/// Connections that the front has closed and whose peers still have to take something;
/// one more ends the one whose time is up first.
const LEAVING: usize = 64;
/// The mark of what is no connection.
const WAKE: u64 = u64::MAX;
/// Nothing is due for so long; the thread sleeps less anyway.
const FAR: Duration = Duration::from_secs(3600);

/// The poll thread's side.
pub(super) struct Entrance {
    /// None only while it is dropped.
    arrivals: Option<Sender<Arrival>>,
    wake: Arc<Wake>,
}

/// A connection, and where it leads.
struct Arrival {
    outer: TcpStream,
    inner: TcpStream,
}

impl Entrance {
    pub(super) fn is_full(&self) -> bool {
        self.arrivals.as_ref().is_none_or(Sender::is_full)
    }

    /// Puts TLS in front of a connection; what it says in plain is given back.
    pub(super) fn admit(&self, outer: TcpStream) -> Result<TcpStream, Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (inner, front) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        for end in [&inner, &front] {
            set_socket_send_buffer_size(end, BETWEEN)?;
        }
        let inner = TcpStream::from(inner);
        let sender = self.arrivals.as_ref().ok_or(Errno::CONNABORTED)?;
        let sent = sender.try_send(Arrival { outer, inner });
        sent.map_err(|_| Errno::CONNABORTED)?;
        self.wake.wake();
        Ok(TcpStream::from(front))
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.arrivals = None;
        self.wake.wake();
    }
}

/// The thread "tls".
pub(super) struct Terminator {
    epoll: OwnedFd,
    arrivals: Receiver<Arrival>,
    wake: Arc<Wake>,
    certificate: Certificate,
    /// Found by their index, which is used again only between two looks at epoll.
    tunnels: Vec<Option<Box<Tunnel>>>,
    free: Vec<usize>,
    /// Those that have more to do and had their turn.
    ready: Vec<usize>,
    scratch: Box<[u8]>,
    limits: Limits,
    stats: Arc<Stats>,
    beat: Beat,
    /// No deadline is earlier.
    next: Instant,
}

impl Terminator {
    pub(super) fn new(
        certificate: Certificate,
        limits: Limits,
        stats: Arc<Stats>,
        beat: Beat,
    ) -> io::Result<(Terminator, Entrance)> {
        let (sender, arrivals) = bounded(ARRIVALS);
        let wake = Arc::new(Wake::new()?);
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        watch(&epoll, &wake, WAKE, EventFlags::IN)?;
        let entrance = Entrance {
            arrivals: Some(sender),
            wake: Arc::clone(&wake),
        };
        let terminator = Terminator {
            epoll,
            arrivals,
            wake,
            certificate,
            tunnels: Vec::new(),
            free: Vec::new(),
            ready: Vec::new(),
            scratch: vec![0; READ].into_boxed_slice(),
            limits,
            stats,
            beat,
            next: Instant::now() + FAR,
        };
        Ok((terminator, entrance))
    }

    /// Ends when the front has: after what it left for peers to take, and with those
    /// connections that left it.
    pub(super) fn run(mut self) -> Outcome {
        let mut end = None;
        loop {
            let now = Instant::now();
            self.beat.stamp(now);
            self.wake.before_sleep();
            let is_open = self.take_arrivals(now);
            self.go_on(now);
            self.expire(now);
            let seen = self.wait(is_open, now)?;
            self.wake.after_sleep();
            if !is_open {
                let end = *end.get_or_insert(now + self.limits.stop);
                if (seen == 0 && !self.is_anybody_leaving()) || now >= end {
                    return Ok(());
                }
            }
        }
    }

    /// False when no other will come: the front has ended.
    fn take_arrivals(&mut self, now: Instant) -> bool {
        loop {
            match self.arrivals.try_recv() {
                Ok(arrival) => {
                    if let Err(error) = self.begin(arrival, now) {
                        log::warn!("a connection cannot speak TLS: {error}");
                    }
                }
                Err(error) => return error == TryRecvError::Empty,
            }
        }
    }

    fn begin(&mut self, arrival: Arrival, now: Instant) -> io::Result<()> {
        let config = self.certificate.current(now);
        let tunnel = Tunnel::new(arrival.outer, arrival.inner, config).map_err(io::Error::other)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.tunnels.push(None);
            self.tunnels.len() - 1
        });
        self.count();
        let tunnel = self.tunnels[index].insert(Box::new(tunnel));
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP;
        for side in [Side::Outer, Side::Inner] {
            let watched = watch(&self.epoll, tunnel.stream(side), mark(index, side), flags);
            if let Err(error) = watched {
                self.remove(index);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Sleeps until something happens, and does what follows; how much did.
    fn wait(&mut self, is_open: bool, now: Instant) -> Result<usize, Errno> {
        let empty = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        let mut events = [empty; EVENTS];
        let is_busy = !self.ready.is_empty() || (!is_open && !self.is_anybody_leaving());
        let timeout = match self.next.saturating_duration_since(now) {
            _ if is_busy => Duration::ZERO,
            left => left.min(self.limits.turn),
        };
        let timeout = Timespec::try_from(timeout).ok();
        let count = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Err(Errno::INTR) => 0,
            other => other?,
        };
        let now = Instant::now();
        for event in events.iter().take(count) {
            let mark = event.data.u64();
            if let Ok(index) = usize::try_from(mark / 2)
                && let Some(Some(tunnel)) = self.tunnels.get_mut(index)
            {
                let side = if mark % 2 == 0 {
                    Side::Outer
                } else {
                    Side::Inner
                };
                tunnel.event(side, event.flags);
                self.drive(index, now);
            }
        }
        Ok(count)
    }

    fn go_on(&mut self, now: Instant) {
        for index in std::mem::take(&mut self.ready) {
            self.drive(index, now);
        }
    }

    fn drive(&mut self, index: usize, now: Instant) {
        let Some(Some(tunnel)) = self.tunnels.get_mut(index) else {
            return;
        };
        let state = tunnel.drive(&mut self.scratch, &self.limits, now);
        if tunnel.is_newly_established() {
            self.stats.tls_handshakes.increment();
        }
        let deadline = tunnel.deadline();
        match state {
            State::More => self.ready.push(index),
            State::Waits => {}
            State::Over => return self.remove(index),
        }
        if let Some(deadline) = deadline {
            self.next = self.next.min(deadline);
            self.make_room();
        }
    }

    /// For one more whose peer still has to take something.
    fn make_room(&mut self) {
        if self.leaving().count() > LEAVING
            && let Some((_, index)) = self.leaving().min()
        {
            self.remove(index);
        }
    }

    /// Until when, and which.
    fn leaving(&self) -> impl Iterator<Item = (Instant, usize)> {
        let tunnels = self.tunnels.iter().zip(0..);
        tunnels.filter_map(|(tunnel, index)| Some((tunnel.as_ref()?.deadline()?, index)))
    }

    fn is_anybody_leaving(&self) -> bool {
        self.leaving().next().is_some()
    }

    fn expire(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        let due = self.leaving().filter(|(deadline, _)| *deadline <= now);
        for (_, index) in due.collect::<Vec<_>>() {
            self.remove(index);
        }
        let next = self.leaving().map(|(deadline, _)| deadline).min();
        self.next = next.unwrap_or(now + FAR);
    }

    fn count(&self) {
        let open = self.tunnels.len() - self.free.len();
        self.stats.tls_open.set(open as u64);
    }

    fn remove(&mut self, index: usize) {
        if let Some(tunnel) = self.tunnels.get_mut(index).and_then(Option::take) {
            self.free.push(index);
            self.count();
            if tunnel.has_failed() {
                self.stats.tls_failures.increment();
            }
        }
    }
}

fn mark(index: usize, side: Side) -> u64 {
    index as u64 * 2 + u64::from(side == Side::Inner)
}
