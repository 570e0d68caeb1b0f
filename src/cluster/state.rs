//! Applies updates to the cluster's state, without I/O and without a clock.

use std::sync::Arc;

use super::change::Recorder;
use super::snapshot::Rendered;
use super::{Availability, History, Key, Kind, Page, Row, Rows, ServerFacts, Snapshot, Usage};

/// Everything that can happen to the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// Every object of a kind, read to the end. The first list of a kind sets the
    /// scene; a later one is told as its difference.
    Listed(Rows),
    /// An object as it is now.
    Applied(Row),
    Deleted(Kind, Key),
    Available(Kind, Availability),
    /// None: it can no longer be measured.
    Usage(Option<Usage>),
    Server(ServerFacts),
}

/// The state itself; one thread owns it.
#[derive(Debug)]
pub struct State {
    working: Snapshot,
    published: Arc<Snapshot>,
    touched: Touched,
}

/// What differs from the published snapshot.
#[derive(Debug, Default)]
struct Touched {
    any: bool,
    kinds: [bool; Kind::ALL.len()],
}

impl State {
    /// Nothing known. The epoch tells this process's changes from those of
    /// another: draw it at random.
    pub fn new(epoch: u64) -> Self {
        let working = Snapshot::empty(epoch);
        Self {
            published: Arc::new(working.clone()),
            working,
            touched: Touched::default(),
        }
    }

    /// Applies an update that arrived at `now`, in seconds since 1970. An update
    /// that tells nothing new leaves no trace.
    pub fn apply(&mut self, update: Update, now: u32) {
        match update {
            Update::Listed(rows) => self.list(rows, now),
            Update::Applied(row) => {
                let kind = row.kind();
                let changed = self.insert(row, now);
                self.touch(kind, changed);
            }
            Update::Deleted(kind, key) => {
                let changed = self.remove(kind, &key, now);
                self.touch(kind, changed);
            }
            Update::Available(kind, availability) => {
                let changed = self.working.watches[kind.index()]
                    .availability
                    .follow(availability);
                self.touch(kind, changed);
            }
            Update::Usage(usage) => {
                let usage = usage.map(|usage| Arc::new(usage.sorted()));
                if let Some(usage) = &usage {
                    let earlier = self.working.history.as_deref();
                    let history = History::after(earlier, usage);
                    self.working.history = Some(Arc::new(history));
                }
                let changed = self.working.usage != usage;
                self.working.usage = usage;
                self.touch(Kind::Node, changed);
            }
            Update::Server(facts) => {
                let facts = Some(facts);
                self.touched.any |= self.working.server != facts;
                self.working.server = facts;
            }
        }
    }

    /// The state as it is now: the same `Arc` as before when nothing differs.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        if self.touched.any {
            let touched = std::mem::take(&mut self.touched);
            let working = &mut self.working;
            working.version += 1;
            working.pages[Page::Summary.index()] = Rendered::default();
            for kind in Kind::ALL
                .into_iter()
                .filter(|kind| touched.kinds[kind.index()])
            {
                working.watches[kind.index()].version = working.version;
                working.pages[Page::List(kind).index()] = Rendered::default();
            }
            self.published = Arc::new(working.clone());
        }
        Arc::clone(&self.published)
    }

    fn list(&mut self, rows: Rows, now: u32) {
        let kind = rows.kind();
        let watched = &mut self.working.watches[kind.index()];
        let first = !std::mem::replace(&mut watched.listed, true);
        if watched.availability == Availability::Pending {
            watched.availability = Availability::Current { since: now };
        }
        let changed = self.replace(rows, now, first);
        self.touch(kind, changed || first);
    }

    fn replace(&mut self, rows: Rows, now: u32, first: bool) -> bool {
        let working = &mut self.working;
        let silent = first && working.rows(rows.kind()) == 0;
        let recorder = &mut if silent {
            Recorder::silent(now)
        } else {
            Recorder::new(&mut working.changes, now)
        };
        match rows {
            Rows::Nodes(rows) => working.nodes.replace(rows, recorder),
            Rows::Pods(rows) => working.pods.replace(rows, recorder),
            Rows::Namespaces(rows) => working.namespaces.replace(rows, recorder),
            Rows::Deployments(rows) => working.deployments.replace(rows, recorder),
            Rows::Services(rows) => working.services.replace(rows, recorder),
            Rows::Events(rows) => working.events.replace(rows, recorder),
        }
    }

    fn insert(&mut self, row: Row, now: u32) -> bool {
        let working = &mut self.working;
        let recorder = &mut Recorder::new(&mut working.changes, now);
        match row {
            Row::Node(row) => working.nodes.insert(row, recorder),
            Row::Pod(row) => working.pods.insert(row, recorder),
            Row::Namespace(row) => working.namespaces.insert(row, recorder),
            Row::Deployment(row) => working.deployments.insert(row, recorder),
            Row::Service(row) => working.services.insert(row, recorder),
            Row::Event(row) => working.events.insert(row, recorder),
        }
    }

    fn remove(&mut self, kind: Kind, key: &Key, now: u32) -> bool {
        let working = &mut self.working;
        let recorder = &mut Recorder::new(&mut working.changes, now);
        match kind {
            Kind::Node => working.nodes.remove(key, recorder),
            Kind::Pod => working.pods.remove(key, recorder),
            Kind::Namespace => working.namespaces.remove(key, recorder),
            Kind::Deployment => working.deployments.remove(key, recorder),
            Kind::Service => working.services.remove(key, recorder),
            Kind::Event => working.events.remove(key),
        }
    }

    fn touch(&mut self, kind: Kind, changed: bool) {
        self.touched.any |= changed;
        self.touched.kinds[kind.index()] |= changed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::event::tests::event;
    use crate::cluster::node::tests::node;
    use crate::cluster::pod::tests::pod;
    use crate::cluster::{Name, NodeUsage, Pod, UsageSource};

    fn listed(pods: impl IntoIterator<Item = Pod>) -> Update {
        let mut rows = Rows::new(Kind::Pod);
        for pod in pods {
            rows.push(Row::from(pod));
        }
        Update::Listed(rows)
    }

    fn summaries(snapshot: &Snapshot) -> Vec<String> {
        let changes = snapshot.changes.iter();
        changes
            .map(|change| {
                format!(
                    "{} {}: {}",
                    change.what.as_str(),
                    change.name,
                    change.summary
                )
            })
            .collect()
    }

    #[test]
    fn the_first_list_sets_the_scene_and_a_later_one_is_told() {
        let mut state = State::new(7);
        state.apply(listed([pod("a", "x"), pod("a", "y")]), 1);
        assert_eq!(state.snapshot().changes.last_id(), 0);
        let mut crashed = pod("a", "y");
        crashed.status = Name::from("Error");
        state.apply(listed([crashed, pod("a", "z")]), 2);
        let told = summaries(&state.snapshot());
        let expected = [
            "deleted x: was Running",
            "modified y: Running -> Error",
            "added z: Running",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_row_before_the_first_list_is_told_and_so_is_the_list() {
        let mut state = State::new(7);
        state.apply(Update::Applied(Row::from(pod("a", "x"))), 1);
        assert_eq!(state.snapshot().count(Kind::Pod), None);
        state.apply(listed([pod("a", "y")]), 2);
        let told = summaries(&state.snapshot());
        let expected = [
            "added x: Running",
            "added y: Running",
            "deleted x: was Running",
        ];
        let mut told = told;
        told.sort();
        assert_eq!(told, expected);
    }

    #[test]
    fn an_empty_first_list_is_a_known_zero() {
        let mut state = State::new(7);
        let before = state.snapshot();
        assert_eq!(before.count(Kind::Pod), None);
        state.apply(listed([]), 5);
        let after = state.snapshot();
        assert_eq!(after.count(Kind::Pod), Some(0));
        assert_eq!(
            after.availability(Kind::Pod),
            &Availability::Current { since: 5 }
        );
        assert_eq!(after.version, before.version + 1);
    }

    #[test]
    fn the_same_availability_keeps_its_first_moment() {
        let mut state = State::new(7);
        let stale = |since, reason: &str| {
            let reason = reason.to_owned();
            Update::Available(Kind::Pod, Availability::Stale { since, reason })
        };
        state.apply(listed([pod("a", "x")]), 1);
        state.apply(stale(2, "reset"), 2);
        let first = state.snapshot();
        state.apply(stale(3, "reset"), 3);
        assert!(Arc::ptr_eq(&first, &state.snapshot()));
        state.apply(stale(4, "refused"), 4);
        let snapshot = state.snapshot();
        assert_eq!(snapshot.availability(Kind::Pod).since(), Some(2));
        assert_eq!(snapshot.availability(Kind::Pod).reason(), Some("refused"));
        assert_eq!(snapshot.count(Kind::Pod), Some(1));
    }

    #[test]
    fn what_is_forbidden_has_no_count() {
        let mut state = State::new(7);
        state.apply(listed([pod("a", "x")]), 1);
        let message = "no".to_owned();
        let forbidden = Availability::Forbidden { since: 2, message };
        state.apply(Update::Available(Kind::Pod, forbidden), 2);
        let snapshot = state.snapshot();
        assert_eq!(snapshot.count(Kind::Pod), None);
        assert_eq!(snapshot.changes.last_id(), 0);
    }

    #[test]
    fn usage_moves_the_version_and_is_no_change() {
        let mut state = State::new(7);
        state.apply(Update::Applied(Row::from(node("b"))), 1);
        let before = state.snapshot();
        let used = |name: &str| NodeUsage {
            name: Name::from(name),
            cpu_millis: 5,
            memory_bytes: 6,
        };
        let usage = Usage {
            source: UsageSource::MetricsApi,
            at: 2,
            nodes: vec![used("b"), used("a"), used("b")],
        };
        state.apply(Update::Usage(Some(usage)), 2);
        let after = state.snapshot();
        assert_eq!(after.version, before.version + 1);
        assert_eq!(after.changes.last_id(), before.changes.last_id());
        let usage = after.usage.as_deref().unwrap();
        assert_eq!(usage.nodes.len(), 2);
        assert_eq!(usage.node("b"), Some(&used("b")));
        assert_eq!(usage.node("c"), None);
        assert_eq!(before.history, None);
        assert_eq!(after.history.as_ref().unwrap().tracks().len(), 2);
        state.apply(Update::Usage(None), 3);
        assert_eq!(state.snapshot().history, after.history);
    }

    #[test]
    fn a_snapshot_never_changes() {
        let mut state = State::new(7);
        state.apply(listed([pod("a", "x")]), 1);
        let before = state.snapshot();
        state.apply(Update::Deleted(Kind::Pod, Key::namespaced("a", "x")), 2);
        state.apply(Update::Applied(Row::from(event("e", 2))), 2);
        assert_eq!(before.pods.len(), 1);
        assert!(before.events.is_empty());
        assert_eq!(before.changes.last_id(), 0);
        let after = state.snapshot();
        assert_eq!(after.changes.last_id(), 2);
        assert_eq!(after.changes.epoch(), 7);
        assert_eq!(after.version_of(Kind::Pod), after.version);
        assert_eq!(after.version_of(Kind::Node), 0);
    }
}
