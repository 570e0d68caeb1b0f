//! Reads an answer: a success with its body, or why it is none.

use std::time::SystemTime;

use ureq::http::{HeaderMap, Response, header};

use super::date;
use super::error::Cause;
use crate::json::{self, Owned, object};

/// A success, not decoded yet.
pub(super) struct Raw {
    content_type: String,
    body: Vec<u8>,
}

impl Raw {
    /// An empty body is a plain acknowledgement; anything else must be as promised,
    /// since a captive portal says 200 too.
    pub(super) fn decode<T: Owned>(self) -> Result<T, Cause> {
        if self.body.trim_ascii().is_empty() {
            return Ok(T::default());
        }
        json::read(&self.body).map_err(|source| Cause::Decode {
            content_type: self.content_type,
            source,
        })
    }
}

/// Reads the answer: a success with its body, or why it is none.
pub(super) fn judge(response: Response<ureq::Body>, limit: u64) -> Result<Raw, Cause> {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    if head.status.is_redirection() {
        let location = text(&head.headers, header::LOCATION).unwrap_or("nowhere");
        let location = location.split(['?', '#']).next().unwrap_or_default();
        return Err(Cause::Redirect {
            status,
            location: one_line(location),
        });
    }
    let body = body.into_with_config().limit(limit).read_to_vec();
    if !head.status.is_success() {
        let retry_after = text(&head.headers, header::RETRY_AFTER)
            .and_then(|text| date::retry_after(text, SystemTime::now()));
        return Err(Cause::Status {
            status,
            // A refusal is one whether or not its words arrive.
            message: message(&body.unwrap_or_default()),
            retry_after,
        });
    }
    match body {
        Ok(body) => Ok(Raw {
            content_type: one_line(text(&head.headers, header::CONTENT_TYPE).unwrap_or("no type")),
            body,
        }),
        Err(ureq::Error::BodyExceedsLimit(limit)) => Err(Cause::TooLarge { limit }),
        Err(error) => Err(Cause::Transport(error)),
    }
}

/// What a refusal says: problem details (RFC 9457), the usual fields, or plain text.
fn message(body: &[u8]) -> String {
    object! {
        struct Words {
            detail: Option<String> = "detail",
            message: Option<String> = "message",
            error: Option<String> = "error",
            title: Option<String> = "title",
        }
    }
    if let Ok(words) = json::read::<Words>(body) {
        let first = words
            .detail
            .or(words.message)
            .or(words.error)
            .or(words.title);
        return one_line(&first.unwrap_or_default());
    }
    let text = String::from_utf8_lossy(body);
    if text.trim_start().starts_with('<') {
        return "an HTML page".to_owned();
    }
    one_line(&text)
}

/// Foreign text that is fit for a log line.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 200;
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.trim().chars().map(printable).take(LONGEST).collect();
    if text.trim().chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_refusal_are_found_and_tamed() {
        let long = "x".repeat(500);
        for (body, words) in [
            (
                r#"{"title":"Gone","detail":"no such agent"}"#,
                "no such agent",
            ),
            (r#"{"error":"nope"}"#, "nope"),
            (r#"{"code":7}"#, ""),
            ("a\nb\u{1b}[31m", "a b [31m"),
            ("<html><body>502</body></html>", "an HTML page"),
            ("", ""),
            (long.as_str(), &format!("{}…", &long[..200])),
        ] {
            assert_eq!(message(body.as_bytes()), words);
        }
    }
}
