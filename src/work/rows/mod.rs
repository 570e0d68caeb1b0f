//! Turns objects of the API server into the rows that are kept.

mod event;
mod node;
mod pod;
mod service;

use std::time::SystemTime;

use crate::cluster::{
    Deployment, Key, Kind, Labels, Name, Names, Namespace, NamespacePhase, Row, Uid,
};
use crate::json::{self, Place};
use crate::k8s::types::{self, Metadata, Text};

/// Reads the object of that kind that `text` starts with, and how long it is.
///
/// # Errors
/// It is no JSON, or a field has another type than it should.
pub fn row(kind: Kind, text: &[u8], names: &mut Names) -> Result<(Row, usize), serde_json::Error> {
    match kind {
        Kind::Node => read(text, |object| node::row(object, names)),
        Kind::Pod => read(text, |object| pod::row(object, names)),
        Kind::Namespace => read(text, |object| namespace(object, names)),
        Kind::Deployment => read(text, |object| deployment(object, names)),
        Kind::Service => read(text, |object| service::row(object, names)),
        Kind::Event => read(text, |object| event::row(object, names)),
    }
}

fn read<'t, T: Place<'t> + Default, R: Into<Row>>(
    text: &'t [u8],
    row: impl FnOnce(&T) -> R,
) -> Result<(Row, usize), serde_json::Error> {
    let (object, length) = json::first(text)?;
    Ok((row(&object).into(), length))
}

/// Reads what identifies the object of any kind that `text` starts with.
///
/// # Errors
/// It is no JSON, or has no metadata.
pub fn key(text: &[u8], names: &mut Names) -> Result<Key, serde_json::Error> {
    let (object, _): (types::Object<'_>, _) = json::first(text)?;
    Ok(Key {
        namespace: some(&object.metadata.namespace, names),
        name: Name::from(&*object.metadata.name),
    })
}

fn namespace(object: &types::Namespace<'_>, names: &mut Names) -> Namespace {
    let metadata = &object.metadata;
    Namespace {
        name: Name::from(&*metadata.name),
        uid: Uid::parse(&metadata.uid),
        labels: labels(metadata, names),
        created: seconds(&metadata.creation_timestamp),
        phase: NamespacePhase::parse(&object.status.phase),
    }
}

fn deployment(object: &types::Deployment<'_>, names: &mut Names) -> Deployment {
    let metadata = &object.metadata;
    Deployment {
        namespace: names.intern(&metadata.namespace),
        name: Name::from(&*metadata.name),
        uid: Uid::parse(&metadata.uid),
        labels: labels(metadata, names),
        created: seconds(&metadata.creation_timestamp),
        desired: object.spec.replicas.unwrap_or(1),
        updated: object.status.updated_replicas,
        ready: object.status.ready_replicas,
        available: object.status.available_replicas,
    }
}

/// What is not an object of text has no labels: no server sends that.
fn labels(metadata: &Metadata<'_>, names: &mut Names) -> Labels {
    // Many have none; an error that nobody sees would be made for each.
    if !metadata.labels.0.starts_with(b"{") {
        return Labels::default();
    }
    names.labels(|each| {
        let mut walk = json::Walk::new(metadata.labels.0);
        let _ = walk.fields(&mut |key, walk| {
            each(key, &walk.value::<Text<'_>>()?);
            Ok(())
        });
    })
}

/// Shared text, none for empty text.
fn some(text: &Text<'_>, names: &mut Names) -> Option<Name> {
    (!text.is_empty()).then(|| names.intern(text))
}

/// Seconds since 1970 of a time as the API writes it (RFC 3339, UTC); 0 when
/// there is none.
fn seconds(text: &str) -> u32 {
    let time = humantime::parse_rfc3339(text).unwrap_or(SystemTime::UNIX_EPOCH);
    crate::age::since_1970(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_with_or_without_fractions() {
        assert_eq!(seconds("2024-05-01T10:00:00Z"), 1_714_557_600);
        assert_eq!(seconds("2024-05-01T10:00:00.999999Z"), 1_714_557_600);
        assert_eq!(seconds(""), 0);
        assert_eq!(seconds("yesterday"), 0);
    }

    #[test]
    fn small_kinds_are_read() {
        let mut names = Names::new();
        let text = br#"{"metadata":{"name":"a"},"status":{"phase":"Terminating"}}"#;
        let Ok((Row::Namespace(namespace), _)) = row(Kind::Namespace, text, &mut names) else {
            panic!("a namespace is one");
        };
        assert_eq!(namespace.phase, NamespacePhase::Terminating);
        let text = br#"{"metadata":{"name":"web","namespace":"a"},"spec":{},
            "status":{"readyReplicas":1,"unavailableReplicas":2}}"#;
        let Ok((Row::Deployment(deployment), _)) = row(Kind::Deployment, text, &mut names) else {
            panic!("a deployment is one");
        };
        assert_eq!(deployment.readiness(), "1/1");
        assert_eq!(key(text, &mut names).unwrap(), Key::namespaced("a", "web"));
    }

    #[test]
    fn every_kind_has_its_labels() {
        let mut names = Names::new();
        for labels in ["null", "{}", "[7]"] {
            let text = format!(r#"{{"metadata":{{"name":"a","labels":{labels}}}}}"#);
            let Ok((Row::Pod(pod), _)) = row(Kind::Pod, text.as_bytes(), &mut names) else {
                panic!("a pod is one");
            };
            assert_eq!(pod.labels, Labels::default(), "{labels}");
        }
        let text = br#"{"metadata":{"name":"a","labels":{"app":"w\u0065b","none":null}}}"#;
        for kind in Kind::ALL {
            let (row, _) = row(kind, text, &mut names).unwrap();
            let labels = match &row {
                Row::Node(row) => &row.labels,
                Row::Pod(row) => &row.labels,
                Row::Namespace(row) => &row.labels,
                Row::Deployment(row) => &row.labels,
                Row::Service(row) => &row.labels,
                Row::Event(row) => &row.labels,
            };
            let pairs: Vec<_> = labels.iter().collect();
            assert_eq!(pairs, [("app", "web"), ("none", "")], "{kind:?}");
        }
    }

    #[test]
    fn a_wrong_type_is_an_error_not_a_guess() {
        let mut names = Names::new();
        for text in ["", "{}", r#"{"metadata":{"name":7}}"#, r#"{"metadata":[]"#] {
            for kind in Kind::ALL {
                assert!(row(kind, text.as_bytes(), &mut names).is_err(), "{text}");
            }
        }
    }
}
