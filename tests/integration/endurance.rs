//! Promised numbers of [`budget`](crate::budget) that take a minute or two, of which most is waiting: nothing
//! is lost however often the agent dies or the link is cut. No times are judged, so others may run beside.

#![cfg(test)]

use std::thread;
use std::time::Duration;

use crate::budget::shipped;
use crate::commands::{Plan, kill_often, stream};

#[test]
fn two_hundred_kills_lose_nothing_and_run_nothing_twice() {
    if shipped("two hundred kills").is_none() {
        return;
    }
    // Four agents, each with a control plane of its own: a new one takes a second to register.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| kill_often(50));
        }
    });
}

#[test]
fn a_hundred_thousand_changes_with_thirty_cuts_are_all_told() {
    if shipped("a hundred thousand changes").is_none() {
        return;
    }
    let told = stream(&Plan {
        changes: 100_000,
        time: Duration::from_secs(55),
        cuts: 30,
    });
    assert!(told.resident <= 6_000_000, "{told:?}");
}
