//! Requests that are passed on to the API server: as the caller, who must have a right to
//! them there, or by an API token as the agent, as far as the token's scope goes.

use std::net::Shutdown;
use std::thread;
use std::time::SystemTime;

use crate::age::since_1970;
use crate::boundary;
use crate::chain::Chain;
use crate::commands::policy::{self, Policy};
use crate::http::{Method, Request, Response, Taken, Takeover};
use crate::k8s::{Client, Relayed, Speaker};
use crate::seats::{Seat, Seats};
use crate::security::{Caller, Means, Scope, carries_token};

/// Below it, paths are those of the API server.
pub(super) const PREFIX: &str = "/api/k8s/raw";
/// A handshake takes 40 KB of it.
const STACK: usize = 256 * 1024;
/// What may be asked by the API token though it is about no object.
const DISCOVERY: [&str; 7] = [
    "/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version",
];
/// Fields about the connection (RFC 9110, section 7.6.1), those that are made anew, and those
/// by which proxies say who asks.
const DROPPED: [&str; 15] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-real-ip",
];
/// How fields begin that say for whom it is asked.
const FOR_OTHERS: &str = "impersonate-";
/// The same by how their names begin.
const DROPPED_FAMILIES: [&str; 2] = ["x-forwarded-", "x-remote-"];

/// A seat for a stream or a request that is passed on.
///
/// # Errors
/// There is none: what to answer.
pub(super) fn seat(seats: &Seats) -> Result<Seat, Response> {
    seats.take().ok_or_else(|| {
        let most = seats.most();
        let detail =
            format!("{most} streams and requests that are passed on are under way; try again");
        let answer = Response::problem(503, "Service Unavailable", &detail);
        answer.with("Retry-After", "1")
    })
}

/// The path of the API server that a request asks for, with its query.
pub(super) fn path(request: &Request) -> String {
    let path = request.path.strip_prefix(PREFIX).unwrap_or(&request.path);
    match request.query.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Passes a request on.
pub(super) fn answer(client: &Client, seats: &Seats, relayed: Relayed) -> Response {
    let client = client.clone();
    seated(seats, move |taken| relay(&client, &relayed, taken))
}

/// Leaves an answer to a thread of its own, if there is a seat.
pub(super) fn seated(seats: &Seats, work: impl FnOnce(Taken) + Send + 'static) -> Response {
    let seat = match seat(seats) {
        Ok(seat) => seat,
        Err(full) => return full,
    };
    Response::taken(Takeover::new(move |taken| {
        let socket = taken.stream().try_clone();
        // It has the seat, which is free again when the work is done or has failed.
        let fallen = move |_: &str| {
            drop(seat);
            let _ = socket.map(|socket| socket.shutdown(Shutdown::Both));
        };
        let body = move || boundary::within(fallen, || work(taken));
        let thread = thread::Builder::new().name("relay".to_owned());
        if let Err(error) = thread.stack_size(STACK).spawn(body) {
            log::error!("no thread for a request to be passed on: {error}");
        }
    }))
}

fn relay(client: &Client, relayed: &Relayed, taken: Taken) {
    let began = relayed
        .open(client)
        .map_err(|error| Chain(&error).to_string());
    let outcome = began.and_then(|mut relay| {
        let outcome = relay.run(taken.stream(), taken.early());
        match outcome {
            Err(error) if !relay.begun() => Err(error.to_string()),
            Err(error) => {
                let path = relayed.path.split('?').next().unwrap_or_default();
                log::debug!("{} {path} was cut: {error}", relayed.method);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    });
    if let Err(problem) = outcome {
        let detail = format!("the API server does not answer: {problem}");
        // Whoever asked may be gone.
        let _ = taken.answer(Response::problem(502, "Bad Gateway", &detail));
    }
}

/// What is passed on of a request, whose path is one of the API server.
///
/// # Errors
/// The answer to what is not passed on.
pub(super) fn relayed(
    request: &Request,
    path: String,
    caller: &Caller,
    policy: &Policy,
) -> Result<Relayed, Response> {
    let plain = path.split('?').next().unwrap_or_default();
    if policy::Request::is_ambiguous(plain) || plain.contains("//") {
        let detail = "the path has empty names, dots for a name or encoded slashes";
        return Err(Response::problem(400, "Bad Request", detail));
    }
    if loses_whom(request) {
        let detail = "a field that says for whom it is asked would be lost on the way: it is no \
                      visible ASCII, or Connection names it";
        return Err(Response::problem(400, "Bad Request", detail));
    }
    let upgrade = upgrade(request);
    let judged = judge(request, &path, upgrade.is_some(), caller, policy);
    let speaker = judged.map_err(|detail| Response::problem(403, "Forbidden", &detail))?;
    Ok(Relayed {
        method: request.method.as_str(),
        old: request.old,
        path,
        fields: fields(request),
        upgrade,
        body: request.body.clone(),
        speaker,
    })
}

/// As whom it is passed on; the error says why not.
fn judge(
    request: &Request,
    path: &str,
    switches: bool,
    caller: &Caller,
    policy: &Policy,
) -> Result<Speaker, String> {
    let gets = matches!(request.method, Method::Get | Method::Head);
    if caller.from_cookie && (!gets || switches || enters(path)) {
        return Err("a browser's login only reads; send the token itself".to_owned());
    }
    let scope = match &caller.means {
        // The API server judges it.
        Means::Token(authorization) => return Ok(Speaker::Other(authorization.clone())),
        Means::Key(scope) => *scope,
    };
    let impersonates = |(name, _): (&str, &str)| starts_with(name, FOR_OTHERS);
    if request.headers.iter().any(impersonates) {
        return Err("with an API token nobody else can be spoken for".to_owned());
    }
    let now = since_1970(SystemTime::now());
    let method = if gets { "GET" } else { request.method.as_str() };
    let may = match (scope, policy::Request::of(method, path)) {
        (Scope::Admin, _) => Ok(true),
        (_, None) => Ok(gets && !switches && is_discovery(path)),
        (Scope::Read, Some(wanted)) => {
            Ok(gets && !switches && wanted.reads() && !wanted.tells_secrets())
        }
        (Scope::Operate, Some(wanted)) if wanted.tells_secrets() => Ok(false),
        // A way in that the policy does not know, such as the console of a virtual machine.
        (Scope::Operate, Some(wanted)) if switches && wanted.reads() => Ok(false),
        (Scope::Operate, Some(wanted)) => policy.judge(&wanted, now.into()).map(|()| true),
    };
    match may {
        Ok(true) => Ok(Speaker::Agent),
        Ok(false) => Err(exceeded(scope)),
        Err(problem) => Err(problem),
    }
}

fn exceeded(scope: Scope) -> String {
    let scope = scope.as_str();
    format!(
        "an API token of the scope {scope} is not good for that; send a token of Kubernetes \
         (kubectl create token NAME) for what its owner may do"
    )
}

/// Whether even who only gets that is let into something. A page of a pod (`proxy`) would be one
/// of ours to the browser, with all that its login may read.
fn enters(path: &str) -> bool {
    policy::Request::of("GET", path).is_some_and(|wanted| !wanted.reads())
}

fn is_discovery(path: &str) -> bool {
    let plain = path.split('?').next().unwrap_or_default();
    DISCOVERY.iter().any(|known| {
        let rest = plain.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The protocol that the caller wants to switch to.
pub(super) fn upgrade(request: &Request) -> Option<String> {
    let mut named = request.headers.get("connection")?.split(',');
    let wanted = named.any(|name| name.trim().eq_ignore_ascii_case("upgrade"));
    let protocol = request.headers.get("upgrade").filter(|_| wanted)?;
    Some(protocol.to_owned())
}

fn fields(request: &Request) -> Vec<(String, String)> {
    let connection: Vec<&str> = of_connection(request).collect();
    let is_named = |name: &str| connection.iter().any(|own| own.eq_ignore_ascii_case(name));
    let kept = request.headers.iter();
    let kept = kept.filter(|(name, _)| !is_dropped(name) && !is_named(name));
    kept.filter_map(|(name, value)| {
        let value = match name.eq_ignore_ascii_case("sec-websocket-protocol") {
            true => without_token(value)?,
            false => value.to_owned(),
        };
        Some((name.to_owned(), value))
    })
    .collect()
}

/// What the fields `Connection` name.
fn of_connection(request: &Request) -> impl Iterator<Item = &str> {
    let fields = request.headers.iter();
    let own = fields.filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    own.flat_map(|(_, value)| value.split(',').map(str::trim))
}

/// Whether it would be asked for whoever has the token instead of somebody with fewer rights.
fn loses_whom(request: &Request) -> bool {
    let is_such = |name: &str| starts_with(name, FOR_OTHERS);
    request.headers.hides(is_such) || of_connection(request).any(is_such)
}

/// The protocols that a WebSocket offers to the API server: a token of the agent's is none.
fn without_token(offered: &str) -> Option<String> {
    let offered = offered.split(',').map(str::trim);
    let others: Vec<&str> = offered.filter(|name| !carries_token(name)).collect();
    (!others.is_empty()).then(|| others.join(", "))
}

/// Whether a field of that name is never passed on, in neither direction.
pub(super) fn is_dropped(name: &str) -> bool {
    DROPPED.iter().any(|own| own.eq_ignore_ascii_case(name))
        || DROPPED_FAMILIES
            .iter()
            .any(|family| starts_with(name, family))
}

fn starts_with(name: &str, start: &str) -> bool {
    let begins = name.get(..start.len());
    begins.is_some_and(|begins| begins.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn caller(means: Means) -> Caller {
        Caller {
            name: "me".to_owned(),
            means,
            from_cookie: false,
        }
    }

    fn asks_as(
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
        caller: &Caller,
    ) -> Result<Relayed, u16> {
        let mut request = Request::new(method, "/").with_header("Authorization", "Bearer t");
        for (name, value) in fields {
            request = request.with_header(name, value);
        }
        let policy = Policy::usual(Some("pipeops-system".to_owned()));
        let relayed = relayed(&request, path.to_owned(), caller, &policy);
        relayed.map_err(|refusal| refusal.status)
    }

    fn asks(
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
        own: bool,
    ) -> Result<Relayed, u16> {
        let means = match own {
            true => Means::Key(Scope::Read),
            false => Means::Token(Secret::new("Bearer t")),
        };
        asks_as(method, path, fields, &caller(means))
    }

    #[test]
    fn a_scope_is_good_for_so_much() {
        const POD: &str = "/api/v1/namespaces/a/pods/b";
        const EXEC: &str = "/api/v1/namespaces/a/pods/b/exec?command=id";
        const CONSOLE: &str =
            "/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/b/console";
        const SECRETS: &str = "/api/v1/namespaces/a/secrets";
        const OWN: &str = "/api/v1/namespaces/pipeops-system/pods/b";
        let switch = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        let passes = |scope, method, path, fields: &[(&str, &str)]| {
            asks_as(method, path, fields, &caller(Means::Key(scope))).is_ok()
        };
        for (scope, deletes, own, tells, enters) in [
            (Scope::Read, false, false, false, false),
            (Scope::Operate, true, false, false, false),
            (Scope::Admin, true, true, true, true),
        ] {
            assert!(passes(scope, Method::Get, POD, &[]));
            assert_eq!(passes(scope, Method::Delete, POD, &[]), deletes);
            assert_eq!(passes(scope, Method::Delete, OWN, &[]), own);
            assert_eq!(passes(scope, Method::Get, SECRETS, &[]), tells);
            assert_eq!(passes(scope, Method::Get, EXEC, &switch), enters);
            let other = passes(scope, Method::Get, CONSOLE, &switch);
            assert_eq!(other, scope == Scope::Admin);
            assert!(!passes(
                scope,
                Method::Get,
                POD,
                &[("Impersonate-User", "x")]
            ));
        }
    }

    #[test]
    fn what_a_browser_shows_by_itself_only_reads() {
        let means = [
            Means::Key(Scope::Admin),
            Means::Token(Secret::new("Bearer t")),
        ];
        for means in means {
            let caller = Caller {
                from_cookie: true,
                ..caller(means)
            };
            let switch = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
            assert!(asks_as(Method::Get, "/api/v1/pods", &[], &caller).is_ok());
            let path = "/api/v1/namespaces/a/pods/b/exec?command=id";
            assert!(asks_as(Method::Get, path, &switch, &caller).is_err());
            for page in ["services/b", "pods/b:80"] {
                let path = format!("/api/v1/namespaces/a/{page}/proxy/x.html");
                assert!(asks_as(Method::Get, &path, &[], &caller).is_err(), "{path}");
            }
            for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
                let refused = asks_as(method, "/api/v1/pods", &[], &caller).unwrap_err();
                assert_eq!(refused, 403);
            }
        }
    }

    #[test]
    fn the_api_token_reads_and_no_secrets() {
        for path in [
            "/api/v1/pods",
            "/api/v1/namespaces/a/pods/b/log?follow=true",
            "/apis/apps/v1/deployments?watch=true",
            "/version",
            "/apis",
            "/openapi/v3/apis/apps/v1",
        ] {
            assert!(asks(Method::Get, path, &[], true).is_ok(), "{path}");
            assert!(asks(Method::Head, path, &[], true).is_ok(), "{path}");
        }
        for path in [
            "/api/v1/secrets",
            "/api/v1/watch/secrets",
            "/api/v1/%73ecrets",
            "/api/v1/namespaces/a/secrets/b",
            "/api/v1/namespaces/a/pods/b/exec?command=id",
            "/api/v1/nodes/n/proxy/run",
            "/api/v1/namespaces/a/services/b/proxy/",
            "/metrics",
            "/versions",
            "/logs/x",
            "/",
        ] {
            assert_eq!(
                asks(Method::Get, path, &[], true).unwrap_err(),
                403,
                "{path}"
            );
        }
        for method in [
            Method::Post,
            Method::Put,
            Method::Patch,
            Method::Delete,
            Method::Options,
        ] {
            assert_eq!(asks(method, "/api/v1/pods", &[], true).unwrap_err(), 403);
        }
        for field in [("Impersonate-User", "root"), ("impersonate-extra-x", "y")] {
            assert_eq!(
                asks(Method::Get, "/api/v1/pods", &[field], true).unwrap_err(),
                403
            );
        }
        let switch = [
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
        ];
        assert_eq!(
            asks(Method::Get, "/api/v1/pods", &switch, true).unwrap_err(),
            403
        );
    }

    #[test]
    fn whoever_shows_another_token_is_judged_by_the_server() {
        for (method, path) in [
            (Method::Delete, "/api/v1/namespaces/a/pods"),
            (Method::Get, "/api/v1/secrets"),
            (Method::Post, "/api/v1/namespaces/a/pods/b/exec?command=id"),
        ] {
            let relayed = asks(method, path, &[("Impersonate-User", "x")], false).unwrap();
            assert!(matches!(relayed.speaker, Speaker::Other(_)));
            assert_eq!(relayed.path, path);
            assert_eq!(
                relayed.fields,
                [("Impersonate-User".to_owned(), "x".to_owned())]
            );
        }
    }

    #[test]
    fn a_path_means_the_same_to_everyone() {
        for path in [
            "/api//v1",
            "/api/v1/../secrets",
            "/api/%2e%2e/x",
            "/api/v1/a%2Fb",
            "//x",
            "/a/./b",
        ] {
            for own in [true, false] {
                assert_eq!(
                    asks(Method::Get, path, &[], own).unwrap_err(),
                    400,
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn fields_of_the_connection_stay_with_it() {
        let given = [
            ("Accept", "a"),
            ("Connection", "X-Own, close"),
            ("X-Own", "1"),
            ("Cookie", "c"),
            ("Host", "h"),
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("x-remote-user", "root"),
            ("X-Remote-Extra-Scopes", "all"),
            ("Upgrade", "websocket"),
            ("Content-Type", "application/json"),
        ];
        let relayed = asks(Method::Post, "/api/v1/pods", &given, false).unwrap();
        let names: Vec<_> = relayed
            .fields
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["Accept", "Content-Type"]);
        assert_eq!(relayed.upgrade, None, "the connection does not name it");
    }

    #[test]
    fn for_whom_it_is_asked_is_not_lost() {
        for fields in [
            [("Impersonate-User", "jos\u{e9}"), ("A", "b")],
            [
                ("impersonate-group", "caf\u{e9}"),
                ("Impersonate-User", "x"),
            ],
            [
                ("Connection", "close, Impersonate-User"),
                ("Impersonate-User", "x"),
            ],
            [("Connection", "close"), ("Connection", "impersonate-uid")],
        ] {
            let refused = asks(Method::Get, "/api/v1/pods", &fields, false);
            assert_eq!(refused.unwrap_err(), 400, "{fields:?}");
        }
    }

    #[test]
    fn a_token_for_the_agent_stays_with_it() {
        let token = "base64url.bearer.authorization.pipeops.io.dDBrZW4";
        let passed = |offered: &str| {
            let fields = [("Sec-WebSocket-Protocol", offered)];
            let relayed = asks(Method::Get, "/api/v1/pods", &fields, false).unwrap();
            relayed
                .fields
                .into_iter()
                .map(|(_, value)| value)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            passed(&format!("v4.channel.k8s.io,{token}, b")),
            ["v4.channel.k8s.io, b"]
        );
        assert!(passed(token).is_empty());
    }

    #[test]
    fn there_are_so_many_seats() {
        let seats = Seats::new(3);
        let _taken: Vec<_> = (0..3).map(|_| seat(&seats).unwrap()).collect();
        assert_eq!(seat(&seats).unwrap_err().status, 503);
    }
}
