//! Objects as small as the agent needs them, and where their kinds are.

use serde_json::{Value, json};

use super::store::KINDS;

/// The path of that kind's list.
pub(crate) fn path(kind: &str) -> &'static str {
    let mut kinds = KINDS.iter();
    kinds
        .find(|(own, _)| *own == kind)
        .expect("it is followed")
        .1
}

/// The kind as the store knows it.
pub(super) fn named(kind: &str) -> &'static str {
    let mut kinds = KINDS.iter();
    kinds
        .find(|(own, _)| *own == kind)
        .expect("it is followed")
        .0
}

/// A small object of that kind.
pub(crate) fn object(kind: &str, name: &str) -> Value {
    let mut object = json!({"metadata": {
        "name": name, "uid": "11111111-2222-3333-4444-555555555555",
        "creationTimestamp": "2024-05-01T10:00:00Z",
    }});
    if !matches!(kind, "nodes" | "namespaces") {
        object["metadata"]["namespace"] = "default".into();
    }
    match kind {
        "pods" => {
            object["spec"] = json!({"containers": [{"name": "c"}]});
            object["status"] = json!({"phase": "Running"});
        }
        "nodes" => {
            object["status"] = json!({
                "nodeInfo": {"kubeletVersion": "v1.34.1"},
                "conditions": [{"type": "Ready", "status": "True"}],
            });
        }
        "events" => {
            object["type"] = "Normal".into();
            object["lastTimestamp"] = "2024-05-01T10:00:00Z".into();
        }
        _ => {}
    }
    object
}
