//! What happened to an object, at the end of its description.

use serde_json::Value;

use super::Reader;
use super::page::fill;
use super::values::{present, text};
use crate::kubectl::failure::Failure;
use crate::kubectl::{events, sort};

const MIRROR: &str = "kubernetes.io/config.mirror";

/// Lines with the time that they are sorted by.
type Lines = Vec<(String, String)>;

/// The events of an object as a description shows them.
///
/// # Errors
/// They cannot be read; kubectl minds that only where it describes a ConfigMap.
pub(super) fn of(reader: &Reader<'_>, object: &Value) -> Result<String, Failure> {
    let kind = text(&object["kind"]);
    let metadata = &object["metadata"];
    let (name, namespace) = (text(&metadata["name"]), text(&metadata["namespace"]));
    let uid = text(&metadata["uid"]);
    let mut lines = Vec::new();
    let read = match kind {
        "Pod" => {
            let mirrored = metadata["annotations"][MIRROR].as_str();
            let uid = mirrored.unwrap_or(uid);
            search(reader, [name, namespace, "", uid], &mut lines)
        }
        // The kubelet knows a node by its name only.
        "Node" => search(reader, [name, namespace, kind, uid], &mut lines)
            .and_then(|()| search(reader, [name, namespace, kind, name], &mut lines)),
        _ => search(reader, [name, namespace, kind, uid], &mut lines),
    };
    if kind == "ConfigMap" {
        read?;
    }
    if lines.is_empty() {
        return Ok("Events:\t<none>\n".to_owned());
    }
    let mut told = "Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ".to_owned();
    told.push_str("----\t------\t----\t----\t-------\n");
    for (_, line) in sort::by(lines, &|(time, _)| time.clone()) {
        told.push_str(&line);
    }
    Ok(told)
}

fn search(reader: &Reader<'_>, about: [&str; 4], lines: &mut Lines) -> Result<(), Failure> {
    let [name, namespace, kind, uid] = about;
    let mut fields = format!("involvedObject.name={name},involvedObject.namespace={namespace}");
    for (field, value) in [("kind", kind), ("uid", uid)] {
        if !value.is_empty() {
            fields.push_str(&format!(",involvedObject.{field}={value}"));
        }
    }
    let path = reader.path("/api/v1", namespace, "events", "");
    reader.each(&path, &[("fieldSelector", &fields)], &mut |event| {
        let time = text(&event["lastTimestamp"]).to_owned();
        lines.push((time, line(&event)));
    })
}

fn line(event: &Value) -> String {
    let source = match present(&event["source"]["component"]) {
        true => "\t{source.component}\t{involvedObject.fieldPath/%: }{message:w}\n",
        false => "\t{reportingComponent}\t{involvedObject.fieldPath/%: }{message:w}\n",
    };
    let told = fill("  {type}\t{reason}\t", event);
    told + &events::interval(event) + &fill(source, event)
}
