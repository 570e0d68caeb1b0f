//! What went wrong with a request to the API server, by what the caller does next.

use std::fmt;
use std::time::Duration;

use super::target::TargetError;
use crate::json::{self, object};
use crate::token::Unreadable;

/// A request that did not succeed.
#[derive(Debug)]
pub struct Error {
    /// Method and path, without the query.
    request: String,
    cause: Cause,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No answer came: it may be there again at any moment.
    Unreachable,
    /// It answered that it cannot now; not before `after`, if it said so.
    Retry { after: Option<Duration> },
    /// The resource version is too old: list again.
    Expired,
    /// The token is not accepted; another may be in its file at any moment.
    Unauthorized,
    /// These credentials may not; only someone else can change that.
    Forbidden,
    /// There is no such thing.
    Absent,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// A file of the credentials became unusable.
    Target(TargetError),
    Token(Unreadable),
    Transport(ureq::Error),
    Status(Status),
    TooLarge {
        limit: usize,
    },
    Decode(serde_json::Error),
    /// What the server sent is not what it should be.
    Garbage(String),
    /// What came cannot be passed on.
    Output(std::io::Error),
}

object! {
    /// The [Status](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/)
    /// object of a refusal, or as much of one as could be read.
    #[derive(Debug)]
    pub struct Status {
        pub code: u16 = "code",
        /// Empty in an object without one; none if there is no object.
        pub reason: Option<String> = "reason",
        pub message: Option<String> = "message",
        details: Option<Box<Details>> = "details",
    }
}

object! {
    #[derive(Debug)]
    pub struct Details {
        pub kind: String = "kind",
        pub name: String = "name",
        pub causes: Vec<FieldCause> = "causes",
        retry_after_seconds: Option<u32> = "retryAfterSeconds",
    }
}

object! {
    /// What is wrong with one field.
    #[derive(Debug)]
    pub struct FieldCause {
        pub field: String = "field",
        pub message: String = "message",
    }
}

impl Status {
    /// A refusal that is ours.
    pub(super) fn forbidden(message: String) -> Self {
        Self {
            code: 403,
            reason: Some("Forbidden".to_owned()),
            message: Some(message),
            details: None,
        }
    }
}

impl Error {
    pub(super) fn new(method: &str, path: &str, cause: Cause) -> Self {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        Self {
            request: format!("{method} {path}"),
            cause,
        }
    }

    pub fn verdict(&self) -> Verdict {
        match &self.cause {
            Cause::Transport(_) => Verdict::Unreachable,
            Cause::Status(status) => status.verdict(),
            Cause::Target(_)
            | Cause::Token(_)
            | Cause::TooLarge { .. }
            | Cause::Decode(_)
            | Cause::Garbage(_)
            | Cause::Output(_) => Verdict::Retry { after: None },
        }
    }

    /// What the server said when it refused.
    pub fn status(&self) -> Option<&Status> {
        match &self.cause {
            Cause::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether nothing listens where the server should be.
    pub fn is_refused(&self) -> bool {
        matches!(&self.cause, Cause::Transport(ureq::Error::Io(error))
            if error.kind() == std::io::ErrorKind::ConnectionRefused)
    }

    /// Whether an answer was larger than the limit.
    pub(super) fn too_large(&self) -> bool {
        matches!(self.cause, Cause::TooLarge { .. })
    }

    /// Whether the server kept silent for too long.
    pub(super) fn is_timeout(&self) -> bool {
        matches!(&self.cause, Cause::Transport(ureq::Error::Timeout(_)))
    }

    /// Whether it is what came that could not be passed on.
    pub fn is_output(&self) -> bool {
        matches!(&self.cause, Cause::Output(_))
    }

    /// Whether what came cannot be read.
    pub(super) fn garbled(&self) -> bool {
        matches!(self.cause, Cause::Decode(_) | Cause::Garbage(_))
    }

    /// Whether the certificates did not do: they may have been replaced on disk.
    pub(super) fn distrusted(&self) -> bool {
        matches!(&self.cause, Cause::Transport(ureq::Error::Tls(_))) || self.tls().is_some()
    }

    /// What TLS does not like, however deep it is.
    fn tls(&self) -> Option<&rustls::Error> {
        match &self.cause {
            Cause::Transport(ureq::Error::Rustls(error)) => Some(error),
            Cause::Transport(ureq::Error::Io(error)) => error.get_ref()?.downcast_ref(),
            _ => None,
        }
    }
}

impl Status {
    /// Of an answer: its code, and what its body says.
    pub(super) fn of(code: u16, retry_after: Option<u32>, body: &[u8]) -> Self {
        let mut status = match json::read::<Self>(body) {
            Ok(mut status) => {
                // It gives a message of its own, and no reason.
                if status.message.is_some() {
                    status.reason.get_or_insert_default();
                }
                status
            }
            Err(_) => Self {
                message: Some(one_line(&String::from_utf8_lossy(body))),
                ..Self::default()
            },
        };
        status.code = code;
        if retry_after.is_some() {
            status.details.get_or_insert_default().retry_after_seconds = retry_after;
        }
        status
    }

    fn verdict(&self) -> Verdict {
        match self.code {
            410 => Verdict::Expired,
            401 => Verdict::Unauthorized,
            403 => Verdict::Forbidden,
            404 => Verdict::Absent,
            // An old version is refused as an internal error by some storages.
            _ if self.reason.as_deref() == Some("Expired") => Verdict::Expired,
            _ => Verdict::Retry {
                after: self.retry_after(),
            },
        }
    }

    pub fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    /// How long to wait before the same is asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.details.as_ref()?.retry_after_seconds?;
        Some(Duration::from_secs(seconds.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.request)?;
        if let Some(rustls::Error::InvalidCertificate(_)) = self.tls() {
            f.write_str(": check the certificate authority that is configured")?;
        }
        match &self.cause {
            Cause::Status(status) => write!(f, ": {status}"),
            Cause::TooLarge { limit } => write!(f, ": the answer is larger than {limit} bytes"),
            Cause::Garbage(what) => write!(f, ": {what}"),
            Cause::Output(_) => f.write_str(": the output cannot be written"),
            Cause::Target(_) | Cause::Token(_) | Cause::Transport(_) | Cause::Decode(_) => Ok(()),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.code)?;
        for part in [&self.reason, &self.message].into_iter().flatten() {
            if !part.is_empty() {
                write!(f, ", {}", one_line(part))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Target(error) => Some(error),
            Cause::Token(error) => Some(error),
            Cause::Transport(error) => Some(error),
            Cause::Decode(error) => Some(error),
            Cause::Output(error) => Some(error),
            Cause::Status(_) | Cause::TooLarge { .. } | Cause::Garbage(_) => None,
        }
    }
}

/// Foreign text that is fit for a log line.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(printable).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(code: u16, body: &str) -> Verdict {
        let status = Status::of(code, None, body.as_bytes());
        Error::new("GET", "/api/v1/pods?limit=1", Cause::Status(status)).verdict()
    }

    #[test]
    fn refusals_say_what_to_do_next() {
        let retry = |after: Option<u64>| Verdict::Retry {
            after: after.map(Duration::from_secs),
        };
        let too_many = r#"{"code":429,"details":{"retryAfterSeconds":7}}"#;
        assert_eq!(verdict(429, too_many), retry(Some(7)));
        assert_eq!(verdict(500, "not json"), retry(None));
        assert_eq!(verdict(503, r#"{"details":null}"#), retry(None));
        assert_eq!(verdict(410, "{}"), Verdict::Expired);
        assert_eq!(verdict(500, r#"{"reason":"Expired"}"#), Verdict::Expired);
        assert_eq!(verdict(401, ""), Verdict::Unauthorized);
        assert_eq!(verdict(403, ""), Verdict::Forbidden);
        assert_eq!(verdict(404, ""), Verdict::Absent);
    }

    #[test]
    fn the_header_counts_more_than_the_body() {
        let body = br#"{"details":{"retryAfterSeconds":7}}"#;
        let status = Status::of(429, Some(3), body);
        assert_eq!(status.retry_after(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn the_text_is_one_line_without_the_query() {
        let body = br#"{"reason":"Forbidden","message":"pods is\nforbidden"}"#;
        let cause = Cause::Status(Status::of(403, None, body));
        let error = Error::new("GET", "/api/v1/pods?continue=secret", cause);
        assert_eq!(
            error.to_string(),
            "GET /api/v1/pods failed: status 403, Forbidden, pods is forbidden"
        );
    }
}
