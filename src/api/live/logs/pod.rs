//! One pod of those that a viewer watches, and how far its logs were told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Admitted;
use super::desk::{Found, Logs, Pod as Asked};
use super::ring::{Line, Start};
use super::source::{Held, Key, origin};
use crate::cluster::{Pod, Snapshot};
use crate::k8s::logs::Container;

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
    pub(super) not_before: Option<Instant>,
}

pub(super) struct Tap {
    pub(super) held: Arc<Held>,
    /// The next line to tell; none before it is known where to begin.
    pub(super) cursor: Option<u64>,
    pub(super) initial: bool,
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
            not_before: None,
        }
    }

    /// Its containers are asked for again once they may be others.
    pub(super) fn refresh(&mut self, row: &Arc<Pod>) {
        self.gone = false;
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
            self.taps.push(Tap {
                held,
                cursor: None,
                initial: self.initial,
            });
        }
        // What comes to it later is new.
        if left_out == 0 && !self.taps.is_empty() {
            self.initial = false;
        }
        left_out
    }
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
        let Start { cursor, short } = match self.initial {
            true => ring.start(tail, since),
            false => ring.oldest(),
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
