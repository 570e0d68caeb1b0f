//! One pod of those that a viewer watches, and how far its logs were told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Admitted;
use super::desk::{Found, Logs, Pod as Asked};
use super::ring::{Line, Start};
use super::source::{Held, Key, origin};
use crate::cluster::{Pod, Snapshot, Uid};
use crate::k8s::logs::{Container, Stamp};

/// After something failed.
pub(super) const RETRY: Duration = Duration::from_secs(10);

/// A pod that fits, or fitted until its log ends.
pub(super) struct Followed {
    pub(super) row: Arc<Pod>,
    /// It was there when the viewer came: only its last lines are told.
    pub(super) initial: bool,
    pub(super) gone: bool,
    pub(super) found: Option<Arc<Found>>,
    pub(super) taps: Vec<Tap>,
    /// Instances whose logs have ended.
    pub(super) done: Vec<String>,
    /// Instances whose logs failed, and up to when their lines were told.
    pub(super) cut: Vec<(String, Stamp)>,
    pub(super) not_before: Option<Instant>,
}

pub(super) struct Tap {
    pub(super) held: Arc<Held>,
    /// The next line to tell; none before it is known where to begin.
    pub(super) cursor: Option<u64>,
    pub(super) from: Begin,
    /// Of the last line that was told.
    pub(super) last: Stamp,
}

/// Where a viewer begins in a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Begin {
    /// At the last lines.
    Tail,
    /// At the first: the log is newer than the viewer.
    First,
    /// Where it was cut.
    Behind(Stamp),
}

/// A place, what became of it, and why.
pub(super) type News = (String, &'static str, Option<String>);

impl Followed {
    pub(super) fn new(row: &Arc<Pod>, initial: bool) -> Self {
        Self {
            row: Arc::clone(row),
            initial,
            gone: false,
            found: None,
            taps: Vec::new(),
            done: Vec::new(),
            cut: Vec::new(),
            not_before: None,
        }
    }

    /// Its containers are asked for again once they may be others.
    pub(super) fn refresh(&mut self, row: &Arc<Pod>) {
        self.gone = false;
        if Arc::ptr_eq(&self.row, row) {
            return;
        }
        if state(&self.row) != state(row) {
            self.found = None;
        }
        self.row = Arc::clone(row);
    }

    pub(super) fn question(&self, admitted: &Admitted) -> Asked {
        Asked {
            speaker: admitted.speaker.clone(),
            namespace: self.row.namespace.to_string(),
            name: self.row.name.to_string(),
            state: state(&self.row),
        }
    }

    fn key(&self, admitted: &Admitted, container: &str, instance: &str) -> Key {
        Key {
            speaker: admitted.speaker.clone(),
            namespace: self.row.namespace.to_string(),
            pod: self.row.name.to_string(),
            container: container.to_owned(),
            instance: instance.to_owned(),
        }
    }

    pub(super) fn place(&self, container: Option<&str>) -> String {
        origin(&self.row.namespace, &self.row.name, container)
    }

    pub(super) fn fails(&mut self, now: Instant) {
        self.found = None;
        self.not_before = Some(now + RETRY);
    }

    /// Has those followed that are not yet; how many have no place.
    pub(super) fn take(
        &mut self,
        containers: &[Container],
        admitted: &Admitted,
        logs: &Logs,
        news: &mut Vec<News>,
    ) -> usize {
        let mut left_out = 0;
        let is_there = |done: &String| containers.iter().any(|one| one.instance == *done);
        self.done.retain(is_there);
        self.cut.retain(|(cut, _)| is_there(cut));
        for Container { name, instance } in containers {
            let is_known = |tap: &Tap| tap.held.source.key.instance == *instance;
            if !admitted.asked.wants_container(name)
                || self.done.contains(instance)
                || self.taps.iter().any(is_known)
            {
                continue;
            }
            let Ok(held) = logs.follow(&self.key(admitted, name, instance)) else {
                left_out += 1;
                continue;
            };
            news.push((self.place(Some(name)), "followed", None));
            let known = self.cut.iter().position(|(cut, _)| cut == instance);
            let from = match known.map(|at| self.cut.swap_remove(at)) {
                Some((_, told)) => Begin::Behind(told),
                None if self.initial => Begin::Tail,
                None => Begin::First,
            };
            self.taps.push(Tap::new(held, from));
        }
        // What comes to it later is new.
        if left_out == 0 && !self.taps.is_empty() {
            self.initial = false;
        }
        left_out
    }
}

/// Where a pod is among others; one that comes again has another place.
pub(super) fn place(row: &Pod) -> (&str, &str, Option<Uid>) {
    (&row.namespace, &row.name, row.uid)
}

pub(super) fn is_there(snapshot: &Snapshot, pod: &Pod) -> bool {
    let place = (&*pod.namespace, &*pod.name);
    let rows: &[Arc<Pod>] = &snapshot.pods;
    let at = rows.binary_search_by(|row| (&*row.namespace, &*row.name).cmp(&place));
    at.is_ok_and(|at| rows.get(at).is_some_and(|row| row.uid == pod.uid))
}

/// What differs once a pod's containers may be others.
fn state(row: &Pod) -> String {
    let uid = row.uid.map(|uid| uid.to_string()).unwrap_or_default();
    format!(
        "{uid} {} {} {}",
        row.status, row.containers_ready, row.restarts
    )
}

impl Tap {
    fn new(held: Arc<Held>, from: Begin) -> Self {
        Self {
            held,
            cursor: None,
            from,
            last: Stamp::default(),
        }
    }

    /// Where it goes on when its log failed.
    pub(super) fn cut(&self) -> Option<(String, Stamp)> {
        let told = match (self.last == Stamp::default(), self.from) {
            (false, _) => self.last,
            (true, Begin::Behind(told)) => told,
            (true, _) => return None,
        };
        Some((self.held.source.key.instance.clone(), told))
    }

    /// Finds where to begin; what may be missing there.
    pub(super) fn begin(
        &mut self,
        tail: usize,
        since: Option<u64>,
        now: Instant,
    ) -> Option<String> {
        if self.cursor.is_some() {
            return None;
        }
        let ring = self.held.source.ring();
        if ring.unsettled(now) != Some(Duration::ZERO) {
            return None;
        }
        let Start { cursor, short } = match self.from {
            Begin::Tail => ring.start(tail, since),
            Begin::First => ring.oldest(),
            Begin::Behind(told) => ring.behind(told),
        };
        self.cursor = Some(cursor);
        let text = "\"reason\":\"what is older is not kept here: /api/k8s/logs has it\"";
        short.then(|| text.to_owned())
    }

    /// Takes lines of about so many bytes; whether there are more, and what is lost.
    pub(super) fn take(
        &mut self,
        room: usize,
        lines: &mut Vec<(Arc<Line>, Arc<Held>)>,
    ) -> (bool, Option<String>) {
        let Some(cursor) = self.cursor else {
            return (false, None);
        };
        let ring = self.held.source.ring();
        let (lost, mut next) = ring.after(cursor);
        let (mut taken, mut bytes, mut more) = (0, 0, false);
        for line in &mut next {
            // At least one, if there is any room: it may be a long one.
            if room == 0 || (taken > 0 && bytes + line.text.len() > room) {
                more = true;
                break;
            }
            bytes += line.text.len();
            taken += 1;
            self.last = line.at;
            lines.push((Arc::clone(line), Arc::clone(&self.held)));
        }
        let lost = if taken > 0 { lost } else { 0 };
        self.cursor = Some(cursor + lost + taken);
        let text = format!("\"lines\":{lost},\"reason\":\"they came faster than they were taken\"");
        (more, (lost > 0).then_some(text))
    }

    /// How it ended, once all of it is told.
    pub(super) fn outcome(&self) -> Option<Result<(), String>> {
        let ring = self.held.source.ring();
        let ended = ring.ended()?;
        let told = self
            .cursor
            .is_some_and(|cursor| ring.after(cursor).1.next().is_none());
        told.then(|| ended.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::api::live::logs::source::Source;
    use crate::k8s::Speaker;
    use crate::k8s::fixture::client_of;

    /// Of a log that is fed by hand.
    fn tap(cursor: Option<u64>) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let key = Key {
            speaker: Speaker::Agent,
            namespace: "shop".to_owned(),
            pod: "web".to_owned(),
            container: "c".to_owned(),
            instance: "1".to_owned(),
        };
        let held = Arc::new(Held {
            source: Arc::new(Source::new(key)),
            desk: Logs::new(client_of(&listener)),
        });
        Tap {
            cursor,
            ..Tap::new(held, Begin::Tail)
        }
    }

    fn feed(tap: &Tap, count: usize, now: Instant) {
        let line = |number| format!("2026-11-26T06:00:01.5Z line {number}\n");
        let text: String = (0..count).map(line).collect();
        tap.held.source.ring().feed(text.as_bytes(), now);
    }

    #[test]
    fn what_a_slow_viewer_misses_is_counted() {
        let mut tap = tap(Some(0));
        let mut lines = Vec::new();
        feed(&tap, 40, Instant::now());
        assert_eq!(tap.take(0, &mut lines), (true, None), "it has no room");
        assert!(!tap.take(usize::MAX, &mut lines).0);
        assert_eq!(lines.len(), 40);
        feed(&tap, 700, Instant::now());
        let (more, lost) = tap.take(1, &mut lines);
        let lost = lost.unwrap();
        assert!(
            more && lines.len() == 41,
            "one at a time, if that is the room"
        );
        let lost = lost
            .split([':', ','])
            .nth(1)
            .unwrap()
            .parse::<usize>()
            .unwrap();
        assert_eq!(tap.take(usize::MAX, &mut lines), (false, None));
        assert_eq!(lines.len() + lost, 740, "each is told or counted");
    }

    #[test]
    fn it_begins_once_what_was_before_is_whole_and_ends_when_all_is_told() {
        let (mut tap, mut lines) = (tap(None), Vec::new());
        let now = Instant::now();
        assert_eq!(tap.begin(2, None, now), None);
        feed(&tap, 5, now);
        tap.begin(2, None, now);
        assert_eq!(tap.take(usize::MAX, &mut lines), (false, None));
        assert_eq!(lines.len(), 0, "more of what was before may come");
        tap.held.source.ring().end(Ok(()));
        assert_eq!(tap.outcome(), None);
        tap.begin(2, None, now);
        tap.take(usize::MAX, &mut lines);
        let told: Vec<_> = lines.iter().map(|(line, _)| &*line.text).collect();
        assert_eq!(told, ["line 3", "line 4"]);
        assert_eq!(tap.outcome(), Some(Ok(())));
        let (instance, told) = tap.cut().unwrap();
        assert_eq!((instance.as_str(), told), ("1", lines[1].0.at));
    }

    #[test]
    fn after_a_failure_nothing_comes_twice() {
        let now = Instant::now();
        let line = |second: u32| format!("2026-11-26T06:00:0{second}.5Z line {second}\n");
        let (mut first, mut lines) = (tap(Some(0)), Vec::new());
        let text: String = (1..4).map(line).collect();
        first.held.source.ring().feed(text.as_bytes(), now);
        first.take(usize::MAX, &mut lines);
        let (_, told) = first.cut().unwrap();
        let mut again = Tap {
            from: Begin::Behind(told),
            ..tap(None)
        };
        let text: String = (1..6).map(line).collect();
        again.held.source.ring().feed(text.as_bytes(), now);
        again.held.source.ring().end(Ok(()));
        assert_eq!(again.begin(9, None, now), None);
        again.take(usize::MAX, &mut lines);
        let texts: Vec<_> = lines.iter().map(|(line, _)| &*line.text).collect();
        assert_eq!(texts, ["line 1", "line 2", "line 3", "line 4", "line 5"]);
    }
}
