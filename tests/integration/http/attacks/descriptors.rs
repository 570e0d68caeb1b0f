//! More connections than the process may have descriptors.

use super::Target;
use crate::support::eventually;
use crate::support::peer::Peer;

const GET: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn without_descriptors_accepting_goes_on() {
    let target = Target::with_descriptors(64);
    for round in 1..=3 {
        let idle: Vec<Peer> = (0..200).map(|_| target.connect()).collect();
        let mut peer = target.connect();
        peer.send(GET);
        assert_eq!(peer.answer().statuses(), [200]);
        // Every one that found no descriptor took that of another.
        assert!(target.count("accept_errors") >= 100 * round);
        assert!(target.count("connections_evicted") >= 100 * round);
        drop(idle);
    }
    let log = target.agent.log();
    let lines = log.matches("cannot accept a connection").count();
    assert!((1..20).contains(&lines), "{log}");
    eventually("ready", || {
        (target.agent.get_open("/ready").status == 200).then_some(())
    });
    target.unharmed();
}
