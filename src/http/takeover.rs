//! Connections that leave the front: what is sent to the peer from then on is somebody
//! else's business, for as long as it takes.

use std::fmt;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use super::Response;
use super::answer::Answer;
use super::date::Clock;
use super::render::Frame;

/// Longest time a peer takes nothing of an answer that is given after all.
const WRITE: Duration = Duration::from_secs(5);

/// Takes a connection over. It is called on the poll thread and must not wait.
pub struct Takeover(Box<dyn FnOnce(Taken) + Send>);

/// A connection with a request that nobody answered yet; it is closed with this value.
#[derive(Debug)]
pub struct Taken {
    stream: TcpStream,
    early: Vec<u8>,
    frame: Frame,
}

impl Takeover {
    pub fn new(take: impl FnOnce(Taken) + Send + 'static) -> Self {
        Self(Box::new(take))
    }

    pub(super) fn take(self, taken: Taken) {
        (self.0)(taken);
    }
}

impl Taken {
    pub(super) fn new(stream: TcpStream, early: Vec<u8>, frame: Frame) -> Self {
        Self {
            stream,
            early,
            frame,
        }
    }

    /// Non-blocking.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What came behind the request.
    pub fn early(&self) -> &[u8] {
        &self.early
    }

    /// Gives an answer, waiting for a peer that takes it slowly, and closes.
    ///
    /// # Errors
    /// The peer is gone, or took nothing for 5 s.
    pub fn answer(self, response: Response) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_write_timeout(Some(WRITE))?;
        let mut clock = Clock::default();
        let date = clock.text(SystemTime::now());
        Answer::new(response, self.frame, date, Instant::now()).send(&self.stream)?;
        self.stream.shutdown(Shutdown::Write)
    }
}

impl fmt::Debug for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Takeover")
    }
}
