//! One connection of a crowd, which never waits.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use crate::habit::Habit;

#[derive(Debug)]
pub(crate) struct Member {
    server: SocketAddr,
    habit: Habit,
    stream: Option<TcpStream>,
    /// What it still has to say.
    out: Vec<u8>,
}

impl Member {
    pub(crate) fn new(server: SocketAddr, habit: Habit) -> Self {
        Self {
            server,
            habit,
            stream: None,
            out: Vec::new(),
        }
    }

    /// Does what it is used to; whether it came anew for that.
    pub(crate) fn turn(&mut self, chunk: &mut [u8]) -> bool {
        let Some(stream) = &self.stream else {
            self.stream = open(self.server).ok();
            self.out.clone_from(&self.habit.first);
            return self.stream.is_some();
        };
        let state = look(stream);
        if state.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::RDHUP) {
            self.stream = None;
            return false;
        }
        // Until it is connected it can say nothing.
        if state.contains(PollFlags::OUT) && self.act(chunk).is_err() {
            self.stream = None;
        }
        false
    }

    fn act(&mut self, chunk: &mut [u8]) -> io::Result<()> {
        let Some(mut stream) = self.stream.as_ref() else {
            return Ok(());
        };
        if self.habit.takes {
            // Once: a flood is answered faster than it is to be read.
            let _ = ready(stream.read(chunk))?;
        }
        if self.out.is_empty() {
            self.out.clone_from(&self.habit.then);
        }
        let said = ready(stream.write(&self.out))?;
        self.out.drain(..said);
        if self.habit.leaves {
            sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
            self.stream = None;
        }
        Ok(())
    }
}

/// None where it would have to wait.
fn ready(outcome: io::Result<usize>) -> io::Result<usize> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        outcome => outcome,
    }
}

/// What can be done with it now.
fn look(stream: &TcpStream) -> PollFlags {
    let mut fds = [PollFd::new(stream, PollFlags::OUT | PollFlags::RDHUP)];
    let now = Timespec::default();
    match poll(&mut fds, Some(&now)) {
        Ok(_) => fds[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}

/// A connection that may still be under way.
fn open(server: SocketAddr) -> io::Result<TcpStream> {
    let family = match server {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &server) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
