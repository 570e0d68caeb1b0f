//! What `--for` asks for, and whether an object has it. Pure.

use serde_json::Value;

use crate::kubectl::failure::Failure;
use crate::kubectl::jsonpath::{self, JsonPath};
use crate::kubectl::print::go;

/// What is waited for.
#[derive(Debug)]
pub(super) enum Condition {
    Created,
    Deleted,
    /// A condition of the status, and the value it is to have.
    Has(String, String),
    /// Something at a path; any, if the text is empty.
    At(JsonPath, String),
}

impl Condition {
    /// # Errors
    /// There is no such condition, or its path is wrong; in kubectl's words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("delete") {
            return Ok(Self::Deleted);
        }
        if text.eq_ignore_ascii_case("create") {
            return Ok(Self::Created);
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (name, value) = condition.split_once('=').unwrap_or((condition, "true"));
            return Ok(Self::Has(name.to_owned(), value.to_owned()));
        }
        match text.strip_prefix("jsonpath=") {
            Some(input) => at(input),
            None => Err(format!("unrecognized condition: {text:?}")),
        }
    }

    /// Whether an object that is there meets it.
    ///
    /// # Errors
    /// The path leads to what cannot be compared.
    pub(super) fn is_met(&self, object: &Value) -> Result<bool, Failure> {
        match self {
            Self::Created => Ok(true),
            Self::Deleted => Ok(false),
            Self::Has(name, value) => Ok(has(object, name, value)),
            Self::At(path, value) => leads_to(object, path, value).map_err(Failure::new),
        }
    }
}

fn at(input: &str) -> Result<Condition, String> {
    let mut parts = split(input).into_iter();
    let (Some(path), value, None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(
            "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or \
             --for=jsonpath='{.status.readyReplicas}'"
                .to_owned(),
        );
    };
    if path.is_empty() {
        return Err("jsonpath expression cannot be empty".to_owned());
    }
    let path = jsonpath::relaxed(&path)?;
    let value = value.map(|value| value.trim_matches(['\'', '"']).to_owned());
    if value.as_deref() == Some("") {
        return Err("jsonpath wait has to have a value after equal sign, like \
             --for=jsonpath='{.status.readyReplicas}'=3"
            .to_owned());
    }
    Ok(Condition::At(
        JsonPath::parse(&path)?,
        value.unwrap_or_default(),
    ))
}

/// At each `=` that is not one of two.
fn split(input: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = input.chars().peekable();
    while let Some(c) = rest.next() {
        let is_double = c == '=' && rest.next_if_eq(&'=').is_some();
        if c == '=' && !is_double {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
            last.extend(is_double.then_some('='));
        }
    }
    parts
}

fn has(object: &Value, name: &str, value: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    let is_named = |condition: &&Value| {
        let kind = condition["type"].as_str();
        kind.is_some_and(|kind| same(kind, name)) && condition["status"].is_string()
    };
    let Some(condition) = conditions.and_then(|all| all.iter().find(is_named)) else {
        return false;
    };
    // What was said of an older state of the object does not count.
    let observed = [condition, &object["status"]]
        .into_iter()
        .find_map(|of| of["observedGeneration"].as_i64());
    let generation = object["metadata"]["generation"].as_i64();
    if let (Some(observed), Some(generation)) = (observed, generation)
        && observed < generation
    {
        return false;
    }
    same(condition["status"].as_str().unwrap_or_default(), value)
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn leads_to(object: &Value, path: &JsonPath, value: &str) -> Result<bool, String> {
    let found = path.find(object)?;
    let Some(first) = found.first().filter(|values| !values.is_empty()) else {
        return Ok(false);
    };
    let [one] = first.as_slice() else {
        return Err("given jsonpath expression matches more than one value".to_owned());
    };
    if value.is_empty() {
        return Ok(true);
    }
    match &**one {
        Value::Object(_) | Value::Array(_) => {
            Err("jsonpath leads to a nested object or list which is not supported".to_owned())
        }
        one => Ok(go::sprint(one).trim() == value.trim()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_object_has_is_seen() {
        let object = json!({
            "metadata": {"generation": 2},
            "spec": {"list": [1, 2], "n": 3, "text": " a=b "},
            "status": {"observedGeneration": 2, "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "Old", "status": "True", "observedGeneration": 1},
                {"type": "Bad", "status": "False"},
            ]},
        });
        for (text, expected) in [
            ("condition=Ready", Ok(true)),
            ("condition=ready=TRUE", Ok(true)),
            ("condition=Ready=false", Ok(false)),
            ("condition=Old", Ok(false)),
            ("condition=Bad=false", Ok(true)),
            ("condition=None", Ok(false)),
            ("jsonpath={.spec.n}=3", Ok(true)),
            ("jsonpath={.spec.n}=4", Ok(false)),
            ("jsonpath=.spec.n", Ok(true)),
            ("jsonpath={.spec.none}", Ok(false)),
            ("jsonpath={.spec.text}='a==b'", Ok(false)),
            ("jsonpath={.spec.list[?(@==1)]}=1", Ok(true)),
            (
                "jsonpath={.spec.list[*]}",
                Err("given jsonpath expression matches more than one value"),
            ),
            (
                "jsonpath={.spec.list}=x",
                Err("jsonpath leads to a nested object or list which is not supported"),
            ),
            ("delete", Ok(false)),
            ("Create", Ok(true)),
        ] {
            let met = Condition::parse(text).map(|condition| condition.is_met(&object));
            let met = met.map(|met| met.map_err(|failure| failure.message().to_owned()));
            assert_eq!(met, Ok(expected.map_err(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_waited_for_is_refused() {
        for (text, expected) in [
            ("", "unrecognized condition: \"\""),
            ("ready", "unrecognized condition: \"ready\""),
            ("jsonpath={.a}=b=c", "jsonpath wait format must be"),
            ("jsonpath={.a}=", "jsonpath wait has to have a value"),
            ("jsonpath=", "jsonpath expression cannot be empty"),
            ("jsonpath={}", "unexpected path string"),
        ] {
            let problem = Condition::parse(text).unwrap_err();
            assert!(problem.starts_with(expected), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn no_sign_is_lost(text in "[a=]{0,12}") {
            prop_assert_eq!(split(&text).join("="), text);
        }

        #[test]
        fn any_text_is_a_condition_or_refused(text in "(jsonpath=|condition=)?[{}.a=\\[\\]'\"@?()*]{0,12}") {
            if let Ok(condition) = Condition::parse(&text) {
                let _ = condition.is_met(&json!({"a": [{"a": 1}]}));
            }
        }
    }
}
