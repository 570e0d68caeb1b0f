//! One line of a watch: what happened, to which object, at which version.
//!
//! Source: [efficient detection of changes](https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).

use std::borrow::Cow;

use crate::json::{self, Raw, given, object};
use crate::k8s::error::Status;

/// What a line says. Objects stay text: only whoever keeps them reads them.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// Added or modified; the difference is nothing to a cache.
    Applied {
        object: &'a str,
        version: Cow<'a, str>,
    },
    Deleted {
        object: &'a str,
        version: Cow<'a, str>,
    },
    /// All up to that version has been told.
    Bookmark {
        version: Cow<'a, str>,
    },
    Failed(Status),
    /// Of a type that does not exist yet.
    Unknown,
}

object! {
    struct Event<'a> {
        event_type: Cow<'a, str> = "type",
        object: Raw<'a> = "object",
    }
    check |event| given(&event.event_type, "type is missing")
}

object! {
    struct Versioned<'a> {
        metadata: Metadata<'a> = "metadata",
    }
    check |object| given(&object.metadata.resource_version, "metadata.resourceVersion is missing")
}

object! {
    struct Metadata<'a> {
        resource_version: Cow<'a, str> = "resourceVersion",
    }
}

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> Result<Line<'_>, serde_json::Error> {
    let Event {
        event_type,
        object: Raw(object),
    } = json::read(line)?;
    let text = object.as_bytes();
    let version = || json::read(text).map(|object: Versioned<'_>| object.metadata.resource_version);
    Ok(match &*event_type {
        "ADDED" | "MODIFIED" => Line::Applied {
            object,
            version: version()?,
        },
        "DELETED" => Line::Deleted {
            object,
            version: version()?,
        },
        "BOOKMARK" => Line::Bookmark {
            version: version()?,
        },
        "ERROR" => Line::Failed(json::read(text)?),
        _ => Line::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_read() {
        let object_text = r#"{"kind":"Pod","metadata":{"name":"a","resourceVersion":"7","x":1}}"#;
        let line =
            |event_type: &str| format!(r#"{{"type":"{event_type}","object":{object_text}}}"#);
        for event_type in ["ADDED", "MODIFIED"] {
            let text = line(event_type);
            let Ok(Line::Applied { object, version }) = parse(text.as_bytes()) else {
                panic!("{event_type}");
            };
            assert_eq!((object, &*version), (object_text, "7"));
        }
        let deleted = line("DELETED");
        assert!(
            matches!(parse(deleted.as_bytes()), Ok(Line::Deleted { version, .. }) if version == "7")
        );
        let bookmark = line("BOOKMARK");
        assert!(
            matches!(parse(bookmark.as_bytes()), Ok(Line::Bookmark { version }) if version == "7")
        );
        let later = line("SUPERSEDED");
        assert!(matches!(parse(later.as_bytes()), Ok(Line::Unknown)));
    }

    #[test]
    fn an_error_carries_its_status() {
        let text = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#;
        let Ok(Line::Failed(status)) = parse(text) else {
            panic!("an error is one");
        };
        assert_eq!(
            (status.code, status.reason.as_deref()),
            (410, Some("Expired"))
        );
    }

    #[test]
    fn half_lines_and_objects_without_version_are_refused() {
        for text in [
            r#"{"type":"ADDED","object":{"metad"#,
            r#"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#,
            r#"{"type":"ADDED"}"#,
            "[]",
            "\u{0}",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
