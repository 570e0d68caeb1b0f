//! More idle connections than anybody needs.

use std::fs;
use std::time::{Duration, Instant};

use ::crowd::Crowd;

use super::{Target, freeze, thaw};
use crate::support::peer::Peer;
use crate::support::{API_TOKEN, eventually};

const GET: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
/// Connections at most.
const CAP: usize = 256;

/// Those that came when it was full, besides the one that asks for the counter.
fn assert_evicted(target: &Target, connections: usize) {
    let evicted = target.count("connections_evicted");
    let over = connections.saturating_sub(CAP) as u64;
    assert!(evicted >= over, "{evicted} of {connections}");
    assert!(target.count("connections_open") <= CAP as u64);
}

#[test]
fn idle_connections_keep_nobody_out() {
    for count in [5, 20, 64, 200, 256, 500] {
        let target = Target::start();
        let idle: Vec<Peer> = (0..count).map(|_| target.connect()).collect();
        let mut peer = target.connect();
        peer.send(GET);
        assert_eq!(peer.answer().statuses(), [200], "beside {count}");
        assert_evicted(&target, count);
        // As many threads, and no more memory, while they are still there.
        target.unharmed();
        drop(idle);
    }
}

#[test]
fn half_a_request_is_as_idle_as_none() {
    let target = Target::start();
    let head = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let halves = ["G", &GET[..GET.len() - 1], &head[..20], head];
    let idle: Vec<Peer> = (0..500)
        .map(|index| {
            let mut peer = target.connect();
            peer.send(halves[index % halves.len()]);
            peer
        })
        .collect();
    let mut peer = target.connect();
    peer.send(GET);
    assert_eq!(peer.answer().statuses(), [200]);
    assert_evicted(&target, 500);
    target.unharmed();
    drop(idle);
}

#[test]
fn the_connection_that_is_idle_for_longest_makes_room() {
    let target = Target::start();
    let mut peers: Vec<Peer> = (0..300)
        .map(|_| {
            let mut peer = target.connect();
            peer.send(GET);
            assert_eq!(peer.answer().statuses(), [200]);
            peer
        })
        .collect();
    let recent = peers.split_off(300 - CAP);
    for peer in peers {
        assert_eq!(peer.rest().bytes, b"");
    }
    for mut peer in recent {
        peer.send(GET);
        assert_eq!(peer.answer().statuses(), [200]);
    }
    assert_evicted(&target, 300);
    target.unharmed();
}

/// Each of them would try again a second later if there were no room to wait.
#[test]
fn a_burst_waits_in_the_backlog() {
    let target = Target::start();
    freeze(&target.agent);
    let mut burst: Vec<Peer> = (0..500).map(|_| target.connect()).collect();
    for peer in &mut burst {
        peer.send("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    thaw(&target.agent);
    for peer in burst {
        let heard = peer.rest();
        assert!(matches!(heard.statuses()[..], [200 | 503]), "{heard:?}");
    }
    target.unharmed();
}

/// Of whoever does harm in any way as many as there are places, and half as many again.
#[test]
fn a_crowd_of_every_kind_keeps_nobody_waiting() {
    const LONG: Duration = Duration::from_secs(5);
    let target = Target::start();
    let crowd = Crowd::start(target.address(), API_TOKEN, CAP + CAP / 2).unwrap();
    let began = Instant::now();
    let (mut times, mut failed) = (Vec::new(), 0);
    while began.elapsed() < LONG {
        let asked = Instant::now();
        let mut peer = target.connect();
        peer.send(GET);
        match peer.status() {
            Some(200) => times.push(asked.elapsed()),
            _ => failed += 1,
        }
    }
    assert!(crowd.opened() > 1_000, "{}", crowd.opened());
    drop(crowd);
    times.sort_unstable();
    let (count, median) = (times.len(), times[times.len() / 2]);
    assert!(median < Duration::from_millis(100), "{median:?}");
    assert!(failed * 50 <= count, "{failed} failed, {count} did not");
    target.unharmed();
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    let target = Target::start();
    let before = descriptors(&target);
    for _ in 0..2000 {
        drop(target.connect());
    }
    // What the loops towards the cluster hold comes and goes by a few.
    eventually("none is kept", || {
        (target.count("connections_open") == 1 && descriptors(&target) < before + 10).then_some(())
    });
    target.unharmed();
}

fn descriptors(target: &Target) -> usize {
    let folder = format!("/proc/{}/fd", target.agent.pid());
    fs::read_dir(folder).expect("it is alive").count()
}
