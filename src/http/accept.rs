//! Takes connections from the listeners. No error ends it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::SocketFlags;

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    /// Its connections speak TLS.
    pub(super) secure: bool,
    /// Accepting may give something.
    pub(super) ready: bool,
    /// Until when accepting waits after an error.
    pub(super) paused: Option<Instant>,
}

/// What an error of accept(2) asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody waits.
    Empty,
    /// That one connection is lost; the next may be good.
    Next,
    /// This process has no descriptor left: make room and go on, or pause.
    Full,
    /// The machine has none left, or no memory: make room and pause, since others
    /// may take what is freed.
    Exhausted,
    /// Unknown: pause, so that it cannot spin.
    Pause,
}

impl Listener {
    pub(super) fn new(socket: TcpListener, secure: bool) -> Listener {
        Listener {
            socket,
            secure,
            ready: true,
            paused: None,
        }
    }

    /// Whether accepting may give something at `now`.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.ready && self.paused.is_none_or(|end| end <= now)
    }

    /// One connection, non-blocking and with TCP_NODELAY.
    pub(super) fn accept(&self) -> Result<(TcpStream, SocketAddr), Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (socket, peer) = rustix::net::acceptfrom_with(&self.socket, flags)?;
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        let stream = TcpStream::from(socket);
        // Refused when the peer has already reset it: reading will tell.
        let _ = stream.set_nodelay(true);
        peer.map(|peer| (stream, peer)).ok_or(Errno::CONNABORTED)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// accept(2), "Error handling": network errors of the new connection come here too.
pub(super) fn verdict(error: Errno) -> Verdict {
    match error {
        Errno::AGAIN => Verdict::Empty,
        Errno::CONNABORTED
        | Errno::INTR
        | Errno::PROTO
        | Errno::NETDOWN
        | Errno::NOPROTOOPT
        | Errno::HOSTDOWN
        | Errno::NONET
        | Errno::HOSTUNREACH
        | Errno::OPNOTSUPP
        | Errno::NETUNREACH
        | Errno::TIMEDOUT
        | Errno::CONNRESET => Verdict::Next,
        Errno::MFILE => Verdict::Full,
        Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Verdict::Exhausted,
        _ => Verdict::Pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_way_on() {
        for (error, expected) in [
            (Errno::AGAIN, Verdict::Empty),
            (Errno::WOULDBLOCK, Verdict::Empty),
            (Errno::CONNABORTED, Verdict::Next),
            (Errno::INTR, Verdict::Next),
            (Errno::PROTO, Verdict::Next),
            (Errno::NETUNREACH, Verdict::Next),
            (Errno::MFILE, Verdict::Full),
            (Errno::NFILE, Verdict::Exhausted),
            (Errno::NOBUFS, Verdict::Exhausted),
            (Errno::NOMEM, Verdict::Exhausted),
            (Errno::PERM, Verdict::Pause),
            (Errno::INVAL, Verdict::Pause),
        ] {
            assert_eq!(verdict(error), expected, "{error}");
        }
    }
}
