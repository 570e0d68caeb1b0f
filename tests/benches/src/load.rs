//! A closed loop of requests on connections that stay open, as cheap as can be: it
//! shares the processors with what it measures.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Longest silence before a request counts as not answered.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// A thread sends on all of its connections, then reads all answers.
const PER_THREAD: usize = 4;

/// Requests a second over `connections` for `time`.
///
/// # Errors
/// An answer does not come, or is not the same as the first.
pub fn throughput(server: SocketAddr, connections: usize, time: Duration) -> io::Result<f64> {
    let start = Instant::now();
    let end = start + time;
    let counts: Vec<io::Result<u32>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..connections.div_ceil(PER_THREAD))
            .map(|at| {
                let count = PER_THREAD.min(connections - at * PER_THREAD);
                scope.spawn(move || drive(server, count, end))
            })
            .collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|done| done.unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))))
            .collect()
    });
    let mut all = 0;
    for count in counts {
        all += count?;
    }
    Ok(f64::from(all) / start.elapsed().as_secs_f64())
}

fn drive(server: SocketAddr, connections: usize, end: Instant) -> io::Result<u32> {
    let mut all: Vec<Connection> = (0..connections)
        .map(|_| Connection::open(server))
        .collect::<io::Result<_>>()?;
    let mut count = 0;
    while Instant::now() < end {
        for connection in &mut all {
            connection.send()?;
        }
        for connection in &mut all {
            connection.receive()?;
            count += 1;
        }
    }
    Ok(count)
}

/// One connection to a server whose answers all have the same length.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    length: usize,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects; the first request tells how long an answer is.
    ///
    /// # Errors
    /// There is no answer in time.
    pub fn open(server: SocketAddr) -> io::Result<Self> {
        let mut new = Self::idle(server)?;
        new.send()?;
        new.learn()?;
        Ok(new)
    }

    /// Connects and says nothing.
    ///
    /// # Errors
    /// The server does not accept.
    pub fn idle(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            length: 0,
            buffer: vec![0; 16 * 1024],
        })
    }

    fn send(&mut self) -> io::Result<()> {
        self.stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    }

    /// Reads one answer, from its Content-Length.
    fn learn(&mut self) -> io::Result<()> {
        let mut filled = 0;
        loop {
            let rest = self.buffer.get_mut(filled..).unwrap_or_default();
            let count = self.stream.read(rest)?;
            filled += count;
            let text = String::from_utf8_lossy(self.buffer.get(..filled).unwrap_or_default());
            if count == 0 || !(text.starts_with("HTTP/1.1 200") || filled < 12) {
                return Err(io::Error::other(format!("no answer: {text:?}")));
            }
            self.length = whole(&text).unwrap_or(usize::MAX);
            if filled >= self.length {
                return Ok(());
            }
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let answer = self.buffer.get_mut(..self.length).unwrap_or_default();
        self.stream.read_exact(answer)?;
        if answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"}") {
            return Ok(());
        }
        Err(io::Error::other("an answer is not as the first one"))
    }
}

/// The length of an answer whose head is complete.
fn whole(text: &str) -> Option<usize> {
    let head = text.split_once("\r\n\r\n")?.0;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head.len() + 4 + length?)
}
