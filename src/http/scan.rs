//! Finds the end of a request head in bytes as they come.
//!
//! Lines end with CR LF and nothing else (RFC 9112 section 2.2 lets a recipient
//! take a bare LF; readers that differ there frame a request differently). A head
//! that is already wrong is refused at its first wrong byte, so whatever speaks
//! another protocol hears so at once.

use super::refusal::Refusal;

/// The request line, all fields and the empty line, in bytes.
pub(super) const HEAD_LIMIT: usize = 16 * 1024;

/// How far a head has been looked at; always given the same bytes and more.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    seen: usize,
    lines: usize,
    at: At,
}

/// What the last byte was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum At {
    #[default]
    LineStart,
    Line,
    LineCr,
    EmptyCr,
}

impl Scan {
    /// The length of the head once it is complete.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<Option<usize>, Refusal> {
        for &byte in input.get(self.seen..).unwrap_or_default() {
            if self.seen == HEAD_LIMIT {
                return Err(self.too_long());
            }
            self.seen += 1;
            if self.step(byte)? {
                return Ok(Some(self.seen));
            }
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8) -> Result<bool, Refusal> {
        self.at = match (self.at, byte) {
            (At::LineCr, b'\n') => {
                self.lines += 1;
                At::LineStart
            }
            // Empty lines before a request are skipped (RFC 9112 section 2.2).
            (At::EmptyCr, b'\n') if self.lines == 0 => At::LineStart,
            (At::EmptyCr, b'\n') => return Ok(true),
            (At::LineCr | At::EmptyCr, _) => {
                return Err(Refusal::malformed("a CR stands without its LF"));
            }
            (_, b'\n') => return Err(Refusal::malformed("a line ends with LF alone")),
            (At::LineStart, b'\r') => At::EmptyCr,
            (At::LineStart, b' ' | b'\t') => {
                return Err(Refusal::malformed("a line starts with a space"));
            }
            (_, b'\r') => At::LineCr,
            (_, b'\t' | b' '..=b'~' | 0x80..) => At::Line,
            _ => return Err(Refusal::malformed("a control character in the head")),
        };
        Ok(false)
    }

    fn too_long(&self) -> Refusal {
        if self.lines == 0 {
            Refusal::new(414, "the request line is longer than 16 KiB")
        } else {
            Refusal::new(431, "the head is longer than 16 KiB")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &[u8]) -> Result<Option<usize>, u16> {
        Scan::default().feed(text).map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_head_ends_with_its_empty_line() {
        assert_eq!(
            whole(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest"),
            Ok(Some(27))
        );
        assert_eq!(whole(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Ok(Some(22)));
        assert_eq!(whole(b"GET / HTTP/1.1\r\nHost: a\r\n\r"), Ok(None));
        assert_eq!(whole(b""), Ok(None));
    }

    #[test]
    fn wrong_bytes_are_refused_where_they_stand() {
        for text in [
            b"\n".as_slice(),
            b"GET / HTTP/1.1\n",
            b"GET / HTTP/1.1\r\nHost: a\n",
            b"GET / HTTP/1.1\r\r",
            b"GET / HTTP/1.1\r\nA: b\rc",
            b"GET / HTTP/1.1\r\n\rx",
            b"GET / HTTP/1.1\r\nA: b\r\n ",
            b"GET / HTTP/1.1\r\n\t",
            b" ",
            b"GET / HTTP/1.1\r\nA: b\0",
            b"GET / HTTP/1.1\r\nA: b\x7f",
            b"\x16",
        ] {
            assert_eq!(whole(text), Err(400), "{}", text.escape_ascii());
            let before = &text[..text.len() - 1];
            assert_eq!(whole(before), Ok(None), "{}", before.escape_ascii());
        }
    }

    #[test]
    fn a_head_has_16_kib_at_most() {
        let head = |fill: usize| {
            let mut text = b"GET / HTTP/1.1\r\nA: ".to_vec();
            text.resize(fill, b'a');
            text.extend(b"\r\n\r\n");
            text
        };
        assert_eq!(whole(&head(HEAD_LIMIT - 4)), Ok(Some(HEAD_LIMIT)));
        assert_eq!(whole(&head(HEAD_LIMIT - 3)), Err(431));
        assert_eq!(whole(&vec![b'a'; HEAD_LIMIT]), Ok(None));
        assert_eq!(whole(&vec![b'a'; HEAD_LIMIT + 1]), Err(414));
    }
}
