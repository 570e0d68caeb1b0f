//! The built agent against the real Kubernetes of `tests/cluster`, found by what
//! `cluster env` prints. Where there is none, each test says so and ends.

#![cfg(test)]

mod alone;
mod callers;
mod changes;
mod components;
mod described;
mod documented;
mod envelopes;
mod granted;
mod kubectl;
mod lending;
mod levels;
mod logs;
mod manifests;
mod pod;
mod queries;
mod rig;
mod rights;
mod roles;
mod shown;
mod streams;
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
