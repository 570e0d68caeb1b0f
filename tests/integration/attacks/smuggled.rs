//! Second requests that hide in or behind a first one, and fields that hide in text, on every
//! route.
//!
//! Behind each stands [`second`], which is for the API server: nobody may answer it, and the API
//! server must not hear of it.

use super::routes::{ADMIN, Ask, Kind};
use super::{Attack, Rig, SMUGGLED};

fn second() -> String {
    format!(
        "GET /api/k8s/raw/api/v1/{SMUGGLED} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ADMIN}\r\n\r\n"
    )
}

/// Framed like that, with the second request where one of two readers ends the first.
fn framed(ask: &mut Ask, framing: &str) {
    ask.framing = format!("{framing}\r\n");
    ask.body = b"0\r\n\r\n".to_vec();
    ask.rest = second().into();
}

const FRAMES: &[Attack] = &[
    Attack {
        name: "a length and chunks",
        change: |_, ask| framed(ask, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        expects: |_| 400,
    },
    Attack {
        name: "two lengths",
        change: |_, ask| framed(ask, "Content-Length: 0\r\nContent-Length: 5"),
        expects: |_| 400,
    },
    Attack {
        name: "a length with a sign",
        change: |_, ask| framed(ask, "Content-Length: +5"),
        expects: |_| 400,
    },
    Attack {
        name: "chunks by another name",
        change: |_, ask| framed(ask, "Transfer-Encoding: xchunked"),
        expects: |_| 501,
    },
    Attack {
        name: "chunks of nothing",
        change: |_, ask| framed(ask, "Transfer-Encoding: chunked, identity"),
        expects: |_| 501,
    },
    Attack {
        name: "a space before the colon",
        change: |_, ask| framed(ask, "Transfer-Encoding : chunked"),
        expects: |_| 400,
    },
    Attack {
        name: "a folded line",
        change: |_, ask| framed(ask, "Transfer-Encoding:\r\n chunked"),
        expects: |_| 400,
    },
    Attack {
        name: "a line that ends with LF",
        change: |_, ask| framed(ask, "A: b\nTransfer-Encoding: chunked"),
        expects: |_| 400,
    },
    Attack {
        name: "a chunk whose size has a sign",
        change: |_, ask| {
            framed(ask, "Transfer-Encoding: chunked");
            ask.body = b"+0\r\n\r\n".to_vec();
        },
        expects: |_| 400,
    },
];

const INSIDE: &[Attack] = &[
    Attack {
        name: "a body that is a request",
        change: |_, ask| ask.send("application/json", second()),
        expects: |route| match route.kind.posts() {
            true => 400,
            false => route.well,
        },
    },
    Attack {
        name: "a token in a trailer",
        change: |_, ask| {
            ask.token.clear();
            ask.framing =
                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n".to_owned();
            let (length, body) = (
                ask.body.len(),
                String::from_utf8_lossy(&ask.body).into_owned(),
            );
            let chunk = match length {
                0 => String::new(),
                _ => format!("{length:x}\r\n{body}\r\n"),
            };
            ask.body = format!("{chunk}0\r\nAuthorization: Bearer {ADMIN}\r\n\r\n").into();
        },
        expects: |route| match route.kind.wants_token() {
            true => 401,
            false => route.well,
        },
    },
];

/// Only where an answer ends the connection: elsewhere it is the next request of the same peer.
const BEHIND: &[Attack] = &[Attack {
    name: "a request behind one that is passed on",
    change: |route, ask| {
        if matches!(route.kind, Kind::Raw | Kind::Logs | Kind::Envelope) || route.kind.is_endless()
        {
            ask.rest = second().into();
        }
    },
    expects: |route| route.well,
}];

const FIELDS: &[Attack] = &[
    Attack {
        name: "a line in the query",
        change: |_, ask| ask.target.extend(*b"?x=%0d%0aInjected:%20yes"),
        expects: |route| match route.kind {
            Kind::List | Kind::Logs | Kind::Events | Kind::Socket => 400,
            _ => route.well,
        },
    },
    Attack {
        name: "a line in a parameter that is known",
        change: |_, ask| ask.target.extend(*b"?namespace=%0d%0aInjected:%20yes"),
        expects: |route| match route.kind {
            Kind::List | Kind::Logs | Kind::Events | Kind::Socket => 400,
            _ => route.well,
        },
    },
    Attack {
        name: "CR in a value",
        change: |_, ask| ask.add("A: b\rInjected: yes"),
        expects: |_| 400,
    },
    Attack {
        name: "LF in a value",
        change: |_, ask| ask.add("A: b\nInjected: yes"),
        expects: |_| 400,
    },
    Attack {
        name: "NUL in a value",
        change: |_, ask| ask.add("A: b\0Injected: yes"),
        expects: |_| 400,
    },
    Attack {
        name: "CR in the protocol of a WebSocket",
        change: |_, ask| ask.add("Sec-WebSocket-Protocol: v1.pipeops.io\rInjected: yes"),
        expects: |_| 400,
    },
    Attack {
        name: "a parameter that is no UTF-8",
        change: |_, ask| ask.target.extend(*b"?namespace=%ff"),
        expects: |route| match route.kind {
            Kind::List | Kind::Logs | Kind::Events | Kind::Socket => 400,
            _ => route.well,
        },
    },
    Attack {
        name: "fields that say who asks, beside a token",
        change: |_, ask| {
            ask.add("X-Remote-User: system:admin\r\nX-Remote-Group: system:masters\r\nX-Forwarded-For: 10.0.0.1");
        },
        expects: |route| route.well,
    },
];

#[test]
fn no_request_hides_between_two_readings() {
    Rig::start(&[]).all(FRAMES);
}

#[test]
fn no_request_hides_in_a_body_or_behind_what_is_passed_on() {
    // As the body of what is passed on it is heard, but as nothing else.
    let rig = Rig::start(&[]);
    rig.all(INSIDE);
    rig.all(BEHIND);
}

#[test]
fn no_field_hides_in_text() {
    Rig::start(&[]).all(FIELDS);
}
