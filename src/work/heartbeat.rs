//! Registers, then beats: the one loop that decides whether the agent is
//! connected.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::Sender;

use super::{LONGEST_WAIT, Session};
use crate::backoff::{Backoff, Policy, jitter};
use crate::chain::Chain;
use crate::cluster::{Availability, Kind, Published};
use crate::control::proto::AgentStatus;
use crate::control::store::{State, Store};
use crate::control::{Alert, Client, Error, Verdict};
use crate::group::Outcome;
use crate::health::{Beat, TURN};
use crate::report;
use crate::stop::Stop;

const BACKOFF: Policy = Policy {
    first: Duration::from_secs(1),
    limit: Duration::from_secs(60),
    calm: Duration::from_secs(25),
};
/// A refused token is not put right within seconds.
const SLOW_LANE: Duration = Duration::from_secs(300);
/// How soon to look again for what the cluster has not told yet.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Between beats of an agent that is yet to register.
const REGISTER_SOON: Duration = Duration::from_secs(5);

/// The loop's own state.
pub struct Heartbeat {
    session: Arc<Session>,
    published: Published,
    /// None where nothing can be kept.
    store: Option<Store>,
    /// Tells the status loop that a status is due; full means it knows.
    due: Sender<()>,
    farewell: Arc<Client>,
    agent_id: Option<String>,
    registered: bool,
    /// Whether the token is what fails.
    refused: bool,
    backoff: Backoff,
    /// The last failure that was logged, so that each is logged once.
    told: Option<String>,
}

impl Heartbeat {
    /// `agent_id` is what is known from the operator or an earlier run; `farewell`
    /// has a short time limit and outlives the shutdown of the session's client.
    pub fn new(
        session: Arc<Session>,
        published: Published,
        (store, agent_id): (Option<Store>, Option<String>),
        due: Sender<()>,
        farewell: Arc<Client>,
    ) -> Self {
        Self {
            session,
            published,
            store,
            due,
            farewell,
            agent_id,
            registered: false,
            refused: false,
            backoff: Backoff::new(BACKOFF),
            told: None,
        }
    }

    pub fn run(mut self, stop: &Stop, beat: &Beat) -> Outcome {
        loop {
            beat.stamp(Instant::now());
            let outcome = self.step();
            // A call that the shutdown cut short says nothing about the link.
            if stop.is_stopped() {
                break;
            }
            let wait = outcome.unwrap_or_else(|error| self.failed(&error));
            if self.pause(stop, beat, wait) {
                break;
            }
        }
        self.say_farewell();
        Ok(())
    }

    /// One attempt; returns how long to wait for the next.
    fn step(&mut self) -> Result<Duration, Error> {
        let registered = self.registered || self.register()?;
        // Whoever cannot register yet may still say "alive" under the id it had.
        if !registered && self.agent_id.is_none() {
            return Ok(LOOK_AGAIN);
        }
        self.beat()?;
        let wait = jitter(self.session.intervals().heartbeat, fastrand::f64());
        Ok(if registered {
            wait
        } else {
            wait.min(REGISTER_SOON)
        })
    }

    /// Waits for the next attempt, and meanwhile counts the beats that are missed and
    /// looks for a token in place of a refused one; true when asked to stop.
    fn pause(&mut self, stop: &Stop, beat: &Beat, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return stop.is_stopped();
            }
            let interval = self.session.intervals().heartbeat;
            if beat.rest(stop, left.min(interval).min(TURN)) {
                return true;
            }
            if let Some(alert) = self.session.link.look(Instant::now()) {
                raise(&alert);
            }
            if self.refused && self.session.client.token_changed() {
                log::info!("control plane: there is another token, trying again");
                return false;
            }
        }
    }

    /// False while the cluster has not told its identity.
    fn register(&mut self) -> Result<bool, Error> {
        let snapshot = self.published.current();
        if matches!(snapshot.availability(Kind::Node), Availability::Pending) {
            return Ok(false);
        }
        let session = Arc::clone(&self.session);
        let facts = session.facts(self.agent_id.as_deref(), AgentStatus::Registering);
        let Some(registration) = report::registration(&snapshot, &facts) else {
            return Ok(false);
        };
        let registered = session.client.register(&registration)?;
        session.adopt(registered.intervals.as_ref());
        let id = registered
            .agent_id
            .or_else(|| self.agent_id.clone())
            .unwrap_or_else(|| registration.cluster.uid.clone());
        log::info!(
            "registered as {id} with {}",
            session.identity.control_plane_url
        );
        session.link.registered(&id);
        self.remember(&id);
        self.registered = true;
        Ok(true)
    }

    fn beat(&mut self) -> Result<(), Error> {
        let Some(id) = self.agent_id.as_deref() else {
            return Ok(());
        };
        let snapshot = self.published.current();
        let facts = self.session.facts(Some(id), AgentStatus::Connected);
        let heartbeat = report::heartbeat(&snapshot, id, &facts);
        let answer = self.session.client.heartbeat(id, &heartbeat)?;
        self.acknowledged();
        if self.session.adopt(answer.intervals.as_ref()) {
            // The status loop waits by the old interval, which may be long.
            let _ = self.due.try_send(());
        }
        Ok(())
    }

    fn acknowledged(&mut self) {
        let first = !self.session.link.view().ever_connected;
        let recovery = self
            .session
            .link
            .acknowledged(Instant::now(), SystemTime::now());
        self.backoff.succeeded(Instant::now());
        self.told = None;
        self.refused = false;
        if let Some(recovery) = recovery {
            log::info!(
                "connected again after {} s and {} missed beats",
                recovery.lasted.as_secs(),
                recovery.missed
            );
        }
        if first || recovery.is_some() {
            let _ = self.due.try_send(());
        }
    }

    /// Notes and explains a failure; returns how long to wait.
    fn failed(&mut self, error: &Error) -> Duration {
        let now = Instant::now();
        let explanation = error.explanation();
        let alert = self.session.link.failed(now, &explanation);
        if self.told.as_deref() != Some(&explanation.text) {
            log::warn!(
                "control plane: {} ({}); {}",
                explanation.text,
                explanation.stage.as_str(),
                explanation.hint
            );
            self.told = Some(explanation.text.clone());
        }
        log::debug!("control plane: {}", Chain(error));
        if let Some(alert) = alert {
            raise(&alert);
        }
        self.refused = error.verdict() == Verdict::SlowLane;
        self.wait_after(error.verdict(), now)
    }

    fn wait_after(&mut self, verdict: Verdict, now: Instant) -> Duration {
        let backoff = self.backoff.failed(now, fastrand::f64());
        match verdict {
            Verdict::Retry { after } => after.unwrap_or(backoff).clamp(backoff, LONGEST_WAIT),
            Verdict::SlowLane => jitter(SLOW_LANE, fastrand::f64()),
            Verdict::Unknown => {
                self.registered = false;
                backoff
            }
            Verdict::GiveUp => jitter(self.session.intervals().heartbeat, fastrand::f64()),
        }
    }

    /// Keeps the id for the next start; a refusal later never wipes it.
    fn remember(&mut self, id: &str) {
        if self.agent_id.as_deref() == Some(id) && self.registered {
            return;
        }
        self.agent_id = Some(id.to_owned());
        let state = State {
            agent_id: self.agent_id.clone(),
            instance: Some(self.session.identity.instance.clone()),
        };
        let saved = self.store.as_ref().map(|store| store.save(&state));
        if let Some(Err(error)) = saved {
            log::warn!("the agent id is not kept: {}", Chain(&error));
        }
    }

    /// A last word, if the link is in order: the server need not wonder.
    fn say_farewell(&self) {
        let view = self.session.link.view();
        let is_known = self.registered || view.ever_connected;
        let (Some(id), true) = (&self.agent_id, is_known && view.missed == 0) else {
            return;
        };
        let facts = self.session.facts(Some(id), AgentStatus::Stopping);
        let heartbeat = report::heartbeat(&self.published.current(), id, &facts);
        if let Err(error) = self.farewell.heartbeat(id, &heartbeat) {
            log::info!("no farewell to the control plane: {}", Chain(&error));
        }
    }
}

/// Tells whoever reads errors alone.
fn raise(alert: &Alert) {
    let what = if alert.ever_connected {
        "lost"
    } else {
        "never reached"
    };
    log::error!(
        "alert: the control plane is {what}: {} beats missed in {} s: {}",
        alert.missed,
        alert.lasting.as_secs(),
        alert.explanation.text
    );
}
