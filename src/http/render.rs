//! An answer as bytes. Pure.
//!
//! The front frames every answer itself: Date, Content-Length and Connection of a
//! handler are not sent. A field that could end its line makes the answer a 500.

use std::io::Write;

use super::head::is_token_byte;
use super::status;
use super::{Body, Method, Response};

/// Fields that are the front's own; a handler's are left out.
const OWN: [&str; 4] = ["Date", "Content-Length", "Connection", "Transfer-Encoding"];

/// Whether a body goes with the answer, and whether the connection ends after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) without_body: bool,
    pub(super) close: bool,
}

impl Frame {
    pub(super) fn of(method: Method, close: bool) -> Frame {
        Frame {
            without_body: method == Method::Head,
            close,
        }
    }
}

/// The answer, or the 500 that stands for one that cannot be sent.
pub(super) fn sound(response: Response) -> Response {
    let fault = if !(200..600).contains(&response.status) {
        "a status that is not final"
    } else if !response
        .headers
        .iter()
        .all(|(name, value)| is_field(name, value))
    {
        "a field that is not one line"
    } else {
        return response;
    };
    log::error!("an answer was replaced by a 500: the handler made {fault}");
    Response::problem(500, status::phrase(500), "the answer could not be sent")
}

/// The head of a sound answer, and the body that follows it.
pub(super) fn render(response: Response, frame: Frame, date: &str) -> (Vec<u8>, Body) {
    let mut head = Vec::with_capacity(320);
    write_head(&mut head, &response, frame, date);
    let body = if frame.without_body || is_bodiless(response.status) {
        Body::Empty
    } else {
        response.body
    };
    (head, body)
}

fn write_head(head: &mut Vec<u8>, response: &Response, frame: Frame, date: &str) {
    let status = response.status;
    // Writing to a Vec does not fail.
    let _ = write!(head, "HTTP/1.1 {status} {}\r\n", status::phrase(status));
    for (name, value) in &response.headers {
        if !OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            field(head, name, value);
        }
    }
    field(head, "Date", date);
    if let Body::Parts(_) = response.body {
        if !frame.close {
            field(head, "Transfer-Encoding", "chunked");
        }
    } else if !is_bodiless(status) {
        let _ = write!(
            head,
            "Content-Length: {}\r\n",
            response.body.as_bytes().len()
        );
    }
    field(head, "X-Content-Type-Options", "nosniff");
    if !response
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("Cache-Control"))
    {
        field(head, "Cache-Control", "no-store");
    }
    field(
        head,
        "Connection",
        if frame.close { "close" } else { "keep-alive" },
    );
    head.extend_from_slice(b"\r\n");
}

fn field(head: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
}

/// RFC 9110 sections 15.3.5 and 15.4.5.
fn is_bodiless(status: u16) -> bool {
    matches!(status, 204 | 304)
}

fn is_field(name: &str, value: &str) -> bool {
    let inside = |byte: u8| byte == b'\t' || !byte.is_ascii_control();
    !name.is_empty() && name.bytes().all(is_token_byte) && value.bytes().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn text(response: Response, method: Method, close: bool) -> String {
        let (mut head, body) = render(sound(response), Frame::of(method, close), DATE);
        head.extend_from_slice(body.as_bytes());
        String::from_utf8(head).unwrap()
    }

    #[test]
    fn an_answer_has_the_fields_of_the_front() {
        let response = Response::text(200, "hello").with("X-Own", "a\tb \u{e9}");
        assert_eq!(
            text(response, Method::Get, false),
            "HTTP/1.1 200 OK\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             X-Own: a\tb \u{e9}\r\n\
             Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Content-Length: 5\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Cache-Control: no-store\r\n\
             Connection: keep-alive\r\n\
             \r\n\
             hello"
        );
    }

    #[test]
    fn a_head_request_has_the_length_but_no_body() {
        let answer = text(Response::text(200, "hello"), Method::Head, true);
        assert!(answer.contains("\r\nContent-Length: 5\r\n"));
        assert!(answer.ends_with("\r\nConnection: close\r\n\r\n"));
    }

    #[test]
    fn some_statuses_have_neither() {
        for status in [204, 304] {
            let answer = text(Response::text(status, "hello"), Method::Get, false);
            assert!(!answer.contains("Content-Length"), "{answer}");
            assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        }
    }

    #[test]
    fn framing_is_not_the_handlers() {
        let response = Response::text(200, "hello")
            .with("content-length", "1")
            .with("Transfer-Encoding", "chunked")
            .with("connection", "upgrade")
            .with("date", "now")
            .with("cache-control", "max-age=1");
        let answer = text(response, Method::Get, false).to_lowercase();
        for (name, count) in [
            ("content-length: 5", 1),
            ("content-length", 1),
            ("transfer-encoding", 0),
            ("connection", 1),
            ("date", 1),
            ("cache-control: max-age=1", 1),
            ("cache-control", 1),
        ] {
            assert_eq!(
                answer.matches(&format!("\r\n{name}")).count(),
                count,
                "{name}"
            );
        }
    }

    #[test]
    fn what_could_end_its_line_is_a_500() {
        for response in [
            Response::new(200).with("X-A", "b\r\nSet-Cookie: c"),
            Response::new(200).with("X-A", "b\nc"),
            Response::new(200).with("X-A", "b\0"),
            Response::new(200).with("X-A\r\nX-B", "c"),
            Response::new(200).with("X A", "c"),
            Response::new(200).with("", "c"),
            Response::new(99),
            Response::new(101),
            Response::new(600),
        ] {
            let answer = text(response, Method::Get, false);
            assert!(
                answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"),
                "{answer}"
            );
            assert!(!answer.contains("Set-Cookie"), "{answer}");
        }
    }
}
