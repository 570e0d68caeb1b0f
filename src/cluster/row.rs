//! What rows of every kind have in common, and the closed sets of them.

use std::sync::Arc;

use super::{
    Deployment, Event, Key, Kind, Labels, Name, Namespace, Node, Pod, Recent, Service, Uid,
};

/// A row of a table.
pub trait Record: PartialEq {
    const KIND: Kind;

    /// None for kinds outside namespaces.
    fn namespace(&self) -> Option<&Name>;

    fn name(&self) -> &Name;

    /// None when the server gave none that we understand.
    fn uid(&self) -> Option<Uid>;

    fn labels(&self) -> &Labels;

    /// The row's state in few words: `Running`, `2/3 ready`.
    fn state(&self) -> String;

    /// What of `self` differs from an earlier row of the same key in a way that
    /// a person would call a change, in few words; none for noise.
    fn difference(&self, earlier: &Self) -> Option<String>;

    fn key(&self) -> Key {
        Key {
            namespace: self.namespace().cloned(),
            name: self.name().clone(),
        }
    }

    /// What tables are sorted by: as `Key`, without counting references.
    fn rank(&self) -> (Option<&str>, &str) {
        (self.namespace().map(|name| &**name), self.name())
    }

    /// Whether the two are known to be different objects of one name.
    fn recreated(&self, earlier: &Self) -> bool {
        matches!((self.uid(), earlier.uid()), (Some(a), Some(b)) if a != b)
    }
}

/// One object of any kind, as the table will hold it: a queue of rows is a queue
/// of pointers.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    Node(Arc<Node>),
    Pod(Arc<Pod>),
    Namespace(Arc<Namespace>),
    Deployment(Arc<Deployment>),
    Service(Arc<Service>),
    Event(Arc<Event>),
}

impl Row {
    pub fn kind(&self) -> Kind {
        match self {
            Row::Node(_) => Kind::Node,
            Row::Pod(_) => Kind::Pod,
            Row::Namespace(_) => Kind::Namespace,
            Row::Deployment(_) => Kind::Deployment,
            Row::Service(_) => Kind::Service,
            Row::Event(_) => Kind::Event,
        }
    }

    pub fn key(&self) -> Key {
        match self {
            Row::Node(row) => row.key(),
            Row::Pod(row) => row.key(),
            Row::Namespace(row) => row.key(),
            Row::Deployment(row) => row.key(),
            Row::Service(row) => row.key(),
            Row::Event(row) => row.key(),
        }
    }
}

impl From<Node> for Row {
    fn from(row: Node) -> Self {
        Row::Node(Arc::new(row))
    }
}

impl From<Pod> for Row {
    fn from(row: Pod) -> Self {
        Row::Pod(Arc::new(row))
    }
}

impl From<Namespace> for Row {
    fn from(row: Namespace) -> Self {
        Row::Namespace(Arc::new(row))
    }
}

impl From<Deployment> for Row {
    fn from(row: Deployment) -> Self {
        Row::Deployment(Arc::new(row))
    }
}

impl From<Service> for Row {
    fn from(row: Service) -> Self {
        Row::Service(Arc::new(row))
    }
}

impl From<Event> for Row {
    fn from(row: Event) -> Self {
        Row::Event(Arc::new(row))
    }
}

/// Every object of one kind, in any order.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    Nodes(Vec<Arc<Node>>),
    Pods(Vec<Arc<Pod>>),
    Namespaces(Vec<Arc<Namespace>>),
    Deployments(Vec<Arc<Deployment>>),
    Services(Vec<Arc<Service>>),
    Events(Vec<Arc<Event>>),
}

impl Rows {
    /// No rows yet of that kind.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Node => Rows::Nodes(Vec::new()),
            Kind::Pod => Rows::Pods(Vec::new()),
            Kind::Namespace => Rows::Namespaces(Vec::new()),
            Kind::Deployment => Rows::Deployments(Vec::new()),
            Kind::Service => Rows::Services(Vec::new()),
            Kind::Event => Rows::Events(Vec::new()),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Rows::Nodes(_) => Kind::Node,
            Rows::Pods(_) => Kind::Pod,
            Rows::Namespaces(_) => Kind::Namespace,
            Rows::Deployments(_) => Kind::Deployment,
            Rows::Services(_) => Kind::Service,
            Rows::Events(_) => Kind::Event,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Rows::Nodes(rows) => rows.len(),
            Rows::Pods(rows) => rows.len(),
            Rows::Namespaces(rows) => rows.len(),
            Rows::Deployments(rows) => rows.len(),
            Rows::Services(rows) => rows.len(),
            Rows::Events(rows) => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a row while a list is read. Of events only the most recent are kept,
    /// however long the list. A row of another kind is a bug of the caller's and
    /// is left out.
    pub fn push(&mut self, row: Row) {
        match (self, row) {
            (Rows::Nodes(rows), Row::Node(row)) => rows.push(row),
            (Rows::Pods(rows), Row::Pod(row)) => rows.push(row),
            (Rows::Namespaces(rows), Row::Namespace(row)) => rows.push(row),
            (Rows::Deployments(rows), Row::Deployment(row)) => rows.push(row),
            (Rows::Services(rows), Row::Service(row)) => rows.push(row),
            (Rows::Events(rows), Row::Event(row)) => push_recent(rows, row),
            (rows, row) => debug_assert!(false, "a {:?} among {:?}", row.kind(), rows.kind()),
        }
    }
}

/// Keeps between one and two rings of events, so that sorting is rare.
fn push_recent(rows: &mut Vec<Arc<Event>>, row: Arc<Event>) {
    if rows.len() >= 2 * Recent::LIMIT {
        rows.sort_by_key(|row| std::cmp::Reverse(row.last));
        rows.truncate(Recent::LIMIT);
    }
    rows.push(row);
}
