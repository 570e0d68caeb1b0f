//! Reports the cluster's state to the control plane, and streams its changes up.
//!
//! While the link is down this loop is silent: the heartbeat alone knocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use super::forward::{Forward, Limits};
use super::{LONGEST_WAIT, Session};
use crate::backoff::jitter;
use crate::cluster::Published;
use crate::control::proto::AgentStatus;
use crate::control::{Error, Verdict};
use crate::group::Outcome;
use crate::health::{Beat, TURN};
use crate::report;
use crate::stop::Stop;

/// The loop's own state.
pub struct Status {
    session: Arc<Session>,
    published: Published,
    due: Receiver<()>,
    next: Instant,
    forward: Forward,
    told: Option<String>,
}

impl Status {
    /// `due` asks for a status now, whatever the interval.
    pub fn new(
        session: Arc<Session>,
        published: Published,
        due: Receiver<()>,
        limits: Limits,
    ) -> Self {
        Self {
            session,
            published,
            due,
            next: Instant::now(),
            forward: Forward::new(limits, Instant::now()),
            told: None,
        }
    }

    pub fn run(mut self, stop: &Stop, beat: &Beat) -> Outcome {
        loop {
            let now = Instant::now();
            beat.stamp(now);
            let left = self.next.saturating_duration_since(now);
            select! {
                recv(stop.closed()) -> _ => {
                    // What was not sent is for the next agent.
                    self.forward.step(&self.session, &self.published.current(), None);
                    return Ok(());
                }
                recv(self.due) -> due => match due {
                    Ok(()) => self.step(stop),
                    Err(_) => return Err("the heartbeat has ended".into()),
                },
                default(left.min(self.rest(now))) => self.turn(stop),
            }
        }
    }

    /// How long the stream of changes can wait.
    fn rest(&self, now: Instant) -> Duration {
        let rest = self.forward.due().saturating_duration_since(now);
        rest.min(TURN)
    }

    fn turn(&mut self, stop: &Stop) {
        let now = Instant::now();
        if now >= self.next {
            self.step(stop);
        }
        if now >= self.forward.due() {
            let id = self.connected();
            let snapshot = self.published.current();
            self.forward.step(&self.session, &snapshot, id.as_deref());
        }
    }

    /// The agent's id, unless the link is down.
    fn connected(&self) -> Option<String> {
        let view = self.session.link.view();
        let connected = view.ever_connected && view.missed == 0;
        view.agent_id.filter(|_| connected)
    }

    fn step(&mut self, stop: &Stop) {
        let interval = self.session.intervals().status;
        self.next = Instant::now() + jitter(interval, fastrand::f64());
        let id = self.connected();
        let Some(id) = id.filter(|_| !self.forward.is_spent()) else {
            return;
        };
        let snapshot = self.published.current();
        let facts = self.session.facts(Some(&id), AgentStatus::Connected);
        let status = report::status(&snapshot, &facts);
        match self.session.client.status(&id, &status) {
            Ok(answer) => {
                self.told = None;
                self.session.adopt(answer.intervals.as_ref());
                log::debug!("status acknowledged");
            }
            // A call that the shutdown cut short says nothing.
            Err(_) if stop.is_stopped() => {}
            Err(error) => self.failed(&error),
        }
    }

    /// Failing here does not make the agent disconnected; the heartbeat judges that.
    fn failed(&mut self, error: &Error) {
        let explanation = error.explanation();
        if let Verdict::Retry { after: Some(after) } = error.verdict() {
            self.next = self.next.max(Instant::now() + after.min(LONGEST_WAIT));
        }
        if self.told.as_deref() != Some(&explanation.text) {
            log::warn!(
                "status not accepted: {}; {}",
                explanation.text,
                explanation.hint
            );
            self.told = Some(explanation.text);
        }
    }
}
