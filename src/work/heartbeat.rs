//! Registers, then beats: the one loop that decides whether the agent is
//! connected.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::Sender;

use super::{Session, rest};
use crate::backoff::{Backoff, Policy, jitter};
use crate::chain::Chain;
use crate::cluster::{Availability, Kind, Published};
use crate::control::proto::AgentStatus;
use crate::control::store::{State, Store};
use crate::control::{Client, Error, Verdict};
use crate::group::Outcome;
use crate::health::Beat;
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
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// No wish of a server keeps the agent silent for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

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
            backoff: Backoff::new(BACKOFF),
            told: None,
        }
    }

    pub fn run(mut self, stop: &Stop, beat: &Beat) -> Outcome {
        loop {
            beat.stamp(Instant::now());
            let wait = self.step();
            if rest(stop, beat, wait) {
                break;
            }
        }
        self.say_farewell();
        Ok(())
    }

    /// One attempt; returns how long to wait for the next.
    fn step(&mut self) -> Duration {
        if !self.registered {
            match self.register() {
                Some(Ok(())) => {}
                Some(Err(error)) => return self.failed(&error),
                // Not enough is known to register, but enough to say "alive".
                None if self.agent_id.is_some() => {}
                None => return LOOK_AGAIN,
            }
        }
        match self.beat() {
            Ok(()) => {
                let interval = self.session.intervals().heartbeat;
                let wait = jitter(interval, fastrand::f64());
                if self.registered {
                    wait
                } else {
                    wait.min(Duration::from_secs(5))
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// None while the cluster has not told its identity.
    fn register(&mut self) -> Option<Result<(), Error>> {
        let snapshot = self.published.current();
        if matches!(snapshot.availability(Kind::Node), Availability::Pending) {
            return None;
        }
        let session = Arc::clone(&self.session);
        let facts = session.facts(self.agent_id.as_deref(), AgentStatus::Registering);
        let registration = report::registration(&snapshot, &facts)?;
        let registered = match session.client.register(&registration) {
            Ok(registered) => registered,
            Err(error) => return Some(Err(error)),
        };
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
        Some(Ok(()))
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
        self.session.adopt(answer.intervals.as_ref());
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
        };
        let saved = self.store.as_ref().map(|store| store.save(&state));
        if let Some(Err(error)) = saved {
            log::warn!("the agent id is not kept: {}", Chain(&error));
        }
    }

    /// A last word, if the link is in order: the server need not wonder.
    fn say_farewell(&self) {
        let view = self.session.link.view();
        let (Some(id), true) = (&self.agent_id, view.ever_connected && view.missed == 0) else {
            return;
        };
        let facts = self.session.facts(Some(id), AgentStatus::Stopping);
        let heartbeat = report::heartbeat(&self.published.current(), id, &facts);
        if let Err(error) = self.farewell.heartbeat(id, &heartbeat) {
            log::info!("no farewell to the control plane: {}", Chain(&error));
        }
    }
}
