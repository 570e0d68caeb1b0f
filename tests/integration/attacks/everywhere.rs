//! Names that lead here, pages of others, and requests that are too large, on every route.

use super::routes::{Kind, Route};
use super::{Attack, Rig, gated};

/// DNS rebinding: a page of `evil.example` has its own name lead here.
const NAMES: &[Attack] = &[
    Attack {
        name: "a foreign name",
        change: |_, ask| ask.host = "evil.example",
        expects: |route| gated(route, 421),
    },
    Attack {
        name: "a foreign name that begins like ours",
        change: |_, ask| ask.host = "127.0.0.1.evil.example:8080",
        expects: |route| gated(route, 421),
    },
    Attack {
        name: "a foreign name below ours",
        change: |_, ask| ask.host = "localhost.evil.example",
        expects: |route| gated(route, 421),
    },
    Attack {
        name: "a foreign name, and ours as proxies tell it",
        change: |_, ask| {
            ask.host = "evil.example";
            ask.add("X-Forwarded-Host: localhost\r\nForwarded: host=localhost");
        },
        expects: |route| gated(route, 421),
    },
    Attack {
        name: "two names",
        change: |_, ask| ask.add("Host: evil.example"),
        expects: |_| 400,
    },
    Attack {
        name: "a name with a user",
        change: |_, ask| ask.host = "localhost@evil.example",
        expects: |_| 400,
    },
    Attack {
        name: "a name in the target",
        change: |_, ask| {
            ask.target
                .splice(..0, *b"http://evil.example")
                .for_each(drop)
        },
        expects: |_| 400,
    },
];

/// A page of somebody else makes the browser ask.
const PAGES: &[Attack] = &[
    Attack {
        name: "another origin",
        change: |_, ask| ask.add("Origin: http://evil.example"),
        expects: |route| gated(route, 403),
    },
    Attack {
        name: "no origin of a sandbox",
        change: |_, ask| ask.add("Origin: null"),
        expects: |route| gated(route, 403),
    },
    Attack {
        name: "another port",
        change: |_, ask| ask.add("Origin: http://127.0.0.1:3000"),
        expects: |route| gated(route, 403),
    },
    Attack {
        name: "ours and another origin",
        change: |_, ask| ask.add("Origin: http://127.0.0.1\r\nOrigin: http://evil.example"),
        expects: |route| gated(route, 403),
    },
    Attack {
        name: "an origin that is no ASCII",
        change: |_, ask| ask.add(b"Origin: http://caf\xc3\xa9.example"),
        expects: |route| gated(route, 403),
    },
    Attack {
        name: "a script of another site",
        change: |_, ask| ask.add("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors"),
        expects: |route| gated(route, 403),
    },
    Attack {
        name: "an image on a page of the same site",
        change: |_, ask| ask.add("Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors"),
        expects: |route| gated(route, 403),
    },
    Attack {
        name: "a form of another site",
        change: |_, ask| {
            ask.method = "POST";
            ask.send("text/plain", "{\"a\":\"=\"}");
            ask.add("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate");
        },
        expects: |route| match route.kind {
            Kind::Probe => 405,
            _ => 403,
        },
    },
    Attack {
        name: "a form from a browser that tells nothing",
        change: |_, ask| {
            ask.method = "POST";
            ask.token.clear();
            ask.send("text/plain", "{\"a\":\"=\"}");
        },
        expects: |route| match route.kind {
            Kind::Session | Kind::Pairing => 415,
            Kind::Raw | Kind::Envelope | Kind::Ticket => 401,
            _ => 405,
        },
    },
    Attack {
        name: "a form with a token",
        change: |_, ask| {
            ask.method = "POST";
            ask.send("application/x-www-form-urlencoded", "{}");
        },
        expects: |route| match route.kind {
            Kind::Raw => route.well,
            kind if kind.posts() => 415,
            _ => 405,
        },
    },
];

/// More than fits, and methods that are not there.
const SIZES: &[Attack] = &[
    Attack {
        name: "a body of a byte too many",
        change: |_, ask| ask.framing = "Content-Length: 1048577\r\n".to_owned(),
        expects: |_| 413,
    },
    Attack {
        name: "a chunk of a byte too many",
        change: |_, ask| {
            ask.framing = "Transfer-Encoding: chunked\r\n".to_owned();
            ask.body = b"100001\r\n".to_vec();
        },
        expects: |_| 413,
    },
    Attack {
        name: "a field of 16 KiB",
        change: |_, ask| ask.add(format!("A: {}", "a".repeat(16 << 10))),
        expects: |_| 431,
    },
    Attack {
        name: "65 fields",
        change: |_, ask| ask.add("A: b\r\n".repeat(65).trim_end()),
        expects: |_| 431,
    },
    Attack {
        name: "a target of 16 KiB",
        change: |_, ask| ask.target.extend("?a".bytes().chain([b'a'; 16 << 10])),
        expects: |_| 414,
    },
    Attack {
        name: "TRACE",
        change: |_, ask| ask.method = "TRACE",
        expects: |_| 501,
    },
    Attack {
        name: "CONNECT",
        change: |_, ask| ask.method = "CONNECT",
        expects: |_| 400,
    },
    Attack {
        name: "PUT",
        change: |_, ask| ask.method = "PUT",
        expects: |route| match route.kind {
            // An administrator may, and the scripted server looks at no method.
            Kind::Raw => route.well,
            _ => 405,
        },
    },
    Attack {
        name: "a method in a field",
        change: |_, ask| ask.add("X-HTTP-Method-Override: DELETE"),
        expects: |route| route.well,
    },
];

/// JSON where there is some: what is none, what is deeper than anything, what is no text.
const OBJECTS: &[Attack] = &[
    Attack {
        name: "half an object",
        change: |_, ask| ask.send("application/json", "{\"token\""),
        expects: json,
    },
    Attack {
        name: "an array",
        change: |_, ask| ask.send("application/json", "[]"),
        expects: json,
    },
    Attack {
        name: "null",
        change: |_, ask| ask.send("application/json", "null"),
        expects: json,
    },
    Attack {
        name: "a key that is not known",
        change: |_, ask| ask.send("application/json", "{\"admin\":true}"),
        expects: json,
    },
    Attack {
        name: "100,000 arrays in each other",
        change: |_, ask| ask.send("application/json", "[".repeat(100_000)),
        expects: json,
    },
    Attack {
        name: "100,000 objects in a key that is known",
        change: |_, ask| {
            let deep = "{\"token\":".repeat(100_000);
            ask.send("application/json", format!("{{\"body\":{deep}"));
        },
        expects: json,
    },
    Attack {
        name: "no UTF-8",
        change: |_, ask| ask.send("application/json", *b"{\"token\":\"\xff\"}"),
        expects: json,
    },
    Attack {
        name: "half a character",
        change: |_, ask| ask.send("application/json", *b"{\"token\":\"\\ud800\"}"),
        expects: json,
    },
    Attack {
        name: "an object and more",
        change: |_, ask| ask.send("application/json", "{}{}"),
        expects: json,
    },
    Attack {
        name: "a mark of the order of bytes",
        change: |_, ask| ask.send("application/json", "\u{feff}{}"),
        expects: json,
    },
    Attack {
        name: "one key twice",
        change: |_, ask| ask.send("application/json", r#"{"token":"a","token":"b"}"#),
        expects: json,
    },
    Attack {
        name: "nothing",
        change: |_, ask| ask.send("application/json", ""),
        expects: json,
    },
];

/// Nobody else looks at a body.
fn json(route: &Route) -> u16 {
    match route.kind.posts() {
        true => 400,
        false => route.well,
    }
}

#[test]
fn no_name_but_our_own_leads_in() {
    Rig::start(&[]).all(NAMES);
}

#[test]
fn no_page_of_others_leads_in() {
    Rig::start(&[]).all(PAGES);
}

#[test]
fn what_is_too_large_or_of_no_known_method_is_refused() {
    Rig::start(&[]).all(SIZES);
}

#[test]
fn what_is_no_such_object_is_refused() {
    Rig::start(&[]).all(OBJECTS);
}
