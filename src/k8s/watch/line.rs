//! One line of a watch: what happened, to which object, at which version.
//!
//! Source: [efficient detection of changes](https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).

use std::borrow::Cow;

use crate::json::{self, Walk, given, object};
use crate::k8s::error::Status;

/// What a line says. Objects stay text: only whoever keeps them reads them.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// Added or modified; the difference is nothing to a cache.
    Applied {
        object: &'a [u8],
        version: Cow<'a, str>,
    },
    Deleted {
        object: &'a [u8],
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
    let (event_type, object) = event(line)?;
    let version =
        || json::read(object).map(|object: Versioned<'_>| object.metadata.resource_version);
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
        "ERROR" => Line::Failed(json::read(object)?),
        _ => Line::Unknown,
    })
}

/// The type of a line of a watch, and the text of its object.
///
/// # Errors
/// It is no JSON, or one of them is missing.
pub fn event(line: &[u8]) -> Result<(Cow<'_, str>, &[u8]), serde_json::Error> {
    let mut event_type = Cow::Borrowed("");
    let mut object = [].as_slice();
    let mut walk = Walk::new(line);
    walk.fields(&mut |name, walk| {
        match name {
            "type" => event_type = walk.value()?,
            "object" => object = walk.skip()?,
            _ => drop(walk.skip()?),
        }
        Ok(())
    })?;
    walk.end()?;
    if event_type.is_empty() || object.is_empty() {
        return Err(walk.error("type or object is missing"));
    }
    Ok((event_type, object))
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
            assert_eq!((object, &*version), (object_text.as_bytes(), "7"));
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
