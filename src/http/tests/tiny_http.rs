//! Why the front is not `tiny_http`: what that one does with requests that this one
//! refuses. When a test here fails, the reason of `docs/adr/0002-http-front.md` is
//! gone and the decision is due again.

use std::thread::Scope;

use super::*;

/// A `tiny_http` server that answers `count` requests with method, path and body.
fn other<'scope>(scope: &'scope Scope<'scope, '_>, count: usize) -> SocketAddr {
    let server = ::tiny_http::Server::http("127.0.0.1:0").unwrap();
    let address = server.server_addr().to_ip().unwrap();
    scope.spawn(move || {
        for _ in 0..count {
            let mut request = server.recv_timeout(PATIENCE).unwrap().unwrap();
            let mut body = String::new();
            let _ = request.as_reader().read_to_string(&mut body);
            let text = format!("{} {} {body}", request.method(), request.url());
            let _ = request.respond(::tiny_http::Response::from_string(text));
        }
    });
    address
}

/// Sends the same to both; what the other answers must be different from a refusal.
fn both(request: &str, answers: usize) -> (Vec<Reply>, Reply) {
    let front = Running::with_limits(patient());
    let own = front.connect().ask(request);
    let others = std::thread::scope(|scope| {
        let mut peer = Peer::connect(other(scope, answers));
        peer.send(request);
        (0..answers).map(|_| peer.reply()).collect()
    });
    (others, own)
}

#[test]
fn a_second_content_length_smuggles_a_request() {
    let fields = "Content-Length: 0\r\nContent-Length: 38";
    let request = format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
    let (others, own) = both(&(request + &get("/smuggled")), 2);
    assert_eq!(others[1].body, "GET /smuggled ");
    assert_eq!(own.status, 400);
}

#[test]
fn an_unknown_transfer_coding_is_taken_for_chunks() {
    let head = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n";
    let (others, own) = both(&format!("{head}2\r\nab\r\n0\r\n\r\n"), 1);
    assert_eq!(
        (others[0].status, others[0].body.as_str()),
        (200, "POST /a ab")
    );
    assert_eq!(own.status, 501);
}

#[test]
fn a_request_without_host_is_served() {
    let (others, own) = both("GET /a HTTP/1.1\r\n\r\n", 1);
    assert_eq!((others[0].status, own.status), (200, 400));
}

#[test]
fn a_head_of_60_kib_is_served() {
    let value = "a".repeat(60 * 1024);
    let request = format!("GET /a HTTP/1.1\r\nHost: a\r\nA: {value}\r\n\r\n");
    let (others, own) = both(&request, 1);
    assert_eq!((others[0].status, own.status), (200, 431));
}

#[test]
fn an_answers_field_may_end_its_line() {
    let header = ::tiny_http::Header::from_bytes("A", "b\r\nSet-Cookie: c");
    assert!(header.is_ok());
}
