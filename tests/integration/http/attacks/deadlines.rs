//! Peers that send or take a byte a second, against the deadlines that are shipped.

use std::net::SocketAddr;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use super::{Target, vitals};
use crate::support::peer::{Heard, Peer};
use crate::support::{TinyApi, eventually};

const SECOND: Duration = Duration::from_secs(1);
/// More seconds than any deadline has.
const TOO_LONG: usize = 45;
/// Of each kind.
const PEERS: usize = 20;
/// Their list has 6 MB; the buffers of a connection take half of it.
const PODS: usize = 14_000;

/// Sends a byte a second until it is answered, then listens to the end.
fn trickle(address: SocketAddr, begin: &str) -> Heard {
    let mut peer = Peer::connect(address);
    peer.send(begin);
    let sent = (0..TOO_LONG).take_while(|_| !peer.hears_within(SECOND) && peer.send("a"));
    assert!(sent.count() < TOO_LONG, "{begin}: it may go on for ever");
    peer.rest()
}

/// Everybody who hurries is served beside those who do not.
fn serves(target: &Target, slow: &[ScopedJoinHandle<'_, Heard>]) {
    while slow.iter().any(|slow| !slow.is_finished()) {
        for (path, status) in [("/health", 200), ("/version", 200), ("/nowhere", 404)] {
            assert_eq!(target.agent.get_open(path).status, status);
        }
        thread::park_timeout(SECOND / 10);
    }
}

#[test]
fn a_byte_a_second_is_ended_by_the_deadline() {
    let target = Target::start();
    let address = target.address();
    let post = "POST /health HTTP/1.1\r\nHost: a\r\n";
    let begins = [
        "GET /".to_owned(),
        "GET /health HTTP/1.1\r\nHost: a\r\nA: ".to_owned(),
        format!("{post}Content-Length: 1000\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n1000\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n1;"),
    ];
    let silent: Vec<Peer> = (0..PEERS).map(|_| target.connect()).collect();
    thread::scope(|scope| {
        let slow: Vec<_> = begins
            .iter()
            .flat_map(|begin| (0..PEERS).map(move |_| begin))
            .map(|begin| scope.spawn(move || trickle(address, begin)))
            .collect();
        serves(&target, &slow);
        for slow in slow {
            let heard = slow.join().unwrap();
            assert_eq!(heard.statuses(), [408], "{heard:?}");
        }
    });
    // Who never spoke is closed without a word.
    for peer in silent {
        assert_eq!(peer.rest().bytes, b"");
    }
    assert_eq!(
        target.count("requests_refused"),
        (begins.len() * PEERS) as u64
    );
    assert_eq!(target.count("connections_evicted"), 0);
    target.unharmed();
}

/// Asks for the list of pods with a buffer that is as small as can be.
fn ask_for_much(target: &Target) -> Peer {
    let mut peer = target.connect();
    rustix::net::sockopt::set_socket_recv_buffer_size(peer.socket(), 4096).unwrap();
    let token = "Authorization: Bearer test-api-token";
    peer.send(format!(
        "GET /api/k8s/pods HTTP/1.1\r\nHost: a\r\n{token}\r\n\r\n"
    ));
    peer
}

/// Answers that were begun and never given to the kernel whole.
fn cut_short(target: &Target) -> u64 {
    let http = &target.agent.json("/api/metrics/runtime")["http"];
    let whole = http["latency"]["count"].as_u64();
    http["requests"].as_u64().unwrap() - whole.unwrap()
}

#[test]
fn who_does_not_take_a_large_answer_is_closed_and_holds_up_nobody() {
    let mut target = Target::of(TinyApi::with_pods(PODS));
    // The list is made once and kept.
    assert_eq!(target.agent.get("/api/k8s/pods").status, 200);
    target.before = vitals(target.agent.pid());
    // Two are within what may be held for slow peers, the others are not.
    for count in [2, 16] {
        let before = cut_short(&target);
        let slow: Vec<Peer> = (0..count).map(|_| ask_for_much(&target)).collect();
        eventually("all are given up", || {
            assert_eq!(target.agent.get_open("/health").status, 200);
            let ended = target.count("connections_open") == 1;
            ended.then_some(())
        });
        assert_eq!(cut_short(&target) - before, count);
        drop(slow);
    }
    let list = target.agent.json("/api/k8s/pods");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(PODS));
    target.unharmed();
}
