//! The table of requests that two readers could understand differently, and what
//! each of two servers says to them.
//!
//! Behind every one of them stands [`SECOND`], which must not be answered: whoever
//! answers it took for a request what the first one's sender could call its body.

/// What an attacker would smuggle.
pub(super) const SECOND: &str = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n";

/// One request that must be refused.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    /// What the agent answers, before it closes.
    pub(super) agent: u16,
    /// What `tiny_http` answers, to the second request too.
    pub(super) tiny_http: &'static [u16],
}

/// The request is served as if nothing were odd, and then the second one.
const SERVED: &[u16] = &[200, 200];
const REFUSED: &[u16] = &[400];
/// The thread waits for itself: no answer, and no end.
pub(super) const HANGS: &[u16] = &[];

/// A GET of `/first` with these lines instead of a Host; then the second.
fn get(lines: &str) -> String {
    format!("GET /first HTTP/1.1\r\n{lines}\r\n{SECOND}")
}

/// The same with a Host.
fn field(line: &str) -> String {
    get(&format!("Host: a\r\n{line}\r\n"))
}

/// A request line.
fn line(line: &str) -> String {
    format!("{line}\r\nHost: a\r\n\r\n{SECOND}")
}

/// A POST with these lines and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST /first HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n{body}{SECOND}")
}

fn chunks(body: &str) -> String {
    post("Transfer-Encoding: chunked", body)
}

/// Request lines, Host, and characters that have no place in a head.
pub(super) fn heads() -> Vec<Attack> {
    let many = "A: b\r\n".repeat(64);
    let long = "a".repeat(16 * 1024);
    vec![
        attack("no host", get(""), 400, SERVED),
        attack("two hosts", get("Host: a\r\nHost: b\r\n"), 400, SERVED),
        attack("an empty host", get("Host:\r\n"), 400, SERVED),
        attack("a host with a path", get("Host: a/b\r\n"), 400, SERVED),
        attack("bare LF", field("A: b\nContent-Length: 0"), 400, SERVED),
        attack(
            "only bare LF",
            line("GET /first HTTP/1.1\nHost: a\n\n"),
            400,
            REFUSED,
        ),
        attack("a folded line", field("A: b\r\n c"), 400, REFUSED),
        attack("a space first", get(" Host: a\r\n"), 400, SERVED),
        attack("NUL", field("A: \0"), 400, SERVED),
        attack(
            "CR in a value",
            field("A: b\rContent-Length: 9"),
            400,
            SERVED,
        ),
        attack("DEL", field("A: \x7f"), 400, SERVED),
        attack("no colon", field("A"), 400, REFUSED),
        attack("no name", field(": b"), 400, SERVED),
        attack("a space before the colon", field("Host : b"), 400, REFUSED),
        attack("HTTP/2.0", line("GET /first HTTP/2.0"), 505, HANGS),
        attack(
            "HTTP/2 preface",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned() + SECOND,
            505,
            HANGS,
        ),
        attack("HTTP/1.2", line("GET /first HTTP/1.2"), 505, REFUSED),
        attack("HTTP/0.9", line("GET /first"), 400, REFUSED),
        attack(
            "another version",
            line("GET /first HTTP/1.1x"),
            400,
            REFUSED,
        ),
        attack("a fourth word", line("GET /first x HTTP/1.1"), 400, REFUSED),
        attack(
            "an unknown method",
            line("BREW /first HTTP/1.1"),
            501,
            SERVED,
        ),
        attack("a small letter", line("get /first HTTP/1.1"), 501, SERVED),
        attack("no method", line("G(T /first HTTP/1.1"), 400, SERVED),
        attack("CONNECT", line("CONNECT a:1 HTTP/1.1"), 400, SERVED),
        attack(
            "absolute form",
            line("GET http://a/first HTTP/1.1"),
            400,
            SERVED,
        ),
        attack("asterisk form", line("OPTIONS * HTTP/1.1"), 400, SERVED),
        attack("no path", line("GET first HTTP/1.1"), 400, SERVED),
        attack("a fragment", line("GET /first#a HTTP/1.1"), 400, SERVED),
        attack("65 fields", field(many.trim_end()), 431, SERVED),
        attack(
            "a head over 16 KiB",
            field(&format!("A: {long}")),
            431,
            SERVED,
        ),
        attack(
            "a line over 16 KiB",
            line(&format!("GET /{long} HTTP/1.1")),
            414,
            SERVED,
        ),
        attack(
            "TLS",
            "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n".to_owned() + SECOND,
            400,
            REFUSED,
        ),
        attack("an expectation", field("Expect: 200-ok"), 417, &[417]),
    ]
}

/// Where a body ends.
pub(super) fn bodies() -> Vec<Attack> {
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked";
    let other = "Transfer-Encoding: chunked\r\nContent-Length: 5";
    let two = format!("Content-Length: 0\r\nContent-Length: {}", SECOND.len());
    let same = "Content-Length: 0\r\nContent-Length: 0";
    vec![
        attack("TE and CL", post(both, "0\r\n\r\n"), 400, SERVED),
        attack("CL and TE", post(other, "0\r\n\r\n"), 400, SERVED),
        attack("two lengths", post(&two, ""), 400, SERVED),
        attack("the same length twice", post(same, ""), 400, SERVED),
        attack(
            "a signed length",
            post("Content-Length: +5", "hello"),
            400,
            SERVED,
        ),
        attack(
            "a negative length",
            post("Content-Length: -5", ""),
            400,
            SERVED,
        ),
        attack(
            "a hexadecimal length",
            post("Content-Length: 0x5", "hello"),
            400,
            SERVED,
        ),
        attack(
            "a list of lengths",
            post("Content-Length: 5, 5", "hello"),
            400,
            SERVED,
        ),
        attack("an empty length", post("Content-Length:", ""), 400, SERVED),
        attack(
            "a length over 64 bits",
            post("Content-Length: 18446744073709551621", "hello"),
            413,
            SERVED,
        ),
        attack(
            "a space after the name",
            post("Content-Length : 5", "hello"),
            400,
            REFUSED,
        ),
        attack(
            "TE gzip",
            post("Transfer-Encoding: gzip", "0\r\n\r\n"),
            501,
            SERVED,
        ),
        attack(
            "TE identity",
            post("Transfer-Encoding: identity", "0\r\n\r\n"),
            501,
            SERVED,
        ),
        attack(
            "TE xchunked",
            post("Transfer-Encoding: xchunked", "0\r\n\r\n"),
            501,
            SERVED,
        ),
        attack(
            "TE twice",
            post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
            501,
            SERVED,
        ),
        attack(
            "TE chunked, identity",
            post("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
            501,
            SERVED,
        ),
        attack(
            "TE and a vertical tab",
            post("Transfer-Encoding: \x0bchunked", "0\r\n\r\n"),
            400,
            SERVED,
        ),
        attack(
            "a length over the limit",
            post("Content-Length: 1048577", ""),
            413,
            &[200],
        ),
        attack("no chunk size", chunks("\r\n"), 400, SERVED),
        attack(
            "a signed chunk size",
            chunks("+2\r\nab\r\n0\r\n\r\n"),
            400,
            SERVED,
        ),
        attack(
            "0x before a chunk size",
            chunks("0x2\r\nab\r\n0\r\n\r\n"),
            400,
            &[200, 400],
        ),
        attack(
            "a chunk size over 64 bits",
            chunks("10000000000000002\r\nab\r\n0\r\n\r\n"),
            413,
            &[200, 400],
        ),
        attack(
            "a chunk size over the limit",
            chunks("100001\r\n"),
            413,
            &[200],
        ),
        attack(
            "a chunk longer than it says",
            chunks("1\r\nab\r\n0\r\n\r\n"),
            400,
            &[200, 400],
        ),
        attack(
            "LF after a chunk size",
            chunks("2\nab\r\n0\r\n\r\n"),
            400,
            &[200, 400],
        ),
        attack(
            "LF after a chunk",
            chunks("2\r\nab\n0\r\n\r\n"),
            400,
            &[200, 400],
        ),
        attack(
            "LF in an extension",
            chunks("2;a\nab\r\n0\r\n\r\n"),
            400,
            &[200, 400],
        ),
        attack(
            "5 KiB of extension",
            chunks(&format!("2;{}\r\nab\r\n0\r\n\r\n", "a".repeat(5 << 10))),
            431,
            SERVED,
        ),
        attack(
            "5 KiB of trailers",
            chunks(&format!("0\r\n{}\r\n", "A: bc\r\n".repeat(1 << 10))),
            431,
            &[200, 400],
        ),
    ]
}

fn attack(name: &'static str, bytes: String, agent: u16, tiny_http: &'static [u16]) -> Attack {
    Attack {
        name,
        bytes: bytes.into_bytes(),
        agent,
        tiny_http,
    }
}
