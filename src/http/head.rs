//! A complete head as a request, or why it is refused. Pure.
//!
//! `scan` has already held line ends, control characters and the length; here are
//! the request line, the fields that frame the message, and Host.

use httparse::Header;

use super::framing::Framing;
use super::refusal::Refusal;
use super::request::{Headers, Method, Peer, Request, Version};

/// Fields of a request at most.
pub(super) const FIELDS: usize = 64;

/// A request without its body, and what follows the head.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) request: Request,
    pub(super) framing: Framing,
    /// The peer waits for 100 before it sends the body.
    pub(super) expects_continue: bool,
    /// The connection ends after the answer.
    pub(super) close: bool,
}

/// Parses what `scan` found to be a complete head.
pub(super) fn parse(text: &[u8], peer: Peer) -> Result<Head, Refusal> {
    let (line, rest) = request_line(text)?;
    let line = Line::parse(line)?;
    let mut slots = [httparse::EMPTY_HEADER; FIELDS];
    let fields = match httparse::parse_headers(rest, &mut slots) {
        Ok(httparse::Status::Complete((_, fields))) => fields,
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::new(431, "more than 64 fields"));
        }
        Ok(httparse::Status::Partial) | Err(_) => {
            return Err(Refusal::malformed("a field is malformed"));
        }
    };
    check_host(fields, line.version)?;
    let old = line.version == Version::Http10;
    Ok(Head {
        framing: framing(fields, line.version)?,
        expects_continue: expects_continue(fields)? && !old,
        close: old || wants_close(fields),
        request: Request {
            method: line.method,
            path: line.path.to_owned(),
            query: line.query.to_owned(),
            headers: Headers::of(rest.len(), fields),
            body: Vec::new(),
            peer: peer.address,
            secure: peer.secure,
            old,
        },
    })
}

/// Splits off the first line; empty ones before it are skipped.
fn request_line(mut text: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    while let Some(rest) = text.strip_prefix(b"\r\n") {
        text = rest;
    }
    let end = text.iter().position(|byte| *byte == b'\r');
    end.and_then(|end| Some((text.get(..end)?, text.get(end + 2..)?)))
        .ok_or(Refusal::malformed("there is no request line"))
}

struct Line<'a> {
    method: Method,
    path: &'a str,
    query: &'a str,
    version: Version,
}

impl<'a> Line<'a> {
    /// Method, target and version with one space between (RFC 9112 section 3).
    fn parse(line: &'a [u8]) -> Result<Line<'a>, Refusal> {
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            let reason = "the request line is not a method, a target and a version";
            return Err(Refusal::malformed(reason));
        };
        let version = parse_version(version)?;
        let method = parse_method(method)?;
        let target = parse_target(target)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Line {
            method,
            path,
            query,
            version,
        })
    }
}

fn parse_version(text: &[u8]) -> Result<Version, Refusal> {
    match text {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Refusal::new(
            505,
            "only HTTP/1.1 and HTTP/1.0 are spoken here",
        )),
        _ => Err(Refusal::malformed("the version is not HTTP/1.1")),
    }
}

fn parse_method(token: &[u8]) -> Result<Method, Refusal> {
    if token.is_empty() || !token.iter().copied().all(is_token_byte) {
        return Err(Refusal::malformed("the method is not a token"));
    }
    if token == b"CONNECT" {
        return Err(Refusal::malformed("this is not a proxy"));
    }
    std::str::from_utf8(token)
        .ok()
        .and_then(Method::from_token)
        .ok_or(Refusal::new(501, "the method is not known here"))
}

/// Only the origin form; a proxy's absolute form would name a second host.
fn parse_target(target: &[u8]) -> Result<&str, Refusal> {
    if target.first() != Some(&b'/') {
        return Err(Refusal::malformed("the target is not a path"));
    }
    let visible = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
    if !target.iter().all(visible) {
        return Err(Refusal::malformed(
            "the target has a character to be escaped",
        ));
    }
    std::str::from_utf8(target).map_err(|_| Refusal::malformed("the target is not text"))
}

fn check_host(fields: &[Header], version: Version) -> Result<(), Refusal> {
    let Ok(host) = at_most_one(fields, "host") else {
        return Err(Refusal::malformed("there are several Host fields"));
    };
    match host {
        None if version == Version::Http10 => Ok(()),
        None => Err(Refusal::malformed("there is no Host field")),
        Some(host) if !host.is_empty() && host.iter().copied().all(is_host_byte) => Ok(()),
        Some(_) => Err(Refusal::malformed("the Host field is not a host")),
    }
}

/// Where the body ends (RFC 9112 section 6.3), without any benefit of the doubt.
fn framing(fields: &[Header], version: Version) -> Result<Framing, Refusal> {
    let coding = at_most_one(fields, "transfer-encoding");
    let Ok(length) = at_most_one(fields, "content-length") else {
        return Err(Refusal::malformed(
            "there are several Content-Length fields",
        ));
    };
    match (coding, length) {
        (Ok(None), None) => Ok(Framing::Length(0)),
        (Ok(None), Some(length)) => parse_length(length).map(Framing::Length),
        (_, Some(_)) => Err(Refusal::malformed(
            "Transfer-Encoding and Content-Length exclude each other",
        )),
        _ if version == Version::Http10 => {
            Err(Refusal::malformed("HTTP/1.0 has no Transfer-Encoding"))
        }
        (Ok(Some(coding)), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        _ => Err(Refusal::new(
            501,
            "the only transfer coding here is chunked",
        )),
    }
}

/// Digits only; what does not fit is longer than any limit.
fn parse_length(text: &[u8]) -> Result<u64, Refusal> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::malformed("Content-Length is not a number"));
    }
    Ok(text.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

fn expects_continue(fields: &[Header]) -> Result<bool, Refusal> {
    match at_most_one(fields, "expect") {
        Ok(None) => Ok(false),
        Ok(Some(value)) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(Refusal::new(
            417,
            "the only expectation here is 100-continue",
        )),
    }
}

fn wants_close(fields: &[Header]) -> bool {
    fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("connection"))
        .flat_map(|field| field.value.split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

struct Several;

fn at_most_one<'a>(fields: &[Header<'a>], name: &str) -> Result<Option<&'a [u8]>, Several> {
    let mut values = fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Several),
    }
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 3986 section 3.2: a name, an address or a literal in brackets, and a port.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;
    use crate::http::scan::Scan;

    const PEER: Peer = Peer {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1),
        secure: true,
    };

    /// Through the scanner first, as the connection does.
    fn parse(text: &str) -> Result<Head, Refusal> {
        let end = Scan::default().feed(text.as_bytes())?;
        assert_eq!(end, Some(text.len()), "incomplete: {text}");
        super::parse(text.as_bytes(), PEER)
    }

    fn status(text: &str) -> u16 {
        parse(text).err().map_or(0, |refusal| refusal.status)
    }

    fn with(fields: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")
    }

    #[test]
    fn a_request_is_what_was_sent() {
        let head = parse(
            "\r\nGET /a%20b?x=1?y HTTP/1.1\r\nhost: a.b:80\r\nX-One:  two \t\r\nEmpty:\r\n\r\n",
        );
        let head = head.unwrap();
        assert_eq!(head.request.method, Method::Get);
        assert_eq!(head.request.path, "/a%20b");
        assert_eq!(head.request.query, "x=1?y");
        assert_eq!(head.request.headers.get("x-one"), Some("two"));
        assert_eq!(head.request.headers.get("empty"), Some(""));
        assert_eq!(head.request.headers.iter().count(), 3);
        assert_eq!(head.request.peer, PEER.address);
        assert!(head.request.secure);
        assert_eq!(head.framing, Framing::Length(0));
        assert!(!head.close && !head.expects_continue);
    }

    #[test]
    fn request_lines_that_are_refused() {
        for (line, expected) in [
            ("GET / HTTP/2.0", 505),
            ("PRI * HTTP/2.0", 505),
            ("GET / HTTP/1.2", 505),
            ("GET / HTTP/0.9", 505),
            ("GET / http/1.1", 400),
            ("GET / HTTP/1.10", 400),
            ("GET / HTTP/11", 400),
            ("GET /", 400),
            ("GET  / HTTP/1.1", 400),
            ("GET / HTTP/1.1 ", 400),
            ("GET /\tHTTP/1.1", 400),
            ("GET /a b HTTP/1.1", 400),
            ("BREW / HTTP/1.1", 501),
            ("get / HTTP/1.1", 501),
            ("TRACE / HTTP/1.1", 501),
            ("G(T / HTTP/1.1", 400),
            ("CONNECT a:1 HTTP/1.1", 400),
            ("GET http://a/ HTTP/1.1", 400),
            ("GET a HTTP/1.1", 400),
            ("OPTIONS * HTTP/1.1", 400),
            ("GET /a#b HTTP/1.1", 400),
            ("GET /caf\u{e9} HTTP/1.1", 400),
        ] {
            assert_eq!(
                status(&format!("{line}\r\nHost: a\r\n\r\n")),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn there_is_exactly_one_host() {
        for (fields, expected) in [
            ("Host: a", 0),
            ("Host: [::1]:8080", 0),
            ("Accept: */*", 400),
            ("Host: a\r\nHost: a", 400),
            ("Host:", 400),
            ("Host: a b", 400),
            ("Host: a/b", 400),
            ("Host: user@a", 400),
            ("Host : a", 400),
        ] {
            let text = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
            assert_eq!(status(&text), expected, "{fields}");
        }
    }

    #[test]
    fn the_body_is_framed_in_one_way_or_refused() {
        for (fields, expected) in [
            ("Content-Length: 0", Ok(Framing::Length(0))),
            ("Content-Length: 12", Ok(Framing::Length(12))),
            (
                "Content-Length: 9223372036854775807",
                Ok(Framing::Length(i64::MAX as u64)),
            ),
            (
                "Content-Length: 99999999999999999999999",
                Ok(Framing::Length(u64::MAX)),
            ),
            ("Content-Length:", Err(400)),
            ("Content-Length: +1", Err(400)),
            ("Content-Length: -1", Err(400)),
            ("Content-Length: 0x10", Err(400)),
            ("Content-Length: 1,1", Err(400)),
            ("Content-Length: 1 1", Err(400)),
            ("Content-Length: 1\r\nContent-Length: 1", Err(400)),
            ("Content-Length: 1\r\ncontent-length: 2", Err(400)),
            ("Content-Length : 1", Err(400)),
            ("Transfer-Encoding: chunked", Ok(Framing::Chunked)),
            ("Transfer-Encoding: Chunked", Ok(Framing::Chunked)),
            ("Transfer-Encoding: gzip, chunked", Err(501)),
            ("Transfer-Encoding: chunked, chunked", Err(501)),
            ("Transfer-Encoding: xchunked", Err(501)),
            ("Transfer-Encoding: identity", Err(501)),
            ("Transfer-Encoding:", Err(501)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                Err(501),
            ),
            ("Transfer-Encoding : chunked", Err(400)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 3", Err(400)),
            ("Content-Length: 3\r\nTransfer-Encoding: identity", Err(400)),
        ] {
            let framing = parse(&with(fields)).map(|head| head.framing);
            assert_eq!(
                framing.map_err(|refusal| refusal.status),
                expected,
                "{fields}"
            );
        }
    }

    #[test]
    fn expectations_and_connection_options() {
        let head = parse(&with("Expect: 100-Continue\r\nConnection: te, Close")).unwrap();
        assert!(head.expects_continue && head.close);
        assert_eq!(status(&with("Expect: 200-ok")), 417);
        assert_eq!(
            status(&with("Expect: 100-continue\r\nExpect: 100-continue")),
            417
        );
        assert!(!parse(&with("Connection: closed")).unwrap().close);
    }

    #[test]
    fn http_1_0_closes_and_has_no_chunks() {
        let head =
            parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n");
        let head = head.unwrap();
        assert!(head.close && !head.expects_continue);
        assert_eq!(
            status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400
        );
    }

    #[test]
    fn there_are_64_fields_at_most() {
        let fields = |count: usize| with(&vec!["A: b"; count - 1].join("\r\n"));
        assert_eq!(status(&fields(FIELDS)), 0);
        assert_eq!(status(&fields(FIELDS + 1)), 431);
    }

    #[test]
    fn odd_fields_are_refused() {
        for field in ["A", ": b", "A b: c", "A(: b", "\u{e9}: b"] {
            assert_eq!(status(&with(field)), 400, "{field}");
        }
        assert_eq!(status(&with("A: \u{e9}")), 0);
    }
}
