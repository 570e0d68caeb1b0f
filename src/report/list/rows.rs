//! What a query asks of a row, whatever its kind: one shape for all, so that there is one
//! way to filter, to page and to write.

use std::cmp::Reverse;

use serde::Serialize;

use crate::age;
use crate::cluster::{
    Deployment, Event, Kind, Labels, Namespace, Node, Pod, Record, Service, Snapshot, Usage,
};
use crate::report::view;

/// A field of an object by which rows can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Name,
    Namespace,
    Phase,
    Node,
    Type,
    Reason,
    AboutKind,
    AboutName,
}

/// The fields that rows of a kind have, by their names in Kubernetes.
pub(super) fn fields(kind: Kind) -> &'static [(&'static str, Field)] {
    const NAMES: [(&str, Field); 2] = [
        ("metadata.name", Field::Name),
        ("metadata.namespace", Field::Namespace),
    ];
    match kind {
        Kind::Node => &[NAMES[0]],
        Kind::Namespace => &[NAMES[0], ("status.phase", Field::Phase)],
        Kind::Deployment | Kind::Service => &NAMES,
        Kind::Pod => &[
            NAMES[0],
            NAMES[1],
            ("status.phase", Field::Phase),
            ("spec.nodeName", Field::Node),
        ],
        Kind::Event => &[
            NAMES[0],
            NAMES[1],
            ("type", Field::Type),
            ("reason", Field::Reason),
            ("involvedObject.kind", Field::AboutKind),
            ("involvedObject.name", Field::AboutName),
        ],
    }
}

/// A row of any kind.
pub(super) trait Listed {
    /// Namespace, empty for kinds outside namespaces, and name.
    fn key(&self) -> (&str, &str);

    fn labels(&self) -> &Labels;

    /// Of those that are neither name nor namespace; empty where the kind has it not.
    fn own(&self, field: Field) -> &str;

    fn write(&self, usage: Option<&Usage>, out: &mut Vec<u8>);

    /// The columns of kubectl behind NAMESPACE, at a moment in seconds since 1970.
    fn cells(&self, now: u32) -> Vec<String>;
}

impl dyn Listed + '_ {
    pub(super) fn field(&self, field: Field) -> &str {
        match field {
            Field::Namespace => self.key().0,
            Field::Name => self.key().1,
            other => self.own(other),
        }
    }
}

/// Calls `each` with every row and, of events, how recent it is. The order is stable: the most
/// recent events first, then namespaces and names.
pub(super) fn each<'s>(
    snapshot: &'s Snapshot,
    kind: Kind,
    each: &mut dyn FnMut(u32, &'s dyn Listed),
) {
    let s = snapshot;
    match kind {
        Kind::Node => s.nodes.iter().for_each(|row| each(0, &**row)),
        Kind::Pod => s.pods.iter().for_each(|row| each(0, &**row)),
        Kind::Namespace => s.namespaces.iter().for_each(|row| each(0, &**row)),
        Kind::Deployment => s.deployments.iter().for_each(|row| each(0, &**row)),
        Kind::Service => s.services.iter().for_each(|row| each(0, &**row)),
        Kind::Event => {
            let mut dated: Vec<_> = s.events.dated().collect();
            dated.sort_by_key(|(at, row)| (Reverse(*at), row.rank()));
            dated.iter().for_each(|(at, row)| each(*at, &***row));
        }
    }
}

/// Headers of the columns, NAMESPACE first where the kind has it.
pub(super) fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Node => &["NAME", "STATUS", "ROLES", "AGE", "VERSION"],
        Kind::Namespace => &["NAME", "STATUS", "AGE"],
        Kind::Pod => &["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"],
        Kind::Deployment => &[
            "NAMESPACE",
            "NAME",
            "READY",
            "UP-TO-DATE",
            "AVAILABLE",
            "AGE",
        ],
        Kind::Service => &[
            "NAMESPACE",
            "NAME",
            "TYPE",
            "CLUSTER-IP",
            "EXTERNAL-IP",
            "PORT(S)",
            "AGE",
        ],
        Kind::Event => &[
            "NAMESPACE",
            "LAST SEEN",
            "TYPE",
            "REASON",
            "OBJECT",
            "MESSAGE",
        ],
    }
}

pub(super) fn is_namespaced(kind: Kind) -> bool {
    !matches!(kind, Kind::Node | Kind::Namespace)
}

/// Neither the types nor a vector can fail.
fn put(out: &mut Vec<u8>, row: &impl Serialize) {
    let _ = serde_json::to_writer(out, row);
}

/// None for the moment 0, which stands for unknown.
fn since(then: u32, now: u32) -> String {
    match then {
        0 => "<unknown>".to_owned(),
        _ => age::shown(i64::from(now) - i64::from(then)),
    }
}

macro_rules! cells {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}

impl Listed for Node {
    fn key(&self) -> (&str, &str) {
        ("", &self.name)
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn own(&self, _: Field) -> &str {
        ""
    }

    fn write(&self, usage: Option<&Usage>, out: &mut Vec<u8>) {
        put(out, &view::node(self, usage));
    }

    fn cells(&self, now: u32) -> Vec<String> {
        let version = &self.system.kubelet_version;
        let age = since(self.created, now);
        cells![self.name, self.status(), self.roles(), age, version]
    }
}

impl Listed for Namespace {
    fn key(&self) -> (&str, &str) {
        ("", &self.name)
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn own(&self, field: Field) -> &str {
        match field {
            Field::Phase => self.phase.as_str(),
            _ => "",
        }
    }

    fn write(&self, _: Option<&Usage>, out: &mut Vec<u8>) {
        put(out, &view::namespace(self));
    }

    fn cells(&self, now: u32) -> Vec<String> {
        cells![self.name, self.phase.as_str(), since(self.created, now)]
    }
}

/// Key and labels of a kind inside namespaces.
macro_rules! namespaced {
    () => {
        fn key(&self) -> (&str, &str) {
            (&self.namespace, Record::name(self))
        }

        fn labels(&self) -> &Labels {
            &self.labels
        }
    };
}

impl Listed for Pod {
    namespaced!();

    fn own(&self, field: Field) -> &str {
        match field {
            Field::Phase => self.phase.as_str(),
            Field::Node => self.node.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    fn write(&self, _: Option<&Usage>, out: &mut Vec<u8>) {
        put(out, &view::pod(self));
    }

    fn cells(&self, now: u32) -> Vec<String> {
        let age = since(self.created, now);
        cells![self.name, self.readiness(), self.status, self.restarts, age]
    }
}

impl Listed for Deployment {
    namespaced!();

    fn own(&self, _: Field) -> &str {
        ""
    }

    fn write(&self, _: Option<&Usage>, out: &mut Vec<u8>) {
        put(out, &view::deployment(self));
    }

    fn cells(&self, now: u32) -> Vec<String> {
        let age = since(self.created, now);
        let ready = self.readiness();
        cells![self.name, ready, self.updated, self.available, age]
    }
}

impl Listed for Service {
    namespaced!();

    fn own(&self, _: Field) -> &str {
        ""
    }

    fn write(&self, _: Option<&Usage>, out: &mut Vec<u8>) {
        put(out, &view::service(self));
    }

    fn cells(&self, now: u32) -> Vec<String> {
        let address = self.cluster_ip.as_deref().unwrap_or("<none>");
        cells![
            self.name,
            self.service_type.as_str(),
            address,
            self.external,
            self.ports,
            since(self.created, now),
        ]
    }
}

impl Listed for Event {
    namespaced!();

    fn own(&self, field: Field) -> &str {
        match field {
            Field::Type => self.event_type.as_str(),
            Field::Reason => &self.reason,
            Field::AboutKind => &self.object.kind,
            Field::AboutName => &self.object.name,
            _ => "",
        }
    }

    fn write(&self, _: Option<&Usage>, out: &mut Vec<u8>) {
        put(out, &view::event(self));
    }

    fn cells(&self, now: u32) -> Vec<String> {
        let about = &self.object;
        cells![
            since(self.last, now),
            self.event_type.as_str(),
            self.reason,
            format!("{}/{}", about.kind.to_lowercase(), about.name),
            self.message,
        ]
    }
}
