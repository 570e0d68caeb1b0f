//! The description of any object: all of its fields, with names for people. Pure.

use serde_json::Value;

use super::page::{Page, Place};
use crate::kubectl::print::go;

const SKIPPED: [&str; 5] = [
    ".metadata.managedFields",
    ".metadata.name",
    ".metadata.namespace",
    ".metadata.labels",
    ".metadata.annotations",
];
const ACRONYMS: [&str; 5] = ["API", "URL", "UID", "OSB", "GUID"];

pub(super) fn write(page: &mut Page<'_>) {
    let object = page.root;
    page.form("name", Place::from(object));
    page.form("labels", Place::from(object));
    fields(page, 0, object, "");
}

fn fields(page: &mut Page<'_>, level: usize, object: &Value, path: &str) {
    for (field, value) in object.as_object().into_iter().flatten() {
        let path = format!("{path}.{field}");
        if SKIPPED.contains(&path.as_str()) {
            continue;
        }
        indent(page, level);
        page.text.push_str(&label(field));
        page.text.push(':');
        match value {
            Value::Object(_) => {
                page.text.push('\n');
                fields(page, level + 1, value, &path);
            }
            Value::Array(items) => {
                page.text.push('\n');
                for item in items {
                    if item.is_object() {
                        fields(page, level + 1, item, &path);
                    } else {
                        indent(page, level + 1);
                        line(page, item);
                    }
                }
            }
            value => {
                page.text.push('\t');
                line(page, value);
            }
        }
    }
}

fn indent(page: &mut Page<'_>, level: usize) {
    for _ in 0..level {
        page.text.push_str("  ");
    }
}

fn line(page: &mut Page<'_>, value: &Value) {
    page.text.push_str(&go::sprint(value));
    page.text.push('\n');
}

/// `API Version` of `apiVersion`; a name with anything but letters and dashes stays.
fn label(field: &str) -> String {
    if field.chars().any(|c| !c.is_alphabetic() && c != '-') {
        return field.to_owned();
    }
    let mut label = String::new();
    for word in words(field) {
        if !label.is_empty() {
            label.push(' ');
        }
        let upper = word.to_uppercase();
        if ACRONYMS.contains(&upper.as_str()) {
            label.push_str(&upper);
            continue;
        }
        let mut chars = word.chars();
        label.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        label.push_str(&chars.as_str().to_lowercase());
    }
    label
}

/// Runs of capitals, of other letters and of dashes; the last capital before other
/// letters belongs to them.
fn words(field: &str) -> Vec<String> {
    let sort = |c: char| match c {
        c if c.is_lowercase() => 1,
        c if c.is_uppercase() => 2,
        _ => 3,
    };
    let mut words: Vec<String> = Vec::new();
    let mut last = 0;
    for c in field.chars() {
        let now = sort(c);
        match words.last_mut() {
            Some(word) if now == last => word.push(c),
            Some(word) if (last, now) == (2, 1) => {
                let capital = word.pop();
                if word.is_empty() {
                    words.pop();
                }
                words.push(capital.into_iter().chain([c]).collect());
            }
            _ => words.push(c.to_string()),
        }
        last = now;
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_fields_are_for_people() {
        for (field, expected) in [
            ("apiVersion", "API Version"),
            ("uid", "UID"),
            ("resourceVersion", "Resource Version"),
            ("podIPs", "Pod I Ps"),
            ("externalURL", "External URL"),
            ("clusterIP", "Cluster Ip"),
            ("x-y", "X - Y"),
            ("openAPIV3Schema", "openAPIV3Schema"),
            ("f:name", "f:name"),
            ("a.b", "a.b"),
        ] {
            assert_eq!(label(field), expected, "{field}");
        }
    }

    #[test]
    fn fields_are_nested_and_those_above_are_left_out() {
        let object = json!({"kind": "X", "metadata": {"name": "a", "labels": {"b": "c"}, "uid": "u"},
                            "spec": {"list": [1, "x", {"deep": null}], "on": true}});
        let mut page = Page::new(&object);
        write(&mut page);
        let expected = "Name:\ta\nNamespace:\t\nLabels:\tb=c\nAnnotations:\t<none>\nKind:\tX\n\
                        Metadata:\n  UID:\tu\nSpec:\n  List:\n    1\n    x\n    Deep:\t<nil>\n\
                        \u{20} On:\ttrue\n";
        assert_eq!(page.text, expected);
    }
}
