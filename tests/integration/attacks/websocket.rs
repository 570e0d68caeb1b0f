//! `/ws` against bytes of every kind (RFC 6455): what is a message is answered, what breaks the
//! rules is closed with its code. Frames are written and read here, by nothing of the agent's.

use std::fmt::Write as _;

use super::Rig;
use super::routes::{Kind, ROUTES};
use crate::support::peer::Peer;

const TEXT: u8 = 0x81;
const PART: u8 = 0x01;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const ASKS: &[u8] = br#"{"type":"ping","payload":"x"}"#;
/// The longest payload of a ping.
const FULL: &[u8] = &[0xff; 125];
/// Largest message.
const MOST: usize = 64 * 1024;

/// What an exchange ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// An answer of that type, and the connection lives.
    Told(&'static str),
    /// A pong with what was pinged, and the connection lives.
    Pong(&'static [u8]),
    /// A close with that code, and nothing after it.
    Closed(u16),
}

/// A case with its section of the RFC.
struct Case {
    name: String,
    bytes: Vec<u8>,
    end: End,
}

/// A frame of a client, its length as short as it can be.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => written(first, &[0x80 | short], payload),
        (_, Ok(medium)) => written(
            first,
            &[&[0xfe], &medium.to_be_bytes()[..]].concat(),
            payload,
        ),
        _ => written(
            first,
            &[&[0xff], &(length as u64).to_be_bytes()[..]].concat(),
            payload,
        ),
    }
}

/// The same with a length as it is given.
fn written(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    let mask = [7, 11, 13, 17];
    let masked = payload.iter().zip(mask.iter().cycle());
    let masked = masked.map(|(byte, key)| byte ^ key);
    [&[first], length, &mask]
        .concat()
        .into_iter()
        .chain(masked)
        .collect()
}

fn case(name: impl Into<String>, end: End, frames: &[Vec<u8>]) -> Case {
    Case {
        name: name.into(),
        bytes: frames.concat(),
        end,
    }
}

fn closed(name: impl Into<String>, code: u16, frames: &[Vec<u8>]) -> Case {
    case(name, End::Closed(code), frames)
}

/// 5.2: heads.
fn heads() -> Vec<Case> {
    let mut cases = vec![
        closed("5.1 not masked", 1002, &[b"\x81\x02{}".to_vec()]),
        case(
            "5.3 a mask of zeros",
            End::Told("error"),
            &[b"\x81\x82\0\0\0\0{}".to_vec()],
        ),
        closed(
            "5.2 5 bytes in two more",
            1002,
            &[written(TEXT, b"\xfe\0\x05", b"hello")],
        ),
        closed(
            "5.2 125 bytes in two more",
            1002,
            &[written(TEXT, b"\xfe\0\x7d", &[b' '; 125])],
        ),
        closed(
            "5.2 5 bytes in eight more",
            1002,
            &[written(TEXT, b"\xff\0\0\0\0\0\0\0\x05", b"hello")],
        ),
        closed(
            "5.2 65,535 bytes in eight more",
            1002,
            &[written(TEXT, b"\xff\0\0\0\0\0\0\xff\xff", b"")],
        ),
        closed(
            "5.2 a length of 2^63",
            1002,
            &[written(TEXT, b"\xff\x80\0\0\0\0\0\0\0", b"")],
        ),
        closed(
            "5.2 a length of 2^64 - 1",
            1002,
            &[written(TEXT, &[0xff; 9], b"")],
        ),
        closed("5.6 binary", 1002, &[frame(0x82, ASKS)]),
    ];
    for bits in 1..8 {
        let reserved = bits << 4;
        cases.push(closed(
            format!("5.2 reserved bits {bits:03b}"),
            1002,
            &[frame(TEXT | reserved, ASKS)],
        ));
        cases.push(closed(
            format!("5.2 reserved bits {bits:03b} of a ping"),
            1002,
            &[frame(PING | reserved, b"")],
        ));
    }
    for opcode in (3..8).chain(11..16) {
        cases.push(closed(
            format!("5.2 opcode {opcode}"),
            1002,
            &[frame(0x80 | opcode, b"")],
        ));
    }
    cases
}

/// 5.4 and 5.5: messages in parts, and what may stand between them.
fn parts() -> Vec<Case> {
    let (head, tail) = ASKS.split_at(9);
    let each = |(at, byte): (usize, &u8)| {
        let first = match at {
            0 => PART,
            at if at + 1 == ASKS.len() => LAST,
            _ => MORE,
        };
        frame(first, &[*byte])
    };
    let bytes: Vec<_> = ASKS.iter().enumerate().map(each).collect();
    let told = End::Told("pong");
    vec![
        case(
            "5.4 two parts",
            told,
            &[frame(PART, head), frame(LAST, tail)],
        ),
        case("5.4 a part for each byte", told, &bytes),
        case(
            "5.4 empty parts",
            told,
            &[
                frame(PART, b""),
                frame(MORE, ASKS),
                frame(MORE, b""),
                frame(LAST, b""),
            ],
        ),
        case(
            "5.4 an empty message",
            End::Told("error"),
            &[frame(TEXT, b"")],
        ),
        case(
            "5.5 a pong between",
            told,
            &[frame(PART, head), frame(PONG, b"p"), frame(LAST, tail)],
        ),
        case(
            "5.5 a ping between",
            End::Pong(b"between"),
            &[frame(PART, head), frame(PING, b"between")],
        ),
        closed(
            "5.5 a close between",
            1000,
            &[frame(PART, head), frame(CLOSE, b"\x03\xe8")],
        ),
        closed("5.4 a last part of nothing", 1002, &[frame(LAST, ASKS)]),
        closed("5.4 a part of nothing", 1002, &[frame(MORE, ASKS)]),
        closed(
            "5.4 a second part after the last",
            1002,
            &[frame(PART, head), frame(LAST, b" "), frame(LAST, tail)],
        ),
        closed(
            "5.4 a message within another",
            1002,
            &[frame(PART, head), frame(TEXT, ASKS)],
        ),
        closed(
            "5.4 a part within another's",
            1002,
            &[frame(PART, head), frame(PART, tail)],
        ),
        closed("5.5 a ping in parts", 1002, &[frame(0x09, b"a")]),
        closed("5.5 a pong in parts", 1002, &[frame(0x0a, b"a")]),
        closed("5.5 a close in parts", 1002, &[frame(0x08, b"\x03\xe8")]),
    ]
}

/// 5.5.2 and 5.5.3: pings of every size.
fn pings() -> Vec<Case> {
    let mut cases: Vec<_> = (0..=125)
        .map(|size| {
            case(
                format!("5.5.2 a ping of {size}"),
                End::Pong(&FULL[..size]),
                &[frame(PING, &FULL[..size])],
            )
        })
        .collect();
    cases.push(closed(
        "5.5 a ping of 126",
        1002,
        &[frame(PING, &[b'a'; 126])],
    ));
    cases.push(closed(
        "5.5 a pong of 126",
        1002,
        &[frame(PONG, &[b'a'; 126])],
    ));
    cases.push(case(
        "5.5.3 a pong that nobody wanted",
        End::Told("pong"),
        &[frame(PONG, b"a"), frame(TEXT, ASKS)],
    ));
    cases
}

/// 5.5.1 and 7.4: how a client leaves.
fn closes() -> Vec<Case> {
    let said = |code: u16, reason: &[u8]| frame(CLOSE, &[&code.to_be_bytes()[..], reason].concat());
    let mut cases = vec![
        closed("5.5.1 no code", 1000, &[frame(CLOSE, b"")]),
        closed("5.5.1 half a code", 1002, &[frame(CLOSE, b"\x03")]),
        closed(
            "5.5.1 a reason",
            1000,
            &[said(1000, "\u{20ac} is enough".as_bytes())],
        ),
        closed("5.5.1 a reason of 123", 1000, &[said(1000, &[b'a'; 123])]),
        closed("5.5 a reason of 124", 1002, &[said(1000, &[b'a'; 124])]),
        closed("8.1 a reason that is no text", 1007, &[said(1000, b"\xff")]),
        closed(
            "8.1 a reason that ends in a character",
            1007,
            &[said(1000, b"\xe2\x82")],
        ),
        closed(
            "5.5.1 more after it",
            1000,
            &[said(1000, b""), frame(TEXT, ASKS), frame(PING, b"")],
        ),
        closed("5.5.1 twice", 1000, &[said(1000, b""), said(1001, b"")]),
    ];
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4999,
    ] {
        cases.push(closed(format!("7.4 code {code}"), code, &[said(code, b"")]));
    }
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        cases.push(closed(
            format!("7.4 code {code}, which is never sent"),
            1002,
            &[said(code, b"")],
        ));
    }
    cases
}

/// 8.1: text that is none, wherever it is wrong.
fn texts() -> Vec<Case> {
    let wrong: [&[u8]; 12] = [
        b"\x80",
        b"\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xfe",
        b"\xff",
    ];
    let mut cases = Vec::new();
    for bytes in wrong {
        let shown = bytes.escape_ascii();
        for (place, before, after) in [
            ("first", "", "{}"),
            ("between", "{\"type\":\"", "\"}"),
            ("last", "{}", ""),
        ] {
            let text = [before.as_bytes(), bytes, after.as_bytes()].concat();
            cases.push(closed(
                format!("8.1 {shown} {place}"),
                1007,
                &[frame(TEXT, &text)],
            ));
        }
        let cut = [
            frame(PART, b"\""),
            frame(MORE, &bytes[..1]),
            frame(LAST, &bytes[1..]),
        ];
        cases.push(closed(format!("8.1 {shown} over two frames"), 1007, &cut));
    }
    let whole = "{\"type\":\"ping\",\"payload\":\"\u{e9}\u{20ac}\u{1d11e}\u{10ffff}\u{0}\"}"
        .replace('\0', "");
    for at in 0..=whole.len() {
        let (one, other) = whole.as_bytes().split_at(at);
        cases.push(case(
            format!("8.1 text cut at {at}"),
            End::Told("pong"),
            &[frame(PART, one), frame(LAST, other)],
        ));
    }
    for cut in [&b"\"\xe2"[..], b"\"\xe2\x82", b"\"\xf0\x9d\x84"] {
        cases.push(closed(
            format!("8.1 text that ends as {}", cut.escape_ascii()),
            1007,
            &[frame(TEXT, cut)],
        ));
    }
    cases
}

/// 10.4: limits; and what is text but no message.
fn messages() -> Vec<Case> {
    let sized = |size: usize| {
        let mut text = ASKS[..ASKS.len() - 2].to_vec();
        text.resize(size - 2, b'x');
        [&text, &b"\"}"[..]].concat()
    };
    let half = vec![b' '; MOST / 2 + 1];
    let parts: Vec<_> = [PART, LAST].map(|first| frame(first, &half)).into();
    let endless: Vec<_> = (0..9)
        .map(|n| frame(if n == 0 { PART } else { MORE }, &[b' '; 8 << 10]))
        .collect();
    let flood = |one: Vec<u8>| vec![one; 100];
    let mut cases = vec![
        case(
            "10.4 a message of 64 KiB",
            End::Told("pong"),
            &[frame(TEXT, &sized(MOST))],
        ),
        closed(
            "10.4 a message of a byte more",
            1009,
            &[frame(TEXT, &sized(MOST + 1))],
        ),
        closed("10.4 two halves of a byte more", 1009, &parts),
        closed("10.4 parts without end", 1009, &endless),
        closed("10.4 messages without end", 1008, &flood(frame(TEXT, ASKS))),
        closed("10.4 pings without end", 1008, &flood(frame(PING, b""))),
    ];
    let deep = "[".repeat(MOST);
    let deep_in = format!("{{\"type\":\"ping\",\"payload\":{}", "[".repeat(30_000));
    for (name, text) in [
        ("no JSON", "hello"),
        ("an array", "[]"),
        ("a number", "1e999"),
        ("half an object", "{\"type\""),
        ("no type", "{}"),
        ("a type that is no text", "{\"type\":{}}"),
        (
            "a type that is not known",
            "{\"type\":\"\u{202e}\\u0000\\r\\n\"}",
        ),
        ("half a character", "{\"type\":\"\\ud800\"}"),
        ("two objects", "{\"type\":\"ping\"}{\"type\":\"ping\"}"),
        (
            "a mark of the order of bytes",
            "\u{feff}{\"type\":\"ping\"}",
        ),
        ("a control character", "{\"type\":\"\u{1}\"}"),
        ("arrays in each other", &deep),
        ("arrays in each other in a payload", &deep_in),
        (
            "a payload of another kind",
            "{\"type\":\"subscribe\",\"payload\":[]}",
        ),
        (
            "a kind that nobody watches",
            "{\"type\":\"subscribe\",\"payload\":{\"kinds\":[\"secret\"]}}",
        ),
        (
            "a place that is none",
            "{\"type\":\"subscribe\",\"payload\":{\"since\":\"-1--1\"}}",
        ),
    ] {
        cases.push(case(
            format!("message: {name}"),
            End::Told("error"),
            &[frame(TEXT, text.as_bytes())],
        ));
    }
    cases
}

/// Frames of a server: first byte and payload; none: not whole.
fn next(bytes: &mut &[u8]) -> Option<(u8, Vec<u8>)> {
    let [first, second, rest @ ..] = *bytes else {
        return None;
    };
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let (length, rest) = match (second, rest) {
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126, [a, b, rest @ ..]) => (u16::from_be_bytes([*a, *b]).into(), rest),
        (126.., _) => return None,
        (short, rest) => (u64::from(*short), rest),
    };
    let length = usize::try_from(length).unwrap();
    let payload = rest.get(..length)?.to_vec();
    *bytes = &rest[length..];
    Some((*first, payload))
}

/// All frames behind the head of the answer, but the first: `welcome`.
fn frames(heard: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let head = heard.windows(4).position(|four| four == b"\r\n\r\n");
    let mut rest = &heard[head.expect("it answered") + 4..];
    let all: Vec<_> = std::iter::from_fn(|| next(&mut rest)).collect();
    assert_eq!(rest, b"", "half a frame");
    all.into_iter().skip(1).collect()
}

/// What is wrong with how one case ended.
fn problem(rig: &Rig, case: &Case) -> Option<String> {
    let route = ROUTES
        .iter()
        .find(|route| route.kind == Kind::Socket)
        .unwrap();
    let mut peer = Peer::stranger(rig.agent.address());
    peer.send(route.ask().bytes());
    // A client that has got its answer leaves; one that was let go agrees.
    peer.send([&case.bytes, &frame(CLOSE, b"\x0f\xa0")[..]].concat());
    let heard = frames(&peer.rest().bytes);
    let (last, before) = heard.split_last()?;
    let wanted = match case.end {
        End::Closed(code) => code,
        _ => 4000,
    };
    let code = (last.0 == CLOSE).then(|| last.1.get(..2)).flatten();
    let closes = heard.iter().filter(|(first, _)| *first == CLOSE).count();
    let told = before
        .first()
        .map(|(first, payload)| (*first, String::from_utf8_lossy(payload)));
    let right = code == Some(&wanted.to_be_bytes()[..])
        && closes == 1
        && match (case.end, &told) {
            (End::Closed(_), _) => true,
            (End::Pong(pinged), Some((first, _))) => *first == PONG && before[0].1 == pinged,
            (End::Told(kind), Some((TEXT, text))) => {
                before.len() == 1 && text.starts_with(&format!("{{\"type\":\"{kind}\""))
            }
            _ => false,
        };
    let mut shown = String::new();
    for (first, payload) in &heard {
        let _ = write!(
            shown,
            " {first:x}:{:.80}",
            payload.escape_ascii().to_string()
        );
    }
    (!right).then(|| format!("{}: not {:?} but{shown}", case.name, case.end))
}

#[track_caller]
fn hold(cases: &[Case]) {
    let rig = Rig::start(&[]);
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|case| problem(&rig, case))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    rig.unharmed();
}

#[test]
fn heads_of_frames_are_right_or_end_it() {
    hold(&heads());
}

#[test]
fn messages_come_in_parts_and_parts_in_order() {
    hold(&parts());
}

#[test]
fn pings_of_every_size_are_answered() {
    hold(&pings());
}

#[test]
fn who_leaves_is_answered_by_its_code_or_told_what_is_wrong() {
    hold(&closes());
}

#[test]
fn text_is_text_however_it_is_cut() {
    hold(&texts());
}

#[test]
fn what_is_too_much_ends_it_and_what_makes_no_sense_does_not() {
    hold(&messages());
}
