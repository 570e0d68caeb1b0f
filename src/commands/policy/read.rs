//! The policy file: YAML to rules. A field or word that is not known is a mistake, since
//! it may be what forbids something.

use serde_json::{Map, Value};

use super::window::Window;
use super::{Effect, Policy, Rule};
use crate::yaml;

pub(super) fn policy(text: &str) -> Result<Policy, String> {
    let documents = yaml::parse(text).map_err(|error| error.to_string())?;
    let document = match <[Value; 1]>::try_from(documents) {
        Ok([document]) => document,
        Err(documents) if documents.is_empty() => return Ok(Policy::default()),
        Err(_) => return Err("there is more than one document".to_owned()),
    };
    let mut policy = Policy::default();
    for (name, value) in fields(&document, "the policy")? {
        match name.as_str() {
            "read_only" => {
                policy.read_only = value
                    .as_bool()
                    .ok_or("read_only is neither true nor false")?;
            }
            "windows" => {
                let window = |text: String| {
                    Window::parse(&text)
                        .ok_or_else(|| format!("{text:?} is no window such as sat-sun 22:00-04:00"))
                };
                let windows = texts(value, "windows")?;
                policy.windows = windows.into_iter().map(window).collect::<Result<_, _>>()?;
            }
            "rules" => {
                let rules = value.as_array().ok_or("rules is no list")?;
                policy.rules = rules.iter().map(rule).collect::<Result<_, _>>()?;
            }
            other => return Err(format!("{other:?} is neither read_only, windows nor rules")),
        }
    }
    Ok(policy)
}

fn rule(value: &Value) -> Result<Rule, String> {
    let fields = fields(value, "a rule")?;
    let name = fields.get("name").and_then(Value::as_str);
    let name = name.ok_or("a rule has no name")?.to_owned();
    let of = |problem: String| format!("rule {name:?}: {problem}");
    let effect = match fields.get("effect").and_then(Value::as_str) {
        Some("allow") => Effect::Allow,
        Some("deny") => Effect::Deny,
        Some("dry_run") => Effect::DryRun,
        _ => return Err(of("effect is neither allow, deny nor dry_run".to_owned())),
    };
    let known = [
        "name",
        "effect",
        "verbs",
        "resources",
        "namespaces",
        "names",
    ];
    if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(of(format!("{other:?} is no field of a rule")));
    }
    let list = |field: &str| list(fields.get(field), field);
    let verbs = list("verbs").map_err(of)?;
    if let Some(verb) = verbs.iter().find(|verb| !is_verb(verb)) {
        return Err(of(format!(
            "{verb:?} is no verb of the Kubernetes API, read or change"
        )));
    }
    Ok(Rule {
        effect,
        verbs,
        resources: list("resources").map_err(of)?,
        namespaces: list("namespaces").map_err(of)?,
        names: list("names").map_err(of)?,
        name: name.clone(),
    })
}

/// The texts of a field. An empty list would fit everything, which is not what it says.
fn list(value: Option<&Value>, name: &str) -> Result<Vec<String>, String> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    match texts(value, name)? {
        list if list.is_empty() => Err(format!("{name} is empty")),
        list => Ok(list),
    }
}

fn is_verb(verb: &str) -> bool {
    const VERBS: [&str; 11] = [
        "*",
        "read",
        "change",
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    ];
    VERBS.contains(&verb)
}

fn fields<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{what} has no fields"))
}

fn texts(value: &Value, name: &str) -> Result<Vec<String>, String> {
    let list = value.as_array().into_iter().flatten();
    let texts: Option<Vec<String>> = list.map(|one| one.as_str().map(str::to_owned)).collect();
    texts
        .filter(|_| value.is_array())
        .ok_or_else(|| format!("{name} is no list of texts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told() {
        for (text, words) in [
            ("[]", "the policy has no fields"),
            ("readonly: true", "\"readonly\" is neither"),
            ("read_only: maybe", "read_only is neither"),
            ("windows: [never]", "\"never\" is no window"),
            ("rules: {}", "rules is no list"),
            ("rules: [{effect: deny}]", "a rule has no name"),
            ("rules: [{name: a}]", "rule \"a\": effect is neither"),
            (
                "rules: [{name: a, effect: deny, namespace: [b]}]",
                "\"namespace\" is no field",
            ),
            (
                "rules: [{name: a, effect: deny, names: []}]",
                "names is empty",
            ),
            (
                "rules: [{name: a, effect: deny, names: b}]",
                "names is no list",
            ),
            (
                "rules: [{name: a, effect: deny, verbs: [kill]}]",
                "\"kill\" is no verb",
            ),
            ("a: 1\n---\nb: 2\n", "more than one document"),
            ("a: [", ""),
        ] {
            let error = policy(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(policy("").unwrap(), Policy::default());
    }
}
