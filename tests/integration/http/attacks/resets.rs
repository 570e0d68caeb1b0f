//! Peers that vanish with a reset, before they are accepted and later.

use super::{Target, freeze, thaw};

/// Fits the backlog of 128 that the standard library asks for.
const BACKLOG: usize = 100;

#[test]
fn requests_reset_in_the_backlog_harm_nobody() {
    let target = Target::start();
    for _ in 0..4 {
        freeze(&target.agent);
        let mut good = target.connect();
        for _ in 0..BACKLOG {
            let mut peer = target.connect();
            peer.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
            peer.reset();
        }
        good.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        thaw(&target.agent);
        assert_eq!(good.answer().statuses(), [200]);
    }
    let accepted = target.count("connections_accepted") + target.count("accept_errors");
    assert!(accepted >= 4 * (BACKLOG as u64 + 1), "{accepted}");
    target.unharmed();
}

#[test]
fn resets_in_the_middle_harm_nobody() {
    let target = Target::start();
    let post = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for round in 0..300 {
        let mut peer = target.connect();
        peer.send(&post[..round % (post.len() + 1)]);
        peer.reset();
    }
    let mut peer = target.connect();
    // Many answers on their way to somebody who is gone.
    peer.send("GET /version HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
    peer.reset();
    crate::support::eventually("none is kept", || {
        (target.count("connections_open") == 1).then_some(())
    });
    target.unharmed();
}
