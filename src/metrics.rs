//! Counters, gauges and histograms that any thread may touch without a lock.
//!
//! The structs that group them live with their owners (the HTTP front, the
//! watches, the control-plane client); rendering lives with the routes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Only ever grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn increment(&self) {
        self.add(1);
    }

    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down, never below zero.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the latency buckets, in microseconds; the last is unbounded.
pub const BOUNDS_MICROS: [u64; 9] = [
    1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 30_000_000,
];

/// Latencies in fixed buckets, cheap enough for each request.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BOUNDS_MICROS.len() + 1],
    sum_micros: Counter,
}

impl Histogram {
    pub fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(counter) = self.buckets.get(bucket) {
            counter.increment();
        }
        self.sum_micros.add(micros);
    }

    /// Observations so far.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(Counter::get).sum()
    }

    /// Sum of all observations.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros.get())
    }

    /// Observations per bucket, not cumulative, in the order of [`BOUNDS_MICROS`].
    pub fn buckets(&self) -> [u64; BOUNDS_MICROS.len() + 1] {
        std::array::from_fn(|i| self.buckets.get(i).map_or(0, Counter::get))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_fall_into_their_bucket() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(1));
        histogram.observe(Duration::from_millis(2));
        histogram.observe(Duration::from_secs(3600));
        assert_eq!(histogram.buckets(), [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(histogram.count(), 3);
        assert_eq!(histogram.sum(), Duration::from_micros(3_600_003_000));
    }
}
