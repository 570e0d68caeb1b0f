//! Takes over what client-side `kubectl apply` owned, once: else fields that a manifest
//! has no more would stay, because the former manager still owns them.

use serde_json::{Map, Value};

use crate::kubectl::api::Api;
use crate::kubectl::failure::Failure;
use crate::kubectl::print::object;
use crate::kubectl::resources::Ask;

/// Where client-side apply keeps the last manifest.
const LAST_APPLIED: &str = "f:kubectl.kubernetes.io/last-applied-configuration";

/// Hands the fields of former managers to `manager`; whether there were any.
///
/// # Errors
/// The server refuses, unless somebody else changed the object: the next apply tries again.
pub(super) fn migrate(api: &Api, ask: &Ask, live: &Value, manager: &str) -> Result<bool, Failure> {
    let Some(fields) = taken_over(&live["metadata"]["managedFields"], manager) else {
        return Ok(false);
    };
    let step = |path: &str, value: Value| {
        object(vec![
            ("op", "replace".into()),
            ("path", path.into()),
            ("value", value),
        ])
    };
    // The version makes it fail if the object is no longer that one.
    let version = live["metadata"]["resourceVersion"].clone();
    let steps = Value::from(vec![
        step("/metadata/managedFields", fields.into()),
        step("/metadata/resourceVersion", version),
    ]);
    let sent = api.send(
        "PATCH",
        &ask.path(),
        "application/json-patch+json",
        steps.to_string().as_bytes(),
    );
    match sent {
        Ok(_) => Ok(true),
        Err(failure) if failure.reason == "Conflict" => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The owners of fields after that; none if it is so already.
fn taken_over(entries: &Value, manager: &str) -> Option<Vec<Value>> {
    let entries = entries.as_array()?;
    let (former, mut kept): (Vec<Value>, Vec<Value>) = entries.iter().cloned().partition(is_former);
    let first = former.first()?.clone();
    let is_own = |entry: &Value| {
        entry["manager"] == manager
            && entry["operation"] == "Apply"
            && entry["subresource"].is_null()
    };
    let place = match kept.iter().position(is_own) {
        Some(place) => place,
        None => {
            let mut entry = first;
            entry["manager"] = manager.into();
            entry["operation"] = "Apply".into();
            kept.push(entry);
            kept.len() - 1
        }
    };
    let own = kept.get_mut(place)?;
    for entry in former {
        add(&mut own["fieldsV1"], entry["fieldsV1"].clone());
    }
    // The server keeps it up to date by itself.
    if let Some(annotations) = own["fieldsV1"]["f:metadata"]["f:annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    }
    Some(kept)
}

/// Whether it is what client-side apply owned.
fn is_former(entry: &Value) -> bool {
    entry["operation"] == "Update"
        && entry["subresource"].is_null()
        && entry["fieldsV1"]["f:metadata"]["f:annotations"][LAST_APPLIED].is_object()
}

/// Both sets of fields in one.
fn add(set: &mut Value, more: Value) {
    if let (Value::Object(set), Value::Object(more)) = (&mut *set, more) {
        for (key, value) in more {
            add(set.entry(key).or_insert_with(|| Map::new().into()), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsV1": fields})
    }

    #[test]
    fn the_fields_of_former_managers_are_added_to_the_new_one() {
        let marked = json!({"f:annotations": {".": {}, LAST_APPLIED: {}}});
        let former = entry(
            "old",
            "Update",
            json!({"f:data": {"f:b": {}}, "f:metadata": marked}),
        );
        let other = entry("other", "Update", json!({"f:data": {"f:c": {}}}));
        let own = entry("new", "Apply", json!({"f:data": {"f:a": {}}}));
        let left = json!({"f:annotations": {".": {}}});
        let both = json!({"f:data": {"f:a": {}, "f:b": {}}, "f:metadata": left});
        let entries = json!([former, other, own]);
        let expected = [other.clone(), entry("new", "Apply", both)];
        assert_eq!(taken_over(&entries, "new").unwrap(), expected);

        let alone = taken_over(&json!([former]), "new").unwrap();
        let fields = json!({"f:data": {"f:b": {}}, "f:metadata": left});
        assert_eq!(alone, [entry("new", "Apply", fields)]);
        assert_eq!(taken_over(&json!([other, own]), "new"), None);
        assert_eq!(taken_over(&Value::Null, "new"), None);
    }
}
