//! Whether each loop still turns: the truth behind the liveness probe.
//!
//! Every long-lived loop registers a [`Beat`] with the longest silence that is
//! normal for it and stamps it each turn. Liveness never depends on the network,
//! only on these stamps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::stop::Stop;

/// Longest silence of a loop that only waits; their limits allow some multiple.
pub const TURN: Duration = Duration::from_secs(30);

/// All loops of the process; clones share the list.
#[derive(Clone, Debug)]
pub struct Beats {
    origin: Instant,
    all: Arc<Mutex<Vec<Arc<Stamp>>>>,
}

/// One loop's stamp.
#[derive(Clone, Debug)]
pub struct Beat {
    origin: Instant,
    stamp: Arc<Stamp>,
}

#[derive(Debug)]
struct Stamp {
    name: &'static str,
    limit: Duration,
    /// Milliseconds after `origin`.
    last: AtomicU64,
}

/// A loop that has been silent for longer than it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    pub name: &'static str,
    pub silent: Duration,
    pub limit: Duration,
}

impl Beats {
    pub fn new(now: Instant) -> Self {
        Self {
            origin: now,
            all: Arc::default(),
        }
    }

    /// Adds a loop, stamped now.
    pub fn register(&self, name: &'static str, limit: Duration) -> Beat {
        let stamp = Arc::new(Stamp {
            name,
            limit,
            last: AtomicU64::new(0),
        });
        let beat = Beat {
            origin: self.origin,
            stamp: Arc::clone(&stamp),
        };
        beat.stamp(Instant::now());
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stamp);
        beat
    }

    /// The loops that are overdue at `now`.
    pub fn overdue(&self, now: Instant) -> Vec<Overdue> {
        let since = millis(now.saturating_duration_since(self.origin));
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter_map(|stamp| {
                let last = stamp.last.load(Ordering::Relaxed);
                let silent = Duration::from_millis(since.saturating_sub(last));
                (silent > stamp.limit).then_some(Overdue {
                    name: stamp.name,
                    silent,
                    limit: stamp.limit,
                })
            })
            .collect()
    }
}

impl Beat {
    /// The loop turned at `now`.
    pub fn stamp(&self, now: Instant) {
        let since = millis(now.saturating_duration_since(self.origin));
        self.stamp.last.store(since, Ordering::Relaxed);
    }

    /// Waits for `time` in turns short enough for the stamp; true when asked to stop.
    pub fn rest(&self, stop: &Stop, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            self.stamp(now);
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return stop.is_stopped();
            }
            if stop.wait(left.min(TURN)) {
                return true;
            }
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_ends_by_itself_or_when_asked_to_stop() {
        let beat = Beats::new(Instant::now()).register("rests", TURN);
        let (source, stop) = crate::stop::channel();
        assert!(!beat.rest(&stop, Duration::ZERO));
        assert!(!beat.rest(&stop, Duration::from_millis(1)));
        drop(source);
        assert!(beat.rest(&stop, Duration::from_secs(3600)));
    }

    #[test]
    fn a_silent_loop_is_named() {
        let start = Instant::now();
        let beats = Beats::new(start);
        let quick = beats.register("quick", Duration::from_secs(5));
        beats.register("slow", Duration::from_secs(60));
        let later = start + Duration::from_secs(30);
        let overdue = beats.overdue(later);
        assert_eq!(overdue.len(), 1);
        assert_eq!(overdue[0].name, "quick");
        quick.stamp(later);
        assert!(beats.overdue(later).is_empty());
    }
}
