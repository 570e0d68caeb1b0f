//! Any request, and its answer: for those who know the API's paths themselves.

use std::io::{self, Read};

use ureq::http::Response;
use ureq::{Body, BodyReader};

use super::client::Client;
use super::error::{Cause, Error};

/// The usual type of content, both ways.
pub const JSON: &str = "application/json";

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub method: &'static str,
    /// With the query.
    pub path: &'a str,
    /// Types of content that the caller reads.
    pub accept: &'a str,
    /// The type of content, and the content.
    pub body: Option<(&'a str, &'a [u8])>,
}

/// A successful answer, whose body is still to be read.
pub struct Answer {
    method: &'static str,
    path: String,
    warnings: Vec<String>,
    body: BodyReader<'static>,
}

impl<'a> Call<'a> {
    pub fn get(path: &'a str, accept: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            accept,
            body: None,
        }
    }
}

impl Client {
    /// Sends it once.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn request(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let response = self.send(call)?;
        Ok(Answer {
            method: call.method,
            path: call.path.to_owned(),
            warnings: warnings(&response),
            body: response.into_body().into_reader(),
        })
    }
}

impl Answer {
    /// What the server warns of, for people.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The error of a body that could not be read.
    pub fn broken(&self, error: io::Error) -> Error {
        Error::new(self.method, &self.path, Cause::Transport(error.into()))
    }

    /// The error of a body that is not what it should be.
    pub fn garbled(&self, error: serde_json::Error) -> Error {
        Error::new(self.method, &self.path, Cause::Decode(error))
    }
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

/// The texts of `Warning: 299 - "..."` (RFC 9111, section 5.5).
fn warnings(response: &Response<Body>) -> Vec<String> {
    response
        .headers()
        .get_all("warning")
        .iter()
        .filter_map(|value| text_of(value.to_str().ok()?))
        .collect()
}

fn text_of(warning: &str) -> Option<String> {
    let quoted = warning.strip_prefix("299 ")?.split_once('"')?.1;
    let mut text = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => text.push(rest.next()?),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn warnings_are_unquoted() {
        let text = |warning| text_of(warning).unwrap_or_default();
        assert_eq!(
            text(r#"299 - "v1 Endpoints is \"old\"""#),
            "v1 Endpoints is \"old\""
        );
        for other in ["", "110 - \"stale\"", "299 - \"open", "299 - none"] {
            assert_eq!(text_of(other), None, "{other}");
        }
    }
}
