//! The picture of the cluster that everyone reads.

use std::sync::{Arc, OnceLock};

use super::{
    Changes, Deployment, History, Kind, Name, Namespace, Node, Pod, Recent, Service, Table, Usage,
};

/// The cluster at one moment. It never changes; a clone shares the tables.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Grows by one with each snapshot that differs from the one before.
    pub version: u64,
    pub nodes: Table<Node>,
    pub pods: Table<Pod>,
    pub namespaces: Table<Namespace>,
    pub deployments: Table<Deployment>,
    pub services: Table<Service>,
    pub events: Recent,
    /// What led here.
    pub changes: Changes,
    /// None while nobody could measure it.
    pub usage: Option<Arc<Usage>>,
    /// What it was over the last day; None before it was first measured.
    pub history: Option<Arc<History>>,
    /// None until the server has answered.
    pub server: Option<ServerFacts>,
    pub(super) watches: [Watched; Kind::ALL.len()],
    pub(super) pages: [Rendered; Page::COUNT],
}

/// How far the rows of a kind can be trusted. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Nothing is known yet.
    Pending,
    /// Followed live since then.
    Current { since: u32 },
    /// The connection was lost then; rows are as they were.
    Stale { since: u32, reason: String },
    /// The server refuses to show this kind.
    Forbidden { since: u32, message: String },
}

/// What the API server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// `v1.34.1+k3s1`
    pub version: Name,
    /// The uid of the namespace kube-system: the cluster's identity.
    pub uid: Name,
}

/// A body that is rendered once for all who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    List(Kind),
    Summary,
}

/// What the state knows of a kind besides its rows.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) availability: Availability,
    /// Whether a complete list has ever been taken in.
    pub(super) listed: bool,
    /// Version of the snapshot in which this kind last differed.
    pub(super) version: u64,
}

pub(super) type Rendered = Arc<OnceLock<Arc<[u8]>>>;

impl Snapshot {
    pub(super) fn empty(epoch: u64) -> Self {
        Self {
            version: 0,
            nodes: Table::default(),
            pods: Table::default(),
            namespaces: Table::default(),
            deployments: Table::default(),
            services: Table::default(),
            events: Recent::default(),
            changes: Changes::new(epoch),
            usage: None,
            history: None,
            server: None,
            watches: std::array::from_fn(|_| Watched::default()),
            pages: std::array::from_fn(|_| Rendered::default()),
        }
    }

    pub fn availability(&self, kind: Kind) -> &Availability {
        &self.watched(kind).availability
    }

    /// How many objects of that kind there are; of events, how many are kept.
    /// None when it was never listed or may not be seen: unknown is not zero.
    pub fn count(&self, kind: Kind) -> Option<usize> {
        let watched = self.watched(kind);
        let hidden = matches!(watched.availability, Availability::Forbidden { .. });
        (watched.listed && !hidden).then(|| self.rows(kind))
    }

    /// The version in which rows or availability of that kind last differed.
    pub fn version_of(&self, kind: Kind) -> u64 {
        self.watched(kind).version
    }

    /// The body of a page, made by `render` at the first call after what it
    /// shows has changed. Whoever asks meanwhile waits for that one.
    pub fn rendered(&self, page: Page, render: impl FnOnce(&Self) -> Vec<u8>) -> Arc<[u8]> {
        let body = &self.pages[page.index()];
        Arc::clone(body.get_or_init(|| Arc::from(render(self))))
    }

    fn watched(&self, kind: Kind) -> &Watched {
        &self.watches[kind.index()]
    }

    pub(super) fn rows(&self, kind: Kind) -> usize {
        match kind {
            Kind::Node => self.nodes.len(),
            Kind::Pod => self.pods.len(),
            Kind::Namespace => self.namespaces.len(),
            Kind::Deployment => self.deployments.len(),
            Kind::Service => self.services.len(),
            Kind::Event => self.events.len(),
        }
    }
}

impl Page {
    const COUNT: usize = Kind::ALL.len() + 1;

    pub(super) fn index(self) -> usize {
        match self {
            Page::List(kind) => kind.index(),
            Page::Summary => Kind::ALL.len(),
        }
    }
}

impl Availability {
    /// `pending`, `current`, `stale`, `forbidden`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Availability::Pending => "pending",
            Availability::Current { .. } => "current",
            Availability::Stale { .. } => "stale",
            Availability::Forbidden { .. } => "forbidden",
        }
    }

    pub fn since(&self) -> Option<u32> {
        match self {
            Availability::Pending => None,
            Availability::Current { since }
            | Availability::Stale { since, .. }
            | Availability::Forbidden { since, .. } => Some(*since),
        }
    }

    /// Why it is not current, as far as somebody said.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Availability::Pending | Availability::Current { .. } => None,
            Availability::Stale { reason, .. } => Some(reason),
            Availability::Forbidden { message, .. } => Some(message),
        }
    }

    /// Takes over a new one; the same one again keeps its first moment.
    pub(super) fn follow(&mut self, mut new: Availability) -> bool {
        use Availability::{Current, Forbidden, Stale};
        match (&*self, &mut new) {
            (Current { since }, Current { since: new })
            | (Stale { since, .. }, Stale { since: new, .. })
            | (Forbidden { since, .. }, Forbidden { since: new, .. }) => *new = *since,
            _ => {}
        }
        let changed = *self != new;
        *self = new;
        changed
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            availability: Availability::Pending,
            listed: false,
            version: 0,
        }
    }
}
