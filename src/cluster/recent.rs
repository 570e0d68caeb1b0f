//! The most recent Kubernetes Events: a ring, not a store.

use std::cmp::Reverse;
use std::ops::Deref;
use std::sync::Arc;

use super::change::Recorder;
use super::{Event, Key, Record};

/// At most [`Recent::LIMIT`] events, most recent first, each object once. When it
/// is full the least recent one makes room. A clone shares everything.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    events: Arc<Vec<Arc<Event>>>,
    /// How recent the most recent event was that had to make room.
    floor: u32,
}

impl Recent {
    pub const LIMIT: usize = 256;

    /// Takes the events of a whole list in place of all. Only what was not here,
    /// or has happened again, is news; what merely comes up from below the ring
    /// is not. Tells whether anything differs.
    pub(super) fn replace(
        &mut self,
        mut rows: Vec<Arc<Event>>,
        recorder: &mut Recorder<'_>,
    ) -> bool {
        let mut next = Self {
            events: Arc::default(),
            floor: self.floor,
        };
        rows.sort_by_key(|row| row.last);
        for row in rows {
            let row = match self.find(row.rank()) {
                Some(old) if **old == *row => Arc::clone(old),
                _ => row,
            };
            next.put(row, recorder.now());
        }
        for row in next.events.iter().rev() {
            match self.find(row.rank()) {
                Some(old) if row.repeated(old) => recorder.added(&**row),
                None if row.last >= self.floor => recorder.added(&**row),
                _ => {}
            }
        }
        let changed = *next.events != *self.events;
        if changed {
            *self = next;
        }
        changed
    }

    /// Adds an event that the server has just told of.
    pub(super) fn insert(&mut self, row: Arc<Event>, recorder: &mut Recorder<'_>) -> bool {
        match self.find(row.rank()) {
            Some(old) if **old == *row => return false,
            Some(old) if !row.repeated(old) => {}
            _ => recorder.added(&*row),
        }
        self.put(row, recorder.now());
        true
    }

    /// Events expire; that is no news. Tells whether it was there.
    pub(super) fn remove(&mut self, key: &Key) -> bool {
        let Some(at) = self.events.iter().position(|row| row.rank() == key.rank()) else {
            return false;
        };
        Arc::make_mut(&mut self.events).remove(at);
        true
    }

    /// A time ahead of ours counts as now: else a node with a fast clock would
    /// keep everyone else's events out.
    fn put(&mut self, row: Arc<Event>, now: u32) {
        let events = Arc::make_mut(&mut self.events);
        events.retain(|old| old.rank() != row.rank());
        events.insert(0, row);
        events.sort_by_key(|row| Reverse(row.last.min(now)));
        if events.len() > Self::LIMIT
            && let Some(gone) = events.pop()
        {
            self.floor = self.floor.max(gone.last.min(now));
        }
    }

    fn find(&self, rank: (Option<&str>, &str)) -> Option<&Arc<Event>> {
        self.events.iter().find(|row| row.rank() == rank)
    }
}

impl Deref for Recent {
    type Target = [Arc<Event>];

    fn deref(&self) -> &Self::Target {
        &self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::event::tests::event as plain;
    use crate::cluster::{Changes, Name};

    const NOW: u32 = 10_000;

    fn event(name: &str, last: u32) -> Arc<Event> {
        Arc::new(plain(name, last))
    }

    fn filled(changes: &mut Changes, count: u32) -> Recent {
        let mut recent = Recent::default();
        for i in 1..=count {
            recent.insert(event(&i.to_string(), i), &mut Recorder::new(changes, NOW));
        }
        recent
    }

    #[test]
    fn the_most_recent_stay_in_order() {
        let mut changes = Changes::new(0);
        let recent = filled(&mut changes, 300);
        assert_eq!(recent.len(), Recent::LIMIT);
        let lasts: Vec<u32> = recent.iter().map(|event| event.last).collect();
        assert_eq!(lasts, (45..=300).rev().collect::<Vec<_>>());
        assert_eq!(changes.last_id(), 300);
    }

    #[test]
    fn a_repeated_event_is_kept_once_and_told_again() {
        let mut changes = Changes::new(0);
        let mut recent = filled(&mut changes, 3);
        let mut again = plain("1", 50);
        again.count = 2;
        assert!(recent.insert(
            Arc::new(again.clone()),
            &mut Recorder::new(&mut changes, NOW)
        ));
        assert!(!recent.insert(Arc::new(again), &mut Recorder::new(&mut changes, NOW)));
        assert_eq!(recent.len(), 3);
        assert_eq!(&*recent[0].name, "1");
        assert_eq!(changes.last_id(), 4);
    }

    #[test]
    fn expiry_is_no_news() {
        let mut changes = Changes::new(0);
        let mut recent = filled(&mut changes, 3);
        assert!(recent.remove(&Key::namespaced("default", "2")));
        assert!(!recent.remove(&Key::namespaced("default", "2")));
        assert_eq!(recent.len(), 2);
        assert_eq!(changes.last_id(), 3);
    }

    #[test]
    fn a_relist_tells_only_what_is_new() {
        let mut changes = Changes::new(0);
        let mut recent = filled(&mut changes, 300);
        let told = changes.last_id();
        let mut list: Vec<_> = (1..=300).map(|i| event(&i.to_string(), i)).collect();
        assert!(!recent.replace(list.clone(), &mut Recorder::new(&mut changes, NOW)));
        // Expired ones make room for older ones, which were told long ago.
        list.truncate(290);
        assert!(recent.replace(list.clone(), &mut Recorder::new(&mut changes, NOW)));
        assert_eq!(changes.last_id(), told);
        list.push(event("new", 400));
        Arc::make_mut(&mut list[280]).count = 2;
        assert!(recent.replace(list, &mut Recorder::new(&mut changes, NOW)));
        let since = changes.since(told).unwrap();
        let names: Vec<&Name> = since.iter().map(|change| &change.name).collect();
        assert_eq!(names, [&Name::from("281"), &Name::from("new")]);
    }

    #[test]
    fn a_clock_ahead_does_not_keep_others_out() {
        let mut changes = Changes::new(0);
        let mut recent = Recent::default();
        for i in 0..256 {
            let ahead = event(&format!("ahead-{i}"), NOW * 2);
            recent.insert(ahead, &mut Recorder::new(&mut changes, NOW));
        }
        for i in 0..10 {
            let present = event(&format!("present-{i}"), NOW + i);
            recent.insert(present, &mut Recorder::new(&mut changes, NOW + i));
        }
        let present = recent.iter().filter(|row| row.name.starts_with("present"));
        assert_eq!(present.count(), 10);
    }
}
