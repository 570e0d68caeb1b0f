//! Frames of a WebSocket (RFC 6455, section 5), of either side. Pure.
//!
//! Extensions are never agreed on, so reserved bits are a mistake. Data is of one kind: binary
//! in the protocols of Kubernetes, text in ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Largest frame that is taken in. Servers send 32 KiB at once.
pub const LIMIT: usize = 1 << 20;
/// Largest payload of a control frame.
const CONTROL: usize = 125;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
const CONTINUATION: u8 = 0;

/// What a whole frame says.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A part of a message; `start` if it is the first.
    Data {
        start: bool,
        /// The last of its message.
        last: bool,
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
pub struct Violation(pub &'static str);

/// Tells frames apart; remembers whether a message has begun.
#[derive(Debug)]
pub struct Decoder {
    /// The opcode of messages.
    kind: u8,
    /// The other side is a client, which masks.
    masked: bool,
    begun: bool,
}

struct Head {
    last: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Of the head itself.
    size: usize,
    payload: usize,
}

impl Decoder {
    /// What a server sends, in messages of that opcode.
    pub fn of_server(kind: u8) -> Self {
        Self {
            kind,
            masked: false,
            begun: false,
        }
    }

    /// What a client sends.
    pub fn of_client(kind: u8) -> Self {
        Self {
            masked: true,
            ..Self::of_server(kind)
        }
    }

    /// The first frame of `bytes` with its size, or none if more bytes are needed. The mask is
    /// taken off where the frame lies.
    ///
    /// # Errors
    /// What breaks the protocol.
    pub fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
    ) -> Result<Option<(Frame<'a>, usize)>, Violation> {
        let Some(head) = head(bytes, self.masked)? else {
            return Ok(None);
        };
        let end = head.size + head.payload;
        let Some(payload) = bytes.get_mut(head.size..end) else {
            return Ok(None);
        };
        if self.masked {
            let keys = head.mask.iter().cycle();
            payload
                .iter_mut()
                .zip(keys)
                .for_each(|(byte, key)| *byte ^= key);
        }
        Ok(Some((self.frame(&head, payload)?, end)))
    }

    fn frame<'a>(&mut self, head: &Head, payload: &'a [u8]) -> Result<Frame<'a>, Violation> {
        match head.opcode {
            opcode if opcode == self.kind || opcode == CONTINUATION => {
                let start = opcode == self.kind;
                if start == self.begun {
                    return Err(Violation("parts of messages are out of order"));
                }
                self.begun = !head.last;
                Ok(Frame::Data {
                    start,
                    last: head.last,
                    payload,
                })
            }
            PING => Ok(Frame::Ping(payload)),
            PONG => Ok(Frame::Pong),
            CLOSE => match payload {
                [] => Ok(Frame::Close {
                    code: 1005,
                    reason: &[],
                }),
                [high, low, reason @ ..] => match u16::from_be_bytes([*high, *low]) {
                    code if is_closing_code(code) => Ok(Frame::Close { code, reason }),
                    _ => Err(Violation("a close frame has a code that is never sent")),
                },
                [_] => Err(Violation("a close frame has half a code")),
            },
            _ => Err(Violation("a frame is of an unknown kind")),
        }
    }
}

/// The head of a frame once it is complete. Fails as soon as it is wrong, before the
/// payload comes.
fn head(bytes: &[u8], masked: bool) -> Result<Option<Head>, Violation> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(Violation("a frame has reserved bits"));
    }
    match (second & 0x80 != 0, masked) {
        (true, false) => return Err(Violation("a frame of the server is masked")),
        (false, true) => return Err(Violation("a frame of the client is not masked")),
        _ => {}
    }
    let Some((size, payload)) = length(second & 0x7f, rest) else {
        return Ok(None);
    };
    if matches!((size, payload), (4, 0..=125) | (10, 0..=0xffff)) {
        return Err(Violation(
            "the length of a frame is written longer than it is",
        ));
    }
    let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
    if payload > LIMIT {
        return Err(Violation("a frame is larger than 1 MiB"));
    }
    if opcode >= CLOSE && (payload > CONTROL || !last) {
        return Err(Violation("a control frame is too long or in parts"));
    }
    let Some(mask) = mask(bytes.get(size..).unwrap_or_default(), masked) else {
        return Ok(None);
    };
    Ok(Some(Head {
        last,
        opcode,
        mask,
        size: size + if masked { mask.len() } else { 0 },
        payload,
    }))
}

/// Where the mask is, and the length of the payload (RFC 6455, section 5.2).
fn length(short: u8, rest: &[u8]) -> Option<(usize, usize)> {
    Some(match (short, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let long = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (10, usize::try_from(long).unwrap_or(usize::MAX))
        }
        (126 | 127, _) => return None,
        (short, _) => (2, usize::from(short)),
    })
}

fn mask(bytes: &[u8], masked: bool) -> Option<[u8; 4]> {
    match (masked, bytes) {
        (false, _) => Some([0; 4]),
        (true, [a, b, c, d, ..]) => Some([*a, *b, *c, *d]),
        (true, _) => None,
    }
}

/// Whether a close frame may have that code (RFC 6455, section 7.4; those after 1011 were
/// registered later).
fn is_closing_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// What a server answers to the key of a client (RFC 6455, section 4.2.2).
pub fn accept(key: &str) -> String {
    let proof = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    STANDARD.encode(proof)
}

/// Appends one whole frame with the payload `parts`, masked as a client must.
pub fn encode(opcode: u8, parts: &[&[u8]], mask: [u8; 4], out: &mut Vec<u8>) {
    begin(opcode, parts, 0x80, out);
    out.extend_from_slice(&mask);
    let bytes = parts.iter().copied().flatten();
    out.extend(bytes.zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// The same of a server, without a mask.
pub fn encode_plain(opcode: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    begin(opcode, parts, 0, out);
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn begin(opcode: u8, parts: &[&[u8]], masked: u8, out: &mut Vec<u8>) {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    out.push(0x80 | opcode);
    match (u8::try_from(size), u16::try_from(size)) {
        (Ok(short @ 0..=125), _) => out.push(masked | short),
        (_, Ok(medium)) => {
            out.push(masked | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn data(start: bool, last: bool, payload: &[u8]) -> Frame<'_> {
        Frame::Data {
            start,
            last,
            payload,
        }
    }

    fn decoder() -> Decoder {
        Decoder::of_server(BINARY)
    }

    #[test]
    fn frames_are_read_one_by_one_and_never_half() {
        let bytes = b"\x02\x02ab\x89\x01p\x80\x01c\x8a\x00\x88\x05\x03\xe8bye";
        let expected = [
            (data(true, false, b"ab"), 4),
            (Frame::Ping(b"p"), 3),
            (data(false, true, b"c"), 3),
            (Frame::Pong, 2),
            (
                Frame::Close {
                    code: 1000,
                    reason: b"bye",
                },
                7,
            ),
        ];
        let mut bytes = bytes.to_vec();
        let (mut decoder, mut rest) = (decoder(), &mut bytes[..]);
        for (frame, size) in expected {
            for half in 0..size {
                assert_eq!(self::decoder().next(&mut rest[..half]), Ok(None));
            }
            assert_eq!(decoder.next(rest), Ok(Some((frame, size))));
            rest = &mut rest[size..];
        }
    }

    #[test]
    fn sizes_have_three_forms() {
        for size in [0, 125, 126, 65_535, 65_536, LIMIT] {
            let payload = vec![7; size];
            let mut frame = Vec::new();
            encode_plain(BINARY, &[&payload], &mut frame);
            let length = frame.len();
            let read = decoder().next(&mut frame).unwrap();
            assert_eq!(read, Some((data(true, true, &payload), length)));
            let mut frame = Vec::new();
            encode(TEXT, &[&payload], [1, 2, 3, 4], &mut frame);
            let length = frame.len();
            let read = Decoder::of_client(TEXT).next(&mut frame).unwrap();
            assert_eq!(read, Some((data(true, true, &payload), length)));
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused_before_its_payload() {
        let table: [(&[u8], &str); 14] = [
            (
                b"\x88\x02\x03\xed",
                "a close frame has a code that is never sent",
            ),
            (
                b"\x88\x02\x00\x00",
                "a close frame has a code that is never sent",
            ),
            (
                b"\x88\x02\x13\x88",
                "a close frame has a code that is never sent",
            ),
            (
                b"\x82\x7e\x00\x7d",
                "the length of a frame is written longer than it is",
            ),
            (
                b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
                "the length of a frame is written longer than it is",
            ),
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
            assert_eq!(decoder().next(&mut bytes.to_vec()), Err(Violation(problem)));
        }
        let mut bytes = b"\x81\x01x".to_vec();
        let plain = Decoder::of_client(TEXT).next(&mut bytes);
        assert_eq!(plain, Err(Violation("a frame of the client is not masked")));
        let mut decoder = decoder();
        assert!(decoder.next(&mut b"\x02\x00".to_vec()).is_ok());
        let mut second = b"\x02\x00".to_vec();
        let again = decoder.next(&mut second);
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

    #[test]
    fn the_proof_is_that_of_the_rfc() {
        assert_eq!(
            accept("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_frames_or_a_violation(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            of_client: bool,
        ) {
            let mut bytes = bytes;
            let mut rest = &mut bytes[..];
            let mut decoder = match of_client {
                true => Decoder::of_client(TEXT),
                false => decoder(),
            };
            while let Ok(Some((_, size))) = decoder.next(rest) {
                prop_assert!((2..=rest.len()).contains(&size));
                rest = &mut rest[size..];
            }
        }
    }
}
