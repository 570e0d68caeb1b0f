//! How an HTTP connection becomes a WebSocket (RFC 6455, section 4), as text. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;
use crate::websocket;

/// Largest head of an answer.
const HEAD: usize = 16 * 1024;
const FIELDS: usize = 64;
/// Refusals are short; the rest of a long one is of no use.
const BODY: usize = 64 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) host: &'a str,
    /// With its query.
    pub(super) path: &'a str,
    /// The first is liked best.
    pub(super) protocols: &'a [&'static str],
    pub(super) key: &'a str,
    pub(super) authorization: Option<&'a Secret>,
}

/// What the server answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Frames begin after so many bytes.
    Agreed { size: usize, protocol: &'static str },
    Refused {
        code: u16,
        retry_after: Option<u32>,
        body: Vec<u8>,
    },
}

/// A key for the handshake, of 16 random bytes.
pub(super) fn key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

pub(super) fn request(question: &Question<'_>) -> Vec<u8> {
    let Question {
        host, path, key, ..
    } = question;
    let mut text = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Protocol: {}\r\nUser-Agent: {}\r\n",
        question.protocols.join(", "),
        crate::k8s::travel::USER_AGENT,
    );
    if let Some(authorization) = question.authorization {
        text.extend(["Authorization: ", authorization.expose(), "\r\n"]);
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Reads an answer; none if more bytes are needed, which never come if `ended`.
pub(super) fn answer(
    question: &Question<'_>,
    bytes: &[u8],
    ended: bool,
) -> Result<Option<Answer>, &'static str> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let size = match head.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD && !ended => return Ok(None),
        Ok(httparse::Status::Partial) if ended => return Err("the answer is cut off"),
        _ => return Err("the answer is not HTTP"),
    };
    let field = |name: &str| {
        let field = head
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(field.value).ok().map(str::trim)
    };
    let code = head.code.unwrap_or_default();
    if code == 101 {
        return agreed(question, &field).map(|protocol| Some(Answer::Agreed { size, protocol }));
    }
    let rest = bytes.get(size..).unwrap_or_default();
    let (body, whole) = body(rest, &field);
    if !whole && !ended && rest.len() < BODY {
        return Ok(None);
    }
    let retry_after = field("retry-after").and_then(|seconds| seconds.parse().ok());
    Ok(Some(Answer::Refused {
        code,
        retry_after,
        body,
    }))
}

/// As much of the body as is there, and whether that is all.
fn body<'a>(rest: &[u8], field: &dyn Fn(&str) -> Option<&'a str>) -> (Vec<u8>, bool) {
    let length = field("content-length").and_then(|length| length.parse().ok());
    match length {
        Some(length) => (
            rest.get(..length).unwrap_or(rest).to_vec(),
            rest.len() >= length,
        ),
        None if field("transfer-encoding").is_some() => unchunked(rest),
        None => (rest.to_vec(), false),
    }
}

/// The protocol that was agreed on, if all the rest is in order, too.
fn agreed<'a>(
    question: &Question<'_>,
    field: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<&'static str, &'static str> {
    let upgraded = field("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    let proof = websocket::accept(question.key);
    if !upgraded || field("sec-websocket-accept") != Some(&proof) {
        return Err("the server does not speak WebSocket");
    }
    let chosen = field("sec-websocket-protocol").unwrap_or_default();
    let mut protocols = question.protocols.iter().copied();
    protocols
        .find(|protocol| *protocol == chosen)
        .ok_or("the server chose a protocol that was not offered")
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            return (body, false);
        };
        if size == 0 {
            return (body, true);
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let after = rest.get(start..).unwrap_or_default();
        let Some(chunk) = after.get(..size) else {
            body.extend_from_slice(after);
            return (body, false);
        };
        body.extend_from_slice(chunk);
        rest = after
            .get(size..)
            .and_then(|rest| rest.strip_prefix(b"\r\n"))
            .unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and proof of the RFC.
    const QUESTION: Question<'_> = Question {
        host: "h:1",
        path: "/p?q=1",
        protocols: &["v5.channel.k8s.io", "v4.channel.k8s.io"],
        key: "dGhlIHNhbXBsZSBub25jZQ==",
        authorization: None,
    };
    const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n";

    fn read(text: &str, ended: bool) -> Result<Option<Answer>, &'static str> {
        answer(&QUESTION, text.as_bytes(), ended)
    }

    fn refused(code: u16, body: &str) -> Result<Option<Answer>, &'static str> {
        Ok(Some(Answer::Refused {
            code,
            retry_after: None,
            body: body.into(),
        }))
    }

    #[test]
    fn the_request_offers_all_protocols_and_shows_who_asks() {
        let authorization = Secret::new("Bearer t");
        let request = request(&Question {
            authorization: Some(&authorization),
            ..QUESTION
        });
        let text = String::from_utf8(request).unwrap();
        assert!(
            text.starts_with("GET /p?q=1 HTTP/1.1\r\nHost: h:1\r\n"),
            "{text}"
        );
        assert!(
            text.contains("\r\nSec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n")
        );
        assert!(
            text.ends_with("\r\nAuthorization: Bearer t\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn an_agreement_is_proven_and_tells_the_protocol() {
        let protocol = "v4.channel.k8s.io";
        let agreed = Answer::Agreed {
            size: AGREED.len(),
            protocol,
        };
        assert_eq!(read(&format!("{AGREED}\u{1}"), false), Ok(Some(agreed)));
        for half in 0..AGREED.len() {
            assert_eq!(read(&AGREED[..half], false), Ok(None));
            assert_eq!(read(&AGREED[..half], true), Err("the answer is cut off"));
        }
        let no_socket = Err("the server does not speak WebSocket");
        assert_eq!(read(&AGREED.replace("xOo=", "xOO="), false), no_socket);
        assert_eq!(
            read(&AGREED.replace("WebSocket\r", "h2c\r"), false),
            no_socket
        );
        let other = Err("the server chose a protocol that was not offered");
        assert_eq!(read(&AGREED.replace("v4.", "v3."), false), other);
        assert_eq!(
            read("SSH-2.0-OpenSSH_9.2\r\n", false),
            Err("the answer is not HTTP")
        );
        let endless = format!("HTTP/1.1 101 X\r\na: {}", "b".repeat(HEAD));
        assert_eq!(read(&endless, false), Err("the answer is not HTTP"));
    }

    #[test]
    fn a_refusal_comes_with_its_body_however_it_is_framed() {
        let sized = "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope";
        assert_eq!(read(sized, false), refused(403, "nope"));
        assert_eq!(read(&sized[..sized.len() - 1], false), Ok(None));
        assert_eq!(read(&sized[..sized.len() - 1], true), refused(403, "nop"));
        let chunked =
            "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n2\r\npe\r\n0\r\n\r\n";
        assert_eq!(read(chunked, false), refused(500, "nope"));
        assert_eq!(read(&chunked[..chunked.len() - 6], false), Ok(None));
        assert_eq!(
            read(&chunked[..chunked.len() - 8], true),
            refused(500, "nop")
        );
        let endless = "HTTP/1.0 502 X\r\n\r\nnope";
        assert_eq!(read(endless, false), Ok(None));
        assert_eq!(read(endless, true), refused(502, "nope"));
    }
}
