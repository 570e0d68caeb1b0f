//! Sends a request of somebody else, and takes in the whole answer.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::client::Client;
use super::error::Error;
use super::reading::{Flaw, Reading, Whole};
use super::relay::Relayed;

/// Longest silence of the server, which itself gives up after a minute.
const SILENCE: Duration = Duration::from_secs(65);
/// Until the answer is whole.
const ALL: Duration = Duration::from_secs(120);

const CHUNK: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub enum Unfetched {
    Unreachable(Error),
    Broken(io::Error),
    Flawed(Flaw),
    /// There is no room for more of it.
    Full,
    /// Nobody waits for it any more.
    Gone,
}

impl Relayed {
    /// Sends it for whoever is at the other end of `caller`. The body has `most` bytes at most,
    /// and `room` says, as it grows, whether it may become so large.
    ///
    /// # Errors
    /// No connection, no answer, or none that may be taken.
    pub fn fetch(
        &self,
        client: &Client,
        caller: &TcpStream,
        most: usize,
        room: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Whole, Unfetched> {
        let mut wire = self
            .open(client)
            .map_err(Unfetched::Unreachable)?
            .into_wire();
        let mut reading = Reading::new(self.method, most);
        let mut bytes = Vec::new();
        let (began, mut heard) = (Instant::now(), Instant::now());
        loop {
            wire.flush().map_err(Unfetched::Broken)?;
            let left = ALL.saturating_sub(began.elapsed());
            let left = left.min(SILENCE.saturating_sub(heard.elapsed()));
            wait(&wire, wire.is_full(), caller, left)?;
            // As much as there is: looking again costs more than reading.
            let (mut open, mut length) = (true, None);
            while open && bytes.len() < CHUNK && length != Some(bytes.len()) {
                length = Some(bytes.len());
                open = wire.fill(&mut bytes).map_err(Unfetched::Broken)?;
            }
            if !bytes.is_empty() {
                heard = Instant::now();
            }
            let whole = reading.feed(&bytes).map_err(Unfetched::Flawed)?;
            bytes.clear();
            if !room(reading.size()) {
                return Err(Unfetched::Full);
            }
            if whole || !open {
                return reading.end().map_err(Unfetched::Flawed);
            }
        }
    }
}

/// Sleeps until the server has something or takes something.
fn wait(
    wire: &impl AsFd,
    is_full: bool,
    caller: &TcpStream,
    left: Duration,
) -> Result<(), Unfetched> {
    if left.is_zero() {
        return Err(Unfetched::Broken(ErrorKind::TimedOut.into()));
    }
    let out = if is_full {
        PollFlags::OUT
    } else {
        PollFlags::empty()
    };
    let mut fds = [
        PollFd::new(wire, PollFlags::IN | out),
        PollFd::new(caller, PollFlags::RDHUP),
    ];
    let timeout = Timespec::try_from(left).ok();
    match poll(&mut fds, timeout.as_ref()) {
        Err(Errno::INTR) | Ok(_) => {}
        Err(error) => return Err(Unfetched::Broken(error.into())),
    }
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    match fds[1].revents().intersects(gone) {
        true => Err(Unfetched::Gone),
        false => Ok(()),
    }
}
