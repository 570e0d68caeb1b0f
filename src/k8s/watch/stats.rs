//! What a watch counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::metrics::Counter;

/// Written by one watch, read by anyone.
#[derive(Debug)]
pub struct Stats {
    /// Watches opened after the first.
    pub reconnects: Counter,
    /// Lists after the first.
    pub relists: Counter,
    pub events: Counter,
    /// Objects that were left out because their JSON was not as expected.
    pub decode_errors: Counter,
    /// Lines that were no event, or too long for one.
    pub lines_dropped: Counter,
    origin: Instant,
    /// Milliseconds after `origin`; 0 is never.
    heard: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            reconnects: Counter::default(),
            relists: Counter::default(),
            events: Counter::default(),
            decode_errors: Counter::default(),
            lines_dropped: Counter::default(),
            origin: Instant::now(),
            heard: AtomicU64::new(0),
        }
    }
}

impl Stats {
    /// Bytes came at `now`.
    pub(super) fn hear(&self, now: Instant) {
        self.heard.store(self.millis(now).max(1), Ordering::Relaxed);
    }

    /// How long no byte has come; none before the first.
    pub fn silent_for(&self, now: Instant) -> Option<Duration> {
        let heard = self.heard.load(Ordering::Relaxed);
        (heard > 0).then(|| Duration::from_millis(self.millis(now).saturating_sub(heard)))
    }

    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_last_byte() {
        let stats = Stats::default();
        let start = Instant::now();
        assert_eq!(stats.silent_for(start), None);
        stats.hear(start + Duration::from_secs(1));
        let silent = stats.silent_for(start + Duration::from_secs(31));
        assert_eq!(silent, Some(Duration::from_secs(30)));
    }
}
