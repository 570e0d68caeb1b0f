//! What is counted about commands.

use super::Outcome;
use crate::metrics::{Counter, Gauge};

/// Written by the desk of commands, read by anyone.
#[derive(Debug, Default)]
pub struct Stats {
    ended: [Counter; Outcome::ALL.len()],
    /// For a worker.
    pub waiting: Gauge,
    pub running: Gauge,
    /// Results that the control plane does not have yet.
    pub untold: Gauge,
}

impl Stats {
    pub fn end(&self, outcome: Outcome) {
        self.ended[usize::from(outcome.code())].increment();
    }

    /// Commands that ended so since the start.
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.ended[usize::from(outcome.code())].get()
    }
}
