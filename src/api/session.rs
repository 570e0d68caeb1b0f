//! Logging in with a browser, which cannot send a token by itself.

use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::rights::Asking;
use super::{Api, json, refusal, timestamp};
use crate::http::{Method, Request, Response};
use crate::secret::Secret;
use crate::security::{Caller, Gate, Login, Means, Refusal};

/// Methods of `/api/session`.
pub(super) const ALLOW: &str = "GET, HEAD, POST, DELETE, OPTIONS";
/// Methods of what is only asked for.
pub(super) const ALLOW_PAIRING: &str = "POST, OPTIONS";

/// One of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    token: Option<String>,
    code: Option<String>,
}

#[derive(Serialize)]
struct View<'a> {
    user: &'a str,
    via: &'static str,
    /// Of an API token.
    scope: Option<&'static str>,
    expires: String,
}

#[derive(Serialize)]
struct Ticket<'a> {
    ticket: &'a str,
    expires_seconds: u64,
}

#[derive(Serialize)]
struct Offered {
    expires_seconds: u64,
}

impl Api {
    pub(super) fn session(&self, request: &Request, now: Instant) -> Response {
        match request.method {
            Method::Post => self.log_in(request, now).unwrap_or_else(refusal::answer),
            Method::Delete => {
                self.gate.log_out(request);
                let cookie = Gate::cookie("", Duration::ZERO, request.secure);
                Response::new(204).with("Set-Cookie", cookie)
            }
            _ => match self.gate.login(request, now) {
                Some(login) => view(&login),
                None => refusal::answer(Refusal::Missing),
            },
        }
    }

    fn log_in(&self, request: &Request, now: Instant) -> Result<Response, Refusal> {
        if let Some(problem) = not_json(request) {
            return Ok(problem);
        }
        let peer = request.peer.ip();
        let (secret, login) = match read(&request.body) {
            Some(Credentials {
                token: Some(token),
                code: None,
            }) => self
                .gate
                .log_in(peer, Secret::new(token).expose().trim(), now)?,
            Some(Credentials {
                token: None,
                code: Some(code),
            }) => self.gate.pair(peer, &code, now)?,
            _ => {
                let detail = "send {\"token\": \"...\"} or {\"code\": \"...\"}";
                return Ok(Response::problem(400, "Bad Request", detail));
            }
        };
        let cookie = Gate::cookie(secret.expose(), login.left, request.secure);
        Ok(view(&login).with("Set-Cookie", cookie))
    }

    /// `POST /api/realtime/tickets`.
    pub(super) fn ticket(&self, request: &Request, mut asking: Asking<'_>) -> Response {
        if let Some(problem) = not_empty(request) {
            return problem;
        }
        // There are so many tickets: nobody who is not known takes those of others.
        if let Err(refused) = asking.identify() {
            return refusal::answer(refused);
        }
        let (ticket, lives) = self.gate.ticket(asking.caller, asking.now);
        let ticket = Ticket {
            ticket: ticket.expose(),
            expires_seconds: lives.as_secs(),
        };
        json(201, &ticket)
    }

    pub(super) fn pairing(&self, request: &Request, now: Instant) -> Response {
        if let Some(problem) = not_empty(request) {
            return problem;
        }
        match self.gate.offer_code(request.peer.ip(), now) {
            Ok(lives) => json(
                202,
                &Offered {
                    expires_seconds: lives.as_secs(),
                },
            ),
            Err(refused) => refusal::answer(refused),
        }
    }
}

fn read(body: &[u8]) -> Option<Credentials> {
    serde_json::from_slice(body).ok()
}

/// What needs to be told nothing gets an empty object.
fn not_empty(request: &Request) -> Option<Response> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    let problem = not_json(request);
    problem.or_else(|| match serde_json::from_slice(&request.body) {
        Ok(Nothing {}) if request.body.trim_ascii_start().starts_with(b"{") => None,
        _ => Some(Response::problem(400, "Bad Request", "send {}")),
    })
}

/// Another type could be sent by a form of any page.
pub(super) fn not_json(request: &Request) -> Option<Response> {
    let given = request.headers.get("content-type").unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return None;
    }
    let detail = "send it with Content-Type: application/json";
    Some(Response::problem(415, "Unsupported Media Type", detail))
}

fn view(login: &Login) -> Response {
    let Caller { name, means, .. } = &login.caller;
    let (via, scope) = match means {
        Means::Key(scope) if name == "pairing-code" => ("pairing code", Some(scope.as_str())),
        Means::Key(scope) => ("api token", Some(scope.as_str())),
        Means::Token(_) => ("kubernetes token", None),
    };
    let expires = SystemTime::now() + login.left;
    json(
        200,
        &View {
            user: name,
            via,
            scope,
            expires: timestamp(expires),
        },
    )
}
