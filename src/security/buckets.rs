//! How often something may happen: buckets that fill with time. Pure.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Peers that are told apart. Of more, the one that was heard of longest ago is forgotten.
const MOST: usize = 256;

/// So often at once, and so often each second from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: f64,
    pub(super) per_second: f64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self {
            left: rate.burst,
            at: now,
        }
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * rate.per_second).min(rate.burst);
        self.at = self.at.max(now);
    }

    /// How long until there is one.
    fn wait(&self, rate: Rate) -> Option<Duration> {
        let missing = 1.0 - self.left;
        (missing > 0.0).then(|| Duration::from_secs_f64(missing / rate.per_second))
    }
}

/// A bucket for each peer, and one for all of them.
#[derive(Debug)]
pub(super) struct Buckets {
    each: Rate,
    all: Rate,
    shared: Option<Bucket>,
    peers: Vec<(IpAddr, Bucket)>,
}

impl Buckets {
    pub(super) fn new(each: Rate, all: Rate) -> Self {
        Self {
            each,
            all,
            shared: None,
            peers: Vec::new(),
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// There is none; how long until there is.
    pub(super) fn take(&mut self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        self.check(peer, now)?;
        let peer = place(peer);
        if let Some((_, bucket)) = self.peers.iter_mut().find(|(known, _)| *known == peer) {
            bucket.left -= 1.0;
        }
        if let Some(shared) = &mut self.shared {
            shared.left -= 1.0;
        }
        Ok(())
    }

    /// Whether there is one to take.
    ///
    /// # Errors
    /// How long until there is.
    pub(super) fn check(&mut self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        let shared = self.shared.get_or_insert(Bucket::full(self.all, now));
        shared.fill(self.all, now);
        let waits = [
            shared.wait(self.all),
            self.bucket(place(peer), now).wait(self.each),
        ];
        match waits.into_iter().flatten().max() {
            Some(wait) => Err(wait),
            None => Ok(()),
        }
    }

    fn bucket(&mut self, peer: IpAddr, now: Instant) -> Bucket {
        let rate = self.each;
        if let Some((_, bucket)) = self.peers.iter_mut().find(|(known, _)| *known == peer) {
            bucket.fill(rate, now);
            return *bucket;
        }
        if self.peers.len() >= MOST {
            let oldest = (0..self.peers.len()).min_by_key(|place| self.peers[*place].1.at);
            oldest.map(|place| self.peers.swap_remove(place));
        }
        let bucket = Bucket::full(rate, now);
        self.peers.push((peer, bucket));
        bucket
    }
}

/// One host has a whole /64 of IPv6 to itself, and may come by either family.
fn place(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Buckets {
        let each = Rate {
            burst: 3.0,
            per_second: 1.0,
        };
        let all = Rate {
            burst: 5.0,
            per_second: 2.0,
        };
        Buckets::new(each, all)
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_has_a_burst_and_then_a_rate() {
        let mut buckets = buckets();
        let start = Instant::now();
        let one = peer("10.0.0.1");
        for _ in 0..3 {
            assert_eq!(buckets.take(one, start), Ok(()));
        }
        assert_eq!(buckets.take(one, start), Err(Duration::from_secs(1)));
        let later = start + Duration::from_secs(1);
        assert_eq!(buckets.take(one, later), Ok(()));
        assert!(buckets.take(one, later).is_err());
        assert_eq!(
            buckets.take(peer("10.0.0.2"), later),
            Ok(()),
            "another peer"
        );
        let much_later = start + Duration::from_secs(3600);
        for _ in 0..3 {
            assert_eq!(
                buckets.take(one, much_later),
                Ok(()),
                "no more than a burst"
            );
        }
        assert!(buckets.take(one, much_later).is_err());
    }

    #[test]
    fn all_together_have_one_too() {
        let mut buckets = buckets();
        let now = Instant::now();
        for last in 1..=5 {
            assert_eq!(buckets.take(peer(&format!("10.0.0.{last}")), now), Ok(()));
        }
        let wait = buckets.take(peer("10.0.0.6"), now);
        assert_eq!(wait, Err(Duration::from_millis(500)));
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_gives_nothing() {
        let mut buckets = buckets();
        let now = Instant::now() + Duration::from_secs(10);
        while buckets.take(peer("::1"), now).is_ok() {}
        assert!(
            buckets
                .take(peer("::1"), now - Duration::from_secs(5))
                .is_err()
        );
        assert!(buckets.take(peer("::1"), now).is_err());
    }

    #[test]
    fn addresses_of_one_host_are_one_peer_and_not_all_are_kept() {
        assert_eq!(
            place(peer("2001:db8::1")),
            place(peer("2001:db8::ffff:1:2"))
        );
        assert_ne!(place(peer("2001:db8::1")), place(peer("2001:db8:0:1::1")));
        assert_eq!(place(peer("::ffff:10.0.0.1")), peer("10.0.0.1"));
        let mut buckets = buckets();
        let start = Instant::now();
        for number in 0..1000_u16 {
            let address = IpAddr::from([10, 0, number.to_be_bytes()[0], number.to_be_bytes()[1]]);
            let _ = buckets.check(address, start + Duration::from_millis(number.into()));
        }
        assert_eq!(buckets.peers.len(), MOST);
        assert!(buckets.peers.iter().all(|(_, bucket)| bucket.at >= start));
    }
}
