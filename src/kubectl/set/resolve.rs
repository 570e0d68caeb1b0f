//! The environment of a container as it is shown: values, and where others come from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::kubectl::failure::Failure;
use crate::kubectl::pods::{field, name};
use crate::kubectl::session::Session;

/// Shows each variable; with `--resolve`, what those are that come from elsewhere.
pub(super) fn list(
    session: &mut Session<'_>,
    owner: &Value,
    variables: &[Value],
) -> Result<(), Failure> {
    let resolves = session.flags.on("resolve");
    let mut problems: Vec<(String, Vec<&str>)> = Vec::new();
    for variable in variables {
        let key = field(variable, "/name");
        let from = &variable["valueFrom"];
        let mut value = field(variable, "/value").to_owned();
        let mut is_known = from.is_null();
        if resolves && !is_known {
            match resolve(session, owner, from) {
                Ok(found) => {
                    value = found;
                    is_known = true;
                }
                Err(failure) => {
                    let said = failure.said();
                    match problems.iter_mut().find(|(problem, _)| problem == said) {
                        Some((_, keys)) => keys.push(key),
                        None => problems.push((said.to_owned(), vec![key])),
                    }
                }
            }
        }
        if is_known {
            writeln!(session.out(), "{key}={value}")?;
        } else {
            writeln!(session.out(), "# {key} from {}", reference(from))?;
        }
    }
    tell(session, problems)
}

/// What could not be found, and which variables that is of.
fn tell(session: &mut Session<'_>, problems: Vec<(String, Vec<&str>)>) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for (problem, mut keys) in problems {
        keys.sort_unstable();
        let keys = keys.join(", ");
        lines.push(format!(
            "error retrieving reference for {keys}: {problem}\n"
        ));
    }
    lines.sort_unstable();
    Ok(session.io.stderr.write_all(lines.concat().as_bytes())?)
}

/// What is behind the base64 of a secret.
fn plain(value: &str) -> String {
    let bytes = STANDARD.decode(value).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `secret a, key b`
fn reference(from: &Value) -> String {
    let kinds = [("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")];
    for (place, kind) in kinds {
        let source = &from[place];
        if source.is_object() {
            let (name, key) = (field(source, "/name"), field(source, "/key"));
            return format!("{kind} {name}, key {key}");
        }
    }
    if from["fieldRef"].is_object() {
        return ["field path ", field(from, "/fieldRef/fieldPath")].concat();
    }
    let source = &from["resourceFieldRef"];
    if !source.is_object() {
        return "invalid valueFrom".to_owned();
    }
    let container = field(source, "/containerName");
    let slash = if container.is_empty() { "" } else { "/" };
    [
        "resource field ",
        container,
        slash,
        field(source, "/resource"),
    ]
    .concat()
}

fn resolve(session: &Session<'_>, owner: &Value, from: &Value) -> Result<String, Failure> {
    let sources = [
        ("configMapKeyRef", "configmaps", "config map"),
        ("secretKeyRef", "secrets", "secret"),
    ];
    for (place, kind, word) in sources {
        let source = &from[place];
        if source.is_object() {
            let (name, key) = (field(source, "/name"), field(source, "/key"));
            let api = session.api()?;
            let path = api.discovery()?.find(kind)?.path(&api.namespace, name);
            let object = api.get(&path)?;
            let value = object["data"][key].as_str();
            let value = value.map(|value| match kind {
                "secrets" => plain(value),
                _ => value.to_owned(),
            });
            return value
                .ok_or_else(|| Failure::new(format!("key {key} not found in {word} {name}")));
        }
    }
    match field(from, "/fieldRef/fieldPath") {
        "metadata.name" => Ok(name(owner).to_owned()),
        "metadata.namespace" => Ok(field(owner, "/metadata/namespace").to_owned()),
        "metadata.uid" => Ok(field(owner, "/metadata/uid").to_owned()),
        "" => Err(Failure::new("what containers get is not resolved here")),
        path => Err(Failure::new(format!("unsupported fieldPath: {path}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_says_where_a_value_comes_from() {
        for (from, expected) in [
            (
                json!({"configMapKeyRef": {"name": "a", "key": "b"}}),
                "configmap a, key b",
            ),
            (
                json!({"secretKeyRef": {"name": "a", "key": "b"}}),
                "secret a, key b",
            ),
            (
                json!({"fieldRef": {"fieldPath": "metadata.name"}}),
                "field path metadata.name",
            ),
            (
                json!({"resourceFieldRef": {"resource": "limits.cpu"}}),
                "resource field limits.cpu",
            ),
            (
                json!({"resourceFieldRef": {"resource": "limits.cpu", "containerName": "a"}}),
                "resource field a/limits.cpu",
            ),
            (json!({}), "invalid valueFrom"),
        ] {
            assert_eq!(reference(&from), expected);
        }
    }
}
