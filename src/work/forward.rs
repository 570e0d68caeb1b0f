//! Streams changes up, in order, each once or told as lost.
//!
//! Changes get numbers that go on across restarts; a number that nobody has an event for is
//! a gap. The ring of changes in memory is the source while the link is up. What cannot be
//! sent is written to the disk each turn, and comes from there once it can, a batch at a
//! time. The control plane knows up to which position it has everything: that decides.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::Session;
use crate::age::since_1970;
use crate::backoff::{Backoff, Policy};
use crate::chain::Chain;
use crate::cluster::{Change, Changes, Snapshot};
use crate::control::spool::{Mark, Spool};
use crate::control::{Error, Verdict};
use crate::json::map;
use crate::report::{self, Place};

/// Between looks for something new when little happens.
const TURN: Duration = Duration::from_secs(2);
/// Between batches when there is more, and between looks when much happens.
const FOLLOW: Duration = Duration::from_millis(100);
/// Events of one batch.
const MOST: usize = 500;
/// The ring should not be fuller than this when it is looked at again.
const SAFE: u64 = Changes::LIMIT as u64 / 4;
/// Between tries of a control plane that does not take them.
const UNWANTED: Duration = Duration::from_secs(300);
/// The heartbeat knocks while the link is down: here one success is calm enough.
const BACKOFF: Policy = Policy {
    first: Duration::from_secs(2),
    limit: Duration::from_secs(60),
    calm: Duration::ZERO,
};

/// What is kept for the control plane, and what may be sent to it.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// None: nothing outlives the agent.
    pub folder: Option<PathBuf>,
    /// Bytes in the folder.
    pub kept: u64,
    /// Bytes sent from midnight to midnight, UTC; then changes and status wait.
    pub bytes_per_day: Option<u64>,
}

/// Where the stream is.
pub(super) struct Forward {
    limits: Limits,
    /// None: an earlier agent is yet to end.
    spool: Option<Spool>,
    mark: Mark,
    /// The number before that of this process's first change.
    base: u64,
    place: Place,
    /// Whether the place means something to the control plane.
    known: bool,
    /// The last number that it may have.
    tried: u64,
    /// Whether it was asked for its position.
    asked: bool,
    /// Whether it takes no changes.
    unwanted: bool,
    /// Whether the disk is in order.
    kept: bool,
    backoff: Backoff,
    not_before: Instant,
    turned: Instant,
    next: Instant,
    /// The last change of the ring that was seen.
    seen: u64,
    /// Of the client's count, what is in the mark.
    counted: u64,
}

impl Forward {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            kept: limits.folder.is_some(),
            limits,
            spool: None,
            mark: Mark::default(),
            base: 0,
            place: Place::default(),
            known: false,
            tried: 0,
            asked: false,
            unwanted: false,
            backoff: Backoff::new(BACKOFF),
            not_before: now,
            turned: now,
            next: now,
            seen: 0,
            counted: 0,
        }
    }

    /// When there is something to do for it again.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// Whether no more should be sent today.
    pub(super) fn is_spent(&self) -> bool {
        let limit = self.limits.bytes_per_day;
        limit.is_some_and(|limit| self.mark.sent >= limit)
    }

    /// Sends a batch, if there is one and a link, under the id of the agent; keeps what
    /// cannot be sent.
    pub(super) fn step(&mut self, session: &Session, snapshot: &Snapshot, id: Option<&str>) {
        let now = Instant::now();
        let changes = &snapshot.changes;
        self.next = now + TURN;
        let Some(mut spool) = self.spool.take().or_else(|| self.open()) else {
            return;
        };
        self.count(session.client.sent(), SystemTime::now());
        let id = id.filter(|_| now >= self.not_before && !self.is_spent());
        let sent = id.map(|id| self.send(session, &mut spool, changes, id));
        let flows = matches!(sent, Some(Ok(())));
        match sent {
            Some(Ok(())) => {
                self.backoff.succeeded(now);
                self.unwanted = false;
            }
            Some(Err(error)) => self.failed(&error, now),
            None => {}
        }
        let last = self.base + changes.last_id();
        let unkept = last.saturating_sub(spool.last().max(self.place.sent));
        let mut written = spool.set_mark(self.mark);
        if !self.unwanted && (!flows || unkept > 2 * SAFE) {
            let events = self.news(changes, spool.last(), usize::MAX);
            written = written.and_then(|()| spool.append(&events));
        }
        self.tell_disk(written.err());
        self.next = now + self.turn(changes.last_id(), flows && last > self.place.sent, now);
        session.set_changes(self.told(last, &spool));
        self.spool = Some(spool);
    }

    /// Takes over what an earlier agent left; none while that one lives.
    fn open(&mut self) -> Option<Spool> {
        let folder = self.limits.folder.as_ref().map(|it| it.join("changes"));
        let spool = match folder.map(|folder| Spool::open(folder, self.limits.kept)) {
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Some(Err(error)) => {
                self.tell_disk(Some(error));
                self.limits.folder = None;
                Spool::default()
            }
            Some(Ok(spool)) => spool,
            None => Spool::default(),
        };
        self.mark = spool.mark();
        self.place = Place::of_mark(self.mark.number, self.mark.position);
        self.known = self.mark.number > 0;
        self.tried = spool.last();
        // What happened while no agent ran has a number, and nobody has the event.
        self.base = spool.last() + u64::from(spool.last() > 0);
        Some(spool)
    }

    fn send(
        &mut self,
        session: &Session,
        spool: &mut Spool,
        changes: &Changes,
        id: &str,
    ) -> Result<(), Error> {
        if !self.asked {
            let nothing = r#"{"from":0,"to":0,"gaps":[],"events":[]}"#;
            self.find(session.client.events(id, nothing)?);
        }
        let (until, events) = self.waiting(spool, changes);
        let Some((body, to)) = report::batch(&self.place, until, &events) else {
            return Ok(());
        };
        self.tried = self.tried.max(until);
        let acknowledged = session.client.events(id, &body)?;
        if acknowledged == to {
            self.place.sent = until;
            self.place.restart = false;
            (self.mark.number, self.mark.position) = (until, to);
        } else {
            // It counts otherwise: another agent spoke, or it forgot.
            log::warn!("the control plane has changes up to {acknowledged}, not {to}");
            self.asked = false;
        }
        Ok(())
    }

    /// The control plane has everything up to that position.
    fn find(&mut self, position: u64) {
        let number = self.place.number(position);
        if self.known && (self.place.sent..=self.tried).contains(&number) {
            self.place.sent = number;
            self.place.restart = false;
        } else {
            self.place = Place::behind(self.place.sent, position);
        }
        self.known = true;
        self.asked = true;
    }

    /// The next batch, and up to which number it tells everything.
    fn waiting(&self, spool: &mut Spool, changes: &Changes) -> (u64, Vec<(u64, String)>) {
        let sent = self.place.sent;
        let (mut events, all) = if spool.last() > sent {
            let events = spool.after(sent).unwrap_or_else(|error| {
                log::error!("changes that are kept cannot be read and are lost: {error}");
                Vec::new()
            });
            (events, None)
        } else {
            let all = self.base + changes.last_id();
            (self.news(changes, sent, MOST), Some(all))
        };
        let is_all = all.is_some() && events.len() < MOST;
        events.truncate(MOST);
        let end = events.last().map_or(spool.last(), |(number, _)| *number);
        (if is_all { all.unwrap_or(end) } else { end }, events)
    }

    /// What the ring has after that number.
    fn news(&self, changes: &Changes, number: u64, most: usize) -> Vec<(u64, String)> {
        let number = number.max(self.place.sent).saturating_sub(self.base);
        let list = changes.since(number);
        let list = list.or_else(|gap| changes.since(gap.first_id - 1));
        let list = list.unwrap_or_default();
        let numbered = |it: &Arc<Change>| (self.base + it.id, report::event(it));
        list.iter().take(most).map(numbered).collect()
    }

    fn failed(&mut self, error: &Error, now: Instant) {
        log::debug!("changes: {}", Chain(error));
        let wait = self.backoff.failed(now, fastrand::f64());
        self.unwanted = matches!(error.verdict(), Verdict::GiveUp | Verdict::Unknown);
        // It may have taken what it did not acknowledge.
        self.asked = false;
        self.not_before = now + if self.unwanted { UNWANTED } else { wait };
    }

    /// Adds what was sent to the count of the day.
    fn count(&mut self, sent: u64, now: SystemTime) {
        if self.limits.bytes_per_day.is_none() {
            return;
        }
        let was_spent = self.is_spent();
        let day = u64::from(since_1970(now)) / 86_400;
        if day != self.mark.day {
            self.mark.day = day;
            self.mark.sent = 0;
        }
        self.mark.sent += sent - self.counted;
        self.counted = sent;
        if self.is_spent() && !was_spent {
            log::warn!(
                "the bytes of this day are sent: changes and status wait until midnight UTC"
            );
        }
    }

    /// How long until the next turn: so that the ring is never full before.
    fn turn(&mut self, last: u64, more: bool, now: Instant) -> Duration {
        let fresh = u32::try_from(last.saturating_sub(self.seen)).unwrap_or(u32::MAX);
        let passed = now.saturating_duration_since(self.turned);
        (self.seen, self.turned) = (last, now);
        if more {
            return FOLLOW;
        }
        let safe = passed.saturating_mul(u32::try_from(SAFE).unwrap_or(0)) / fresh.max(1);
        safe.clamp(FOLLOW, TURN)
    }

    /// Says once that the disk does not take anything, and once that it does again.
    fn tell_disk(&mut self, error: Option<io::Error>) {
        let is_well = error.is_none() && self.limits.folder.is_some();
        match error {
            Some(error) if self.kept => {
                log::error!("changes wait in memory alone, the disk does not take them: {error}");
            }
            None if is_well && !self.kept => log::info!("changes can wait on the disk again"),
            _ => {}
        }
        self.kept = is_well;
    }

    /// For the next heartbeat.
    fn told(&self, last: u64, spool: &Spool) -> Value {
        let mut told = map! {
            "waiting": last.saturating_sub(self.place.sent),
            "dropped": spool.dropped(),
            "kept": self.kept,
        };
        if let Some(limit) = self.limits.bytes_per_day {
            told["bytes_today"] = Value::from(self.mark.sent);
            told["bytes_per_day"] = Value::from(limit);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(bytes_per_day: Option<u64>) -> Forward {
        let limits = Limits {
            bytes_per_day,
            ..Limits::default()
        };
        Forward::new(limits, Instant::now())
    }

    #[test]
    fn a_day_has_so_many_bytes_and_ends_at_midnight() {
        let at = |day: u64, seconds| {
            SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400 + seconds)
        };
        let mut metered = forward(Some(1_000));
        for (sent, time, spent) in [
            (600, at(20_000, 5), false),
            (999, at(20_000, 86_399), false),
            (1_000, at(20_000, 86_399), true),
            (5_000, at(20_000, 86_399), true),
            (5_001, at(20_001, 0), false),
            (6_000, at(20_001, 3), true),
        ] {
            metered.count(sent, time);
            assert_eq!(metered.is_spent(), spent, "{sent}");
        }
        let mut free = forward(None);
        free.count(u64::MAX, at(20_000, 5));
        assert!(!free.is_spent());
        assert_eq!(free.mark, Mark::default());
    }

    #[test]
    fn it_looks_as_often_as_the_ring_needs() {
        let mut forward = forward(None);
        let start = forward.turned;
        let mut turn = |last, more, ms| forward.turn(last, more, start + Duration::from_millis(ms));
        assert_eq!(turn(0, false, 2_000), TURN);
        assert_eq!(turn(10, false, 4_000), TURN);
        assert_eq!(turn(522, false, 6_000), Duration::from_secs(1));
        assert_eq!(turn(100_000, false, 7_000), FOLLOW);
        assert_eq!(turn(100_001, true, 9_000), FOLLOW);
    }

    #[test]
    fn the_position_of_the_control_plane_decides() {
        let mut forward = forward(None);
        // Whatever it is at first, this agent has told nothing of it.
        forward.find(3);
        assert_eq!(forward.place, Place::behind(0, 3));
        forward.place = Place::of_mark(10, 90);
        forward.tried = 20;
        forward.find(95);
        assert_eq!((forward.place.sent, forward.place.restart), (15, false));
        // It forgot, or another agent spoke.
        for position in [94, 101] {
            forward.find(position);
            assert_eq!(forward.place, Place::behind(15, position));
            forward.place = Place::of_mark(15, 95);
        }
    }
}
