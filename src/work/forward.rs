//! Streams changes up, in order, each once or told as lost.
//!
//! The control plane knows up to which position it has everything; a new agent asks for
//! it. Meanwhile the ring of changes is the buffer: what it loses while the link is down
//! is told as a gap.

use std::time::{Duration, Instant};

use super::Session;
use crate::backoff::{Backoff, Policy};
use crate::chain::Chain;
use crate::cluster::Snapshot;
use crate::control::{Error, Verdict};
use crate::report::{self, Numbering};

/// Between looks for something new, and between batches.
pub(super) const TURN: Duration = Duration::from_secs(2);
/// Between tries of a control plane that does not take them.
const UNWANTED: Duration = Duration::from_secs(300);
const BACKOFF: Policy = Policy {
    first: Duration::from_secs(2),
    limit: Duration::from_secs(60),
    calm: Duration::from_secs(25),
};

/// Where the stream is.
pub(super) struct Forward {
    /// None: the control plane is yet to be asked.
    numbering: Option<Numbering>,
    /// The id of the last change that it has.
    sent: u64,
    next: Instant,
    backoff: Backoff,
}

impl Forward {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            numbering: None,
            sent: 0,
            next: now,
            backoff: Backoff::new(BACKOFF),
        }
    }

    /// When there is something to do for it again.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// Sends a batch, if there is one, under the id of the agent.
    pub(super) fn step(&mut self, session: &Session, snapshot: &Snapshot, id: &str) {
        let now = Instant::now();
        self.next = now + TURN;
        match self.send(session, snapshot, id) {
            Ok(()) => self.backoff.succeeded(now),
            Err(error) => {
                log::debug!("changes: {}", Chain(&error));
                let wait = self.backoff.failed(now, fastrand::f64());
                let unwanted = matches!(error.verdict(), Verdict::GiveUp | Verdict::Unknown);
                self.next = now + if unwanted { UNWANTED } else { wait.max(TURN) };
            }
        }
    }

    fn send(&mut self, session: &Session, snapshot: &Snapshot, id: &str) -> Result<(), Error> {
        let numbering = match self.numbering {
            Some(numbering) => numbering,
            None => {
                let nothing = serde_json::json!({"from": 0, "to": 0, "gaps": [], "events": []});
                let position = session.client.events(id, &nothing)?;
                *self.numbering.insert(Numbering::after(position, self.sent))
            }
        };
        let Some(batch) = report::events(&snapshot.changes, self.sent, numbering) else {
            return Ok(());
        };
        let acknowledged = session.client.events(id, &batch.body)?;
        if acknowledged == batch.to {
            self.sent = batch.last;
            self.numbering = Some(numbering.told());
        } else {
            // It counts otherwise: another agent spoke, or it forgot.
            log::warn!(
                "the control plane has changes up to {acknowledged}, not {}",
                batch.to
            );
            self.numbering = None;
        }
        Ok(())
    }
}
