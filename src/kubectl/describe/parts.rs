//! Parts of descriptions that are more than lines: what `@NAME` means in a form.

use serde_json::Value;

use super::page::{Page, Place};
use super::values::{items, text};
use super::{amount, forms, put};

/// Longest annotation that is shown whole.
const MOST: usize = 140;
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) fn write(page: &mut Page<'_>, name: &str, rest: &str, place: Place<'_>) {
    match name {
        "annotations" => annotations(page, rest, place),
        "containers" => containers(page, rest, place),
        "limits" => amount::limits(page, place),
        "source" => volume(page, page.root.get("spec").unwrap_or(&Value::Null), true),
        "template" => template(page, place.get(rest)),
        "volumes" => volumes(page, items(place.get("spec.volumes"))),
        _ => {}
    }
}

fn annotations(page: &mut Page<'_>, title: &str, place: Place<'_>) {
    let map = place.get("metadata.annotations").as_object();
    let mut told = Vec::new();
    for (key, value) in map.into_iter().flatten() {
        if key == LAST_APPLIED {
            continue;
        }
        let value = text(value);
        let value = value.strip_suffix('\n').unwrap_or(value);
        if value.len() + key.len() + 2 <= MOST && !value.contains('\n') {
            told.push(format!("{key}: {value}"));
            continue;
        }
        let mut lines = format!("{key}:");
        for line in value.split('\n') {
            lines.push_str("\n\t  ");
            lines.push_str(&cut(line, MOST - 2));
        }
        told.push(lines);
    }
    page.list(title, told);
}

/// The beginning of a text, counted in bytes.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let start = text.as_bytes().get(..most).unwrap_or_default();
    format!("{}...", String::from_utf8_lossy(start))
}

fn containers(page: &mut Page<'_>, rest: &str, place: Place<'_>) {
    let mut parts = rest.split('|');
    let mut part = || parts.next().unwrap_or_default();
    let title = page.filled("{^}", place) + part();
    let list = items(place.get(part()));
    let statuses = match part() {
        "" => &[],
        path => items(place.get(path)),
    };
    page.text.push_str(&title);
    page.text
        .push_str(if list.is_empty() { ": <none>\n" } else { ":\n" });
    for container in list {
        let status = statuses
            .iter()
            .find(|status| status["name"] == container["name"]);
        let mut whole = container.clone();
        if let Some(status) = status {
            put(&mut whole, "status", status.clone());
        }
        variables(page, &mut whole, container);
        page.form("container", Place::from(&whole));
    }
}

/// What variables have from the pod, or from the limits of the container.
fn variables(page: &Page<'_>, whole: &mut Value, container: &Value) {
    let list = whole.get_mut("env").and_then(Value::as_array_mut);
    for variable in list.into_iter().flatten() {
        let from = &variable["valueFrom"];
        let value = if from["resourceFieldRef"].is_object() {
            amount::of_container(&from["resourceFieldRef"], &container["resources"])
        } else if from["fieldRef"].is_object() && !page.nested {
            field(page.root, text(&from["fieldRef"]["fieldPath"]))
        } else {
            continue;
        };
        put(variable, "field", value.into());
    }
}

/// A field of a pod as a variable has it; kubectl tells these two.
fn field(pod: &Value, path: &str) -> String {
    match path.strip_prefix("metadata.") {
        Some(name @ ("name" | "namespace")) => text(&pod["metadata"][name]).to_owned(),
        _ => String::new(),
    }
}

fn template(page: &mut Page<'_>, template: &Value) {
    page.nested = true;
    page.form("template", Place::from(template));
    page.nested = false;
}

fn volumes(page: &mut Page<'_>, list: &[Value]) {
    let start = page.filled("{^}Volumes:", Place::from(page.root));
    page.text.push_str(&start);
    page.text
        .push_str(if list.is_empty() { "\t<none>\n" } else { "\n" });
    for one in list {
        page.line("  {-}{name}:", Place::from(one));
        volume(page, one, false);
    }
}

fn volume(page: &mut Page<'_>, volume: &Value, is_persistent: bool) {
    let has = |name: &str| volume[name].is_object();
    let Some((name, form)) = forms::volume(&has, is_persistent) else {
        return page.text.push_str("  <unknown>\n");
    };
    let (kind, lines) = form.split_once('\n').unwrap_or((form, ""));
    page.list("    Type", vec![kind.to_owned()]);
    page.lines(lines, Place::from(&volume[name]));
}
