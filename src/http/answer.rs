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
    /// All bytes that the peer has taken.
    pub(super) taken: u64,
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
            taken: 0,
            close: frame.close,
            since,
        }
    }

    /// Bytes that are there and still to be sent.
    pub(super) fn left(&self) -> usize {
        self.head.len() + self.body.as_bytes().len() - self.sent
    }

    /// Sends what the peer takes now, head and body together; true when all is sent.
    pub(super) fn send(&mut self, mut to: impl Write) -> io::Result<bool> {
        loop {
            while self.left() == 0 {
                if !self.next_part() {
                    return Ok(true);
                }
            }
            let body = self.body.as_bytes();
            let in_body = self.sent.saturating_sub(self.head.len());
            let parts = [
                IoSlice::new(self.head.get(self.sent..).unwrap_or_default()),
                IoSlice::new(body.get(in_body..).unwrap_or_default()),
            ];
            match to.write_vectored(&parts) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.sent += count;
                    self.taken += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes what comes next of a body in parts; false when there is nothing more. What
    /// ends with its connection needs no framing (RFC 9112 section 6.3).
    fn next_part(&mut self) -> bool {
        let Body::Parts(parts) = &mut self.body else {
            return false;
        };
        let mut text = String::new();
        let more = parts.next(&mut text);
        self.sent = 0;
        self.head.clear();
        if self.close {
            self.head.extend_from_slice(text.as_bytes());
        } else if !text.is_empty() {
            // Writing to a Vec does not fail.
            let _ = write!(self.head, "{:x}\r\n{text}\r\n", text.len());
        }
        if !more {
            self.body = Body::Empty;
            let end: &[u8] = if self.close { b"" } else { b"0\r\n\r\n" };
            self.head.extend_from_slice(end);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Method, Parts};

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

    fn in_parts(close: bool) -> Answer {
        let mut left = vec!["last", "", "second, ", "first, "];
        let parts = Parts::new(move |text| {
            text.push_str(left.pop().unwrap());
            !left.is_empty()
        });
        let response = Response::of(200, "text/plain", Body::Parts(parts));
        let frame = Frame::of(Method::Get, close);
        Answer::new(response, frame, "now", Instant::now())
    }

    fn sent(mut answer: Answer) -> String {
        let mut all = Vec::new();
        assert!(answer.send(&mut all).unwrap());
        assert_eq!(answer.taken, all.len() as u64);
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn parts_are_chunks_or_end_with_the_connection() {
        let chunked = sent(in_parts(false));
        let (head, body) = chunked.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("\r\nTransfer-Encoding: chunked\r\n"),
            "{head}"
        );
        assert!(!head.contains("Content-Length"), "{head}");
        let parts = "7\r\nfirst, \r\n8\r\nsecond, \r\n4\r\nlast\r\n0\r\n\r\n";
        assert_eq!(body, parts);
        let closing = sent(in_parts(true));
        let (head, body) = closing.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("Transfer-Encoding"), "{head}");
        assert_eq!(body, "first, second, last");
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
