//! Peers that send or take their bytes slowly, or not at all.

use super::*;
use crate::http::Method;

#[test]
fn a_silent_connection_is_closed() {
    let front = Running::with_limits(Limits {
        first_byte: SHORT,
        ..patient()
    });
    assert_eq!(front.connect().rest(), "");
    assert_eq!(front.stats.requests.get(), 0);
}

#[test]
fn an_idle_connection_is_closed() {
    let front = Running::with_limits(Limits {
        idle: SHORT,
        ..patient()
    });
    let mut peer = front.connect();
    assert_eq!(peer.ask(get("/")).status, 200);
    assert_eq!(peer.rest(), "");
}

#[test]
fn a_head_that_does_not_end_is_408() {
    let front = Running::with_limits(Limits {
        head: SHORT,
        ..patient()
    });
    let mut peer = front.connect();
    let reply = peer.ask("GET / HTTP/1.1\r\nHost: a\r\n");
    assert_eq!(
        (reply.status, reply.field("Connection")),
        (408, Some("close"))
    );
    assert_eq!(peer.rest(), "");
    assert_eq!(front.stats.refused.get(), 1);
}

#[test]
fn a_body_that_does_not_end_is_408() {
    let front = Running::with_limits(Limits {
        body: SHORT,
        ..patient()
    });
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let mut peer = front.connect();
        let reply = peer.ask(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n4"));
        assert_eq!(reply.status, 408);
        assert_eq!(peer.rest(), "");
    }
}

#[test]
fn slow_peers_hold_no_worker() {
    let front = Running::with_limits(patient());
    let mut peers: Vec<Peer> = (0..60).map(|_| front.connect()).collect();
    for (i, peer) in peers.iter_mut().enumerate() {
        match i % 3 {
            0 => {}
            1 => peer.send("GET / HT"),
            _ => peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell"),
        }
    }
    assert_eq!(front.connect().ask(get("/")).status, 200);
    for (i, peer) in peers.iter_mut().enumerate() {
        let rest = [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "TP/1.1\r\nHost: a\r\n\r\n",
            "o",
        ];
        assert_eq!(peer.ask(rest[i % 3]).status, 200);
    }
}

/// More than the buffers of two sockets take.
fn large(_: &Request) -> Response {
    let body: Vec<u8> = (0..=250).cycle().take(12 << 20).collect();
    Response::json(200, body)
}

#[test]
fn a_long_answer_taken_slowly_is_whole_and_holds_no_worker() {
    let one_worker = Options {
        workers: 1,
        ..options(patient())
    };
    let front = Running::new(one_worker, |request: &Request| {
        match request.path.as_str() {
            "/large" => large(request),
            _ => echo(request),
        }
    });
    let mut slow = front.connect();
    slow.send(get("/large") + &get("/after"));
    assert_eq!(front.connect().ask(get("/")).body, "GET / ");
    let head = slow.reply_without_body();
    assert_eq!(head.field("Content-Length"), Some("12582912"));
    let mut body = vec![0; 12 << 20];
    slow.0.read_exact(&mut body).unwrap();
    assert!(large(&Request::new(Method::Get, "/")).body.as_bytes() == body);
    assert_eq!(slow.reply().body, "GET /after ");
    assert_eq!(front.stats.latency.count(), 3);
}

#[test]
fn who_does_not_take_its_answer_is_closed() {
    let limits = Limits {
        write: SHORT,
        ..patient()
    };
    let front = Running::new(options(limits), large);
    let mut peer = front.connect();
    peer.send(get("/"));
    peer.reply_without_body();
    eventually(|| front.stats.requests.get() == 1 && front.stats.open.get() == 0);
    // It was given a part; how it learns of the end is the kernel's.
    let mut part = Vec::new();
    let _ = peer.0.read_to_end(&mut part);
    assert!(part.len() < 12 << 20);
}
