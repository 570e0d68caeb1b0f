//! Browsers: they log in once, and show a cookie from then on.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom;

use super::reviews::Trouble;
use super::sessions::{CODE_LIVES, TICKET_LIVES};
use super::{Caller, ENTER, Gate, Means, Refusal, Scope, held};
use crate::http::Request;
use crate::secret::Secret;

const COOKIE: &str = "pipeops_session";

/// A login.
#[derive(Debug)]
pub struct Login {
    pub caller: Caller,
    /// At most.
    pub left: Duration,
}

impl Gate {
    /// Lets a browser in by a token; what it is to keep, and who that is.
    ///
    /// # Errors
    /// The token is wrong, or too many were.
    pub fn log_in(
        &self,
        peer: IpAddr,
        token: &str,
        now: Instant,
    ) -> Result<(Secret, Login), Refusal> {
        let checked = held(&self.failures).check(peer, now);
        checked.map_err(Refusal::TooManyFailures)?;
        let mut caller = self.holder(peer, token, now)?;
        self.name(&mut caller, now)
            .map_err(|trouble| self.troubled(trouble, ENTER, peer, now))?;
        Ok(self.enter(caller, peer, now))
    }

    /// The same by the code in the log, which is good for reading.
    ///
    /// # Errors
    /// The code is wrong, or too many were.
    pub fn pair(&self, peer: IpAddr, code: &str, now: Instant) -> Result<(Secret, Login), Refusal> {
        let checked = held(&self.failures).check(peer, now);
        checked.map_err(Refusal::TooManyFailures)?;
        if !self.sessions().redeem(code, now) {
            return Err(self.troubled(Trouble::Unknown, ENTER, peer, now));
        }
        let caller = Caller {
            name: "pairing-code".to_owned(),
            means: Means::Key(Scope::Read),
            from_cookie: true,
        };
        Ok(self.enter(caller, peer, now))
    }

    fn enter(&self, caller: Caller, peer: IpAddr, now: Instant) -> (Secret, Login) {
        let secret = Secret::new(URL_SAFE_NO_PAD.encode(self.random_bytes::<32>()));
        let caller = Caller {
            from_cookie: true,
            ..caller
        };
        self.note(&caller.name, peer, ENTER, true);
        self.sessions().enter(secret.expose(), caller.clone(), now);
        let login = Login {
            caller,
            left: self.login_of(secret.expose(), now).unwrap_or_default(),
        };
        (secret, login)
    }

    fn login_of(&self, secret: &str, now: Instant) -> Option<Duration> {
        self.sessions().find(secret, now).map(|(_, left)| left)
    }

    /// Who is logged in by the cookie of this request.
    pub fn login(&self, request: &Request, now: Instant) -> Option<Login> {
        let (caller, left) = self.sessions().find(cookie(request)?, now)?;
        Some(Login { caller, left })
    }

    pub fn log_out(&self, request: &Request) {
        let left = cookie(request).and_then(|secret| self.sessions().leave(secret));
        if let Some(caller) = left {
            self.note(&caller.name, request.peer.ip(), "log out", true);
        }
    }

    /// What stands for somebody in the URL of a stream, once; how long it is good.
    pub fn ticket(&self, caller: Caller, now: Instant) -> (Secret, Duration) {
        let secret = Secret::new(URL_SAFE_NO_PAD.encode(self.random_bytes::<32>()));
        self.sessions().ticket(secret.expose(), caller, now);
        (secret, TICKET_LIVES)
    }

    /// A new code for whoever can read the agent's log; how long it is good.
    ///
    /// # Errors
    /// Too many wrong ones came from there.
    pub fn offer_code(&self, peer: IpAddr, now: Instant) -> Result<Duration, Refusal> {
        // Asked for again and again it would fill the log, and end codes of others.
        let taken = held(&self.failures).take(peer, now);
        taken.map_err(Refusal::TooManyFailures)?;
        let code = u64::from_be_bytes(self.random_bytes()) % 100_000_000;
        let code = format!("{code:08}");
        self.sessions().offer(&code, now);
        let (first, second) = code.split_at(4);
        log::warn!(
            "pairing code {first}-{second}, good once and for {} minutes; asked for by {peer}",
            CODE_LIVES.as_secs() / 60
        );
        Ok(CODE_LIVES)
    }

    /// What the browser is to keep (RFC 6265); empty to forget it.
    pub fn cookie(secret: &str, lives: Duration, secure: bool) -> String {
        let seconds = lives.as_secs();
        let secure = if secure { "; Secure" } else { "" };
        format!("{COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random
            .fill(&mut bytes)
            .expect("the system gives randomness");
        bytes
    }
}

pub(super) fn cookie(request: &Request) -> Option<&str> {
    cookie_in(request.headers.get("cookie")?)
}

/// What stands for somebody in the value of a field `Cookie` (RFC 6265, section 4.2).
pub fn cookie_in(all: &str) -> Option<&str> {
    let mut named = all
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    named
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}
