//! The chunked coding (RFC 9112 section 7.1), decoded as bytes come. Pure.
//!
//! Strict: lines end with CR LF, sizes are hexadecimal digits and nothing else.
//! Extensions and trailers are read over and dropped, and bounded, since they
//! count towards no body.

use super::refusal::Refusal;
use super::request::hex;

/// Extensions and trailers of one body in bytes.
const OVERHEAD: usize = 4 * 1024;
/// A size of more digits is over any limit.
const DIGITS: u8 = 8;

#[derive(Debug)]
pub(super) struct Chunked {
    /// Body bytes that may still come.
    limit: usize,
    /// Extension and trailer bytes that may still come.
    overhead: usize,
    at: At,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Size { size: usize, digits: u8 },
    Extension { size: usize },
    SizeLf { size: usize },
    Data { left: usize },
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

const SIZE: At = At::Size { size: 0, digits: 0 };

impl Chunked {
    pub(super) fn new(limit: usize) -> Chunked {
        Chunked {
            limit,
            overhead: OVERHEAD,
            at: SIZE,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// See [`super::framing::Decoder::feed`].
    pub(super) fn feed(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Refusal> {
        let mut rest = input;
        while let Some((&byte, tail)) = rest.split_first() {
            match self.at {
                At::Done => break,
                At::Data { left } => {
                    let part = rest.get(..left).unwrap_or(rest);
                    body.extend_from_slice(part);
                    rest = rest.get(part.len()..).unwrap_or_default();
                    self.at = match left - part.len() {
                        0 => At::DataCr,
                        left => At::Data { left },
                    };
                }
                _ => {
                    self.at = self.step(byte)?;
                    rest = tail;
                }
            }
        }
        Ok(input.len() - rest.len())
    }

    fn step(&mut self, byte: u8) -> Result<At, Refusal> {
        Ok(match (self.at, byte) {
            (At::Size { size, digits: 1.. }, b'\r') => At::SizeLf { size },
            (At::Size { size, digits: 1.. }, b';') => At::Extension { size },
            (At::Size { size, digits }, byte) => self.digit(size, digits, byte)?,
            (At::Extension { size }, b'\r') => At::SizeLf { size },
            (At::SizeLf { size: 0 }, b'\n') => At::TrailerStart,
            (At::SizeLf { size }, b'\n') => {
                self.limit -= size;
                At::Data { left: size }
            }
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => SIZE,
            (At::TrailerStart, b'\r') => At::EndLf,
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::TrailerLf, b'\n') => At::TrailerStart,
            (At::EndLf, b'\n') => At::Done,
            (At::Extension { size }, byte) => {
                self.dropped(byte)?;
                At::Extension { size }
            }
            (At::TrailerStart | At::Trailer, byte) => {
                self.dropped(byte)?;
                At::Trailer
            }
            _ => return Err(Refusal::malformed("a chunk is malformed")),
        })
    }

    fn digit(&self, size: usize, digits: u8, byte: u8) -> Result<At, Refusal> {
        let value = hex(byte).ok_or(Refusal::malformed("a chunk size is not a number"))?;
        if digits == DIGITS {
            return Err(Refusal::TOO_LARGE);
        }
        let size = size * 16 + usize::from(value);
        if size > self.limit {
            return Err(Refusal::TOO_LARGE);
        }
        Ok(At::Size {
            size,
            digits: digits + 1,
        })
    }

    /// Counts a byte that nobody will see.
    fn dropped(&mut self, byte: u8) -> Result<(), Refusal> {
        if byte.is_ascii_control() && byte != b'\t' {
            return Err(Refusal::malformed("a control character between chunks"));
        }
        self.overhead = self.overhead.checked_sub(1).ok_or(Refusal::new(
            431,
            "chunk extensions and trailers are longer than 4 KiB",
        ))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, and what is left of the input.
    fn decode(input: &[u8], limit: usize) -> Result<(Vec<u8>, &[u8], bool), u16> {
        let mut chunked = Chunked::new(limit);
        let mut body = Vec::new();
        let used = chunked.feed(input, &mut body);
        let used = used.map_err(|refusal| refusal.status)?;
        Ok((body, &input[used..], chunked.is_done()))
    }

    #[test]
    fn chunks_are_joined_and_the_rest_is_left() {
        let input = b"3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: dropped\r\n\r\nGET /";
        let (body, rest, done) = decode(input, 13).unwrap();
        assert_eq!(body, b"abc0123456789");
        assert_eq!(rest, b"GET /");
        assert!(done);
        assert_eq!(decode(b"0\r\n\r\n", 0), Ok((vec![], b"".as_slice(), true)));
        assert_eq!(decode(b"0\r\n\r", 0), Ok((vec![], b"".as_slice(), false)));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for input in [
            b"\r\n".as_slice(),
            b"+3\r\n",
            b"-1\r\n",
            b"0x3\r\n",
            b" 3\r\n",
            b"3 \r\n",
            b"3\n",
            b"3\rabc",
            b"3;a\n",
            b"3;a\0",
            b"3\r\nabcd",
            b"3\r\nabc\n",
            b"3\r\nabc\rx",
            b"3\r\nabc\r\n\r\n",
            b"0\r\n\n",
            b"0\r\nA: b\n",
            b"0\r\nA: b\rx",
            b"0\r\n\rx",
            b";\r\n",
        ] {
            assert_eq!(decode(input, 100), Err(400), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused_at_its_size() {
        assert_eq!(decode(b"5", 4), Err(413));
        assert_eq!(decode(b"3\r\nabc\r\n2", 4), Err(413));
        assert_eq!(decode(b"ffffffffffffffffff", usize::MAX), Err(413));
        assert_eq!(decode(b"7fffffffffffffff", 1 << 20), Err(413));
        assert_eq!(decode(b"000000001", 4), Err(413));
    }

    #[test]
    fn what_is_dropped_is_bounded() {
        let extension = [b"1;".as_slice(), &[b'a'; OVERHEAD]].concat();
        assert!(decode(&extension, 4).is_ok());
        assert_eq!(decode(&[&extension, b"a".as_slice()].concat(), 4), Err(431));
        let many = b"1;aaaaaaaaa\r\nx\r\n".repeat(OVERHEAD / 9 + 1);
        assert_eq!(decode(&many, 1 << 20), Err(431));
        let trailer = [b"0\r\n".as_slice(), &[b'a'; OVERHEAD + 1]].concat();
        assert_eq!(decode(&trailer, 4), Err(431));
    }
}
