//! Applies updates to the cluster's state, without I/O and without a clock.

use std::sync::Arc;

use super::change::Recorder;
use super::snapshot::Rendered;
use super::{Availability, Key, Kind, Page, Row, Rows, ServerFacts, Snapshot, Usage};

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
