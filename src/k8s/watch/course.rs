//! Where a watch stands and what it does next. Pure: time and chance are arguments.

use std::time::{Duration, Instant};

use super::Limits;
use crate::backoff::{Backoff, jitter};
use crate::k8s::error::{Error, Verdict};

/// A list is new enough that one which expired again is no accident.
const NEW: Duration = Duration::from_secs(10);
/// A watch that ends sooner, without a word, is not asked for again at once.
const BRIEF: Duration = Duration::from_secs(1);
/// A server that starts refuses what it will allow as soon as it knows all roles: so
/// long a refusal may be no more than that.
const DOUBT: Duration = Duration::from_secs(30);
/// A server that asks for more patience is asked again all the same.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(super) struct Course {
    limits: Limits,
    backoff: Backoff,
    /// All up to it is known; none: to be listed.
    version: Option<String>,
    listed: Option<Instant>,
    opened: Option<Instant>,
    /// Whether the watch that is open has told anything.
    spoke: bool,
    /// Failures since the last watch was opened.
    failures: u32,
    /// Watches that ended in nonsense since the last progress.
    garbled: u32,
    /// Since when every answer was a refusal.
    refused: Option<Instant>,
    told: Told,
    /// Why, as it was told.
    reason: String,
}

/// What was last said about the health of this watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Live,
    Lost,
    Forbidden,
}

/// What follows a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) wait: Duration,
    /// Something new to say; never `Live` or `Nothing`.
    pub(super) tell: Option<Told>,
}

impl Course {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            backoff: Backoff::new(limits.backoff),
            version: None,
            listed: None,
            opened: None,
            spoke: false,
            failures: 0,
            garbled: 0,
            refused: None,
            told: Told::Nothing,
            reason: String::new(),
        }
    }

    /// The version to watch from; none when a list is due.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    pub(super) fn listed(&mut self, version: String, now: Instant) {
        self.version = Some(version);
        self.listed = Some(now);
    }

    /// The watch is open; true when that is news.
    pub(super) fn opened(&mut self, now: Instant) -> bool {
        self.failures = 0;
        self.opened = Some(now);
        self.spoke = false;
        self.refused = None;
        self.backoff.succeeded(now);
        std::mem::replace(&mut self.told, Told::Live) != Told::Live
    }

    /// All up to `version` has been handed on.
    pub(super) fn advance(&mut self, version: &str) {
        self.garbled = 0;
        self.spoke = true;
        let own = self.version.get_or_insert_default();
        own.clear();
        own.push_str(version);
    }

    /// The server ended the watch in order, as it does every few minutes.
    pub(super) fn ended(&mut self, now: Instant, random: f64) -> Duration {
        let brief = |opened| now.saturating_duration_since(opened) < BRIEF;
        if self.spoke || !self.opened.is_some_and(brief) {
            return Duration::ZERO;
        }
        self.backoff.failed_for(self.limits.soon, now, random)
    }

    /// `text` is the error as people will see it: another one is news.
    pub(super) fn failed(
        &mut self,
        error: &Error,
        text: &str,
        now: Instant,
        random: f64,
    ) -> Judgement {
        self.failures = self.failures.saturating_add(1);
        let doubtful = self.doubtful(error, now);
        let wait = self.wait(error, doubtful, now, random);
        let known = matches!(self.told, Told::Live | Told::Lost);
        let tell = match error.verdict() {
            Verdict::Forbidden | Verdict::Absent if !(doubtful && known) => Told::Forbidden,
            // One failure is an everyday event, and cured at once.
            _ if self.failures > 1 || self.told == Told::Nothing => Told::Lost,
            _ => return Judgement { wait, tell: None },
        };
        let news = std::mem::replace(&mut self.told, tell) != tell || self.reason != text;
        if news {
            text.clone_into(&mut self.reason);
        }
        Judgement {
            wait,
            tell: news.then_some(tell),
        }
    }

    /// Whether the server has refused for so short a time that it may just be starting.
    fn doubtful(&mut self, error: &Error, now: Instant) -> bool {
        if !matches!(error.verdict(), Verdict::Forbidden | Verdict::Absent) {
            self.refused = None;
            return false;
        }
        let since = *self.refused.get_or_insert(now);
        now.saturating_duration_since(since) < DOUBT
    }

    fn wait(&mut self, error: &Error, doubtful: bool, now: Instant, random: f64) -> Duration {
        if error.garbled() {
            self.garbled += 1;
        }
        // What cannot be read will not become readable by asking for it again.
        if error.too_large() || self.garbled > 1 {
            self.version = None;
        }
        match error.verdict() {
            Verdict::Forbidden | Verdict::Absent if !doubtful => {
                self.version = None;
                jitter(self.limits.slow, random)
            }
            Verdict::Expired => {
                // Without a version it was the list itself that expired.
                let watched = self.version.take().is_some();
                let new = |listed| now.saturating_duration_since(listed) < NEW;
                if watched && !self.listed.is_some_and(new) {
                    return Duration::ZERO;
                }
                self.backoff.failed(now, random)
            }
            Verdict::Unreachable | Verdict::Unauthorized | Verdict::Forbidden | Verdict::Absent => {
                self.backoff.failed_for(self.limits.soon, now, random)
            }
            Verdict::Retry { after: Some(after) } => {
                let own = self.backoff.failed_for(self.limits.soon, now, random);
                own.max(after.min(PATIENCE))
            }
            Verdict::Retry { after: None } => self.backoff.failed(now, random),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::error::{Cause, Status};

    fn course() -> Course {
        let mut course = Course::new(Limits::default());
        course.listed("7".to_owned(), Instant::now());
        course.opened(Instant::now());
        course
    }

    fn status(code: u16, retry_after: Option<u32>) -> Error {
        let status = Status::of(code, retry_after, b"");
        Error::new("GET", "/x", Cause::Status(status))
    }

    fn unreachable() -> Error {
        Error::new("GET", "/x", Cause::Transport(ureq::Error::ConnectionFailed))
    }

    fn fail(course: &mut Course, error: &Error, times: usize) -> Judgement {
        let now = Instant::now();
        for _ in 1..times {
            course.failed(error, &error.to_string(), now, 1.0);
        }
        course.failed(error, &error.to_string(), now, 1.0)
    }

    #[test]
    fn the_version_survives_what_is_not_its_fault() {
        for (error, seconds) in [
            (unreachable(), 3),
            (status(401, None), 3),
            (status(500, None), 30),
            (status(429, Some(1)), 3),
            (status(429, Some(77)), 77),
            (status(429, Some(100_000)), 300),
        ] {
            let mut course = course();
            let judgement = fail(&mut course, &error, 9);
            assert_eq!(judgement.wait, Duration::from_secs(seconds), "{error}");
            assert_eq!(course.version(), Some("7"), "{error}");
        }
    }

    #[test]
    fn an_expired_version_is_listed_at_once_but_not_in_a_circle() {
        let expired = status(410, None);
        let mut course = course();
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(course.failed(&expired, "", later, 1.0).wait, Duration::ZERO);
        assert_eq!(course.version(), None);
        course.listed("9".to_owned(), later);
        let again = course.failed(&expired, "", later, 1.0).wait;
        assert_eq!(again, Duration::from_millis(800));
    }

    #[test]
    fn what_is_forbidden_is_told_once_and_asked_for_slowly() {
        let mut course = Course::new(Limits::default());
        let forbidden = status(403, None);
        let start = Instant::now();
        let first = course.failed(&forbidden, "", start, 1.0);
        assert_eq!(first.tell, Some(Told::Forbidden));
        assert!(first.wait < Duration::from_secs(1));
        let later = course.failed(&forbidden, "", start + DOUBT, 1.0);
        assert_eq!(later.tell, None);
        assert!(later.wait >= Duration::from_secs(60));
        assert!(course.opened(start));
    }

    #[test]
    fn a_refusal_is_believed_when_it_lasts() {
        let mut course = course();
        let forbidden = status(403, None);
        let start = Instant::now();
        assert_eq!(course.failed(&forbidden, "", start, 1.0).tell, None);
        for _ in 0..8 {
            let judgement = course.failed(&forbidden, "", start + DOUBT / 2, 1.0);
            assert!(judgement.wait <= Duration::from_secs(3));
        }
        assert_eq!(course.told, Told::Lost);
        assert_eq!(course.version(), Some("7"));
        let believed = course.failed(&forbidden, "", start + DOUBT, 1.0);
        assert_eq!(believed.tell, Some(Told::Forbidden));
        assert!(believed.wait >= Duration::from_secs(60));
        assert_eq!(course.version(), None);
        // Anything else starts the doubt anew.
        course.failed(&unreachable(), "", start + 2 * DOUBT, 1.0);
        let again = course.failed(&forbidden, "", start + 2 * DOUBT, 1.0);
        assert!(again.wait <= Duration::from_secs(3));
    }

    #[test]
    fn a_single_failure_is_no_news_unless_nothing_was_ever_there() {
        let mut known = course();
        assert_eq!(fail(&mut known, &unreachable(), 1).tell, None);
        assert_eq!(fail(&mut known, &unreachable(), 1).tell, Some(Told::Lost));
        assert_eq!(fail(&mut known, &unreachable(), 1).tell, None);
        assert!(known.opened(Instant::now()));
        assert!(!known.opened(Instant::now()));
        let mut fresh = Course::new(Limits::default());
        assert_eq!(fail(&mut fresh, &unreachable(), 1).tell, Some(Told::Lost));
    }

    #[test]
    fn another_reason_is_news() {
        let mut fresh = Course::new(Limits::default());
        fail(&mut fresh, &unreachable(), 3);
        let other = status(401, None);
        assert_eq!(fail(&mut fresh, &other, 1).tell, Some(Told::Lost));
        assert_eq!(fail(&mut fresh, &other, 1).tell, None);
    }

    #[test]
    fn nonsense_is_asked_for_once_more_and_then_listed() {
        let garbage = Error::new("GET", "/x", Cause::Garbage("?".to_owned()));
        let mut course = course();
        fail(&mut course, &garbage, 1);
        assert_eq!(course.version(), Some("7"));
        course.advance("8");
        fail(&mut course, &garbage, 1);
        assert_eq!(course.version(), Some("8"));
        fail(&mut course, &garbage, 1);
        assert_eq!(course.version(), None);
        let mut course = self::course();
        let large = Error::new("GET", "/x", Cause::TooLarge { limit: 1 });
        fail(&mut course, &large, 1);
        assert_eq!(course.version(), None);
    }

    #[test]
    fn a_list_that_expires_is_not_asked_for_in_a_circle() {
        let mut fresh = Course::new(Limits::default());
        let wait = fail(&mut fresh, &status(410, None), 1).wait;
        assert_eq!(wait, Duration::from_millis(800));
    }

    #[test]
    fn a_brief_watch_that_says_nothing_is_not_asked_again_at_once() {
        let start = Instant::now();
        let mut course = course();
        course.opened(start);
        assert_eq!(course.ended(start, 1.0), Duration::from_millis(800));
        course.opened(start);
        let later = start + BRIEF;
        assert_eq!(course.ended(later, 1.0), Duration::ZERO, "a quiet one");
        course.opened(later);
        course.advance("8");
        assert_eq!(course.ended(later, 1.0), Duration::ZERO, "one that spoke");
        for _ in 0..9 {
            course.opened(later);
            assert!(course.ended(later, 1.0) <= Limits::default().soon);
        }
    }
}
