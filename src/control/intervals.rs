//! How often to speak: the defaults, and what a control plane may make of them.

use std::time::Duration;

use super::proto::WantedIntervals;

const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 3600.0;

/// Time between calls, before jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    pub heartbeat: Duration,
    pub status: Duration,
}

impl Intervals {
    /// Takes over what the control plane wants, within 1 s and 1 h; true when that
    /// changed anything.
    pub fn set(&mut self, wanted: &WantedIntervals) -> bool {
        let before = *self;
        let limited = |seconds: Option<f64>, current| {
            seconds
                .filter(|seconds| !seconds.is_nan())
                .map_or(current, |seconds| {
                    Duration::from_secs_f64(seconds.clamp(SHORTEST, LONGEST))
                })
        };
        self.heartbeat = limited(wanted.heartbeat, self.heartbeat);
        self.status = limited(wanted.status, self.status);
        *self != before
    }
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            status: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(heartbeat: Option<f64>, status: Option<f64>) -> (bool, f64, f64) {
        let mut intervals = Intervals::default();
        let changed = intervals.set(&WantedIntervals { heartbeat, status });
        let seconds = |duration: Duration| duration.as_secs_f64();
        (
            changed,
            seconds(intervals.heartbeat),
            seconds(intervals.status),
        )
    }

    #[test]
    fn wishes_are_kept_within_limits() {
        assert_eq!(set(None, None), (false, 30.0, 60.0));
        assert_eq!(set(Some(30.0), Some(60.0)), (false, 30.0, 60.0));
        assert_eq!(set(Some(10.5), None), (true, 10.5, 60.0));
        assert_eq!(set(Some(0.0), Some(-7.0)), (true, 1.0, 1.0));
        assert_eq!(
            set(Some(1e300), Some(f64::INFINITY)),
            (true, 3600.0, 3600.0)
        );
        assert_eq!(set(Some(f64::NAN), None), (false, 30.0, 60.0));
    }
}
