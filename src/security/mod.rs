//! Who asks the local API, and what for.
//!
//! Somebody is known by an API token of the agent's own, by a token of Kubernetes, which the
//! API server judges, or by the cookie of a browser that has logged in with one of them or
//! with the code in the agent's log. Nobody gets a right by asking the agent that they would
//! not have without it, but what an API token's scope gives.

mod buckets;
mod keys;
mod login;
mod origin;
mod reviews;
mod sessions;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::chain::Chain;
use crate::http::Request;
use crate::k8s::Client;
use crate::k8s::calls::Wish;
use crate::secret::Secret;
use crate::token::TokenSource;

use buckets::{Buckets, Rate};
use keys::Keys;
pub use keys::{Scope, check as check_tokens, check_text as check_token_lines};
pub use login::Login;
use login::cookie;
pub use login::cookie_in;
pub use origin::is_own as is_own_name;
use reviews::{Reviews, Trouble};
use sessions::Sessions;

/// Requests that are answered; probes are not counted.
const REQUESTS: [Rate; 2] = [
    Rate {
        burst: 600.0,
        per_second: 200.0,
    },
    Rate {
        burst: 3000.0,
        per_second: 1000.0,
    },
];
/// Tokens and codes that are wrong.
const FAILURES: [Rate; 2] = [
    Rate {
        burst: 10.0,
        per_second: 1.0 / 6.0,
    },
    Rate {
        burst: 60.0,
        per_second: 1.0,
    },
];

const BEARER: &str = "base64url.bearer.authorization.pipeops.io.";

/// What is tried, as the audit calls it: to be known by a token or a ticket, or for longer.
const SHOW: &str = "authenticate";
const ENTER: &str = "log in";

/// What the gate is to know.
#[derive(Debug, Default)]
pub struct Options {
    /// Opens for reading.
    pub token: Option<TokenSource>,
    /// Lines of `SCOPE NAME TOKEN`.
    pub tokens_file: Option<PathBuf>,
    /// Names of the agent beyond those that nobody outside can own.
    pub hosts: Vec<String>,
}

/// Somebody who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit; empty before the API server was asked.
    pub name: String,
    pub means: Means,
    /// A browser shows it by itself, whoever made the page.
    pub from_cookie: bool,
}

/// What gives somebody rights.
#[derive(Clone, Debug)]
pub enum Means {
    Key(Scope),
    /// The value of `Authorization` for the API server.
    Token(Secret),
}

/// Why a request is not answered.
#[derive(Debug)]
pub enum Refusal {
    /// The agent has no such name.
    Host(String),
    /// A page of somebody else asks.
    Origin,
    /// So many requests came; how long to wait.
    TooMany(Duration),
    /// So many wrong tokens came; how long to wait.
    TooManyFailures(Duration),
    /// Nobody is known to ask.
    Missing,
    /// The same, and there is no API token that could be shown.
    Closed,
    Wrong,
    /// Known, but has no right to that.
    Forbidden(String),
    /// Others ask the API server at the moment.
    Busy,
    /// The API server does not say.
    Unanswered(String),
}

/// What was decided, for the audit.
#[derive(Debug)]
pub struct Decision<'a> {
    pub who: &'a str,
    pub peer: IpAddr,
    pub what: &'a str,
    pub allowed: bool,
}

/// Notes decisions.
pub type Note = Box<dyn Fn(&Decision<'_>) + Send + Sync>;

/// Lets in, or says why not.
pub struct Gate {
    keys: Keys,
    reviews: Reviews,
    sessions: Mutex<Sessions>,
    requests: Mutex<Buckets>,
    failures: Mutex<Buckets>,
    hosts: Vec<String>,
    note: Note,
    random: SystemRandom,
}

impl Gate {
    /// # Panics
    /// The system gives no randomness.
    pub fn new(options: Options, client: Client, note: Note) -> Self {
        let random = SystemRandom::new();
        let key = || {
            hmac::Key::generate(hmac::HMAC_SHA256, &random).expect("the system gives randomness")
        };
        let buckets = |[each, all]: [Rate; 2]| Mutex::new(Buckets::new(each, all));
        let hosts = options.hosts.iter().map(|host| host.to_ascii_lowercase());
        Self {
            keys: Keys::new(key(), options.token, options.tokens_file),
            reviews: Reviews::new(key(), client),
            sessions: Mutex::new(Sessions::new(key())),
            requests: buckets(REQUESTS),
            failures: buckets(FAILURES),
            hosts: hosts.collect(),
            note,
            random,
        }
    }

    /// What every request is asked before anything is done for it.
    ///
    /// # Errors
    /// A foreign name or page, or one request too many.
    pub fn admit(&self, request: &Request, now: Instant) -> Result<(), Refusal> {
        let taken = held(&self.requests).take(request.peer.ip(), now);
        taken.map_err(Refusal::TooMany)?;
        // Without one it is HTTP/1.0, which browsers do not speak.
        if let Some(host) = request.headers.get("host")
            && !origin::is_own(host, &self.hosts)
        {
            return Err(Refusal::Host(host.to_owned()));
        }
        match origin::is_foreign(request) {
            true => Err(Refusal::Origin),
            false => Ok(()),
        }
    }

    /// Who asks, as far as that needs no API server: what looks like a token of Kubernetes may
    /// be none.
    ///
    /// # Errors
    /// Nobody, or too many wrong ones came from there.
    pub fn caller(&self, request: &Request, now: Instant) -> Result<Caller, Refusal> {
        if let Some(value) = request.headers.get("authorization") {
            let token = bearer(value).ok_or(Refusal::Missing)?;
            return self.holder(request.peer.ip(), token, now);
        }
        // Whoever shows one is not taken for whoever the browser was.
        let is_token = |name: &str| name.eq_ignore_ascii_case("authorization");
        if request.headers.hides(is_token) {
            return Err(Refusal::Missing);
        }
        if let Some(token) = offered(request) {
            return self.holder(request.peer.ip(), &token, now);
        }
        let found = cookie(request).and_then(|secret| self.sessions().find(secret, now));
        match found {
            Some((caller, _)) => Ok(caller),
            None if self.keys.are_there(now) => Err(Refusal::Missing),
            None => Err(Refusal::Closed),
        }
    }

    /// The same for a stream, which a browser opens without fields of its own: a ticket in the
    /// URL is as good.
    ///
    /// # Errors
    /// As [`Gate::caller`].
    pub fn caller_of_stream(&self, request: &Request, now: Instant) -> Result<Caller, Refusal> {
        let ticket = request.query_value("ticket");
        let Some(ticket) = ticket else {
            return self.caller(request, now);
        };
        let punched = self.sessions().punch(&ticket, now);
        punched.ok_or_else(|| self.troubled(Trouble::Unknown, SHOW, request.peer.ip(), now))
    }

    fn holder(&self, peer: IpAddr, token: &str, now: Instant) -> Result<Caller, Refusal> {
        // It goes into a field for the API server, in which nothing may hide: neither a line nor
        // a second word, of which that would take the first.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::Wrong);
        }
        if let Some(holder) = self.keys.holder(token, now) {
            return Ok(Caller {
                name: holder.name,
                means: Means::Key(holder.scope),
                from_cookie: false,
            });
        }
        let token = Secret::new(format!("Bearer {token}"));
        // Whoever is known is not kept waiting by others who guess.
        if !self.reviews.knows(&token, now) {
            let checked = held(&self.failures).check(peer, now);
            checked.map_err(Refusal::TooManyFailures)?;
        }
        Ok(Caller {
            name: String::new(),
            means: Means::Token(token),
            from_cookie: false,
        })
    }

    /// Asks the API server who it is.
    ///
    /// # Errors
    /// It does not know the token, or does not say.
    pub fn identify(&self, caller: &mut Caller, peer: IpAddr, now: Instant) -> Result<(), Refusal> {
        self.name(caller, now)
            .map_err(|trouble| self.troubled(trouble, SHOW, peer, now))
    }

    fn name(&self, caller: &mut Caller, now: Instant) -> Result<(), Trouble> {
        if let Means::Token(token) = &caller.means
            && caller.name.is_empty()
        {
            (caller.name, _) = self.reviews.name(token, now)?;
        }
        Ok(())
    }

    /// Whether somebody may do that; what was decided just now is noted.
    ///
    /// # Errors
    /// The API server does not know the token, or does not say.
    pub fn may(
        &self,
        caller: &mut Caller,
        peer: IpAddr,
        wish: Wish<'_>,
        now: Instant,
    ) -> Result<bool, Refusal> {
        let Means::Token(token) = &caller.means else {
            return Ok(true);
        };
        let said = self.reviews.may(Some(token), wish, now);
        let (allowed, is_new) = said.map_err(|trouble| self.troubled(trouble, SHOW, peer, now))?;
        if is_new {
            // Who it is cannot change what was decided.
            let _ = self.identify(caller, peer, now);
            self.note(&caller.name, peer, &shown(wish), allowed);
        }
        Ok(allowed)
    }

    /// Whether the agent itself may do that.
    ///
    /// # Errors
    /// The API server does not say.
    pub fn agent_may(&self, wish: Wish<'_>, now: Instant) -> Result<bool, Refusal> {
        let said = self.reviews.may(None, wish, now).map(|(may, _)| may);
        said.map_err(|trouble| match trouble {
            Trouble::Busy => Refusal::Busy,
            Trouble::Unknown => {
                let problem = "it does not know the agent's own token";
                Refusal::Unanswered(problem.to_owned())
            }
            Trouble::Failed(error) => Refusal::Unanswered(Chain(&error).to_string()),
        })
    }

    /// Notes what was decided elsewhere.
    pub fn note(&self, who: &str, peer: IpAddr, what: &str, allowed: bool) {
        (self.note)(&Decision {
            who,
            peer,
            what,
            allowed,
        });
    }

    /// `what` was tried, for the audit.
    fn troubled(&self, trouble: Trouble, what: &str, peer: IpAddr, now: Instant) -> Refusal {
        match trouble {
            // Noted as often as it is let happen: nobody fills the audit.
            Trouble::Unknown => match held(&self.failures).take(peer, now) {
                Ok(()) => {
                    self.note("", peer, what, false);
                    Refusal::Wrong
                }
                Err(wait) => Refusal::TooManyFailures(wait),
            },
            Trouble::Busy => Refusal::Busy,
            Trouble::Failed(error) => Refusal::Unanswered(Chain(&error).to_string()),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        held(&self.sessions)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a protocol that a WebSocket offers is a token of the agent's, and for nobody else.
pub fn carries_token(protocol: &str) -> bool {
    protocol.starts_with(BEARER)
}

/// The token in the protocols that a WebSocket offers: `BEARER.` and the token as base64url
/// without padding, as Kubernetes has it.
fn offered(request: &Request) -> Option<String> {
    let offered = request.headers.get("sec-websocket-protocol")?;
    let mut offered = offered.split(',').map(str::trim);
    let token = offered.find_map(|name| name.strip_prefix(BEARER))?;
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// The token in a value of `Authorization` (RFC 6750, section 2.1).
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// A wish in words.
pub fn shown(wish: Wish<'_>) -> String {
    match wish {
        Wish::Path(path) => format!("get {path}"),
        Wish::Object {
            verb,
            group,
            resource,
            namespace,
            ..
        } => {
            let dot = if group.is_empty() { "" } else { "." };
            let place = match namespace {
                "" => String::new(),
                namespace => format!(" in {namespace}"),
            };
            format!("{verb} {resource}{dot}{group}{place}")
        }
    }
}

#[cfg(test)]
mod tests;
