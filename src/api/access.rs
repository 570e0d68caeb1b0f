//! Who may ask, and in which form.

use std::time::Instant;

use ring::hmac;
use ring::rand::SystemRandom;

use crate::token::{Token, TokenSource};

/// The API token. Hashes are compared, under a key drawn at the start: the time
/// that takes tells an attacker nothing.
pub(super) struct Access(Option<Expected>);

struct Expected {
    /// Read again each minute where it is in a file.
    token: Token,
    key: hmac::Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token is configured, or its file never could be read: nobody may ask.
    NoToken,
    /// The request has none.
    Missing,
    Wrong,
}

impl Access {
    pub(super) fn new(token: Option<TokenSource>) -> Self {
        Self(token.and_then(|source| {
            let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
            let token = Token::new(source);
            Some(Expected { token, key })
        }))
    }

    /// Judges the value of `Authorization` (RFC 6750, section 2.1).
    pub(super) fn check(&self, authorization: Option<&str>) -> Result<(), Refusal> {
        let expected = self.0.as_ref().ok_or(Refusal::NoToken)?;
        let token = authorization
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(Refusal::Missing)?;
        let current = expected.token.current(Instant::now());
        let current = current.map_err(|_| Refusal::NoToken)?;
        let tag = hmac::sign(&expected.key, current.expose().as_bytes());
        hmac::verify(&expected.key, token.as_bytes(), tag.as_ref()).map_err(|_| Refusal::Wrong)
    }
}

/// How much a client with this `Accept` wants a media type, 0 to 1 (RFC 9110, section
/// 12.5.1): what is said most specifically holds.
pub(super) fn quality(accept: Option<&str>, media_type: &str) -> f64 {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return 1.0;
    };
    let family = media_type.split('/').next().unwrap_or_default();
    let mut best = (0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().unwrap_or_default();
        let specific = match named.strip_suffix("/*") {
            Some("*") => 1,
            Some(named) if named.eq_ignore_ascii_case(family) => 2,
            None if named.eq_ignore_ascii_case(media_type) => 3,
            _ => continue,
        };
        let said = parts.find_map(|part| {
            let value = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            value?.parse().ok()
        });
        let candidate = (specific, said.unwrap_or(1.0));
        if candidate > best {
            best = candidate;
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn only_the_token_opens() {
        let access = Access::new(Some(TokenSource::Fixed(Secret::new("t0ken"))));
        assert_eq!(access.check(Some("Bearer t0ken")), Ok(()));
        assert_eq!(access.check(Some("bearer  t0ken ")), Ok(()));
        assert_eq!(access.check(None), Err(Refusal::Missing));
        assert_eq!(access.check(Some("Basic t0ken")), Err(Refusal::Missing));
        assert_eq!(access.check(Some("t0ken")), Err(Refusal::Missing));
        for wrong in ["Bearer t0ke", "Bearer t0kenn", "Bearer ", "Bearer T0KEN"] {
            assert_eq!(access.check(Some(wrong)), Err(Refusal::Wrong), "{wrong}");
        }
        assert_eq!(
            Access::new(None).check(Some("Bearer t0ken")),
            Err(Refusal::NoToken)
        );
    }

    #[test]
    fn accept_is_read_as_clients_write_it() {
        let json = |accept| quality(accept, "application/json") > 0.0;
        for taken in [
            None,
            Some(""),
            Some("*/*"),
            Some("application/json"),
            Some("text/html,application/xhtml+xml,*/*;q=0.8"),
            Some("Application/JSON; charset=utf-8"),
            Some("application/*;q=0.1"),
        ] {
            assert!(json(taken), "{taken:?}");
        }
        for refused in [
            "text/html",
            "application/json;q=0",
            "image/*, text/plain",
            "*/*, application/json;q=0",
        ] {
            assert!(!json(Some(refused)), "{refused}");
        }
    }

    /// As Prometheus 2 asks, and Prometheus 3.
    #[test]
    fn of_two_types_the_more_wanted_is_known() {
        let first = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let second = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, open, plain) in [
            (first, 1.0, 0.5),
            (second, 0.5, 0.2),
            ("*/*;q=0.1", 0.1, 0.1),
        ] {
            let quality = |media_type| quality(Some(accept), media_type);
            assert_eq!(quality("application/openmetrics-text"), open, "{accept}");
            assert_eq!(quality("text/plain"), plain, "{accept}");
        }
    }
}
