//! What a well-behaved client sees.

use super::*;
use crate::boundary;

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let front = Running::with_limits(patient());
    let mut peer = front.connect();
    for path in ["/1", "/2", "/3"] {
        let reply = peer.ask(get(path));
        assert_eq!((reply.status, reply.body), (200, format!("GET {path} ")));
        assert_eq!(reply.head.matches("Connection: keep-alive").count(), 1);
    }
    assert_eq!(front.stats.accepted.get(), 1);
    assert_eq!(front.stats.requests.get(), 3);
    assert_eq!(front.stats.by_class[1].get(), 3);
    assert_eq!(front.stats.open.get(), 1);
    eventually(|| front.stats.latency.count() == 3);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let front = Running::with_limits(patient());
    let mut peer = front.connect();
    let requests: Vec<String> = (0..200)
        .map(|i| match i % 3 {
            0 => get(&format!("/{i}")),
            1 => post(&format!("/{i}"), "body"),
            _ => format!(
                "PUT /{i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                 2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\nT: r\r\n\r\n"
            ),
        })
        .collect();
    peer.send(requests.concat());
    for i in 0..200 {
        let expected = match i % 3 {
            0 => format!("GET /{i} "),
            1 => format!("POST /{i} body"),
            _ => format!("PUT /{i} body"),
        };
        assert_eq!(peer.reply().body, expected);
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let front = Running::with_limits(patient());
    let mut peer = front.connect();
    peer.socket().set_nodelay(true).unwrap();
    for byte in post("/", "hello").as_bytes() {
        peer.send([*byte]);
    }
    assert_eq!(peer.reply().body, "POST / hello");
}

#[test]
fn close_is_honoured() {
    let front = Running::with_limits(patient());
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    ] {
        let mut peer = front.connect();
        let reply = peer.ask(request);
        assert_eq!(reply.body, "GET / ");
        assert_eq!(reply.field("Connection"), Some("close"));
        assert_eq!(peer.rest(), "");
    }
    // Nothing lingers once both sides have ended.
    eventually(|| front.stats.open.get() == 0);
}

#[test]
fn head_has_the_length_but_no_body() {
    let front = Running::with_limits(patient());
    let mut peer = front.connect();
    peer.send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n");
    peer.send(get("/get"));
    let reply = peer.reply_without_body();
    assert_eq!(reply.field("Content-Length"), Some("11"));
    assert_eq!(peer.reply().body, "GET /get ");
}

#[test]
fn who_asks_is_told_to_go_on() {
    let front = Running::with_limits(patient());
    let mut peer = front.connect();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    peer.send(head);
    let interim = peer.reply_without_body();
    assert_eq!(interim.head, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(peer.ask("hello").body, "POST / hello");
    // With the body already there nobody waits.
    assert_eq!(peer.ask(format!("{head}hello")).status, 200);
    // And nobody is told to send what would be refused.
    let reply = peer.ask(head.replace("h: 5", "h: 9999999"));
    assert_eq!(reply.status, 413);
    assert_eq!(peer.rest(), "");
}

#[test]
fn a_peer_that_has_shut_its_side_is_answered() {
    let front = Running::with_limits(patient());
    let mut peer = front.connect();
    peer.send(post("/", "hello"));
    peer.shut();
    assert_eq!(peer.reply().body, "POST / hello");
    assert_eq!(peer.rest(), "");
    let mut peer = front.connect();
    peer.send("GET / HTTP/1.1\r\nHos");
    peer.shut();
    assert_eq!(peer.reply().status, 400);
    assert_eq!(peer.rest(), "");
    let mut peer = front.connect();
    peer.shut();
    assert_eq!(peer.rest(), "");
    eventually(|| front.stats.open.get() == 0);
}

#[test]
fn a_panic_is_a_500_and_ends_that_connection_only() {
    boundary::hold_in_tests();
    let front = Running::new(options(patient()), |request: &Request| {
        assert!(request.path != "/panic", "as asked");
        echo(request)
    });
    let mut other = front.connect();
    assert_eq!(other.ask(get("/")).status, 200);
    // More often than there are workers.
    for _ in 0..5 {
        let mut peer = front.connect();
        let reply = peer.ask(get("/panic"));
        assert_eq!(reply.status, 500);
        assert_eq!(
            reply.field("Content-Type"),
            Some("application/problem+json")
        );
        assert_eq!(peer.rest(), "");
    }
    assert_eq!(other.ask(get("/")).status, 200);
    assert_eq!(front.stats.panics.get(), 5);
    assert_eq!(front.stats.by_class[4].get(), 5);
}

#[test]
fn answers_under_way_are_finished_before_the_end() {
    let (handler, seen, open) = gate();
    let mut front = Running::new(options(patient()), handler);
    let (mut busy, mut idle) = (front.connect(), front.connect());
    busy.send(get("/"));
    seen.recv_timeout(PATIENCE).unwrap();
    idle.send("GET / HTTP/1.1\r\n");
    front.ask_to_stop();
    // Not told anything: its request is not complete.
    let mut rest = String::new();
    let _ = idle.0.read_to_string(&mut rest);
    assert_eq!(rest, "");
    assert!(TcpStream::connect(front.address).is_err());
    open.send(()).unwrap();
    let reply = busy.reply();
    assert_eq!(
        (reply.status, reply.field("Connection")),
        (200, Some("close"))
    );
    assert_eq!(busy.rest(), "");
    drop(busy);
    let ending = front.ending();
    assert!(
        ending.outcome.is_ok() && ending.stuck.is_empty(),
        "{ending:?}"
    );
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let (handler, seen, open) = gate();
    let limits = Limits {
        stop: SHORT,
        ..patient()
    };
    let mut front = Running::new(options(limits), handler);
    let mut peer = front.connect();
    peer.send(get("/"));
    seen.recv_timeout(PATIENCE).unwrap();
    front.ask_to_stop();
    // The poll thread ends without the answer: only this test and workers are left.
    eventually(|| Arc::strong_count(&front.stats) <= 1 + 4);
    open.send(()).unwrap();
    let ending = front.ending();
    assert!(ending.stuck.is_empty(), "{ending:?}");
}

#[test]
fn every_loop_has_a_beat_and_keeps_it() {
    let limits = Limits {
        turn: SHORT,
        ..patient()
    };
    let front = Running::with_limits(limits);
    assert_eq!(front.connect().ask(get("/")).status, 200);
    let much_later = Instant::now() + Duration::from_secs(3600);
    let mut names: Vec<_> = front
        .beats
        .overdue(much_later)
        .iter()
        .map(|beat| beat.name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["http", "http-1", "http-2", "http-3", "http-4"]);
}
