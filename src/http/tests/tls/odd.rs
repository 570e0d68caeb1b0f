//! Peers that do not speak TLS as they should.

use super::*;

/// What comes until the end, orderly or not.
fn all(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn plain_http_is_told_to_speak_tls() {
    let keys = Keys::new();
    let front = Running::new(keys.options(patient()), echo);
    let long = post("/", &"a".repeat(50_000));
    for request in [get("/"), long, "OPTIONS * HTTP/1.0\r\n\r\n".to_owned()] {
        let mut peer = Peer(BufReader::new(front.plain()));
        let reply = peer.ask(request);
        assert_eq!(reply.status, 400);
        assert!(reply.body.contains("this port speaks TLS"), "{reply:?}");
        assert_eq!(reply.field("Connection"), Some("close"));
        assert_eq!(peer.rest(), "");
    }
    eventually(|| front.stats.tls_failures.get() == 3);
    eventually(|| front.stats.open.get() == 0);
}

#[test]
fn garbage_ends_its_connection_alone() {
    let keys = Keys::new();
    let front = Running::new(keys.options(patient()), echo);
    let mut good = front.secure(&keys.config);
    assert_eq!(good.ask(get("/")).status, 200);
    let hello = [&[22, 3, 1, 0, 200, 1, 0, 0, 196][..], &[7; 196]].concat();
    let cases: [&[u8]; 5] = [
        b"hello\r\n",
        &[0; 4000],
        &[22, 3, 1, 255, 255, 1],
        &hello,
        &[0x80, 9, 1, 3, 1],
    ];
    for bytes in cases {
        let mut stream = front.plain();
        stream.write_all(bytes).unwrap();
        let answer = all(stream);
        // An alert, or nothing.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
    eventually(|| front.stats.tls_failures.get() == 5);
    assert_eq!(good.ask(get("/")).status, 200);

    // In the middle of a connection that was good.
    let stream = good.0.get_mut();
    stream.sock.write_all(&[23, 3, 3, 0, 32]).unwrap();
    stream.sock.write_all(&[9; 32]).unwrap();
    let mut rest = Vec::new();
    assert!(good.0.read_to_end(&mut rest).is_err());
    eventually(|| front.stats.open.get() == 0);
    assert_eq!(front.stats.tls_failures.get(), 5);
}

#[test]
fn an_application_protocol_that_is_not_here_is_refused() {
    let keys = Keys::new();
    let front = Running::new(keys.options(patient()), echo);
    let mut config = (*keys.config).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut peer = front.secure(&Arc::new(config));
    let error = peer
        .0
        .get_mut()
        .flush()
        .and_then(|()| peer.0.read(&mut [0]));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("NoApplicationProtocol")
    );
}

#[test]
fn a_reset_ends_both_sides() {
    let keys = Keys::new();
    let (handler, seen, open) = gate();
    let front = Running::new(keys.options(patient()), handler);
    let reset = |peer: Secure| {
        let stream = peer.0.into_inner().sock;
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    };
    let mut busy = front.secure(&keys.config);
    busy.send(get("/"));
    seen.recv_timeout(PATIENCE).unwrap();
    let mut halfway = front.secure(&keys.config);
    halfway.send(&post("/", "body")[..30]);
    reset(busy);
    reset(halfway);
    open.send(()).unwrap();
    eventually(|| front.stats.open.get() == 0);
    open.send(()).unwrap();
    assert_eq!(front.secure(&keys.config).ask(get("/")).status, 200);
}

#[test]
fn whoever_hesitates_is_let_go_and_in_nobodys_way() {
    let keys = Keys::new();
    let limits = Limits {
        first_byte: Duration::from_secs(2),
        ..patient()
    };
    let front = Running::new(keys.options(limits), echo);
    let silent: Vec<TcpStream> = (0..100).map(|_| front.plain()).collect();
    let halfway: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut hello = Vec::new();
            client(&keys.config).write_tls(&mut hello).unwrap();
            let mut stream = front.plain();
            stream.write_all(&hello[..hello.len() / 2]).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    let mut peer = front.secure(&keys.config);
    assert_eq!(peer.ask(get("/")).status, 200);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    for stream in silent.into_iter().chain(halfway) {
        assert_eq!(all(stream), b"");
    }
    assert_eq!(front.stats.open.get(), 1);
    assert_eq!(front.stats.tls_failures.get(), 100);
    assert_eq!(peer.ask(get("/")).status, 200);
}

#[test]
fn three_hundred_connections_are_no_more_than_the_cap() {
    let keys = Keys::new();
    let front = Running::new(keys.options(patient()), echo);
    let mut peers = Vec::new();
    for _ in 0..300 {
        let mut peer = front.secure(&keys.config);
        assert_eq!(peer.ask(get("/")).status, 200);
        peers.push(peer);
        assert!(front.stats.open.get() <= 256);
    }
    assert_eq!(front.stats.evicted.get(), 44);
    for peer in &mut peers[..44] {
        assert_eq!(peer.rest(), "");
    }
    for peer in &mut peers[44..] {
        assert_eq!(peer.ask(get("/")).status, 200);
    }
    drop(peers);
    eventually(|| front.stats.open.get() == 0);
}

#[test]
fn a_handshake_makes_room_like_any_idle_connection() {
    let keys = Keys::new();
    let limits = Limits {
        first_byte: PATIENCE / 2,
        ..patient()
    };
    let three = Options {
        connections: 3,
        ..keys.options(limits)
    };
    let front = Running::new(three, echo);
    let mut kept = front.secure(&keys.config);
    assert_eq!(kept.ask(get("/")).status, 200);
    let hesitant: Vec<TcpStream> = (0..2).map(|_| front.plain()).collect();
    eventually(|| front.stats.open.get() == 3);
    let mut plain = front.connect();
    assert_eq!(plain.ask(get("/")).status, 200);
    let mut secure = front.secure(&keys.config);
    assert_eq!(secure.ask(get("/")).status, 200);
    for stream in hesitant {
        assert_eq!(all(stream), b"");
    }
    assert_eq!(kept.ask(get("/")).status, 200);
    assert_eq!(front.stats.evicted.get(), 2);
}
