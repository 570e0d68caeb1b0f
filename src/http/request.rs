//! A complete request, as a handler sees it.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The methods that may reach a handler; the front answers others with 501.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    pub const ALL: [Method; 7] = [
        Method::Get,
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
        Method::Options,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
        }
    }

    /// Methods are case-sensitive (RFC 9110 section 9.1).
    pub(super) fn from_token(token: &str) -> Option<Method> {
        Method::ALL
            .into_iter()
            .find(|method| method.as_str() == token)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One request with its whole body.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// As sent, percent-escapes included; starts with `/`.
    pub path: String,
    /// What follows the first `?`, as sent; empty without one.
    pub query: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub peer: SocketAddr,
    /// It came over TLS.
    pub secure: bool,
    /// The peer speaks HTTP/1.0.
    pub old: bool,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// It speaks TLS.
    pub(super) secure: bool,
}

/// The minor version of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http10,
    Http11,
}

impl Request {
    /// A request without fields and body, as from 127.0.0.1.
    pub fn new(method: Method, target: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Headers::default(),
            body: Vec::new(),
            peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            secure: false,
            old: false,
        }
    }

    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Request {
        self.headers.push(name.as_bytes(), value.as_bytes());
        self
    }

    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// The pairs of the query, percent-decoded; None for one that is not UTF-8. A name alone
    /// has an empty value.
    pub fn query_pairs(&self) -> impl Iterator<Item = Option<(Cow<'_, str>, Cow<'_, str>)>> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
    }

    /// The first value of that name in the query, percent-decoded; `+` is a space.
    /// None too when the value is not UTF-8.
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(key, _)| decode(key).as_deref() == Some(name))
            .and_then(|(_, value)| decode(value))
    }
}

/// The fields of a request in their order.
#[derive(Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Field>,
}

/// Where a name and its value lie in the text.
#[derive(Clone, Copy)]
struct Field {
    name: (usize, usize),
    value: (usize, usize),
}

impl Headers {
    /// Copies what was parsed; `size` is about what the copy takes.
    pub(super) fn of(size: usize, fields: &[httparse::Header]) -> Headers {
        let mut headers = Headers {
            text: Vec::with_capacity(size),
            fields: Vec::with_capacity(fields.len()),
        };
        for field in fields {
            headers.push(field.name.as_bytes(), field.value);
        }
        headers
    }

    /// The first field of that name, in any case; None when there is none or when
    /// its value is not visible ASCII, spaces and tabs.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .raw()
            .find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()))?;
        visible(value)
    }

    /// All fields whose values are visible ASCII, spaces and tabs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.raw()
            .filter_map(|(name, value)| Some((visible(name)?, visible(value)?)))
    }

    /// Whether there is a field of such a name whose value is not told, because it is not
    /// visible ASCII: what decides something must not be taken for absent.
    pub fn hides(&self, is_such: impl Fn(&str) -> bool) -> bool {
        let mut raw = self.raw();
        raw.any(|(name, value)| visible(value).is_none() && visible(name).is_some_and(&is_such))
    }

    /// Every field as sent.
    fn raw(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let part = |(start, end): (usize, usize)| self.text.get(start..end).unwrap_or_default();
        self.fields
            .iter()
            .map(move |field| (part(field.name), part(field.value)))
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        let mut add = |part: &[u8]| {
            let start = self.text.len();
            self.text.extend_from_slice(part);
            (start, self.text.len())
        };
        let (name, value) = (add(name), add(value));
        self.fields.push(Field { name, value });
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(name, _)| name))
            .finish()
    }
}

fn visible(bytes: &[u8]) -> Option<&str> {
    let ok = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    bytes
        .iter()
        .all(ok)
        .then(|| std::str::from_utf8(bytes).ok())
        .flatten()
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => 16 * hex(bytes.next()?)? + hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// The value of a hexadecimal digit.
pub(super) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_decoded() {
        let request = Request::new(Method::Get, "/a?x=1&na%6de=a%20b+c&x=2&flag&bad=%zz&cut=%4");
        assert_eq!(request.path, "/a");
        assert_eq!(request.query_value("x").as_deref(), Some("1"));
        assert_eq!(request.query_value("name").as_deref(), Some("a b c"));
        assert_eq!(request.query_value("flag").as_deref(), Some(""));
        assert_eq!(request.query_value("bad"), None);
        assert_eq!(request.query_value("cut"), None);
        assert_eq!(request.query_value("missing"), None);
    }

    #[test]
    fn pairs_are_decoded_one_by_one() {
        let request = Request::new(Method::Get, "/a?x=1&&na%6de=a%20b&flag&bad=%zz");
        let pairs: Vec<_> = request.query_pairs().collect();
        let pair =
            |name: &str, value: &str| Some((name.to_owned().into(), value.to_owned().into()));
        assert_eq!(
            pairs,
            [pair("x", "1"), pair("name", "a b"), pair("flag", ""), None]
        );
    }

    #[test]
    fn headers_are_found_in_any_case_and_hidden_from_debug() {
        let request = Request::new(Method::Get, "/")
            .with_header("Authorization", "Bearer s3cret")
            .with_header("X-Name", "caf\u{e9}")
            .with_header("x-name", "second");
        assert_eq!(request.headers.get("AUTHORIZATION"), Some("Bearer s3cret"));
        assert_eq!(request.headers.get("x-name"), None);
        assert_eq!(request.headers.iter().count(), 2);
        assert!(request.headers.hides(|name| name == "X-Name"));
        assert!(!request.headers.hides(|name| name == "Authorization"));
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
