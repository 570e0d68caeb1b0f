//! What is true about the connection: one record that the loops write and that
//! readiness, the API and the heartbeat read.
//!
//! Time is an argument. It does not log: the loops say what it returns.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::diagnose::Explanation;

/// Beats that may be missed before somebody is told.
const MISSED_BEFORE_ALERT: u32 = 5;

/// Shared by reference; every method takes the lock for a moment.
#[derive(Debug)]
pub struct Link(Mutex<Record>);

/// The record at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    pub agent_id: Option<String>,
    pub ever_connected: bool,
    pub last_acknowledged: Option<SystemTime>,
    pub last_acknowledged_at: Option<Instant>,
    /// Beats the control plane acknowledged since the start.
    pub acknowledged: u64,
    /// Beats missed in a row, as of the last failure or look.
    pub missed: u32,
    pub alerting: bool,
    /// Why the last call failed; none while all is well.
    pub explanation: Option<Explanation>,
}

/// Returned once per outage, when it has lasted for five beats.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub missed: u32,
    pub ever_connected: bool,
    /// Since the first failure of the outage.
    pub lasting: Duration,
    pub explanation: Explanation,
}

/// Returned by the first acknowledged beat after an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    pub missed: u32,
    /// Since the first failure of the outage.
    pub lasted: Duration,
    /// Whether an [`Alert`] had been raised.
    pub alerted: bool,
}

impl Link {
    /// `interval` is the time between beats.
    pub fn new(interval: Duration) -> Self {
        Self(Mutex::new(Record {
            interval,
            failing_since: None,
            view: View::default(),
        }))
    }

    /// The control plane set another time between beats.
    pub fn set_interval(&self, interval: Duration) {
        self.with(|record| record.interval = interval);
    }

    /// The control plane knows this agent as `id`.
    pub fn registered(&self, id: &str) {
        self.with(|record| record.view.agent_id = Some(id.to_owned()));
    }

    /// A beat was acknowledged.
    pub fn acknowledged(&self, now: Instant, wall: SystemTime) -> Option<Recovery> {
        self.with(|record| record.acknowledged(now, wall))
    }

    /// A call failed; returns the alert exactly once per outage.
    pub fn failed(&self, now: Instant, explanation: &Explanation) -> Option<Alert> {
        self.with(|record| record.failed(now, explanation))
    }

    /// Time goes by without a call: counts what is missed meanwhile, and returns the
    /// alert when that makes it due.
    pub fn look(&self, now: Instant) -> Option<Alert> {
        self.with(|record| record.look(now))
    }

    pub fn view(&self) -> View {
        self.with(|record| record.view.clone())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Record {
    interval: Duration,
    failing_since: Option<Instant>,
    view: View,
}

impl Record {
    fn acknowledged(&mut self, now: Instant, wall: SystemTime) -> Option<Recovery> {
        let recovery = self.failing_since.take().map(|since| Recovery {
            missed: self.view.missed,
            lasted: now.saturating_duration_since(since),
            alerted: self.view.alerting,
        });
        let view = &mut self.view;
        view.ever_connected = true;
        view.last_acknowledged = Some(wall);
        view.last_acknowledged_at = Some(now);
        view.acknowledged = view.acknowledged.saturating_add(1);
        view.missed = 0;
        view.alerting = false;
        view.explanation = None;
        recovery
    }

    fn failed(&mut self, now: Instant, explanation: &Explanation) -> Option<Alert> {
        self.failing_since.get_or_insert(now);
        self.view.explanation = Some(explanation.clone());
        self.look(now)
    }

    fn look(&mut self, now: Instant) -> Option<Alert> {
        let lasting = now.saturating_duration_since(self.failing_since?);
        self.view.missed = missed(lasting, self.interval);
        if self.view.alerting || self.view.missed < MISSED_BEFORE_ALERT {
            return None;
        }
        self.view.alerting = true;
        Some(Alert {
            missed: self.view.missed,
            ever_connected: self.view.ever_connected,
            lasting,
            explanation: self.view.explanation.clone()?,
        })
    }
}

/// Beats due since the first failure, that one included. Time decides, not the
/// number of tries: backoff tries more often than beats are due, the slow lane less.
fn missed(lasting: Duration, interval: Duration) -> u32 {
    let beats = lasting.as_millis() / interval.as_millis().max(1);
    u32::try_from(beats).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::super::diagnose::Stage;
    use super::*;

    fn explanation(text: &str) -> Explanation {
        Explanation {
            stage: Stage::Tcp,
            text: text.to_owned(),
            hint: String::new(),
        }
    }

    #[test]
    fn a_new_link_claims_nothing() {
        assert_eq!(Link::new(Duration::from_secs(30)).view(), View::default());
    }

    #[test]
    fn five_missed_beats_alert_once_and_the_next_one_recovers() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let link = Link::new(Duration::from_secs(30));
        link.registered("a1");
        assert_eq!(link.acknowledged(start, SystemTime::UNIX_EPOCH), None);

        let why = explanation("connection refused");
        for seconds in [30, 31, 33, 60, 90, 149] {
            assert_eq!(link.failed(at(seconds), &why), None);
        }
        assert_eq!(link.view().missed, 4);
        let alert = link.failed(at(150), &why).unwrap();
        assert_eq!(alert.missed, 5);
        assert_eq!(alert.lasting, Duration::from_secs(120));
        assert!(alert.ever_connected);
        assert_eq!(alert.explanation, why);
        for seconds in [151, 600, 86_400] {
            assert_eq!(link.failed(at(seconds), &why), None);
        }
        assert!(link.view().alerting);
        assert_eq!(link.view().explanation, Some(why));

        let recovery = link.acknowledged(at(86_430), SystemTime::UNIX_EPOCH);
        let expected = Recovery {
            missed: 2880,
            lasted: Duration::from_secs(86_400),
            alerted: true,
        };
        assert_eq!(recovery, Some(expected));
        let view = link.view();
        assert_eq!(
            (view.missed, view.alerting, view.acknowledged),
            (0, false, 2)
        );
        assert_eq!(view.explanation, None);
        assert_eq!(view.agent_id.as_deref(), Some("a1"));

        assert_eq!(link.failed(at(86_460), &explanation("again")), None);
        assert!(link.failed(at(86_580), &explanation("again")).is_some());
    }

    #[test]
    fn one_that_never_connected_alerts_too() {
        let start = Instant::now();
        let link = Link::new(Duration::from_secs(1));
        assert_eq!(link.failed(start, &explanation("x")), None);
        let alert = link.failed(start + Duration::from_secs(4), &explanation("x"));
        assert!(!alert.unwrap().ever_connected);
        assert!(!link.view().ever_connected);
    }

    #[test]
    fn beats_are_missed_while_no_call_is_made() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let link = Link::new(Duration::from_secs(30));
        assert_eq!(link.look(at(900)), None);
        assert_eq!(link.view().missed, 0);
        link.failed(start, &explanation("token refused"));
        assert_eq!(link.look(at(60)), None);
        assert_eq!(link.view().missed, 3);
        let alert = link.look(at(120)).unwrap();
        assert_eq!(alert.explanation, explanation("token refused"));
        assert_eq!(link.look(at(150)), None);
        assert_eq!(link.failed(at(180), &explanation("token refused")), None);
    }

    #[test]
    fn another_interval_counts_from_then_on() {
        let start = Instant::now();
        let link = Link::new(Duration::from_secs(30));
        link.failed(start, &explanation("x"));
        link.set_interval(Duration::from_secs(1));
        assert!(
            link.failed(start + Duration::from_secs(5), &explanation("x"))
                .is_some()
        );
        link.set_interval(Duration::ZERO);
        assert_eq!(
            link.failed(start + Duration::from_secs(6), &explanation("x")),
            None
        );
    }
}
