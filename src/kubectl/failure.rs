//! Why a command failed, in the words and with the exit code of kubectl.

use std::fmt::Write;
use std::ops::{Deref, DerefMut};

use crate::chain::Chain;
use crate::k8s::{Details, Error, Status};

/// The usual exit code of a failure.
const FAILED: i32 = 1;

/// A failed command, or one failed part of it. Small, as most results may hold one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(Box<Parts>);

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Without a line feed at the end; empty says nothing.
    message: String,
    /// Whether the message says by itself that it is an error.
    is_whole: bool,
    /// Why the server refused: `NotFound`, `Conflict`.
    pub reason: String,
    /// The server's own words; empty if it was not the server.
    said: String,
    pub code: i32,
}

impl Failure {
    /// Something that we found wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(message.into(), false)
    }

    /// A message that is printed as it is.
    pub fn whole(message: impl Into<String>) -> Self {
        Self::of(message.into(), true)
    }

    #[cold]
    #[inline(never)]
    fn of(message: String, is_whole: bool) -> Self {
        Self(Box::new(Parts {
            message,
            is_whole,
            reason: String::new(),
            said: String::new(),
            code: FAILED,
        }))
    }

    /// A wrong command line; `verb` is its name.
    pub fn usage(verb: &str, message: &str) -> Self {
        Self::new(format!(
            "{message}\nSee 'kubectl {verb} -h' for help and examples"
        ))
    }

    /// For what only a person at the machine may use.
    pub fn local(what: &str) -> Self {
        Self::new(format!("{what} is for the command line of a machine only"))
    }

    /// Ends with that code and says no more.
    pub fn silent(code: i32) -> Self {
        let mut failure = Self::whole("");
        failure.code = code;
        failure
    }

    /// All of them together; none if there are none.
    ///
    /// # Errors
    /// There are some.
    pub fn all(mut failures: Vec<Failure>) -> Result<(), Failure> {
        if failures.len() < 2 {
            return failures.pop().map_or(Ok(()), Err);
        }
        let messages: Vec<_> = failures
            .into_iter()
            .map(|failure| match failure.reason.as_str() {
                // Among others it is told as any other.
                "Invalid" => told("Invalid", &failure.said),
                _ => failure.0.message,
            })
            .collect();
        Err(Self::whole(messages.join("\n")))
    }

    /// Adds what failed to what the server did not find or understand.
    pub fn about(mut self, what: &str) -> Self {
        if !matches!(self.reason.as_str(), "NotFound" | "BadRequest") {
            return self;
        }
        self.said = format!("{what}: {}", self.said);
        self.message = told(&self.reason, &self.said);
        self
    }

    /// Adds what was done with the object of a file.
    pub fn during(mut self, verb: &str, source: &str) -> Self {
        if source.is_empty() {
            return self;
        }
        let what = format!("error when {verb} {source:?}: ");
        if self.said.is_empty() {
            self.message.insert_str(0, &what);
            return self;
        }
        self.said.insert_str(0, &what);
        if self.reason != "Invalid" {
            self.message = told(&self.reason, &self.said);
        }
        self
    }

    /// As our own words, with some before them.
    pub fn wrapped(&self, start: &str) -> Self {
        Self::new(start.to_owned() + self.said())
    }

    /// Whether the kind of an object in a file is not known.
    pub fn is_unmapped(&self) -> bool {
        self.message.starts_with("resource mapping not found")
    }

    pub fn is_not_found(&self) -> bool {
        self.reason == "NotFound"
    }

    /// What was wrong, without a word that it is an error where that is not part of it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The words of the server, without those around them, or what was wrong.
    pub fn said(&self) -> &str {
        match self.said.as_str() {
            "" => &self.message,
            said => said,
        }
    }

    /// As it is printed, with a line feed; empty if there is nothing to say.
    pub fn text(&self) -> String {
        let prefix = match self.is_whole || self.message.starts_with("error: ") {
            true => "",
            false => "error: ",
        };
        let end = if self.message.is_empty() || self.message.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        format!("{prefix}{}{end}", self.message)
    }
}

impl Deref for Failure {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.status() {
            Some(status) => refusal(status),
            None => Self::whole(format!(
                "Unable to connect to the server: {}",
                Chain(&error)
            )),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

fn refusal(status: &Status) -> Failure {
    let message = status.message.clone().unwrap_or_default();
    let (reason, message) = match status.reason.as_deref() {
        Some(reason) => (reason, message),
        None => unexplained(status.code, message),
    };
    let mut failure = Failure::whole(match reason {
        "Invalid" => invalid(status.details(), &message),
        _ => told(reason, &message),
    });
    failure.reason = reason.to_owned();
    failure.said = message;
    failure
}

fn told(reason: &str, said: &str) -> String {
    match reason {
        "Unauthorized" => format!("error: You must be logged in to the server ({said})"),
        "" => format!("Error from server: {said}"),
        _ => format!("Error from server ({reason}): {said}"),
    }
}

/// Reason and message of an answer that is no Status object.
fn unexplained(code: u16, message: String) -> (&'static str, String) {
    let (reason, known) = match code {
        404 => (
            "NotFound",
            "the server could not find the requested resource",
        ),
        401 => (
            "Unauthorized",
            "the server has asked for the client to provide credentials",
        ),
        403 => ("Forbidden", message.as_str()),
        405 => (
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
        429 => (
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        ),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        500.. => {
            let text = format!(
                "an error on the server ({message:?}) has prevented the request from succeeding"
            );
            return ("InternalError", text);
        }
        _ => ("", message.as_str()),
    };
    (reason, known.to_owned())
}

fn invalid(details: Option<&Details>, message: &str) -> String {
    let Some(details) = details else {
        return format!("The request is invalid: {message}");
    };
    let mut text = if !details.kind.is_empty() || !details.name.is_empty() {
        format!("The {} {:?} is invalid", details.kind, details.name)
    } else if details.causes.is_empty() && !message.is_empty() {
        format!("The request is invalid: {message}")
    } else {
        "The request is invalid".to_owned()
    };
    let mut causes: Vec<String> = Vec::new();
    for cause in &details.causes {
        let line = format!("{}: {}", cause.field, cause.message);
        if !causes.contains(&line) {
            causes.push(line);
        }
    }
    match causes.as_slice() {
        [] => {}
        [only] => {
            let _ = write!(text, ": {only}");
        }
        several => {
            text.push_str(": ");
            for cause in several {
                let _ = write!(text, "\n* {cause}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn one_failure_is_told_by_itself_and_several_in_lines() {
        let failures = || vec![Failure::new("a"), Failure::new("b")];
        assert_eq!(Failure::all(Vec::new()), Ok(()));
        let one = Failure::all(failures()[..1].to_vec()).unwrap_err();
        assert_eq!(one.text(), "error: a\n");
        assert_eq!(Failure::all(failures()).unwrap_err().text(), "a\nb\n");
        assert_eq!(Failure::new("error: a").text(), "error: a\n");
        assert_eq!(Failure::silent(7).text(), "");
    }

    #[test]
    fn refusals_are_told_as_kubectl_tells_them() {
        let told = |text: &str| refusal(&json::read(text.as_bytes()).unwrap()).text();
        for (status, expected) in [
            (
                r#"{"reason":"NotFound","message":"pods \"x\" not found"}"#,
                "Error from server (NotFound): pods \"x\" not found\n",
            ),
            (
                r#"{"reason":"Unauthorized","message":"Unauthorized"}"#,
                "error: You must be logged in to the server (Unauthorized)\n",
            ),
            (
                r#"{"code":404,"message":"404 page not found"}"#,
                "Error from server (NotFound): the server could not find the requested resource\n",
            ),
            (
                r#"{"reason":"Invalid","details":{"kind":"Pod","name":"x","causes":[
                    {"field":"a","message":"b"},{"field":"a","message":"b"}]}}"#,
                "The Pod \"x\" is invalid: a: b\n",
            ),
            (
                r#"{"reason":"Invalid","details":{"kind":"Pod","name":"x","causes":[
                    {"field":"a","message":"b"},{"field":"c","message":"d"}]}}"#,
                "The Pod \"x\" is invalid: \n* a: b\n* c: d\n",
            ),
        ] {
            assert_eq!(told(status), expected);
        }
    }
}
