//! Hands the latest snapshot from the state thread to everyone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Change, Gap, Snapshot};

/// Reads the latest snapshot from any thread; clones read the same.
#[derive(Clone, Debug)]
pub struct Published(Arc<Slot>);

/// The writing end; the state thread owns it.
#[derive(Debug)]
pub struct Publisher(Arc<Slot>);

/// The lock is held for a pointer's copy, never while somebody reads. Poison
/// means nothing here: a pointer is whole at any moment.
struct Slot {
    snapshot: Mutex<Arc<Snapshot>>,
    listener: Mutex<Option<Listener>>,
}

/// Told that there is another snapshot.
type Listener = Box<dyn Fn() + Send>;

/// Both ends, with what is read until something is published.
pub fn publication(first: Arc<Snapshot>) -> (Publisher, Published) {
    let slot = Arc::new(Slot {
        snapshot: Mutex::new(first),
        listener: Mutex::default(),
    });
    (Publisher(Arc::clone(&slot)), Published(slot))
}

impl Publisher {
    /// From now on everyone reads this one.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        let before = std::mem::replace(&mut *self.0.lock(), snapshot);
        // Outside of the lock: its last owner frees all its rows.
        drop(before);
        if let Some(listener) = self.0.listener().as_ref() {
            listener();
        }
    }
}

impl Published {
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.lock())
    }

    /// Has the next publications told to a listener, which must not wait, in place of the one
    /// before.
    pub fn listen(&self, listener: impl Fn() + Send + 'static) {
        *self.0.listener() = Some(Box::new(listener));
    }

    /// Has nobody told any more.
    pub fn ignore(&self) {
        *self.0.listener() = None;
    }

    /// The changes after that id, oldest first; see [`super::Changes::since`].
    pub fn changes_since(&self, id: u64) -> Result<Vec<Arc<Change>>, Gap> {
        self.current().changes.since(id)
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Arc<Snapshot>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listener(&self) -> MutexGuard<'_, Option<Listener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::pod::tests::pod;
    use crate::cluster::{Row, State, Update};

    #[test]
    fn everyone_reads_what_was_published_last() {
        let mut state = State::new(1);
        let (publisher, published) = publication(state.snapshot());
        let other = published.clone();
        assert_eq!(published.current().version, 0);
        state.apply(Update::Applied(Row::from(pod("a", "x"))), 1);
        publisher.publish(state.snapshot());
        assert_eq!(other.current().version, 1);
        assert_eq!(other.changes_since(0).unwrap().len(), 1);
        assert_eq!(other.changes_since(2), Err(Gap { first_id: 1 }));
    }

    #[test]
    fn a_listener_is_told_until_it_is_ignored() {
        let mut state = State::new(1);
        let (publisher, published) = publication(state.snapshot());
        let (tell, told) = std::sync::mpsc::channel();
        published.listen(move || tell.send(()).unwrap());
        publisher.publish(state.snapshot());
        publisher.publish(state.snapshot());
        published.ignore();
        publisher.publish(state.snapshot());
        assert_eq!(told.iter().count(), 2);
    }

    #[test]
    fn a_panic_beside_the_lock_does_not_stop_readers() {
        let mut state = State::new(1);
        let (publisher, published) = publication(state.snapshot());
        let slot = Arc::clone(&publisher.0);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = slot.lock();
            panic!("while holding it");
        }));
        assert!(panicked.is_err());
        state.apply(Update::Applied(Row::from(pod("a", "x"))), 1);
        publisher.publish(state.snapshot());
        assert_eq!(published.current().version, 1);
    }
}
