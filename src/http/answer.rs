//! An answer on its way to the peer.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::time::Instant;

use super::render::{self, Frame};
use super::{Body, Response};

/// What is to be sent, and how much of it was.
#[derive(Debug)]
pub(super) struct Answer {
    head: Vec<u8>,
    body: Body,
    sent: usize,
    pub(super) status: u16,
    /// The connection ends after it.
    pub(super) close: bool,
    /// When its request was complete.
    pub(super) since: Instant,
}

impl Answer {
    pub(super) fn new(response: Response, frame: Frame, date: &str, since: Instant) -> Answer {
        let response = render::sound(response);
        let status = response.status;
        let (head, body) = render::render(response, frame, date);
        Answer {
            status,
            head,
            body,
            sent: 0,
            close: frame.close,
            since,
        }
    }

    /// Bytes still to be sent.
    pub(super) fn left(&self) -> usize {
        self.head.len() + self.body.as_bytes().len() - self.sent
    }

    /// Sends what the peer takes now, head and body together; true when all is sent.
    pub(super) fn send(&mut self, mut to: impl Write) -> io::Result<bool> {
        while self.left() > 0 {
            let body = self.body.as_bytes();
            let in_body = self.sent.saturating_sub(self.head.len());
            let parts = [
                IoSlice::new(self.head.get(self.sent..).unwrap_or_default()),
                IoSlice::new(body.get(in_body..).unwrap_or_default()),
            ];
            match to.write_vectored(&parts) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    /// Takes some bytes, then none until asked again.
    struct Slow {
        taken: Vec<u8>,
        each: usize,
        room: usize,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.each).min(self.room);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answer() -> Answer {
        let response = Response::text(200, "hello, world");
        Answer::new(
            response,
            Frame::of(Method::Get, false),
            "now",
            Instant::now(),
        )
    }

    #[test]
    fn any_split_sends_the_same_bytes() {
        let mut whole = Vec::new();
        assert!(answer().send(&mut whole).unwrap());
        assert!(whole.ends_with(b"\r\n\r\nhello, world"));
        for each in 1..=whole.len() {
            let mut answer = answer();
            let mut slow = Slow {
                taken: Vec::new(),
                each,
                room: 0,
            };
            let mut turns = 0;
            while !answer.send(&mut slow).unwrap() {
                slow.room = 7;
                turns += 1;
            }
            assert_eq!(slow.taken, whole);
            assert_eq!(turns, whole.len().div_ceil(7));
            assert_eq!(answer.left(), 0);
        }
    }

    #[test]
    fn a_peer_that_takes_nothing_is_an_error() {
        struct Shut;
        impl Write for Shut {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Ok(0)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(answer().send(Shut).is_err());
    }
}
