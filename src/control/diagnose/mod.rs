//! Why the control plane cannot be reached, in words: from an error that happened
//! to the stage it happened at, what exactly was wrong, and what to do about it.
//!
//! Pure, but for [`hops`], which asks the network actively, stage by stage.

mod hops;
mod tls;
mod transport;

use std::time::Duration;

use super::error::{Cause, Failure, Mistake};
use crate::chain::Chain;

pub use hops::hops;

/// Clocks that differ by less are no news.
const SKEW_TOLERATED: u64 = 60;

/// Where on the way it fails, in the order of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Dns,
    Proxy,
    Tcp,
    Tls,
    Clock,
    Authentication,
    /// It answered, and the answer is a refusal or a failure.
    Server,
    /// What answered does not speak the protocol.
    Protocol,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Proxy => "proxy",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Clock => "clock",
            Self::Authentication => "authentication",
            Self::Server => "server",
            Self::Protocol => "protocol",
        }
    }
}

/// Why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub stage: Stage,
    /// What happened: one clause, lower case.
    pub text: String,
    /// What to look at.
    pub hint: String,
}

impl Explanation {
    fn new(stage: Stage, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            stage,
            text: text.into(),
            hint: hint.into(),
        }
    }
}

/// One stage of the way, tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// `options`, `dns`, `tcp`, `tls`, `http` or `clock`.
    pub name: &'static str,
    /// What was tried: names, addresses, versions.
    pub detail: String,
    /// How long it took, or why it failed.
    pub outcome: Result<Duration, String>,
}

/// Whether clocks differ so much that certificates and tokens are misjudged; `ahead` is
/// what [`super::Client::clock_skew`] returns.
pub fn skew(ahead: i64) -> Option<Explanation> {
    if ahead.unsigned_abs() < SKEW_TOLERATED {
        return None;
    }
    Some(Explanation::new(
        Stage::Clock,
        format!("this machine's clock is {}", skewed(ahead)),
        "set the clock, and let it be kept right (NTP, systemd-timesyncd, chrony)",
    ))
}

pub(super) fn mistake(mistake: &Mistake) -> Explanation {
    let stage = match mistake {
        Mistake::Url(_) => Stage::Protocol,
        Mistake::Proxy(_) => Stage::Proxy,
        Mistake::CaFile(..) => Stage::Tls,
    };
    Explanation::new(stage, mistake.to_string(), "correct the configuration")
}

pub(super) fn explain(failure: &Failure) -> Explanation {
    let peer = &*failure.peer;
    match &failure.cause {
        Cause::Token(error) => Explanation::new(
            Stage::Authentication,
            Chain(error).to_string(),
            "put the token that the control plane gave you there",
        ),
        Cause::Encode(error) => Explanation::new(
            Stage::Protocol,
            format!("the request cannot be written as JSON: {error}"),
            "report this as a mistake of the agent",
        ),
        Cause::Transport(error) => transport::explain(error, failure),
        Cause::Status {
            status, message, ..
        } => refusal(*status, message, failure),
        Cause::Redirect { status, location } => Explanation::new(
            Stage::Protocol,
            format!(
                "{} redirects to {location} (status {status}), which is not followed",
                peer.authority
            ),
            "set the control plane's URL to where it really is, or look for a captive portal",
        ),
        Cause::TooLarge { limit } => foreign(format!(
            "{} answers with more than {limit} bytes",
            peer.authority
        )),
        Cause::Decode {
            content_type,
            source,
        } => foreign(format!(
            "{} answers with {content_type} that is not the JSON of the protocol: {source}",
            peer.authority
        )),
    }
}

/// Something answers, but no control plane does.
fn foreign(text: String) -> Explanation {
    let hint = "look whether the URL is that of a control plane, and whether a proxy or captive portal answers instead";
    Explanation::new(Stage::Protocol, text, hint)
}

fn refusal(status: u16, message: &str, failure: &Failure) -> Explanation {
    let says = if message.is_empty() {
        format!("status {status}")
    } else {
        format!("status {status}, {message}")
    };
    let (stage, what, hint) = meaning(status, failure);
    // Clocks that differ make good tokens look expired.
    let skew = failure.skew.and_then(skew);
    let hint = match skew.filter(|_| stage == Stage::Authentication) {
        Some(skew) => format!("{hint}; {}", skew.text),
        None => hint.to_owned(),
    };
    Explanation::new(stage, format!("{what} ({says})"), hint)
}

/// Stage, what happened, and what to do.
fn meaning(status: u16, failure: &Failure) -> (Stage, String, &'static str) {
    let (path, token) = (&failure.path, &failure.peer.token);
    match status {
        401 => (
            Stage::Authentication,
            format!("the control plane does not accept {token}"),
            "get a new token: this one is wrong, expired or revoked",
        ),
        403 => (
            Stage::Authentication,
            format!("the control plane forbids this to {token}"),
            "ask for the right to do this, or use the token of this very cluster",
        ),
        407 => (
            Stage::Proxy,
            "a proxy wants authentication".to_owned(),
            "put user and password into HTTPS_PROXY",
        ),
        404 | 410 => (
            Stage::Server,
            format!("the control plane does not know {path}"),
            "an agent registers again by itself; otherwise look at the path of the URL",
        ),
        429 => (
            Stage::Server,
            "the control plane asks to come back later".to_owned(),
            "nothing to do: the agent waits as long as it was asked to",
        ),
        500..=599 => (
            Stage::Server,
            "the control plane has a problem".to_owned(),
            "nothing to do here: the agent tries again; look at the control plane",
        ),
        _ => (
            Stage::Server,
            "the control plane refuses the request".to_owned(),
            "compare the versions of agent and control plane",
        ),
    }
}

/// "2h 5m ahead of the control plane's"
fn skewed(ahead: i64) -> String {
    let seconds = Duration::from_secs(ahead.unsigned_abs());
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    format!(
        "{} {way} the control plane's",
        humantime::format_duration(seconds)
    )
}
