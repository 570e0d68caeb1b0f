//! The most recent Kubernetes Events: a ring, not a store.

use std::cmp::Reverse;
use std::sync::Arc;

use super::change::Recorder;
use super::{Event, Key, Record};

/// At most [`Recent::LIMIT`] events, most recent first, each object once. When it
/// is full the least recent one makes room. A clone shares everything.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    entries: Arc<Vec<Entry>>,
    /// How recent the most recent event was that had to make room.
    floor: u32,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// When it last happened, or when we heard of it if that was earlier: a node
    /// with a fast clock must not keep everyone else's events out.
    at: u32,
    event: Arc<Event>,
}

impl Recent {
    pub const LIMIT: usize = 256;

    /// Most recent first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Event>> + Clone {
        self.entries.iter().map(|entry| &entry.event)
    }

    /// The same, each with how recent it is: seconds since 1970.
    pub fn dated(&self) -> impl Iterator<Item = (u32, &Arc<Event>)> {
        self.entries.iter().map(|entry| (entry.at, &entry.event))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes the events of a whole list in place of all. Only what was not here,
    /// or has happened again, is news; what merely comes up from below the ring
    /// is not. Tells whether anything differs.
    pub(super) fn replace(&mut self, rows: Vec<Arc<Event>>, recorder: &mut Recorder<'_>) -> bool {
        let mut next = Self {
            entries: Arc::default(),
            floor: self.floor,
        };
        let mut entries: Vec<Entry> = rows
            .into_iter()
            .map(|event| self.entry(event, recorder.now()))
            .collect();
        entries.sort_by_key(|entry| entry.at);
        for entry in entries {
            next.put(entry);
        }
        for entry in next.entries.iter().rev() {
            match self.find(entry.event.rank()) {
                Some(old) if entry.event.repeated(&old.event) => recorder.added(&*entry.event),
                None if entry.at > self.floor => recorder.added(&*entry.event),
                _ => {}
            }
        }
        let changed = next.entries != self.entries;
        if changed {
            *self = next;
        }
        changed
    }

    /// Adds an event that the server has just told of. Tells whether it differs.
    pub(super) fn insert(&mut self, row: Arc<Event>, recorder: &mut Recorder<'_>) -> bool {
        match self.find(row.rank()) {
            Some(old) if *old.event == *row => return false,
            Some(old) if !row.repeated(&old.event) => {}
            _ => recorder.added(&*row),
        }
        let entry = self.entry(row, recorder.now());
        self.put(entry);
        true
    }

    /// Events expire; that is no news. Tells whether it was there.
    pub(super) fn remove(&mut self, key: &Key) -> bool {
        let place = self.iter().position(|event| event.rank() == key.rank());
        if let Some(at) = place {
            Arc::make_mut(&mut self.entries).remove(at);
        }
        place.is_some()
    }

    fn entry(&self, event: Arc<Event>, now: u32) -> Entry {
        match self.find(event.rank()) {
            Some(old) if *old.event == *event => old.clone(),
            Some(old) if !event.repeated(&old.event) => Entry { at: old.at, event },
            _ => Entry {
                at: event.last.min(now),
                event,
            },
        }
    }

    fn put(&mut self, entry: Entry) {
        let entries = Arc::make_mut(&mut self.entries);
        entries.retain(|old| old.event.rank() != entry.event.rank());
        let place = entries.partition_point(|old| Reverse(old.at) < Reverse(entry.at));
        entries.insert(place, entry);
        if entries.len() > Self::LIMIT
            && let Some(gone) = entries.pop()
        {
            self.floor = self.floor.max(gone.at);
        }
    }

    fn find(&self, rank: (Option<&str>, &str)) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.event.rank() == rank)
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
        assert_eq!(&*recent.iter().next().unwrap().name, "1");
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
