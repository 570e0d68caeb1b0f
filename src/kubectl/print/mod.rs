//! How things are shown: tables, JSON, YAML, names.

mod columns;
pub mod format;
pub mod go;
pub mod json;
pub mod tabs;

use serde_json::Value;

pub use columns::Columns;
pub use format::Format;

/// `pod/web`, `deployment.apps/web`
pub fn name_of(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str().unwrap_or("<unknown>");
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let kind = object["kind"].as_str().unwrap_or("<unknown>");
    format!("{}/{name}", kind_of(kind, group))
}

/// `pod`, `deployment.apps`
pub fn kind_of(kind: &str, group: &str) -> String {
    let kind = kind.to_lowercase();
    if group.is_empty() {
        kind
    } else {
        format!("{kind}.{group}")
    }
}

/// An object of these; less code than the macro makes of values that are not constant.
pub fn object(pairs: Vec<(&str, Value)>) -> Value {
    let pairs = pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value));
    Value::Object(pairs.collect())
}

/// Leaves out who last changed which field.
pub fn without_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Text that a terminal takes for text only.
pub fn escape_terminal(text: &str) -> String {
    text.replace('\u{1b}', "^[").replace('\r', "\\r")
}
