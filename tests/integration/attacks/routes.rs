//! The routes with a request for each that is answered well. A route of the agent that is not
//! here fails the suite.

use std::collections::BTreeSet;

use super::Rig;

pub(crate) const ADMIN: &str = "admin-0123456789abcdef";

/// Who may ask, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Anybody, by any name.
    Probe,
    /// Anybody who is not made to by a page of others.
    Open,
    /// Whoever has a right, for figures.
    Told,
    /// The same for a list.
    List,
    Raw,
    Logs,
    Envelope,
    /// The same, and the answer has no end.
    Events,
    Socket,
    /// The same for what stands in a URL.
    Ticket,
    /// Whoever says who they are, in the body.
    Session,
    Pairing,
}

impl Kind {
    pub(crate) fn is_endless(self) -> bool {
        matches!(self, Kind::Events | Kind::Socket)
    }

    pub(crate) fn posts(self) -> bool {
        matches!(
            self,
            Kind::Envelope | Kind::Ticket | Kind::Session | Kind::Pairing
        )
    }

    /// Whether nobody is told anything who is not known.
    pub(crate) fn wants_token(self) -> bool {
        !matches!(
            self,
            Kind::Probe | Kind::Open | Kind::Session | Kind::Pairing
        )
    }
}

pub(crate) struct Route {
    /// As `GET /` names it.
    pub(crate) listed: &'static str,
    pub(crate) kind: Kind,
    target: &'static str,
    body: &'static str,
    /// What whoever may do everything is answered.
    pub(crate) well: u16,
}

/// A request in its parts.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) target: Vec<u8>,
    pub(crate) host: &'static str,
    pub(crate) token: String,
    /// What says of which kind the body is, and how long.
    pub(crate) framing: String,
    /// Lines besides.
    pub(crate) fields: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// What comes behind.
    pub(crate) rest: Vec<u8>,
}

const fn get(listed: &'static str, kind: Kind) -> Route {
    at(listed, kind, listed, 200)
}

const fn at(listed: &'static str, kind: Kind, target: &'static str, well: u16) -> Route {
    Route {
        listed,
        kind,
        target,
        body: "",
        well,
    }
}

const fn post(listed: &'static str, kind: Kind, body: &'static str, well: u16) -> Route {
    Route {
        body,
        ..at(listed, kind, listed, well)
    }
}

const LETTER: &str = r#"{"method":"GET","path":"/api/v1/nodes"}"#;
const LOGIN: &str = r#"{"token":"admin-0123456789abcdef"}"#;

pub(crate) const ROUTES: &[Route] = &[
    get("/", Kind::Open),
    get("/health", Kind::Probe),
    get("/healthz", Kind::Probe),
    get("/livez", Kind::Probe),
    get("/ready", Kind::Probe),
    get("/readyz", Kind::Probe),
    get("/version", Kind::Probe),
    get("/api/openapi.yaml", Kind::Open),
    get("/metrics", Kind::Told),
    get("/api/health/detailed", Kind::Told),
    get("/api/status/features", Kind::Told),
    get("/api/status/connectivity", Kind::Told),
    get("/api/status/cluster", Kind::Told),
    get("/api/status/changes", Kind::Told),
    get("/api/metrics/runtime", Kind::Told),
    get("/api/audit", Kind::Told),
    get("/api/metrics/history", Kind::Told),
    get("/api/k8s/nodes", Kind::List),
    get("/api/k8s/pods", Kind::List),
    get("/api/k8s/namespaces", Kind::List),
    get("/api/k8s/deployments", Kind::List),
    get("/api/k8s/services", Kind::List),
    get("/api/k8s/events", Kind::List),
    at(
        "/api/k8s/raw/PATH",
        Kind::Raw,
        "/api/k8s/raw/api/v1/nodes",
        200,
    ),
    // The scripted server has none.
    at(
        "/api/k8s/logs/NAMESPACE/POD",
        Kind::Logs,
        "/api/k8s/logs/shop/web-0",
        404,
    ),
    post("/api/k8s/proxy", Kind::Envelope, LETTER, 200),
    get("/api/realtime/events", Kind::Events),
    get("/api/realtime/logs", Kind::Events),
    at("/ws", Kind::Socket, "/ws", 101),
    post("/api/realtime/tickets", Kind::Ticket, "{}", 201),
    post("/api/session", Kind::Session, LOGIN, 200),
    post("/api/session/pairing", Kind::Pairing, "{}", 202),
];

impl Route {
    /// What is answered well.
    pub(crate) fn ask(&self) -> Ask {
        let framing = match self.kind.posts() {
            true => format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                self.body.len()
            ),
            false => String::new(),
        };
        let fields = match self.kind {
            Kind::Socket => {
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            }
            // It is kept as it is sent.
            _ => "Accept-Encoding: gzip\r\n",
        };
        Ask {
            method: if self.kind.posts() { "POST" } else { "GET" },
            target: self.target.into(),
            host: "127.0.0.1",
            token: format!("Authorization: Bearer {ADMIN}\r\n"),
            framing,
            fields: fields.into(),
            body: self.body.into(),
            rest: Vec::new(),
        }
    }
}

impl Ask {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self {
            method,
            host,
            token,
            framing,
            ..
        } = self;
        [
            method.as_bytes(),
            b" ",
            &self.target,
            b" HTTP/1.1\r\nHost: ",
            format!("{host}\r\n{token}{framing}").as_bytes(),
            &self.fields,
            b"\r\n",
            &self.body,
            &self.rest,
        ]
        .concat()
    }

    /// Lines besides those that are there.
    pub(crate) fn add(&mut self, lines: impl AsRef<[u8]>) {
        self.fields.extend_from_slice(lines.as_ref());
        self.fields.extend_from_slice(b"\r\n");
    }

    /// Another body of that type.
    pub(crate) fn send(&mut self, media_type: &str, body: impl Into<Vec<u8>>) {
        self.body = body.into();
        let length = self.body.len();
        self.framing = format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n");
    }
}

#[test]
fn every_route_is_attacked_and_answers_well_otherwise() {
    let rig = Rig::start(&[]);
    let index = rig.agent.get_open("/").json();
    let lists = ["open", "with_token", "streams", "passed_on", "sessions"];
    let listed = lists
        .map(|list| index[list].as_array().unwrap().clone())
        .concat();
    let listed: BTreeSet<_> = listed.iter().map(|path| path.as_str().unwrap()).collect();
    let known: BTreeSet<_> = ROUTES.iter().map(|route| route.listed).collect();
    assert_eq!(listed, known);
    for route in ROUTES {
        assert_eq!(
            rig.problem(route, &route.ask(), route.well),
            None,
            "{}",
            route.listed
        );
    }
    rig.unharmed();
}
