//! Frames of a WebSocket as a client sends and reads them (RFC 6455, section 5). Pure.
//!
//! Extensions are never asked for, so reserved bits are a mistake. Data is binary, as
//! every protocol of Kubernetes is.

/// Largest frame that is taken in. Servers send 32 KiB at once.
pub(super) const LIMIT: usize = 1 << 20;
/// Largest payload of a control frame.
const CONTROL: usize = 125;

pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;
const CONTINUATION: u8 = 0;

/// What a whole frame says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A part of a message; `start` if it is the first.
    Data {
        start: bool,
        payload: &'a [u8],
    },
    Ping(&'a [u8]),
    Pong,
    /// The code is 1005 if there is none, as the RFC has it.
    Close {
        code: u16,
        reason: &'a [u8],
    },
}

/// What breaks the protocol, for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation(pub(super) &'static str);

/// Tells frames apart; remembers whether a message has begun.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    begun: bool,
}

struct Head {
    last: bool,
    opcode: u8,
    /// Of the head itself.
    size: usize,
    payload: usize,
}

impl Decoder {
    /// The first frame of `bytes` with its size, or none if more bytes are needed.
    pub(super) fn next<'a>(
        &mut self,
        bytes: &'a [u8],
    ) -> Result<Option<(Frame<'a>, usize)>, Violation> {
        let Some(head) = head(bytes)? else {
            return Ok(None);
        };
        let end = head.size + head.payload;
        let Some(payload) = bytes.get(head.size..end) else {
            return Ok(None);
        };
        Ok(Some((self.frame(&head, payload)?, end)))
    }

    fn frame<'a>(&mut self, head: &Head, payload: &'a [u8]) -> Result<Frame<'a>, Violation> {
        match head.opcode {
            BINARY | CONTINUATION => {
                let start = head.opcode == BINARY;
                if start == self.begun {
                    return Err(Violation("parts of messages are out of order"));
                }
                self.begun = !head.last;
                Ok(Frame::Data { start, payload })
            }
            PING => Ok(Frame::Ping(payload)),
            PONG => Ok(Frame::Pong),
            CLOSE => match payload {
                [] => Ok(Frame::Close {
                    code: 1005,
                    reason: &[],
                }),
                [high, low, reason @ ..] => Ok(Frame::Close {
                    code: u16::from_be_bytes([*high, *low]),
                    reason,
                }),
                [_] => Err(Violation("a close frame has half a code")),
            },
            _ => Err(Violation("a frame is of an unknown kind")),
        }
    }
}

/// The head of a frame once it is complete. Fails as soon as it is wrong, before the
/// payload comes.
fn head(bytes: &[u8]) -> Result<Option<Head>, Violation> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(Violation("a frame has reserved bits"));
    }
    if second & 0x80 != 0 {
        return Err(Violation("a frame of the server is masked"));
    }
    let (size, payload) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let long = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (10, usize::try_from(long).unwrap_or(usize::MAX))
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, usize::from(short)),
    };
    let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
    if payload > LIMIT {
        return Err(Violation("a frame is larger than 1 MiB"));
    }
    if opcode >= CLOSE && (payload > CONTROL || !last) {
        return Err(Violation("a control frame is too long or in parts"));
    }
    Ok(Some(Head {
        last,
        opcode,
        size,
        payload,
    }))
}

/// Appends one whole frame with the payload `parts`, masked as a client must.
pub(super) fn encode(opcode: u8, parts: &[&[u8]], mask: [u8; 4], out: &mut Vec<u8>) {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    out.push(0x80 | opcode);
    match (u8::try_from(size), u16::try_from(size)) {
        (Ok(short @ 0..=125), _) => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let bytes = parts.iter().copied().flatten();
    out.extend(bytes.zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn data(start: bool, payload: &[u8]) -> Frame<'_> {
        Frame::Data { start, payload }
    }

    #[test]
    fn frames_are_read_one_by_one_and_never_half() {
        let bytes = b"\x02\x02ab\x89\x01p\x80\x01c\x8a\x00\x88\x05\x03\xe8bye";
        let expected = [
            (data(true, b"ab"), 4),
            (Frame::Ping(b"p"), 3),
            (data(false, b"c"), 3),
            (Frame::Pong, 2),
            (
                Frame::Close {
                    code: 1000,
                    reason: b"bye",
                },
                7,
            ),
        ];
        let (mut decoder, mut rest) = (Decoder::default(), &bytes[..]);
        for (frame, size) in expected {
            for half in 0..size {
                assert_eq!(Decoder::default().next(&rest[..half]), Ok(None));
            }
            assert_eq!(decoder.next(rest), Ok(Some((frame, size))));
            rest = &rest[size..];
        }
    }

    #[test]
    fn sizes_have_three_forms() {
        for size in [0, 125, 126, 65_535, 65_536, LIMIT] {
            let payload = vec![7; size];
            let mut frame = Vec::new();
            encode(BINARY, &[&payload], [0; 4], &mut frame);
            // As a server sends it: without the mask.
            let head = frame.len() - size;
            frame.drain(head - 4..head);
            frame[1] &= 0x7f;
            let read = Decoder::default().next(&frame).unwrap();
            assert_eq!(read, Some((data(true, &payload), frame.len())));
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused_before_its_payload() {
        let table: [(&[u8], &str); 9] = [
            (b"\xc2\x01", "a frame has reserved bits"),
            (b"\x82\x81", "a frame of the server is masked"),
            (b"\x81\x01x", "a frame is of an unknown kind"),
            (b"\x80\x01x", "parts of messages are out of order"),
            (b"\x83\x00", "a frame is of an unknown kind"),
            (b"\x88\x01x", "a close frame has half a code"),
            (
                b"\x89\x7e\x00\x7e",
                "a control frame is too long or in parts",
            ),
            (b"\x09\x00", "a control frame is too long or in parts"),
            (
                b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
                "a frame is larger than 1 MiB",
            ),
        ];
        for (bytes, problem) in table {
            assert_eq!(Decoder::default().next(bytes), Err(Violation(problem)));
        }
        let mut decoder = Decoder::default();
        assert!(decoder.next(b"\x02\x00").is_ok());
        let again = decoder.next(b"\x02\x00");
        assert_eq!(again, Err(Violation("parts of messages are out of order")));
    }

    #[test]
    fn the_mask_covers_all_parts_as_one() {
        let mut frame = Vec::new();
        encode(BINARY, &[&[0], b"abcd"], [1, 2, 3, 4], &mut frame);
        let payload = [1, b'a' ^ 2, b'b' ^ 3, b'c' ^ 4, b'd' ^ 1];
        assert_eq!(frame[..6], [0x82, 0x85, 1, 2, 3, 4]);
        assert_eq!(frame[6..], payload);
    }

    proptest! {
        #[test]
        fn any_bytes_give_frames_or_a_violation(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (mut decoder, mut rest) = (Decoder::default(), &bytes[..]);
            while let Ok(Some((_, size))) = decoder.next(rest) {
                prop_assert!((2..=rest.len()).contains(&size));
                rest = &rest[size..];
            }
        }
    }
}
