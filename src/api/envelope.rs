//! A request to the API server inside of a JSON object, and its answer inside of another. Pure.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use super::raw;
use crate::commands::policy;
use crate::http::{Method, Request};
use crate::json::{Raw, Value, Walk, map};
use crate::k8s::Whole;

/// Bytes of a body that are written at once; base64 has no rest then.
const PIECE: usize = 48 * 1024;
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH and DELETE";

/// Reads `{"method","path","headers"?,"body"?,"encoding"?}` as the request that it stands for,
/// with the token of whoever sent it.
///
/// A body that is text is sent as that text, by `"encoding":"base64"` as the bytes that it stands
/// for, and any other as JSON.
///
/// # Errors
/// What is wrong, for whoever asks.
pub fn open(envelope: &Request) -> Result<Request, String> {
    let mut letter = Letter::default();
    letter.read(&envelope.body)?;
    let mut request = letter.request()?;
    if let Some(token) = envelope.headers.get("authorization") {
        request = request.with_header("Authorization", token);
    }
    let is_given = |name: &str| {
        letter
            .fields
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    if !is_given("accept") {
        request = request.with_header("Accept", "application/json");
    }
    let (body, is_json) = letter.body()?;
    if is_json && !is_given("content-type") {
        request = request.with_header("Content-Type", "application/json");
    }
    for (name, value) in &letter.fields {
        // What comes back is looked at, so it must be as it is.
        if !raw::is_dropped(name) && !name.eq_ignore_ascii_case("accept-encoding") {
            request = request.with_header(name, value);
        }
    }
    if streams(&request) {
        return Err(
            "watches and logs that are followed have no end: GET them below /api/k8s/raw".into(),
        );
    }
    Ok(request.with_body(body))
}

/// Whether the answer would not end. The server takes any other word for true.
fn streams(request: &Request) -> bool {
    let is_asked = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        matches!(&*name, "watch" | "follow") && !matches!(&*value, "false" | "0" | "f" | "F")
    };
    let target = format!("{}?{}", request.path, request.query);
    let wanted = policy::Request::of(request.method.as_str(), &target);
    wanted.is_some_and(|wanted| wanted.verb == "watch")
        || request.query_pairs().flatten().any(is_asked)
}

#[derive(Default)]
struct Letter<'t> {
    method: String,
    path: String,
    fields: Vec<(String, String)>,
    body: Raw<'t>,
    encoding: String,
}

impl<'t> Letter<'t> {
    fn read(&mut self, text: &'t [u8]) -> Result<(), String> {
        let mut walk = Walk::new(text);
        let outcome = walk.fields(&mut |name, walk| {
            match name {
                "method" => self.method = walk.value()?,
                "path" => self.path = walk.value()?,
                "body" => self.body = walk.value()?,
                "encoding" => self.encoding = walk.value()?,
                "headers" => walk.fields(&mut |name, walk| {
                    let value = walk.value()?;
                    self.fields.push((name.to_owned(), value));
                    Ok(())
                })?,
                _ => {
                    let known = "method, path, headers, body and encoding are known";
                    return Err(walk.error(&format!("there is no {name:?}: {known}")));
                }
            }
            Ok(())
        });
        outcome
            .and_then(|()| walk.end())
            .map_err(|error| format!("the body is no such object: {error}"))?;
        let is_field = |(name, value): &(String, String)| {
            let is_token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
            !name.is_empty()
                && name.bytes().all(is_token)
                && value
                    .bytes()
                    .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        };
        match self.fields.iter().find(|field| !is_field(field)) {
            Some((name, _)) => Err(format!("headers: {name:?} is no field of HTTP")),
            None => Ok(()),
        }
    }

    /// Its method and path.
    fn request(&self) -> Result<Request, String> {
        let methods = Method::ALL.into_iter();
        let method = methods
            .filter(|method| *method != Method::Options)
            .find(|method| method.as_str() == self.method)
            .ok_or_else(|| format!("method is one of {METHODS}"))?;
        let mut bytes = self.path.bytes();
        if !self.path.starts_with('/') || !bytes.all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return Err(
                "path is one of the API server, percent-encoded: /api/v1/pods?limit=5".into(),
            );
        }
        Ok(Request::new(method, &self.path))
    }

    /// The bytes to send, and whether they are JSON.
    fn body(&self) -> Result<(Vec<u8>, bool), String> {
        let is_text = self.body.0.starts_with(b"\"");
        match &*self.encoding {
            "" | "base64" if is_text => {}
            "" if matches!(self.body.0, b"" | b"null") => return Ok((Vec::new(), false)),
            "" => return Ok((self.body.0.to_vec(), true)),
            "base64" => return Err("a body in base64 is text".into()),
            _ => return Err("encoding is base64, or not there".into()),
        }
        let text: String = serde_json::from_slice(self.body.0)
            .map_err(|error| format!("the body is no text: {error}"))?;
        match &*self.encoding {
            "" => Ok((text.into_bytes(), false)),
            _ => {
                let bytes = STANDARD.decode(text);
                let bytes = bytes.map_err(|_| "the body is not in base64")?;
                Ok((bytes, false))
            }
        }
    }
}

/// An answer as `{"status","headers","body"}`, in pieces.
pub(super) struct Closing {
    head: String,
    form: Form,
    body: Vec<u8>,
    at: usize,
}

/// How the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// There is none.
    Null,
    /// It is part of the envelope.
    Json,
    Text,
    Base64,
}

impl Closing {
    pub(super) fn new(answer: Whole) -> Self {
        let form = form(&answer);
        let mut fields: Vec<(String, Value)> = Vec::new();
        for (name, value) in answer.fields {
            let name = name.to_ascii_lowercase();
            if raw::is_dropped(&name) {
                continue;
            }
            match fields.iter_mut().find(|(own, _)| *own == name) {
                Some((_, Value::String(earlier))) => *earlier = format!("{earlier}, {value}"),
                _ => fields.push((name, value.into())),
            }
        }
        let head = map! {
            "headers": Value::Object(fields.into_iter().collect()),
            "status": answer.status,
        };
        let mut head = head.to_string();
        head.pop();
        head.push_str(match form {
            Form::Null => ",\"body\":null",
            Form::Json => ",\"body\":",
            Form::Text => ",\"body\":\"",
            Form::Base64 => ",\"encoding\":\"base64\",\"body\":\"",
        });
        Self {
            head,
            form,
            body: answer.body,
            at: 0,
        }
    }

    /// Adds the next piece; false when it was the last.
    pub(super) fn write(&mut self, text: &mut String) -> bool {
        text.push_str(&std::mem::take(&mut self.head));
        let rest = self.body.get(self.at..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest);
        if self.form == Form::Base64 {
            self.at += piece.len();
            STANDARD.encode_string(piece, text);
        } else {
            // A character is not cut: what is behind the last whole one comes with the next piece.
            let piece = piece.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            self.at += piece.len();
            match self.form {
                Form::Text => escape(piece, text),
                _ => text.push_str(piece),
            }
        }
        if self.at < self.body.len() {
            return true;
        }
        let is_quoted = matches!(self.form, Form::Text | Form::Base64);
        text.push_str(if is_quoted { "\"}" } else { "}" });
        false
    }
}

/// Text without quotes is always UTF-8 here, whatever its type says.
fn form(answer: &Whole) -> Form {
    let mut fields = answer.fields.iter();
    let media_type = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let media_type = media_type.map_or("", |(_, value)| value);
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let body = answer.body.as_slice();
    if body.is_empty() {
        Form::Null
    } else if str::from_utf8(body).is_err() {
        Form::Base64
    } else if media_type.ends_with("json") && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        Form::Json
    } else {
        Form::Text
    }
}

fn escape(piece: &str, text: &mut String) {
    // Text cannot fail.
    let quoted = serde_json::to_string(piece).unwrap_or_default();
    text.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn opened(letter: &Value) -> Result<Request, String> {
        let envelope = Request::new(Method::Post, "/api/k8s/proxy")
            .with_header("Authorization", "Bearer t")
            .with_header("Cookie", "c")
            .with_body(letter.to_string());
        open(&envelope)
    }

    fn fields(request: &Request) -> Vec<String> {
        let fields = request.headers.iter();
        fields
            .map(|(name, value)| format!("{name}: {value}"))
            .collect()
    }

    #[test]
    fn a_letter_is_the_request_it_stands_for() {
        let request = opened(&json!({"method": "GET", "path": "/api/v1/pods?limit=5"})).unwrap();
        assert_eq!(
            (request.method, &*request.path),
            (Method::Get, "/api/v1/pods")
        );
        assert_eq!(request.query, "limit=5");
        let expected = ["Authorization: Bearer t", "Accept: application/json"];
        assert_eq!(fields(&request), expected);
        let object = json!({"kind": "Pod", "n": 1.50});
        let letter = json!({"method": "POST", "path": "/x", "body": object, "headers": {
            "Authorization": "Bearer other", "connection": "Upgrade", "Upgrade": "x",
            "Accept-Encoding": "gzip", "X-Remote-User": "root", "accept": "text/plain"}});
        let request = opened(&letter).unwrap();
        let expected = [
            "Authorization: Bearer t",
            "Content-Type: application/json",
            "accept: text/plain",
        ];
        assert_eq!(fields(&request), expected);
        assert_eq!(request.body, object.to_string().into_bytes());
    }

    #[test]
    fn bodies_are_json_text_or_bytes() {
        let sent = |body: Value, encoding: Option<&str>| {
            let mut letter = json!({"method": "PUT", "path": "/x", "body": body});
            if let Some(encoding) = encoding {
                letter["encoding"] = encoding.into();
            }
            opened(&letter).map(|request| {
                let is_json = request.headers.get("content-type").is_some();
                (request.body, is_json)
            })
        };
        assert_eq!(sent(json!([1, 2]), None), Ok((b"[1,2]".to_vec(), true)));
        assert_eq!(sent(json!(null), None), Ok((Vec::new(), false)));
        assert_eq!(
            sent(json!("a: \"b\"\n"), None),
            Ok((b"a: \"b\"\n".to_vec(), false))
        );
        assert_eq!(
            sent(json!("AP8="), Some("base64")),
            Ok((vec![0, 255], false))
        );
        assert_eq!(
            sent(json!("?"), Some("base64")),
            Err("the body is not in base64".to_owned())
        );
        assert_eq!(
            sent(json!({}), Some("base64")),
            Err("a body in base64 is text".to_owned())
        );
        assert!(sent(json!(""), Some("gzip")).is_err());
    }

    #[test]
    fn what_is_no_letter_is_told() {
        for (letter, problem) in [
            (json!([]), "the body is no such object"),
            (json!({}), "method is one of GET, HEAD, POST"),
            (json!({"method": "get", "path": "/x"}), "method is one of"),
            (
                json!({"method": "OPTIONS", "path": "/x"}),
                "method is one of",
            ),
            (json!({"method": "GET"}), "path is one of the API server"),
            (json!({"method": "GET", "path": "x"}), "path is one of"),
            (json!({"method": "GET", "path": "/a b"}), "path is one of"),
            (
                json!({"method": "GET", "path": "/a\r\nX: y"}),
                "path is one of",
            ),
            (json!({"method": "GET", "path": "/a#b"}), "path is one of"),
            (
                json!({"method": "GET", "path": "/x", "url": "y"}),
                "the body is no such object: there is no \"url\"",
            ),
            (
                json!({"method": "GET", "path": "/x", "headers": {"A": "b\r\nC: d"}}),
                "headers: \"A\" is no",
            ),
            (
                json!({"method": "GET", "path": "/x", "headers": {"A b": "c"}}),
                "headers: \"A b\" is no",
            ),
            (
                json!({"method": "GET", "path": "/x", "headers": {"A": 7}}),
                "the body is no such object",
            ),
            (
                json!({"method": "GET", "path": "/api/v1/pods?watch=true"}),
                "watches and logs",
            ),
            (
                json!({"method": "GET", "path": "/api/v1/pods?w%61tch=T"}),
                "watches and logs",
            ),
            (
                json!({"method": "GET", "path": "/api/v1/pods?watch"}),
                "watches and logs",
            ),
            (
                json!({"method": "GET", "path": "/api/v1/watch/pods"}),
                "watches and logs",
            ),
            (
                json!({"method": "GET", "path": "/api/v1/namespaces/a/pods/b/log?follow=1"}),
                "watches and logs",
            ),
        ] {
            let told = opened(&letter).unwrap_err();
            assert!(told.starts_with(problem), "{letter}: {told}");
        }
        let not = json!({"method": "GET", "path": "/api/v1/pods?watch=false"});
        assert!(opened(&not).is_ok());
    }

    fn closed(media_type: &str, body: &[u8]) -> Value {
        let fields = [
            ("Content-Type", media_type),
            ("Warning", "a"),
            ("warning", "b"),
            ("Connection", "close"),
        ];
        let mut closing = Closing::new(Whole {
            status: 201,
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body: body.to_vec(),
        });
        let mut text = String::new();
        while closing.write(&mut text) {}
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_answer_is_embedded_by_what_it_is() {
        let json = closed("application/json; charset=utf-8", b" {\"a\": [1]} ");
        let headers = json!({"content-type": "application/json; charset=utf-8", "warning": "a, b"});
        assert_eq!(
            json,
            json!({"status": 201, "headers": headers, "body": {"a": [1]}})
        );
        assert_eq!(closed("application/apply-patch+json", b"7")["body"], 7);
        assert_eq!(closed("application/json", b"{\"a\":")["body"], "{\"a\":");
        assert_eq!(
            closed("text/plain", "a\"\u{e9}\n".as_bytes())["body"],
            "a\"\u{e9}\n"
        );
        assert_eq!(closed("text/plain", b"")["body"], Value::Null);
        let bytes = closed("application/json", b"\xff\x00");
        assert_eq!(
            (&bytes["body"], &bytes["encoding"]),
            (&json!("/wA="), &json!("base64"))
        );
    }

    #[test]
    fn pieces_cut_no_character() {
        for lead in 0..4 {
            let long = format!("{}{}", "x".repeat(lead), "\u{1f680}".repeat(PIECE));
            assert_eq!(closed("text/plain", long.as_bytes())["body"], long);
            let quoted = json!(long).to_string();
            assert_eq!(closed("application/json", quoted.as_bytes())["body"], long);
        }
        let bytes: Vec<u8> = (0..3 * PIECE)
            .map(|at| u8::try_from(at % 251).unwrap() | 128)
            .collect();
        let told = closed("", &bytes)["body"].as_str().unwrap().to_owned();
        assert_eq!(STANDARD.decode(told).unwrap(), bytes);
    }

    proptest! {
        #[test]
        fn any_body_comes_back(body in prop::collection::vec(any::<u8>(), 0..40)) {
            let told = closed("text/plain", &body);
            let back = match told["encoding"].as_str() {
                Some(_) => STANDARD.decode(told["body"].as_str().unwrap()).unwrap(),
                None => told["body"].as_str().unwrap_or_default().as_bytes().to_vec(),
            };
            prop_assert_eq!(back, body);
        }
    }
}
