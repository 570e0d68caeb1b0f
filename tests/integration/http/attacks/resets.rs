//! Peers that vanish with a reset, before they are accepted and later.

use super::{Target, freeze, thaw};
use crate::support::eventually;

const GET: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
const COUNT: usize = 400;

#[test]
fn requests_reset_in_the_backlog_harm_nobody() {
    let target = Target::start();
    freeze(&target.agent);
    for _ in 0..COUNT {
        let mut peer = target.connect();
        peer.send(GET);
        peer.reset();
    }
    let mut good = target.connect();
    good.send(GET);
    thaw(&target.agent);
    // It came in a burst, so that it may be told to come again.
    let heard = good.answer();
    assert!(matches!(heard.statuses()[..], [200 | 503]), "{heard:?}");
    let accepted = target.count("connections_accepted") + target.count("accept_errors");
    assert!(accepted > COUNT as u64, "{accepted}");
    target.unharmed();
}

#[test]
fn resets_in_the_middle_harm_nobody() {
    let target = Target::start();
    let post = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for round in 0..COUNT {
        let mut peer = target.connect();
        peer.send(&post[..round % (post.len() + 1)]);
        peer.reset();
    }
    let mut peer = target.connect();
    // Many answers on their way to somebody who is gone.
    peer.send("GET /version HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
    peer.reset();
    eventually("none is kept", || {
        (target.count("connections_open") == 1).then_some(())
    });
    target.unharmed();
}
