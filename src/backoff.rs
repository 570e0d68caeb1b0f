//! How long to wait before the next try: exponential, full jitter, capped.
//!
//! Pure: the random number and the time are arguments.
//! Source: "Exponential Backoff And Jitter", AWS Architecture Blog.

use std::time::{Duration, Instant};

/// The shape of a backoff.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Ceiling of the first wait.
    pub first: Duration,
    /// Ceiling of every wait.
    pub limit: Duration,
    /// How long things must go well before the next failure counts as the first.
    pub calm: Duration,
}

/// One caller's failures in a row.
#[derive(Debug)]
pub struct Backoff {
    policy: Policy,
    failures: u32,
    /// Of the first ceiling.
    doublings: u32,
    well_since: Option<Instant>,
}

impl Backoff {
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            failures: 0,
            doublings: 0,
            well_since: None,
        }
    }

    /// Notes a success at `now`.
    pub fn succeeded(&mut self, now: Instant) {
        self.well_since.get_or_insert(now);
    }

    /// Notes a failure at `now` and says how long to wait; `random` is in `[0, 1)`.
    pub fn failed(&mut self, now: Instant, random: f64) -> Duration {
        self.failed_for(self.policy.limit, now, random)
    }

    /// The same for a failure that is waited for no longer than `limit`. However often it comes,
    /// another kind of failure does not wait for longer on its account.
    pub fn failed_for(&mut self, limit: Duration, now: Instant, random: f64) -> Duration {
        let calm = self
            .well_since
            .take()
            .is_some_and(|since| now.saturating_duration_since(since) >= self.policy.calm);
        if calm {
            self.failures = 0;
            self.doublings = 0;
        }
        let limit = limit.min(self.policy.limit);
        let doubled = self
            .policy
            .first
            .saturating_mul(1 << self.doublings.min(20));
        if doubled < limit {
            self.doublings += 1;
        }
        self.failures = self.failures.saturating_add(1);
        doubled.min(limit).mul_f64(random.clamp(0.0, 1.0))
    }

    /// Failures in a row since the last calm.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// Spreads `interval` by up to a quarter either way; `random` is in `[0, 1)`.
pub fn jitter(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.75 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        first: Duration::from_secs(1),
        limit: Duration::from_secs(60),
        calm: Duration::from_secs(25),
    };

    #[test]
    fn ceilings_double_up_to_the_limit() {
        let now = Instant::now();
        let mut backoff = Backoff::new(POLICY);
        let waits: Vec<u64> = (0..9).map(|_| backoff.failed(now, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn what_is_waited_for_briefly_lengthens_no_other_wait() {
        let now = Instant::now();
        let mut backoff = Backoff::new(POLICY);
        let brief = Duration::from_secs(3);
        let waits: Vec<u64> = (0..9)
            .map(|_| backoff.failed_for(brief, now, 1.0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!(backoff.failed(now, 1.0).as_secs(), 4);
        assert_eq!(backoff.failures(), 10);
    }

    #[test]
    fn only_calm_resets() {
        let start = Instant::now();
        let mut backoff = Backoff::new(POLICY);
        backoff.failed(start, 1.0);
        backoff.failed(start, 1.0);
        backoff.succeeded(start);
        let soon = start + Duration::from_secs(24);
        assert_eq!(backoff.failed(soon, 1.0).as_secs(), 4);
        backoff.succeeded(soon);
        let later = soon + Duration::from_secs(25);
        assert_eq!(backoff.failed(later, 1.0).as_secs(), 1);
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let interval = Duration::from_secs(40);
        assert_eq!(jitter(interval, 0.0), Duration::from_secs(30));
        assert_eq!(jitter(interval, 0.5), Duration::from_secs(40));
        assert_eq!(jitter(interval, 1.0), Duration::from_secs(50));
    }
}
