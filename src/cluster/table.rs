//! All rows of one kind, sorted, shared with snapshots until they change.

use std::ops::Deref;
use std::sync::Arc;

use super::change::Recorder;
use super::{Key, Record};

/// Rows sorted by namespace and name, each key once. A clone shares everything;
/// a change copies the pointers, never the other rows.
#[derive(Debug)]
pub struct Table<R>(Arc<Vec<Arc<R>>>);

impl<R: Record> Table<R> {
    pub fn get(&self, key: &Key) -> Option<&Arc<R>> {
        let at = self.place(key.rank()).ok()?;
        self.0.get(at)
    }

    /// Takes the rows of a whole list, in any order, in place of all. Of two rows
    /// with one key the later counts. Tells whether anything differs.
    pub(super) fn replace(&mut self, mut rows: Vec<Arc<R>>, recorder: &mut Recorder<'_>) -> bool {
        rows.sort_by(|a, b| a.rank().cmp(&b.rank()));
        rows.dedup_by(|later, earlier| {
            let same = later.rank() == earlier.rank();
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        let mut changed = false;
        let mut next = Vec::with_capacity(rows.len());
        let mut before = self.0.iter().peekable();
        for row in rows {
            while let Some(gone) = before.next_if(|old| old.rank() < row.rank()) {
                recorder.deleted(&**gone);
                changed = true;
            }
            match before.next_if(|old| old.rank() == row.rank()) {
                Some(old) if **old == *row => next.push(Arc::clone(old)),
                old => {
                    match old {
                        Some(old) => recorder.modified(&**old, &*row),
                        None => recorder.added(&*row),
                    }
                    changed = true;
                    next.push(row);
                }
            }
        }
        for gone in before {
            recorder.deleted(&**gone);
            changed = true;
        }
        if changed {
            self.0 = Arc::new(next);
        }
        changed
    }

    /// Adds the row or takes it in place of the one with its key. Tells whether
    /// anything differs.
    pub(super) fn insert(&mut self, row: Arc<R>, recorder: &mut Recorder<'_>) -> bool {
        match self.place(row.rank()) {
            Ok(at) => {
                if self.0.get(at).is_some_and(|old| **old == *row) {
                    return false;
                }
                if let Some(old) = Arc::make_mut(&mut self.0).get_mut(at) {
                    recorder.modified(&**old, &*row);
                    *old = row;
                }
            }
            Err(at) => {
                recorder.added(&*row);
                Arc::make_mut(&mut self.0).insert(at, row);
            }
        }
        true
    }

    /// Tells whether it was there.
    pub(super) fn remove(&mut self, key: &Key, recorder: &mut Recorder<'_>) -> bool {
        let Ok(at) = self.place(key.rank()) else {
            return false;
        };
        let gone = Arc::make_mut(&mut self.0).remove(at);
        recorder.deleted(&*gone);
        true
    }

    fn place(&self, rank: (Option<&str>, &str)) -> Result<usize, usize> {
        self.0.binary_search_by(|row| row.rank().cmp(&rank))
    }
}

impl<R> Clone for Table<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<R> Deref for Table<R> {
    type Target = [Arc<R>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::pod::tests::pod;
    use crate::cluster::{Changes, Name, Pod};

    macro_rules! arcs {
        ($($row:expr),*) => { vec![$(Arc::new($row)),*] };
    }

    fn told(changes: &Changes) -> Vec<String> {
        changes
            .iter()
            .map(|change| format!("{} {}", change.what.as_str(), change.name))
            .collect()
    }

    fn names(table: &Table<Pod>) -> Vec<&str> {
        table.iter().map(|row| &*row.name).collect()
    }

    #[test]
    fn a_list_is_sorted_and_told_as_its_difference() {
        let mut changes = Changes::new(0);
        let mut table = Table::default();
        let list = arcs![pod("b", "a"), pod("a", "c"), pod("a", "b")];
        assert!(table.replace(list, &mut Recorder::silent(1)));
        assert_eq!(names(&table), ["b", "c", "a"]);
        let kept = Arc::clone(&table[1]);

        let mut crashed = pod("a", "b");
        crashed.status = Name::from("Error");
        let list = arcs![pod("a", "c"), pod("a", "d"), crashed];
        assert!(table.replace(list, &mut Recorder::new(&mut changes, 2)));
        assert_eq!(told(&changes), ["modified b", "added d", "deleted a"]);
        assert!(Arc::ptr_eq(&kept, &table[1]));
    }

    #[test]
    fn an_equal_list_changes_nothing() {
        let mut changes = Changes::new(0);
        let mut table = Table::default();
        let list = || arcs![pod("b", "a"), pod("a", "c")];
        table.replace(list(), &mut Recorder::silent(1));
        let before = table.clone();
        assert!(!table.replace(list(), &mut Recorder::new(&mut changes, 2)));
        assert!(Arc::ptr_eq(&before.0, &table.0));
        assert_eq!(changes.last_id(), 0);
    }

    #[test]
    fn of_two_rows_with_one_key_the_later_counts() {
        let mut table = Table::default();
        let mut second = pod("a", "b");
        second.restarts = 9;
        table.replace(arcs![pod("a", "b"), second], &mut Recorder::silent(1));
        assert_eq!(table.len(), 1);
        assert_eq!(table[0].restarts, 9);
    }

    #[test]
    fn a_clone_is_not_moved_by_later_updates() {
        let mut table = Table::default();
        let recorder = &mut Recorder::silent(1);
        table.insert(Arc::new(pod("a", "b")), recorder);
        let before = table.clone();
        table.insert(Arc::new(pod("a", "a")), recorder);
        assert!(table.remove(&Key::namespaced("a", "b"), recorder));
        assert!(!table.remove(&Key::namespaced("a", "b"), recorder));
        assert_eq!(names(&before), ["b"]);
        assert_eq!(names(&table), ["a"]);
        assert!(table.get(&Key::namespaced("a", "a")).is_some());
        assert!(table.get(&Key::namespaced("b", "a")).is_none());
    }
}
