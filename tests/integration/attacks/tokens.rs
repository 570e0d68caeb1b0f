//! Tokens that are none, on every route that wants one: a name without a right is not enough.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::routes::{ADMIN, Kind, Route};
use super::{Attack, Rig};
use crate::support::api_server::TOKEN;
use crate::support::peer::Peer;

fn wanted(route: &Route) -> u16 {
    match route.kind.wants_token() {
        true => 401,
        false => route.well,
    }
}

/// As a WebSocket offers it.
fn protocol(token: &str) -> String {
    let token = URL_SAFE_NO_PAD.encode(token);
    format!("Sec-WebSocket-Protocol: base64url.bearer.authorization.pipeops.io.{token}\r\n")
}

/// What is no token at all: the API server is not asked.
const NONE: &[Attack] = &[
    Attack {
        name: "none",
        change: |_, ask| ask.token.clear(),
        expects: wanted,
    },
    Attack {
        name: "an empty one",
        change: |_, ask| ask.token = "Authorization: Bearer \r\n".to_owned(),
        expects: wanted,
    },
    Attack {
        name: "one and more",
        change: |_, ask| ask.token = format!("Authorization: Bearer {ADMIN} {TOKEN}\r\n"),
        expects: wanted,
    },
    Attack {
        name: "another scheme",
        change: |_, ask| ask.token = format!("Authorization: Basic {ADMIN}\r\n"),
        expects: wanted,
    },
    Attack {
        name: "no scheme",
        change: |_, ask| ask.token = format!("Authorization: {ADMIN}\r\n"),
        expects: wanted,
    },
    Attack {
        name: "in a field of proxies",
        change: |_, ask| ask.token = format!("Proxy-Authorization: Bearer {ADMIN}\r\n"),
        expects: wanted,
    },
    Attack {
        name: "in a cookie",
        change: |_, ask| ask.token = format!("Cookie: pipeops_session={ADMIN}\r\n"),
        expects: wanted,
    },
    Attack {
        name: "in the query",
        change: |_, ask| {
            ask.token.clear();
            let query = format!("?token={ADMIN}&access_token={ADMIN}");
            ask.target.extend(query.bytes());
        },
        expects: wanted,
    },
    Attack {
        name: "a name that proxies tell",
        change: |_, ask| {
            ask.token =
                "X-Remote-User: system:admin\r\nX-Remote-Group: system:masters\r\n".to_owned();
        },
        expects: wanted,
    },
    Attack {
        name: "a token of the API server's protocol for WebSockets",
        change: |_, ask| {
            let token = URL_SAFE_NO_PAD.encode(ADMIN);
            ask.token = format!(
                "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.{token}\r\n"
            );
        },
        expects: wanted,
    },
    Attack {
        name: "a line in a token in a protocol",
        change: |_, ask| ask.token = protocol("x\r\nSmuggled: smuggled\r\nImpersonate-User: root"),
        expects: wanted,
    },
    Attack {
        name: "a request in a token in a protocol",
        change: |_, ask| {
            ask.token = protocol("x\r\n\r\nGET /api/v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        },
        expects: wanted,
    },
    Attack {
        name: "a token in a protocol that is no ASCII",
        change: |_, ask| ask.token = protocol("caf\u{e9}\0"),
        expects: wanted,
    },
    Attack {
        name: "a protocol that is no base64",
        change: |_, ask| {
            ask.token = "Sec-WebSocket-Protocol: base64url.bearer.authorization.pipeops.io.*\r\n"
                .to_owned();
        },
        expects: wanted,
    },
];

/// Somebody else is asked for than the token's owner.
const OTHERS: &[Attack] = &[Attack {
    name: "an API token for somebody else",
    change: |_, ask| ask.add("Impersonate-User: system:admin\r\nImpersonate-Group: system:masters"),
    expects: |route| match route.kind {
        Kind::Raw | Kind::Logs => 403,
        // The agent asks for nobody; what is in an envelope has fields of its own.
        _ => route.well,
    },
}];

/// What the API server is asked about, and says no to; of the log and of what is passed on it
/// says so itself.
fn asked(route: &Route) -> u16 {
    match route.kind {
        Kind::Envelope => 200,
        // The switch comes before the question.
        _ => wanted(route),
    }
}

/// As many as one agent is asked by: each costs a guess on all routes.
const FORGED: &[Attack] = &[
    Attack {
        name: "signed by nobody",
        // {"alg":"none"} and a name with all rights, in force for ever.
        change: |_, ask| {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let head = part(r#"{"alg":"none","typ":"JWT"}"#);
            let claims =
                part(r#"{"sub":"system:serviceaccount:kube-system:admin","exp":4102444800}"#);
            ask.token = format!("Authorization: Bearer {head}.{claims}.\r\n");
        },
        expects: asked,
    },
    Attack {
        name: "over since 1970",
        change: |_, ask| {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let head = part(r#"{"alg":"RS256"}"#);
            let claims = part(r#"{"sub":"system:admin","exp":1}"#);
            ask.token = format!("Authorization: Bearer {head}.{claims}.c2ln\r\n");
        },
        expects: asked,
    },
    Attack {
        name: "one that was changed",
        change: |_, ask| ask.token = format!("Authorization: Bearer {TOKEN}x\r\n"),
        expects: asked,
    },
    Attack {
        name: "one in capital letters",
        change: |_, ask| ask.token = format!("Authorization: Bearer {}\r\n", ADMIN.to_uppercase()),
        expects: asked,
    },
    Attack {
        name: "one of 8 KiB",
        change: |_, ask| ask.token = format!("Authorization: Bearer {}\r\n", "a".repeat(8 << 10)),
        expects: asked,
    },
    Attack {
        name: "a wrong one before the right one",
        change: |_, ask| ask.token.insert_str(0, "Authorization: Bearer wrong\r\n"),
        expects: asked,
    },
    Attack {
        name: "a ticket that was never given",
        change: |route, ask| {
            if route.kind.is_endless() {
                ask.target.extend(*b"?ticket=dGlja2V0");
            }
        },
        expects: |route| match route.kind.is_endless() {
            true => 401,
            false => route.well,
        },
    },
];

#[test]
fn nobody_is_told_anything_without_a_token() {
    let rig = Rig::start(&[]);
    rig.all(NONE);
    rig.all(OTHERS);
}

#[test]
fn what_the_api_server_does_not_know_opens_nothing() {
    for attack in FORGED {
        Rig::start(&[]).all(std::slice::from_ref(attack));
    }
}

#[test]
fn a_token_that_is_no_text_is_none_whatever_the_cookie() {
    let rig = Rig::start(&[]);
    let cookie = super::logins::cookie(&rig);
    for route in super::ROUTES
        .iter()
        .filter(|route| route.kind.wants_token())
    {
        let mut ask = route.ask();
        ask.token = cookie.clone();
        ask.add(b"Authorization: Bearer \xff");
        assert_eq!(rig.problem(route, &ask, 401), None, "{}", route.listed);
    }
    rig.unharmed();
}

#[test]
fn the_head_of_an_answer_wants_the_same_token() {
    let rig = Rig::start(&[]);
    let gets = |route: &&Route| route.kind.wants_token() && !route.kind.posts();
    for route in super::ROUTES.iter().filter(gets) {
        let mut ask = route.ask();
        ask.method = "HEAD";
        ask.token = format!("Authorization: Bearer {TOKEN}x\r\n");
        // Nothing switches by HEAD.
        ask.fields = b"Connection: close\r\n".to_vec();
        let mut peer = Peer::stranger(rig.agent.address());
        peer.send(ask.bytes());
        let text = peer.rest().text();
        let status = if route.kind == Kind::Socket { 426 } else { 401 };
        let right = text.starts_with(&format!("HTTP/1.1 {status} "));
        assert!(right, "{}: {text}", route.listed);
    }
    rig.unharmed();
}
