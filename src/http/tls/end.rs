//! A socket, and what epoll and the last call said of it. It is watched for edges: a mark is
//! only cleared after the socket said so.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustix::event::epoll::EventFlags;

pub(super) struct End {
    pub(super) stream: TcpStream,
    /// Reading may give something.
    pub(super) readable: bool,
    /// Writing may take something.
    pub(super) writable: bool,
    /// Reading gives an end after the last byte.
    pub(super) ended: bool,
    /// Whoever is there has gone, or never was reached.
    pub(super) gone: bool,
    /// The last byte was read.
    pub(super) over: bool,
    /// Nothing more is written.
    pub(super) shut: bool,
}

impl End {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            readable: false,
            writable: false,
            ended: false,
            gone: false,
            over: false,
            shut: false,
        }
    }

    /// epoll said something.
    pub(super) fn event(&mut self, flags: EventFlags) {
        self.gone |= flags.intersects(EventFlags::HUP | EventFlags::ERR);
        self.ended |= self.gone || flags.contains(EventFlags::RDHUP);
        self.readable |= self.ended || flags.contains(EventFlags::IN);
        self.writable |= self.gone || flags.contains(EventFlags::OUT);
    }

    /// What is there: none by now, or for good. An error is an end, too: all that came
    /// before it was read.
    pub(super) fn get(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if !self.readable {
            return None;
        }
        match self.read(buffer) {
            Ok(count) => Some(count),
            Err(error) => later(error).map_or(Some(0), |_| None),
        }
    }

    /// How much of that is taken; all of it where nobody listens any more.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.writable {
            return None;
        }
        match self.write(bytes) {
            Ok(count) => Some(count),
            Err(error) => later(error).map_or(Some(bytes.len()), |_| None),
        }
    }

    pub(super) fn shut(&mut self) {
        self.shut = true;
        // Refused where nobody is there any more.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = retried(|| (&self.stream).read(buffer));
        self.readable = match &outcome {
            // Less than asked for is all there is; an end is told by its own edge.
            Ok(count) => *count == buffer.len() || self.ended,
            Err(error) => !is_blocked(error),
        };
        outcome
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = retried(|| (&self.stream).write(bytes));
        self.writable = !outcome.as_ref().is_err_and(is_blocked);
        outcome
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let outcome = retried(|| (&self.stream).write_vectored(parts));
        self.writable = !outcome.as_ref().is_err_and(is_blocked);
        outcome
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn is_blocked(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// Nothing could be done by now; any other error is the end.
pub(super) fn later(error: io::Error) -> io::Result<bool> {
    if is_blocked(&error) {
        Ok(false)
    } else {
        Err(error)
    }
}
