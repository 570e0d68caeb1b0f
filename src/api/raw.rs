//! Requests that are passed on to the API server: as the caller, who must have a right to
//! them there, or by the API token as the agent, which then only reads and no Secrets.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::boundary;
use crate::chain::Chain;
use crate::commands::policy;
use crate::http::{Method, Request, Response, Taken, Takeover};
use crate::k8s::{Caller, Client, Relayed};
use crate::secret::Secret;

/// Below it, paths are those of the API server.
pub(super) const PREFIX: &str = "/api/k8s/raw";
/// Streams and requests under way at once.
pub(super) const MOST: usize = 64;
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
/// The same by how their names begin.
const DROPPED_FAMILIES: [&str; 2] = ["x-forwarded-", "x-remote-"];

/// Counts what is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Seats {
    pub(super) fn take(&self) -> Option<Seat> {
        // First counted, then looked at: two cannot get the last one.
        let seat = Seat(Arc::clone(&self.0));
        (self.0.fetch_add(1, Ordering::Relaxed) < MOST).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The path of the API server that a request asks for, with its query.
pub(super) fn path(request: &Request) -> String {
    let path = request.path.strip_prefix(PREFIX).unwrap_or(&request.path);
    match request.query.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Passes a request on, whose path is one of the API server; `own` when it has the API token.
pub(super) fn answer(
    client: &Client,
    seats: &Seats,
    request: &Request,
    path: String,
    own: bool,
) -> Response {
    let relayed = match relayed(request, path, own) {
        Ok(relayed) => relayed,
        Err(refusal) => return refusal,
    };
    let client = client.clone();
    seated(seats, move |taken| relay(&client, &relayed, taken))
}

/// Leaves an answer to a thread of its own, if there is a seat.
pub(super) fn seated(seats: &Seats, work: impl FnOnce(Taken) + Send + 'static) -> Response {
    let Some(seat) = seats.take() else {
        return full();
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

/// There is no seat.
pub(super) fn full() -> Response {
    let detail = format!("{MOST} streams and requests that are passed on are under way; try again");
    Response::problem(503, "Service Unavailable", &detail).with("Retry-After", "1")
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

/// What is to be passed on, or why it is not.
pub(super) fn relayed(request: &Request, path: String, own: bool) -> Result<Relayed, Response> {
    let plain = path.split('?').next().unwrap_or_default();
    if policy::Request::is_ambiguous(plain) || plain.contains("//") {
        let detail = "the path has empty names, dots for a name or encoded slashes";
        return Err(Response::problem(400, "Bad Request", detail));
    }
    let upgrade = upgrade(request);
    let caller = if own {
        readable(request, &path, upgrade.is_some())?;
        Caller::Agent
    } else {
        let authorization = request.headers.get("authorization").unwrap_or_default();
        Caller::Other(Secret::new(authorization))
    };
    Ok(Relayed {
        method: request.method.as_str(),
        old: request.old,
        path,
        fields: fields(request),
        upgrade,
        body: request.body.clone(),
        caller,
    })
}

/// What the API token is good for.
fn readable(request: &Request, path: &str, switches: bool) -> Result<(), Response> {
    let impersonates = |(name, _): (&str, &str)| starts_with(name, "impersonate-");
    let gets = matches!(request.method, Method::Get | Method::Head);
    let readable = match policy::Request::of("GET", path) {
        Some(wanted) => wanted.reads() && !wanted.tells_secrets(),
        None => is_discovery(path),
    };
    if gets && readable && !switches && !request.headers.iter().any(impersonates) {
        return Ok(());
    }
    let detail = "the API token only reads, and no Secrets; send a token of Kubernetes \
                  (kubectl create token NAME) for what its owner may do";
    Err(Response::problem(403, "Forbidden", detail))
}

fn is_discovery(path: &str) -> bool {
    let plain = path.split('?').next().unwrap_or_default();
    DISCOVERY.iter().any(|known| {
        let rest = plain.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The protocol that the caller wants to switch to.
fn upgrade(request: &Request) -> Option<String> {
    let mut named = request.headers.get("connection")?.split(',');
    let wanted = named.any(|name| name.trim().eq_ignore_ascii_case("upgrade"));
    let protocol = request.headers.get("upgrade").filter(|_| wanted)?;
    Some(protocol.to_owned())
}

fn fields(request: &Request) -> Vec<(String, String)> {
    let named = request.headers.get("connection").unwrap_or_default();
    let is_named = |name: &str| {
        named
            .split(',')
            .any(|own| own.trim().eq_ignore_ascii_case(name))
    };
    let kept = request.headers.iter();
    let kept = kept.filter(|(name, _)| !is_dropped(name) && !is_named(name));
    kept.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
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

    fn asks(
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
        own: bool,
    ) -> Result<Relayed, u16> {
        let mut request = Request::new(method, "/").with_header("Authorization", "Bearer t");
        for (name, value) in fields {
            request = request.with_header(name, value);
        }
        relayed(&request, path.to_owned(), own).map_err(|refusal| refusal.status)
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
            assert!(matches!(relayed.caller, Caller::Other(_)));
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
    fn there_are_so_many_seats() {
        let seats = Seats::default();
        let mut taken: Vec<_> = (0..MOST).map(|_| seats.take().unwrap()).collect();
        assert!(seats.take().is_none());
        taken.pop();
        assert!(seats.take().is_some());
    }
}
