//! The logs that one viewer watches: which pods fit, what of them was told.
//!
//! Snapshots, the time and what is fetched come in, messages go out; all on the thread that
//! tells, so nothing here waits.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Admitted;
use super::desk::{Logs, PLACES};
use super::pod::{Followed, RETRY, Tap, is_there, place};
use super::ring::Line;
use super::source::{Held, origin};
use crate::age::since_1970;
use crate::api::live::feed::{Form, message};
use crate::api::live::queue::Queue;
use crate::api::live::viewer::BEAT;
use crate::cluster::{Kind, Snapshot};

/// So much may wait for a viewer: the rest waits in the rings, and what is lost there is told.
const ROOM: usize = 64 * 1024;
/// Pods of one viewer, with those whose logs have ended.
const PODS: usize = 256;
/// Questions about pods of one viewer that are under way.
const QUESTIONS: usize = 8;

pub(in crate::api::live) struct Watching {
    admitted: Admitted,
    logs: Logs,
    form: Form,
    /// When it began, in seconds since 1970.
    began: u64,
    /// By their places.
    pods: Vec<Followed>,
    /// Version of the pods and turn of the desk when it last looked; none before.
    seen: Option<(u64, u64)>,
    /// Pods and containers that fit and have no place.
    left_out: usize,
    told: usize,
    /// When something that failed is tried again.
    retry: Option<Instant>,
    /// More is there than there was room for.
    more: bool,
    next_beat: Instant,
}

impl Watching {
    pub(in crate::api::live) fn new(
        admitted: Admitted,
        logs: Logs,
        form: Form,
        now: Instant,
    ) -> Self {
        Self {
            admitted,
            logs,
            form,
            began: since_1970(SystemTime::now()).into(),
            pods: Vec::new(),
            seen: None,
            left_out: 0,
            told: 0,
            retry: None,
            more: false,
            next_beat: now,
        }
    }

    /// Tells what is new.
    pub(in crate::api::live) fn look(
        &mut self,
        snapshot: &Snapshot,
        out: &mut Queue,
        now: Instant,
    ) {
        let at = (snapshot.version_of(Kind::Pod), self.logs.turns());
        let again = self.retry.is_some_and(|retry| retry <= now);
        if self.seen != Some(at) || again {
            self.choose(snapshot);
            self.retry = None;
            self.follow(out, now);
            self.seen = Some(at);
        }
        self.tell(out, now);
        if now >= self.next_beat || self.left_out != self.told {
            self.next_beat = now + BEAT;
            self.told = self.left_out;
            let told = self.picture(snapshot);
            self.say(out, "logs", &told);
        }
    }

    /// Until something is to be done, whatever happens.
    pub(in crate::api::live) fn rest(&self, waiting: usize, now: Instant) -> Duration {
        if self.more && waiting < ROOM / 2 {
            return Duration::ZERO;
        }
        let until = |moment: Instant| moment.saturating_duration_since(now);
        let mut rest = until(self.next_beat);
        if let Some(retry) = self.retry {
            rest = rest.min(until(retry));
        }
        for tap in self.taps().filter(|tap| tap.cursor.is_none()) {
            if let Some(settles) = tap.held.source.ring().unsettled(now) {
                rest = rest.min(settles);
            }
        }
        rest
    }

    fn taps(&self) -> impl Iterator<Item = &Tap> {
        self.pods.iter().flat_map(|pod| &pod.taps)
    }

    /// Takes the pods that fit now, and lets go of those that do not.
    fn choose(&mut self, snapshot: &Snapshot) {
        let initial = self.seen.is_none();
        self.pods.iter_mut().for_each(|pod| pod.gone = true);
        self.left_out = 0;
        for row in snapshot.pods.iter().filter(|row| self.admitted.fits(row)) {
            let known = self
                .pods
                .binary_search_by(|pod| place(&pod.row).cmp(&place(row)));
            match known {
                Ok(at) => self.pods[at].refresh(row),
                Err(at) if self.pods.len() < PODS => {
                    self.pods.insert(at, Followed::new(row, initial));
                }
                Err(_) => self.left_out += 1,
            }
        }
        // What a pod that is gone wrote last may still come; one that only fits no more is let go.
        self.pods
            .retain(|pod| !pod.gone || (!pod.taps.is_empty() && !is_there(snapshot, &pod.row)));
    }

    /// Has the containers of the pods followed, as far as there are places.
    fn follow(&mut self, out: &mut Queue, now: Instant) {
        let mut questions = 0;
        let mut news = Vec::new();
        for pod in self.pods.iter_mut().filter(|pod| !pod.gone) {
            if let Some(later) = pod.not_before.filter(|later| *later > now) {
                self.retry = Some(self.retry.map_or(later, |retry| retry.min(later)));
                continue;
            }
            pod.not_before = None;
            if pod.found.is_none() && questions < QUESTIONS {
                // Where that is too much, its turn comes with the next answer.
                pod.found = self.logs.ask(&pod.question(&self.admitted)).ok();
            }
            match pod.found.as_ref().map(|found| found.get()) {
                Some(None) => questions += 1,
                None => {}
                Some(Some(Ok(containers))) => {
                    self.left_out += pod.take(&containers, &self.admitted, &self.logs, &mut news);
                }
                Some(Some(Err(problem))) => {
                    pod.fails(now);
                    self.retry = Some(self.retry.map_or(now + RETRY, |at| at.min(now + RETRY)));
                    news.push((pod.place(None), "failed", Some(problem)));
                }
            }
        }
        for (place, state, problem) in news {
            self.source(out, &place, state, problem.as_deref());
        }
    }

    /// Tells lines, the oldest first, as far as there is room, and what has ended.
    fn tell(&mut self, out: &mut Queue, now: Instant) {
        self.more = false;
        let room = ROOM.saturating_sub(out.len());
        let count = self.taps().count().max(1);
        let mut lines: Vec<(Arc<Line>, Arc<Held>)> = Vec::new();
        let mut notes = Vec::new();
        let since = self.admitted.asked.since;
        let since = since.map(|seconds| self.began.saturating_sub(seconds));
        for pod in &mut self.pods {
            for tap in &mut pod.taps {
                let lost = tap.begin(self.admitted.asked.tail(), since, now);
                let (more, gone) = tap.take(room / count, &mut lines);
                self.more |= more;
                notes.extend(lost.or(gone).map(|lost| (Arc::clone(&tap.held), lost)));
            }
        }
        for (held, lost) in notes {
            let told = format!("{{{},{lost}}}", held.source.origin);
            self.say(out, "lost", &told);
        }
        lines.sort_by_key(|(line, _)| line.at);
        for (line, held) in lines {
            if self.admitted.asked.wants_line(&line.text) {
                out.push(line.told(self.form, &held.source.origin));
            }
        }
        self.finish(out, now);
    }

    /// Lets go of logs that have ended and are told.
    fn finish(&mut self, out: &mut Queue, now: Instant) {
        let mut news = Vec::new();
        for pod in &mut self.pods {
            let mut failed = false;
            let (done, cut, row) = (&mut pod.done, &mut pod.cut, &pod.row);
            pod.taps.retain(|tap| {
                let Some(outcome) = tap.outcome() else {
                    return true;
                };
                let key = &tap.held.source.key;
                let place = origin(&row.namespace, &row.name, Some(&key.container));
                match outcome {
                    Ok(()) => {
                        done.push(key.instance.clone());
                        news.push((place, "ended", None));
                    }
                    Err(problem) => {
                        failed = true;
                        cut.extend(tap.cut());
                        news.push((place, "failed", Some(problem)));
                    }
                }
                false
            });
            if failed {
                pod.fails(now);
                self.retry = Some(now + RETRY);
            }
        }
        self.pods.retain(|pod| !pod.gone || !pod.taps.is_empty());
        for (place, state, problem) in news {
            self.source(out, &place, state, problem.as_deref());
        }
    }

    /// How much is followed of what fits; the sign of life.
    fn picture(&self, snapshot: &Snapshot) -> String {
        let (pods, containers) = (self.pods.len(), self.taps().count());
        let left_out = self.left_out;
        let watch = snapshot.availability(Kind::Pod).as_str();
        format!(
            "{{\"pods\":{pods},\"containers\":{containers},\"not_followed\":{left_out},\
             \"limit\":{PLACES},\"watch\":\"{watch}\"}}"
        )
    }

    fn source(&self, out: &mut Queue, place: &str, state: &str, problem: Option<&str>) {
        let reason = problem.map_or(String::new(), |problem| {
            format!(",\"reason\":{}", serde_json::Value::from(problem))
        });
        self.say(
            out,
            "source",
            &format!("{{{place},\"state\":\"{state}\"{reason}}}"),
        );
    }

    fn say(&self, out: &mut Queue, kind: &str, data: &str) {
        out.push(message(self.form, kind, None, data.as_bytes()));
    }
}
