//! Turns objects of the API server into the rows that are kept.

mod event;
mod node;
mod pod;
mod service;

use std::time::SystemTime;

use crate::cluster::{Deployment, Key, Kind, Name, Names, Namespace, NamespacePhase, Row, Uid};
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
        Kind::Namespace => read(text, namespace),
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

fn namespace(object: &types::Namespace<'_>) -> Namespace {
    let Metadata {
        name,
        uid,
        creation_timestamp,
        ..
    } = &object.metadata;
    Namespace {
        name: Name::from(&**name),
        uid: Uid::parse(uid),
        created: seconds(creation_timestamp),
        phase: NamespacePhase::parse(&object.status.phase),
    }
}

fn deployment(object: &types::Deployment<'_>, names: &mut Names) -> Deployment {
    let metadata = &object.metadata;
    Deployment {
        namespace: names.intern(&metadata.namespace),
        name: Name::from(&*metadata.name),
        uid: Uid::parse(&metadata.uid),
        created: seconds(&metadata.creation_timestamp),
        desired: object.spec.replicas.unwrap_or(1),
        updated: object.status.updated_replicas,
        ready: object.status.ready_replicas,
        available: object.status.available_replicas,
    }
}

/// Shared text, none for empty text.
fn some(text: &Text<'_>, names: &mut Names) -> Option<Name> {
    (!text.is_empty()).then(|| names.intern(text))
}

/// Seconds since 1970 of a time as the API writes it (RFC 3339, UTC); 0 when
/// there is none.
fn seconds(text: &str) -> u32 {
    let time = humantime::parse_rfc3339(text).unwrap_or(SystemTime::UNIX_EPOCH);
    super::keep::seconds(time)
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
    fn a_wrong_type_is_an_error_not_a_guess() {
        let mut names = Names::new();
        for text in ["", "{}", r#"{"metadata":{"name":7}}"#, r#"{"metadata":[]"#] {
            for kind in Kind::ALL {
                assert!(row(kind, text.as_bytes(), &mut names).is_err(), "{text}");
            }
        }
    }
}
