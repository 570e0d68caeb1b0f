//! Senders without end: how much is taken, and what it costs.

use super::{Target, vitals};
use crate::support::peer::Peer;

/// Far more than the kernel's own buffers of a connection.
const FLOOD: usize = 64 << 20;

/// Sends `begin`, then `piece` again and again until the other side is gone.
/// Returns how many bytes were taken, by the kernel at least.
fn flood(peer: &mut Peer, begin: &str, piece: &[u8]) -> usize {
    let block = piece.repeat((64 << 10) / piece.len());
    let mut sent = begin.len();
    if !peer.send(begin) {
        return 0;
    }
    while sent < FLOOD && peer.send(&block) {
        sent += block.len();
    }
    sent
}

#[test]
fn whoever_sends_without_end_is_cut_off_and_costs_no_memory() {
    let target = Target::start();
    let chunked = "POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let length = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n";
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    let floods: [(&str, &str, &[u8]); 9] = [
        ("one header", "GET /health HTTP/1.1\r\nHost: a\r\nA: ", b"a"),
        (
            "many headers",
            "GET /health HTTP/1.1\r\nHost: a\r\n",
            b"A: b\r\n",
        ),
        ("a request line", "GET /", b"a"),
        ("empty lines", "\r\n", b"\r\n"),
        ("an extension", &format!("{chunked}1;"), b"a"),
        ("many extensions", chunked, b"1;abcdefgh\r\na\r\n"),
        ("trailers", &format!("{chunked}0\r\n"), b"A: b\r\n"),
        ("chunks", chunked, chunk.as_bytes()),
        ("a body", length, b"a"),
    ];
    for (name, begin, piece) in floods {
        let mut peer = target.connect();
        let sent = flood(&mut peer, begin, piece);
        assert!(sent < FLOOD, "{name}: all of it was taken");
    }
    assert_eq!(target.count("requests_refused"), 9);
    let peak = vitals(target.agent.pid()).peak;
    let most = target.before.peak + (2 << 20);
    assert!(peak <= most, "{:?}, then {peak}", target.before);
    target.unharmed();
}

#[test]
fn bodies_up_to_the_limit_are_taken_and_given_back() {
    let target = Target::start();
    let body = "a".repeat(1 << 20);
    let head = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    for _ in 0..20 {
        let heard = target.connect().tell(format!("{head}{body}"));
        assert_eq!(heard.statuses(), [405], "{heard:?}");
    }
    assert_eq!(target.count("requests_refused"), 0);
    target.unharmed();
}
