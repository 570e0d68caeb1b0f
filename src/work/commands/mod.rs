//! Commands of the control plane: poll, journal, execute, outbox.
//!
//! One thread polls for as long as the agent lives. The others are there only while there
//! is something to do: workers that execute, one that keeps time limits, one that
//! delivers output and results. They share a [`Desk`].

mod deliver;
mod desk;
mod execute;
mod job;
mod perform;
mod seal;
mod state;
mod visit;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{LONGEST_WAIT, Session};
use crate::age::since_1970;
use crate::backoff::{Backoff, Policy};
use crate::chain::Chain;
use crate::cluster::Published;
use crate::commands::audit::Audit;
use crate::commands::journal::Journal;
use crate::commands::policy::PolicyFile;
use crate::commands::{self, Command, Invalid, Keys, Outcome as How, Sealed};
use crate::control::{Client, Error, Verdict};
use crate::group::Outcome;
use crate::health::Beat;
use crate::k8s;
use crate::stop::Stop;

use desk::Desk;
pub use visit::{Ended, Reach, Reception, Visit, Visitor};

const BACKOFF: Policy = Policy {
    first: Duration::from_secs(1),
    limit: Duration::from_secs(60),
    calm: Duration::from_secs(25),
};
/// How long the control plane may keep a poll waiting; a call takes 30 s at most.
const POLL: Duration = Duration::from_secs(25);
/// Between looks whether the link is up.
const LOOK: Duration = Duration::from_millis(250);
/// Between polls of a control plane that answers at once, with nothing or nothing new.
const SOON: Duration = Duration::from_secs(1);
/// How long to ask only for what comes after what is known. What was overlooked, on
/// whichever side, is seen then.
const TRUSTING: Duration = Duration::from_secs(300);
/// For commands in progress, from the end of the agent on.
const LAST_WORK: Duration = Duration::from_secs(5);

/// What commands work with.
pub struct Tools {
    pub session: Arc<Session>,
    pub published: Published,
    pub target: Arc<k8s::Target>,
    /// Where objects are when nobody says.
    pub namespace: String,
    pub policy: Arc<PolicyFile>,
    /// None: commands need no signature.
    pub keys: Option<Keys>,
    pub audit: Arc<Audit>,
    /// What was printed and is not told yet.
    pub sealed: Sealed,
    pub stats: Arc<commands::Stats>,
    /// Whether the folder for state goes with the pod or the machine.
    pub is_fleeting: bool,
}

/// What became of the commands of one answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Nothing,
    /// All that were new.
    Some,
    /// There was no room.
    NotAll,
}

/// The loop's own state.
pub struct Commands {
    desk: Arc<Desk>,
    farewell: Arc<Client>,
    backoff: Backoff,
    /// Up to which position all is in hand.
    after: u64,
    /// When to ask for everything again.
    ask_all: Instant,
    told: Option<String>,
}

impl Commands {
    /// `farewell` has a short time limit and outlives the shutdown of the session's client.
    pub fn new(tools: Tools, journal: Journal, farewell: Arc<Client>) -> Self {
        Self {
            desk: Arc::new(Desk::new(tools, journal)),
            farewell,
            backoff: Backoff::new(BACKOFF),
            after: 0,
            ask_all: Instant::now(),
            told: None,
        }
    }

    pub fn run(mut self, stop: &Stop, beat: &Beat) -> Outcome {
        self.desk.recover();
        loop {
            beat.stamp(Instant::now());
            let wait = self.step(stop);
            if beat.rest(stop, wait) {
                break;
            }
        }
        self.desk.close(LAST_WORK);
        self.desk.last_delivery(&self.farewell);
        Ok(())
    }

    /// One poll; returns how long to wait for the next. While the link is down this loop
    /// is silent: the heartbeat alone knocks.
    fn step(&mut self, stop: &Stop) -> Duration {
        let Some(id) = self.desk.agent_id() else {
            return LOOK;
        };
        let asked = Instant::now();
        if asked >= self.ask_all {
            self.after = 0;
            self.ask_all = asked + TRUSTING;
        }
        let wait = POLL.min(self.ask_all - asked);
        let client = &self.desk.tools.session.client;
        match client.commands(&id, self.desk.instance(), self.after, wait) {
            Ok(commands) => {
                // An earlier agent may have had its hands on it until now.
                self.desk.recover();
                self.backoff.succeeded(Instant::now());
                self.told = None;
                match self.take_all(&commands) {
                    Taken::Some => Duration::ZERO,
                    Taken::Nothing if asked.elapsed() >= SOON => Duration::ZERO,
                    Taken::Nothing | Taken::NotAll => SOON,
                }
            }
            // A call that the shutdown cut short says nothing.
            Err(_) if stop.is_stopped() => Duration::ZERO,
            Err(error) => self.failed(&error),
        }
    }

    /// Takes commands in order as far as there is room; the others come again. A cancel is
    /// always taken: it may make room.
    fn take_all(&mut self, commands: &[serde_json::Value]) -> Taken {
        let mut taken = Taken::Nothing;
        for wire in commands {
            if taken == Taken::NotAll && wire["type"] != "cancel" {
                continue;
            }
            let (position, outcome) = self.take(wire);
            match outcome {
                Err(desk::Busy) => {
                    // The control plane keeps it back for a while; later ones may overtake it.
                    taken = Taken::NotAll;
                    self.ask_all = self.ask_all.min(Instant::now() + 3 * desk::PAUSE);
                }
                Ok(_) if taken == Taken::NotAll => {}
                Ok(is_new) => {
                    self.after = self.after.max(position);
                    if is_new {
                        taken = Taken::Some;
                    }
                }
            }
        }
        taken
    }

    /// Its position, and whether it was new.
    fn take(&self, wire: &serde_json::Value) -> (u64, Result<bool, desk::Busy>) {
        let forged = self.forged(wire);
        match Command::parse(wire) {
            Ok(command) => {
                let position = command.position;
                let outcome = match forged {
                    Some(reason) => Ok(self.desk.refuse(&command.id, How::Refused, &reason)),
                    None => self.desk.receive(command),
                };
                (position, outcome)
            }
            Err(Invalid {
                id: Some(id),
                position,
                reason,
            }) => (position, Ok(self.desk.refuse(&id, How::Invalid, &reason))),
            Err(Invalid {
                position, reason, ..
            }) => {
                log::warn!("a command that cannot be answered: {reason}");
                (position, Ok(false))
            }
        }
    }

    /// Why a command is not from whom it must be.
    fn forged(&self, wire: &serde_json::Value) -> Option<String> {
        let keys = self.desk.tools.keys.as_ref()?;
        let agent = self.desk.tools.session.link.view().agent_id;
        keys.check(wire, &agent.unwrap_or_default()).err()
    }

    /// The heartbeat judges the link; here only what it does not see is told.
    fn failed(&mut self, error: &Error) -> Duration {
        self.after = 0;
        log::debug!("commands: {}", Chain(error));
        let explanation = error.explanation();
        let connected = self.desk.agent_id().is_some();
        if connected && self.told.as_deref() != Some(&explanation.text) {
            log::warn!("no commands: {}; {}", explanation.text, explanation.hint);
            self.told = Some(explanation.text);
        }
        let backoff = self.backoff.failed(Instant::now(), fastrand::f64());
        match error.verdict() {
            Verdict::Retry { after: Some(after) } => after.clamp(backoff, LONGEST_WAIT),
            _ => backoff,
        }
    }
}

fn now() -> u32 {
    since_1970(SystemTime::now())
}
