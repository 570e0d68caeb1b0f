//! Requests that are wrong on purpose, and peers that vanish.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A front, and how many requests its handler saw.
fn counting() -> (Running, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let front = Running::new(options(patient()), move |request: &Request| {
        seen.fetch_add(1, Ordering::SeqCst);
        echo(request)
    });
    (front, count)
}

#[test]
fn a_refused_request_smuggles_no_other() {
    let (front, count) = counting();
    let smuggled = get("/smuggled");
    for (fields, status) in [
        ("Content-Length: 0\r\nContent-Length: 30", 400),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", 400),
        ("Content-Length: +0", 400),
        ("Transfer-Encoding: identity", 501),
        ("Transfer-Encoding: chunked, identity", 501),
        ("Transfer-Encoding : chunked", 400),
        ("A: b\nContent-Length: 0", 400),
        ("A: b\r\n Content-Length: 0", 400),
        ("A: b\rContent-Length: 0", 400),
        ("A: \0", 400),
        ("Host: b", 400),
        ("Expect: 200-ok", 417),
        ("Content-Length: 9223372036854775807", 413),
    ] {
        let mut peer = front.connect();
        peer.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n{smuggled}"
        ));
        let reply = peer.reply();
        assert_eq!(reply.status, status, "{fields}");
        assert_eq!(
            reply.field("Content-Type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.field("Connection"), Some("close"));
        assert_eq!(peer.rest(), "", "{fields}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert_eq!(front.stats.refused.get(), 13);
}

#[test]
fn malformed_chunks_end_the_connection() {
    let (front, count) = counting();
    for chunks in ["x\r\n", "-1\r\n", "1\r\nab\r\n", "fffffffff\r\n", "1\nx"] {
        let mut peer = front.connect();
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        peer.send(format!("{head}{chunks}{}", get("/smuggled")));
        assert!(matches!(peer.reply().status, 400 | 413));
        assert_eq!(peer.rest(), "");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn another_protocol_is_told_at_once() {
    let front = Running::with_limits(patient());
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    assert_eq!(front.connect().ask(tls).status, 400);
    let http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(front.connect().ask(http2).status, 505);
}

#[test]
fn a_refusal_reaches_who_is_still_sending() {
    let front = Running::with_limits(patient());
    for _ in 0..20 {
        let mut peer = front.connect();
        peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
        peer.send([b'a'; 60 * 1024]);
        assert_eq!(peer.reply().status, 413);
        assert_eq!(peer.rest(), "");
    }
}

#[test]
fn who_sends_on_after_a_refusal_is_closed() {
    let front = Running::with_limits(Limits {
        drain: SHORT,
        ..patient()
    });
    let mut silent = front.connect();
    assert_eq!(silent.ask("\n").status, 400);
    let endless = front.connect();
    let sent = (0..1 << 20).take_while(|_| endless.socket().write_all(&[b'\n'; 1024]).is_ok());
    assert!(sent.count() < 1 << 20);
    eventually(|| front.stats.open.get() == 0);
}

#[test]
fn a_head_without_end_is_refused_at_16_kib() {
    let front = Running::with_limits(patient());
    let mut peer = front.connect();
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n");
    peer.send("A: b\r\n".repeat(20 * 1024 / 6));
    assert_eq!(peer.reply().status, 431);
}

/// Closes with a reset instead of an end.
fn reset(peer: &Peer) {
    let linger = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(peer.socket(), linger).unwrap();
}

#[test]
fn resets_in_the_backlog_and_later_harm_nobody() {
    let front = bind(options(patient()));
    let address = front.addresses()[0];
    // Before anything is accepted.
    for _ in 0..50 {
        let mut peer = Peer::connect(address);
        reset(&peer);
        peer.send(get("/"));
    }
    let front = start(front, echo);
    assert_eq!(front.connect().ask(get("/")).status, 200);
    // In the middle of a head, of a body, of an answer.
    for part in [get("/"), post("/", "hello"), "GET /".to_owned()] {
        for cut in [0, 1] {
            let mut peer = front.connect();
            reset(&peer);
            peer.send(&part[..part.len() - cut]);
        }
    }
    assert_eq!(front.connect().ask(get("/")).status, 200);
    eventually(|| front.stats.open.get() == 0);
}
