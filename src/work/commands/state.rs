//! What the desk has on it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::job::Job;
use crate::commands::Letter;
use crate::commands::journal::Ledger;
use crate::control::proto::{InHand, JournalState};

#[derive(Default)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) queue: VecDeque<Arc<Job>>,
    pub(super) running: Vec<Arc<Job>>,
    pub(super) outbox: VecDeque<Letter>,
    pub(super) workers: usize,
    pub(super) keeps_time: bool,
    pub(super) delivers: bool,
    pub(super) closed: bool,
    /// Whether commands that change something can be recorded.
    pub(super) unusable: bool,
    pub(super) threads: Vec<JoinHandle<()>>,
}

impl State {
    pub(super) fn running(&self) -> &[Arc<Job>] {
        &self.running
    }

    pub(super) fn first_letter(&self) -> Option<Letter> {
        self.outbox.front().cloned()
    }

    pub(super) fn has_letters(&self) -> bool {
        !self.outbox.is_empty()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether there are workers, who may have something to run or to print.
    pub(super) fn is_working(&self) -> bool {
        self.workers > 0
    }

    pub(super) fn delivery_ends(&mut self) {
        self.delivers = false;
    }

    pub(super) fn time_keeping_ends(&mut self) {
        self.keeps_time = false;
    }

    /// For the next heartbeat.
    pub(super) fn in_hand(&self, is_fleeting: bool) -> InHand {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        InHand {
            waiting: count(self.queue.len()),
            running: count(self.running.len()),
            untold: count(self.outbox.len()),
            journal: match (self.unusable, is_fleeting) {
                (true, _) => JournalState::Unusable,
                (false, true) => JournalState::Fleeting,
                (false, false) => JournalState::Kept,
            },
        }
    }
}
