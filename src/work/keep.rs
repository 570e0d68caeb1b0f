//! The one thread that owns the cluster's state: takes updates, publishes
//! snapshots.

use std::time::{Instant, SystemTime};

use crossbeam_channel::{Receiver, select};

use crate::age::since_1970;
use crate::cluster::{Publisher, State, Update};
use crate::group::Outcome;
use crate::health::{Beat, TURN};
use crate::stop::Stop;

/// Updates taken in before readers see the result: a burst is published once.
const BATCH: usize = 256;

/// Applies what the watches send.
pub struct Keeper {
    updates: Receiver<Update>,
    state: State,
    publisher: Publisher,
}

impl Keeper {
    /// The queue's full-policy is to block: a watch waits, the API server buffers.
    pub fn new(updates: Receiver<Update>, state: State, publisher: Publisher) -> Self {
        Self {
            updates,
            state,
            publisher,
        }
    }

    pub fn run(mut self, stop: &Stop, beat: &Beat) -> Outcome {
        loop {
            beat.stamp(Instant::now());
            select! {
                recv(stop.closed()) -> _ => return Ok(()),
                recv(self.updates) -> update => match update {
                    Ok(update) => self.step(update, since_1970(SystemTime::now())),
                    Err(_) => return Err("every watch has ended".into()),
                },
                default(TURN) => {}
            }
        }
    }

    /// Takes in one update and whatever is queued behind it, then publishes.
    fn step(&mut self, first: Update, now: u32) {
        self.state.apply(first, now);
        for update in self.updates.try_iter().take(BATCH) {
            self.state.apply(update, now);
        }
        self.publisher.publish(self.state.snapshot());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Availability, Kind, publication};
    use crossbeam_channel::bounded;

    fn available(since: u32) -> Update {
        Update::Available(Kind::Pod, Availability::Current { since })
    }

    #[test]
    fn what_is_queued_is_published_at_once() {
        let (sender, updates) = bounded(4);
        let mut state = State::new(1);
        let (publisher, published) = publication(state.snapshot());
        let mut keeper = Keeper::new(updates, state, publisher);
        sender
            .send(Update::Available(
                Kind::Node,
                Availability::Current { since: 7 },
            ))
            .unwrap();
        keeper.step(available(5), 9);
        let snapshot = published.current();
        assert_eq!(snapshot.version, 1);
        assert_eq!(snapshot.availability(Kind::Pod).since(), Some(5));
        assert_eq!(snapshot.availability(Kind::Node).since(), Some(7));
    }

    #[test]
    fn it_ends_when_nobody_can_send_any_more() {
        let (sender, updates) = bounded(4);
        let mut state = State::new(1);
        let (publisher, _published) = publication(state.snapshot());
        let keeper = Keeper::new(updates, state, publisher);
        drop(sender);
        let (_source, stop) = crate::stop::channel();
        let beat = crate::health::Beats::new(Instant::now()).register("state", TURN);
        assert!(keeper.run(&stop, &beat).is_err());
    }
}
