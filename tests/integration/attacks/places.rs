//! Other ways to write a path, on every route: a route has one name.

use super::routes::{Ask, Kind};
use super::{Attack, Rig};

/// Something before the path.
fn before(ask: &mut Ask, text: &str) {
    ask.target.splice(..0, text.bytes());
}

/// Something behind it.
fn behind(ask: &mut Ask, text: &[u8]) {
    ask.target.extend_from_slice(text);
}

const PLACES: &[Attack] = &[
    Attack {
        name: "up from elsewhere",
        change: |_, ask| before(ask, "/x/.."),
        expects: |_| 404,
    },
    Attack {
        name: "up from the top, encoded",
        change: |_, ask| before(ask, "/%2e%2e"),
        expects: |_| 404,
    },
    Attack {
        name: "two slashes",
        change: |_, ask| before(ask, "/"),
        expects: |_| 404,
    },
    Attack {
        name: "what is passed on, up to the route",
        change: |_, ask| before(ask, "/api/k8s/raw/api/../../../.."),
        expects: |_| 400,
    },
    Attack {
        name: "what is passed on, up to the route, encoded",
        change: |_, ask| before(ask, "/api/k8s/raw/api/%2E%2e/%2e%2E/.%2e/%2e."),
        expects: |_| 400,
    },
    Attack {
        name: "up",
        change: |_, ask| behind(ask, b"/.."),
        expects: |route| passed(route.kind, 400),
    },
    Attack {
        name: "up, with the slash encoded",
        change: |_, ask| behind(ask, b"%2f.."),
        expects: |route| passed(route.kind, 400),
    },
    Attack {
        name: "up, encoded twice",
        change: |_, ask| behind(ask, b"/%252e%252e/secrets"),
        expects: |route| passed(route.kind, 404),
    },
    Attack {
        name: "backslashes",
        change: |_, ask| behind(ask, b"\\..\\secrets"),
        expects: |route| passed(route.kind, 404),
    },
    Attack {
        name: "NUL, encoded",
        change: |_, ask| behind(ask, b"%00"),
        expects: |route| passed(route.kind, 404),
    },
    Attack {
        name: "a parameter of the path",
        change: |_, ask| behind(ask, b";a=b"),
        expects: |route| passed(route.kind, 404),
    },
    Attack {
        name: "a fragment",
        change: |_, ask| behind(ask, b"#/health"),
        expects: |_| 400,
    },
    Attack {
        name: "no ASCII",
        change: |_, ask| behind(ask, b"\xff"),
        expects: |_| 400,
    },
    Attack {
        name: "capital letters",
        change: |_, ask| ask.target.make_ascii_uppercase(),
        expects: |route| match route.listed {
            "/" => route.well,
            _ => 404,
        },
    },
    Attack {
        name: "a letter, encoded",
        change: |_, ask| {
            let last = ask.target.pop().unwrap_or_default();
            let escaped = format!("%{last:02x}");
            ask.target.extend(escaped.bytes());
        },
        expects: |route| match (route.listed, route.kind) {
            // Without a slash it is no path.
            ("/", _) => 400,
            (_, Kind::Logs) => 400,
            // Not as the scripted server spells it.
            _ => 404,
        },
    },
];

/// What is behind a path is the API server's to judge, where it is one of its own.
fn passed(kind: Kind, raw: u16) -> u16 {
    match kind {
        Kind::Raw => raw,
        Kind::Logs => 400,
        _ => 404,
    }
}

#[test]
fn a_route_has_one_name() {
    Rig::start(&[]).all(PLACES);
}
