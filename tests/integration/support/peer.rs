//! A client that sends any bytes, and reads what it was answered without trust.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

use super::SOON;

/// The client's side of a connection.
pub(crate) struct Peer(TcpStream);

/// All that came until the end.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum End {
    /// It is still open.
    #[default]
    None,
    Orderly,
    Reset,
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, SOON).expect("it has room");
        stream
            .set_write_timeout(Some(SOON))
            .expect("it is a socket");
        let peer = Self(stream);
        peer.patience(SOON);
        peer
    }

    /// From an address of the loopback that no other has asked from.
    pub(crate) fn stranger(address: SocketAddr) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(256);
        let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let own = SocketAddr::from((Ipv4Addr::new(127, 77, high, low), 0));
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None);
        let socket = socket.expect("there are sockets");
        rustix::net::bind(&socket, &own).expect("all of 127/8 is ours");
        rustix::net::connect(&socket, &address).expect("it listens");
        let peer = Self(socket.into());
        peer.0
            .set_write_timeout(Some(SOON))
            .expect("it is a socket");
        peer.patience(SOON);
        peer
    }

    fn patience(&self, time: Duration) {
        self.0.set_read_timeout(Some(time)).expect("it is a socket");
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.0
    }

    /// False when the other side is gone or takes nothing.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    pub(crate) fn shut(&self) {
        // Not connected any more: that is as good.
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// Closes with a reset instead of an end.
    pub(crate) fn reset(self) {
        let now = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.0, now).expect("it is a socket");
    }

    /// Sends, says that this was all, and listens to the end.
    pub(crate) fn tell(mut self, bytes: impl AsRef<[u8]>) -> Heard {
        self.send(bytes);
        self.shut();
        self.rest()
    }

    /// What comes until the end; a silence fails.
    #[track_caller]
    pub(crate) fn rest(self) -> Heard {
        let heard = self.rest_within(SOON);
        assert!(heard.end != End::None, "no end after {heard:?}");
        heard
    }

    /// What comes until the end or a silence that is so long.
    pub(crate) fn rest_within(mut self, silence: Duration) -> Heard {
        self.patience(silence);
        let mut bytes = Vec::new();
        let end = match self.0.read_to_end(&mut bytes) {
            Ok(_) => End::Orderly,
            Err(error) if is_silence(&error) => End::None,
            Err(_) => End::Reset,
        };
        Heard { bytes, end }
    }

    /// Exactly one answer with a length; the connection is open after it.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Heard {
        let mut heard = Heard::default();
        let mut byte = [0];
        while heard.statuses().is_empty() {
            let read = self.0.read(&mut byte);
            assert!(matches!(read, Ok(1)), "{read:?} after {heard:?}");
            heard.bytes.extend(byte);
        }
        heard
    }

    /// The status of the first answer; none if the connection ended before.
    pub(crate) fn status(&mut self) -> Option<u16> {
        let mut bytes = [0; 12];
        self.0.read_exact(&mut bytes).ok()?;
        let status = bytes.strip_prefix(b"HTTP/1.1 ")?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }

    /// Waits so long for a byte; false when none came.
    pub(crate) fn hears_within(&mut self, time: Duration) -> bool {
        self.patience(time);
        let heard = self.0.peek(&mut [0]);
        self.patience(SOON);
        !heard.is_err_and(|error| is_silence(&error))
    }
}

impl Heard {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The statuses of all whole answers, in their order; a body without its head
    /// is none, and neither is one that is cut short.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let (mut rest, mut statuses) = (self.bytes.as_slice(), Vec::new());
        while let Some((status, after)) = one(rest) {
            statuses.push(status);
            rest = after;
        }
        statuses
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes.escape_ascii();
        write!(f, "{:?} {:?} {text}", self.statuses(), self.end)
    }
}

/// The status of the first answer, and what follows it.
fn one(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    };
    let length = head.lines().find_map(field).unwrap_or(0);
    Some((status, bytes.get(end + 4 + length..)?))
}
