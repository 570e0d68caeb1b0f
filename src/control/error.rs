//! What went wrong with a call, by what the caller does next.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::diagnose::{self, Explanation};
use crate::token::Unreadable;

/// A call that did not succeed.
#[derive(Debug)]
pub enum Error {
    /// The options make no client.
    Options(Mistake),
    /// The call was tried.
    Failed(Box<Failure>),
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Again, after this time when the server named one, else after a backoff.
    Retry { after: Option<Duration> },
    /// The token is refused: again, but minutes later.
    SlowLane,
    /// The control plane does not know this agent: register again.
    Unknown,
    /// This very request will never be accepted: go on with the next.
    GiveUp,
}

/// A mistake in the options, to be corrected by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    Url(String),
    Proxy(String),
    CaFile(PathBuf, String),
}

/// The calls of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Register,
    Heartbeat,
    Status,
    Events,
    Commands,
    Output,
    Result,
    Ping,
}

impl Call {
    pub const ALL: [Call; 8] = [
        Self::Register,
        Self::Heartbeat,
        Self::Status,
        Self::Events,
        Self::Commands,
        Self::Output,
        Self::Result,
        Self::Ping,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Heartbeat => "heartbeat",
            Self::Status => "status",
            Self::Events => "events",
            Self::Commands => "commands",
            Self::Output => "output",
            Self::Result => "result",
            Self::Ping => "ping",
        }
    }

    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Commands | Self::Ping => "GET",
            _ => "POST",
        }
    }

    /// Whether its path names an agent.
    fn is_about_an_agent(self) -> bool {
        !matches!(self, Self::Register | Self::Ping)
    }

    /// Whether its path names a command.
    fn is_about_a_command(self) -> bool {
        matches!(self, Self::Output | Self::Result)
    }
}

/// A call that was tried; [`Error::explanation`] tells it to people.
#[derive(Debug)]
pub struct Failure {
    pub(super) call: Call,
    pub(super) path: String,
    pub(super) peer: Arc<Peer>,
    /// Seconds that this machine's clock is ahead, where an answer told.
    pub(super) skew: Option<i64>,
    pub(super) cause: Cause,
}

/// The other side, as far as an explanation names it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) host: String,
    /// `host:port`
    pub(super) authority: String,
    /// Without user and password.
    pub(super) proxy: Option<String>,
    pub(super) roots: String,
    pub(super) token: String,
    pub(super) timeout: Duration,
}

#[derive(Debug)]
pub(super) enum Cause {
    Token(Unreadable),
    Encode(serde_json::Error),
    Transport(ureq::Error),
    Status {
        status: u16,
        /// What the server says, shortened.
        message: String,
        retry_after: Option<Duration>,
    },
    Redirect {
        status: u16,
        location: String,
    },
    TooLarge {
        limit: u64,
    },
    Decode {
        content_type: String,
        source: serde_json::Error,
    },
}

impl Error {
    pub fn verdict(&self) -> Verdict {
        let failure = match self {
            Self::Options(_) => return Verdict::GiveUp,
            Self::Failed(failure) => failure,
        };
        match failure.cause {
            Cause::Status {
                status,
                retry_after,
                ..
            } => by_status(failure.call, status, retry_after),
            Cause::Token(_) => Verdict::SlowLane,
            Cause::Encode(_) => Verdict::GiveUp,
            _ => Verdict::Retry { after: None },
        }
    }

    /// Why, for people: where on the way, what exactly, what to do.
    pub fn explanation(&self) -> Explanation {
        match self {
            Self::Options(mistake) => diagnose::mistake(mistake),
            Self::Failed(failure) => diagnose::explain(failure),
        }
    }

    /// The status of a refusal, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Failed(failure) => match failure.cause {
                Cause::Status { status, .. } | Cause::Redirect { status, .. } => Some(status),
                _ => None,
            },
            Self::Options(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = match self {
            Self::Options(mistake) => return mistake.fmt(f),
            Self::Failed(failure) => failure,
        };
        write!(f, "{} {}: ", failure.call.method(), failure.path)?;
        match &failure.cause {
            Cause::Token(_) => f.write_str("no token"),
            Cause::Encode(_) => f.write_str("the request cannot be written as JSON"),
            Cause::Transport(_) => write!(f, "no answer from {}", failure.peer.authority),
            Cause::Status {
                status, message, ..
            } if message.is_empty() => {
                write!(f, "status {status}")
            }
            Cause::Status {
                status, message, ..
            } => write!(f, "status {status}, {message}"),
            Cause::Redirect { status, location } => {
                write!(f, "status {status}, redirect to {location}")
            }
            Cause::TooLarge { limit } => write!(f, "answer of more than {limit} bytes"),
            Cause::Decode { content_type, .. } => {
                write!(f, "answer ({content_type}) is not what the protocol says")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Options(_) => None,
            Self::Failed(failure) => match &failure.cause {
                Cause::Token(error) => Some(error),
                // Wraps a failed lookup, whose own text says more than the wrapper's.
                Cause::Transport(ureq::Error::Other(error)) => Some(error.as_ref()),
                Cause::Transport(error) => Some(error),
                Cause::Encode(source) | Cause::Decode { source, .. } => Some(source),
                _ => None,
            },
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(problem) => write!(f, "the control plane's URL {problem}"),
            Self::Proxy(problem) => write!(f, "the proxy's URL {problem}"),
            Self::CaFile(path, problem) => write!(f, "the CA file {} {problem}", path.display()),
        }
    }
}

impl std::error::Error for Mistake {}

fn by_status(call: Call, status: u16, retry_after: Option<Duration>) -> Verdict {
    match status {
        401 | 403 => Verdict::SlowLane,
        410 if call.is_about_a_command() => Verdict::GiveUp,
        404 | 410 if call.is_about_an_agent() => Verdict::Unknown,
        // Whoever never registers is never known: a wrong path may be put right.
        404 | 410 | 408 | 425 | 429 | 500..=599 => Verdict::Retry { after: retry_after },
        _ => Verdict::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides_what_comes_next() {
        let after = Some(Duration::from_secs(7));
        let retry = Verdict::Retry { after };
        for (call, status, verdict) in [
            (Call::Heartbeat, 401, Verdict::SlowLane),
            (Call::Register, 403, Verdict::SlowLane),
            (Call::Heartbeat, 404, Verdict::Unknown),
            (Call::Status, 410, Verdict::Unknown),
            (Call::Register, 404, retry),
            (Call::Ping, 404, retry),
            (Call::Commands, 404, Verdict::Unknown),
            (Call::Output, 404, Verdict::Unknown),
            (Call::Result, 410, Verdict::GiveUp),
            (Call::Result, 503, retry),
            (Call::Heartbeat, 429, retry),
            (Call::Heartbeat, 500, retry),
            (Call::Heartbeat, 503, retry),
            (Call::Status, 413, Verdict::GiveUp),
            (Call::Register, 422, Verdict::GiveUp),
        ] {
            assert_eq!(by_status(call, status, after), verdict, "{call:?} {status}");
        }
    }
}
