//! More than there is room for.

use super::*;

fn with_connections(connections: usize) -> Options {
    Options {
        connections,
        ..options(patient())
    }
}

#[test]
fn at_the_cap_the_idle_connection_nearest_its_deadline_makes_room() {
    // One worker gives a connection back before it takes the next: of four, one that is held up would leave a
    // connection in flight whose answer has come.
    let options = Options {
        workers: 1,
        ..with_connections(3)
    };
    let front = Running::new(options, echo);
    let mut peers: Vec<Peer> = (0..3).map(|_| front.connect()).collect();
    // Later deadlines in this order: 1, 2, 0.
    for i in [1, 2, 0] {
        assert_eq!(peers[i].ask(get("/")).status, 200);
    }
    let mut newcomer = front.connect();
    assert_eq!(newcomer.ask(get("/")).status, 200);
    assert_eq!(peers[1].rest(), "");
    assert_eq!(front.stats.evicted.get(), 1);
    for i in [2, 0] {
        assert_eq!(peers[i].ask(get("/")).status, 200);
    }
    assert_eq!(front.stats.open.get(), 3);
}

#[test]
fn a_request_in_flight_is_never_evicted() {
    let (handler, seen, open) = gate();
    let front = Running::new(with_connections(2), handler);
    let mut busy: Vec<Peer> = (0..2).map(|_| front.connect()).collect();
    for peer in &mut busy {
        peer.send(get("/busy"));
        seen.recv_timeout(PATIENCE).unwrap();
    }
    // No room: it waits in the backlog until one of them is idle.
    let mut waiting = front.connect();
    waiting.send(get("/waiting"));
    for _ in 0..3 {
        open.send(()).unwrap();
    }
    assert_eq!(waiting.reply().body, "GET /waiting ");
    for peer in &mut busy {
        assert_eq!(peer.reply().body, "GET /busy ");
    }
    assert_eq!(front.stats.evicted.get(), 1);
    assert_eq!(front.stats.open.get(), 2);
}

#[test]
fn a_full_queue_is_503_and_when_to_come_back() {
    let (handler, seen, open) = gate();
    let one_worker = Options {
        workers: 1,
        ..with_connections(256)
    };
    let front = Running::new(one_worker, handler);
    let mut first = front.connect();
    first.send(get("/"));
    seen.recv_timeout(PATIENCE).unwrap();
    let mut others: Vec<Peer> = (0..70).map(|_| front.connect()).collect();
    for peer in &mut others {
        peer.send(get("/"));
    }
    // 64 wait, 6 do not.
    eventually(|| front.stats.overloaded.get() == 6);
    for _ in 0..65 {
        open.send(()).unwrap();
    }
    assert_eq!(first.reply().status, 200);
    let replies: Vec<Reply> = others.iter_mut().map(Peer::reply).collect();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert_eq!(refused.len(), 6);
    for reply in refused {
        assert_eq!(reply.field("Retry-After"), Some("1"));
        assert_eq!(reply.field("Connection"), Some("close"));
    }
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 200).count(),
        64
    );
}

#[test]
fn what_slow_bodies_hold_is_bounded() {
    let front = Running::with_limits(patient());
    let length = 1 << 20;
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let most = [head.into_bytes(), vec![b'a'; length - 1]].concat();
    let mut peers: Vec<Peer> = (0..20).map(|_| front.connect()).collect();
    for peer in &mut peers {
        // One that is refused may stop reading before all is sent.
        let _ = peer.socket().write_all(&most);
    }
    eventually(|| front.stats.by_class[4].get() > 0);
    // Those that were let in are served, and so is everyone without a body.
    assert_eq!(front.connect().ask(get("/")).status, 200);
    for peer in &mut peers {
        let _ = peer.socket().write_all(b"a");
        let _ = peer.socket().shutdown(Shutdown::Write);
    }
    let mut served = 0;
    for peer in &mut peers {
        let mut reply = Vec::new();
        let _ = peer.0.read_to_end(&mut reply);
        served += usize::from(reply.starts_with(b"HTTP/1.1 200 "));
    }
    assert!((1..20).contains(&served), "{served} of 20");
}

#[test]
fn many_idle_connections_are_in_nobodys_way() {
    let front = Running::with_limits(patient());
    let mut peers: Vec<Peer> = (0..200).map(|_| front.connect()).collect();
    for _ in 0..2 {
        for peer in &mut peers {
            assert_eq!(peer.ask(get("/")).status, 200);
        }
    }
    assert_eq!(front.stats.accepted.get(), 200);
    assert_eq!(front.stats.evicted.get(), 0);
}
