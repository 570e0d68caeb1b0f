//! The built agent against the real Kubernetes of `tests/cluster`, found by what
//! `cluster env` prints. Where there is none, each test says so and ends.

#![cfg(test)]

mod callers;
mod changes;
mod chart;
mod described;
mod documented;
mod envelopes;
mod faults;
mod kubectl;
mod levels;
mod lists;
mod logs;
mod manifests;
mod plane;
mod pod;
mod policies;
mod queries;
mod rig;
mod rights;
mod roles;
mod shown;
mod streams;
mod usage;
mod visits;

use crate::support::{Agent, eventually};

/// Waits until `/ready` has that status.
#[track_caller]
fn wait_ready(agent: &Agent, status: u16) {
    let what = format!("/ready with {status}");
    eventually(&what, || {
        (agent.get_open("/ready").status == status).then_some(())
    });
}
