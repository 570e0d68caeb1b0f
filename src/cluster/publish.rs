//! Hands the latest snapshot from the state thread to everyone.

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
#[derive(Debug)]
struct Slot(Mutex<Arc<Snapshot>>);

/// Both ends, with what is read until something is published.
pub fn publication(first: Arc<Snapshot>) -> (Publisher, Published) {
    let slot = Arc::new(Slot(Mutex::new(first)));
    (Publisher(Arc::clone(&slot)), Published(slot))
}

impl Publisher {
    /// From now on everyone reads this one.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        let before = std::mem::replace(&mut *self.0.lock(), snapshot);
        // Outside of the lock: its last owner frees all its rows.
        drop(before);
    }
}

impl Published {
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.lock())
    }

    /// The changes after that id, oldest first; see [`super::Changes::since`].
    pub fn changes_since(&self, id: u64) -> Result<Vec<Arc<Change>>, Gap> {
        self.current().changes.since(id)
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Arc<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
