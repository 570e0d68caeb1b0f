//! kubectl's jsonpath: templates with paths into an object
//! (<https://kubernetes.io/docs/reference/kubectl/jsonpath/>).

mod compare;
mod parse;
mod slice;
mod walk;

use std::borrow::Cow;

use serde_json::Value;

use super::print::{go, json};
use slice::Slice;
use walk::Walk;

/// A template that was read.
#[derive(Debug)]
pub struct JsonPath {
    nodes: Vec<Node>,
    /// What is not there is empty, and no error.
    pub allow_missing: bool,
}

#[derive(Debug)]
enum Node {
    Text(String),
    Value(Value),
    Field(String),
    Slice(Slice),
    /// The left side, the operator, the right side.
    Filter(Vec<Node>, String, Vec<Node>),
    Union(Vec<Vec<Node>>),
    Wildcard,
    Recursive,
    /// `range` or `end`.
    Word(String),
    List(Vec<Node>),
}

/// What a path leads to: parts of the object, or values of the template.
pub type Found<'a> = Vec<Cow<'a, Value>>;

impl JsonPath {
    /// Reads a template.
    ///
    /// # Errors
    /// It is wrong; in kubectl's words.
    pub fn parse(template: &str) -> Result<Self, String> {
        Ok(Self {
            nodes: parse::parse(template)?,
            allow_missing: true,
        })
    }

    /// One list of values for each part of the template.
    ///
    /// # Errors
    /// The object is not as the template expects it.
    pub fn find<'a>(&'a self, object: &'a Value) -> Result<Vec<Found<'a>>, String> {
        let mut walk = Walk::new(self.allow_missing);
        let mut found = Vec::new();
        walk.part(&self.nodes, 0, Cow::Borrowed(object), &mut found)?;
        Ok(found)
    }

    /// The text that the template makes.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn text(&self, object: &Value) -> Result<String, String> {
        let mut out = String::new();
        for values in self.find(object)? {
            let texts: Vec<_> = values.iter().map(|value| text(value)).collect();
            out.push_str(&texts.join(" "));
        }
        Ok(out)
    }

    /// Each list of values as a JSON array.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn arrays(&self, object: &Value) -> Result<String, String> {
        let mut out = String::new();
        for values in self.find(object)? {
            let array = values.into_iter().map(Cow::into_owned).collect();
            out.push_str(&json::pretty(&Value::Array(array), 0));
            out.push('\n');
        }
        Ok(out)
    }
}

/// `name`, `.name`, `{name}` and `{.name}` are all `{.name}`.
///
/// # Errors
/// It is none of these.
pub fn relaxed(path: &str) -> Result<String, String> {
    let inner = match path
        .strip_prefix('{')
        .and_then(|path| path.strip_suffix('}'))
    {
        Some(inner) => inner,
        None => path,
    };
    let inner = inner
        .strip_prefix('.')
        .filter(|rest| !rest.is_empty())
        .unwrap_or(inner);
    if inner.is_empty() || inner.contains(['{', '}']) {
        return Err(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or \
             '{name1.name2}' or '{.name1.name2}'"
                .to_owned(),
        );
    }
    Ok(format!("{{.{inner}}}"))
}

/// Objects and lists are shown as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Object(_) | Value::Array(_) => json::compact(value),
        _ => go::sprint(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn made(template: &str) -> Result<String, String> {
        let object = json!({
            "kind": "List",
            "items": [
                {"kind": "None", "metadata": {"name": "a", "labels": {"x.y/z": "1"}},
                 "status": {"capacity": {"cpu": "4"}, "n": 1}},
                {"kind": "None", "metadata": {"name": "b"},
                 "status": {"capacity": {"cpu": "8"}, "n": 2.5, "ok": true, "gone": null}},
            ],
            "list": [0, 1, 2, 3],
            "users": [{"name": "me", "user": {}}, {"name": "you", "user": {"password": "s"}}],
        });
        JsonPath::parse(template)?.text(&object)
    }

    #[test]
    fn templates_make_what_kubectl_makes() {
        for (template, expected) in [
            ("plain", "plain"),
            ("{.kind}", "List"),
            ("{@.kind} {$.kind}", "List List"),
            ("{.items[*].metadata.name}", "a b"),
            ("{.items[0].status.capacity}", r#"{"cpu":"4"}"#),
            (
                "{.items[*]['metadata.name', 'status.capacity']}",
                r#"a b {"cpu":"4"} {"cpu":"8"}"#,
            ),
            ("{..cpu}", "4 8"),
            ("{.users[?(@.name==\"you\")].user.password}", "s"),
            ("{.users[?(@.user.password)].name}", "you"),
            (
                "{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}",
                "[a, 4] [b, 8] ",
            ),
            ("{range .nope[*]}{.x}{end}after", "after"),
            (
                "{range .users[*]}{.name}:{range .user.*}{@}{end};{end}",
                "me:;you:s;",
            ),
            ("{.items[0].metadata.labels.x\\.y/z}", "1"),
            ("{.items[0].metadata.labels['x\\.y/z']}", "1"),
            (
                "{.list[1:3]} {.list[-1]} {.list[-1:]} {.list[::2]} {.list[0,3]}",
                "1 2 3 3 0 2 0 3",
            ),
            ("{.list[?(@>1)]}", "2 3"),
            (
                "{.items[1].status.n} {.items[1].status.ok} {.items[1].status.gone}",
                "2.5 true null",
            ),
            ("{.nope}", ""),
            ("{\"\\t\"}{'a\\n'}", "\ta\n"),
        ] {
            assert_eq!(made(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn ranges_without_end_come_to_one() {
        let template = "{range .list[*]}".repeat(3);
        assert_eq!(made(&template).as_deref(), Ok(""));
        let told = made(&"{range .nope}".repeat(40)).unwrap_err();
        assert_eq!(told, "the template goes through too much of the object");
    }

    #[test]
    fn mistakes_are_told_in_kubectls_words() {
        for (template, expected) in [
            ("{.a", "unclosed action"),
            ("{.items[}", "unterminated array"),
            ("{.items[x]}", "invalid array index x"),
            (
                "{.items[5]}",
                "array index out of bounds: index 5, length 2",
            ),
            ("{.kind[0]}", "string is not array or slice"),
            ("{.items[?(@.a]}", "unterminated filter"),
            ("{end}", "not in range, nothing to end"),
            ("{nope}", "unrecognized identifier nope"),
            ("{.list[?(@==\"a\")]}", "incompatible types for comparison"),
            ("{\"a}", "unterminated quoted string"),
            ("{%}", "unrecognized character in action: U+0025 '%'"),
            ("{....a}", "invalid multiple recursive descent"),
        ] {
            assert_eq!(made(template).unwrap_err(), expected, "{template}");
        }
        let mut strict = JsonPath::parse("{.nope}").unwrap();
        strict.allow_missing = false;
        assert_eq!(strict.text(&json!({})).unwrap_err(), "nope is not found");
    }

    #[test]
    fn values_can_be_shown_as_arrays() {
        let path = JsonPath::parse("{.a[*]}").unwrap();
        let arrays = path.arrays(&json!({"a": [1, "x"]})).unwrap();
        assert_eq!(arrays, "[\n    1,\n    \"x\"\n]\n");
    }

    #[test]
    fn paths_need_neither_braces_nor_dot() {
        for path in ["a.b", ".a.b", "{a.b}", "{.a.b}"] {
            assert_eq!(relaxed(path).as_deref(), Ok("{.a.b}"), "{path}");
        }
        for path in ["", "{}", "{.a}{.b}", "{a"] {
            assert!(relaxed(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_template_is_read_or_refused(
            template in "[{}\\[\\].,:*@$?()<=!'\"\\\\a-c0-3 \u{e9}\n-]{0,24}"
        ) {
            if let Ok(path) = JsonPath::parse(&template) {
                let _ = path.text(&json!({"a": [1, {"b": "c"}], "b": {"a": null}}));
            }
        }
    }
}
