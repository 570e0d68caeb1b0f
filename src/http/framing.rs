//! The body of a request, as its bytes come. Pure.

use super::chunked::Chunked;
use super::refusal::Refusal;

/// How the head says where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// Decodes one body.
#[derive(Debug)]
pub(super) enum Decoder {
    /// Bytes still to come.
    Length(usize),
    Chunked(Chunked),
}

impl Decoder {
    /// Refuses at once what says that it will be longer than `limit`.
    pub(super) fn new(framing: Framing, limit: usize) -> Result<Decoder, Refusal> {
        match framing {
            Framing::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= limit => Ok(Decoder::Length(length)),
                _ => Err(Refusal::TOO_LARGE),
            },
            Framing::Chunked => Ok(Decoder::Chunked(Chunked::new(limit))),
        }
    }

    /// Takes what belongs to the body, appends it decoded, and says how many
    /// bytes of `input` that were. Memory grows with what came, not with what was
    /// announced.
    pub(super) fn feed(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Refusal> {
        match self {
            Decoder::Length(left) => {
                let part = input.get(..*left).unwrap_or(input);
                body.extend_from_slice(part);
                *left -= part.len();
                Ok(part.len())
            }
            Decoder::Chunked(chunked) => chunked.feed(input, body),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        match self {
            Decoder::Length(left) => *left == 0,
            Decoder::Chunked(chunked) => chunked.is_done(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_taken_exactly() {
        let mut decoder = Decoder::new(Framing::Length(5), 5).unwrap();
        let mut body = Vec::new();
        assert_eq!(decoder.feed(b"ab", &mut body), Ok(2));
        assert!(!decoder.is_done());
        assert_eq!(decoder.feed(b"cdeGET", &mut body), Ok(3));
        assert!(decoder.is_done());
        assert_eq!(decoder.feed(b"GET", &mut body), Ok(0));
        assert_eq!(body, b"abcde");
    }

    #[test]
    fn a_length_over_the_limit_is_refused_at_once() {
        for length in [6, i64::MAX as u64, u64::MAX] {
            let refused = Decoder::new(Framing::Length(length), 5).unwrap_err();
            assert_eq!(refused.status, 413);
        }
        assert!(Decoder::new(Framing::Length(0), 0).unwrap().is_done());
    }
}
