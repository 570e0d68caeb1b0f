//! Reads YAML into JSON values: kubeconfig, manifests and the configuration file; and
//! writes them ([`to_string`]).
//!
//! Syntax is YAML 1.2; plain scalars mean what they mean to kubectl (see
//! [`scalar`]). The texts hold secrets: an error has a place and a reason and
//! never quotes what stands there.

mod build;
mod json;
mod scalar;
mod write;

use std::fmt;

use saphyr_parser::{Marker, Parser, ScanError};
use serde_json::Value;

pub use write::to_string;

/// Longest text that is read, in bytes.
pub const MAX_TEXT: usize = 4 * 1024 * 1024;

/// Deepest nesting of mappings and lists that is read.
pub const MAX_DEPTH: usize = 100;
const TOO_DEEP: &str = "nested deeper than 100 levels";

/// Why a text is not taken, with its place; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// Parses every document of a stream; none when there are only comments.
///
/// A text that is one JSON object or array is read by the rules of JSON
/// (RFC 8259), whose escapes and long keys YAML lacks; as everywhere here, a key
/// that stands twice in one mapping is an error.
pub fn parse(text: &str) -> Result<Vec<Value>, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::new(1, 1, "the text is larger than 4 MiB"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(value) = json::parse(text) {
        return Ok(vec![value]);
    }
    refuse_control_characters(text)?;
    let mut stream = build::Stream::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Error::scan(&error))?;
        stream.take(event, &span.start)?;
    }
    Ok(stream.documents)
}

impl Error {
    fn new(line: usize, column: usize, message: &str) -> Error {
        Error {
            line,
            column,
            message: message.to_owned(),
        }
    }

    /// The scanner reads ahead, and may find by its own bound what is too deep.
    fn scan(error: &ScanError) -> Error {
        let message = match error.info() {
            "recursion limit exceeded" => TOO_DEEP,
            message => message,
        };
        Error::at(error.marker(), message)
    }

    fn at(marker: &Marker, message: &str) -> Error {
        Error::new(marker.line(), marker.col() + 1, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The parser would take a NUL for the end and leave the rest unread.
fn refuse_control_characters(text: &str) -> Result<(), Error> {
    let refused = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let Some(at) = text.find(refused) else {
        return Ok(());
    };
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Err(Error::new(
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
        "control characters are not allowed",
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Value {
        let documents = parse(text).unwrap();
        assert_eq!(documents.len(), 1, "{text}");
        documents.into_iter().next().unwrap()
    }

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn block_and_flow_styles_give_values() {
        let text = "a: 1\nb:\n- x\n- {c: 'd', e: [\"f\\n\", g]}\nlong: |\n  one\n  two\nfold: >-\n  one\n  two\n";
        assert_eq!(
            one(text),
            json!({"a": 1, "b": ["x", {"c": "d", "e": ["f\n", "g"]}], "long": "one\ntwo\n", "fold": "one two"})
        );
    }

    #[test]
    fn a_stream_has_documents() {
        assert_eq!(parse("").unwrap(), Vec::<Value>::new());
        assert_eq!(parse("# nothing\n").unwrap(), Vec::<Value>::new());
        assert_eq!(
            parse("---\na: 1\n---\n---\nb\n...\n").unwrap(),
            [json!({"a": 1}), Value::Null, json!("b")]
        );
        assert_eq!(one("\u{feff}a: 1\r\nb: 2\r\n"), json!({"a": 1, "b": 2}));
    }

    #[test]
    fn anchors_and_merge_keys_are_resolved() {
        let text = "base: &b {x: 1, y2: 2}\nmore: &m {y2: 3, z: 4}\none:\n  y2: 0\n  <<: *b\nmany:\n  <<: [*b, *m]\nquoted: {'<<': 1}\n";
        let value = one(text);
        assert_eq!(value["one"], json!({"x": 1, "y2": 0}));
        assert_eq!(value["many"], json!({"x": 1, "y2": 2, "z": 4}));
        assert_eq!(value["quoted"], json!({"<<": 1}));
    }

    #[test]
    fn keys_become_text_as_kubectl_has_it() {
        assert_eq!(
            one("1: a\ntrue: b\nn: c\n1.5: d\n\"2\": e\n"),
            json!({"1": "a", "true": "b", "false": "c", "1.5": "d", "2": "e"})
        );
    }

    #[test]
    fn mistakes_have_a_place_and_quote_nothing() {
        let table = [
            (
                "a: hunter2\na: hunter3\n",
                "line 2, column 1: this key stands twice in its mapping",
            ),
            (
                "y: hunter2\nyes: 1\n",
                "line 2, column 1: this key stands twice in its mapping",
            ),
            (
                "{\"a\": 1, \"a\": 2}",
                "line 1, column 10: this key stands twice in its mapping",
            ),
            ("a:\n\t- hunter2\n", "tab"),
            ("a: [hunter2\n", "line 2, column 1: "),
            ("a: \"hunter2\n", "line 1, column 4: "),
            ("a: @hunter2\n", "line 1, column 4: unexpected character"),
            ("a: *hunter2\n", "unknown anchor"),
            (
                "a: &a [*a]\n",
                "line 1, column 8: this alias stands for something that is not finished",
            ),
            (
                "? [hunter2]\n: b\n",
                "a mapping or list as a key is not supported",
            ),
            ("~: hunter2\n", "line 1, column 1: null is no key"),
            (
                "<<: hunter2\n",
                "a merge key (<<) wants a mapping or a list of mappings",
            ),
            (
                "a: !!binary aHVudGVyMg==\n",
                "line 1, column 4: binary values are not supported",
            ),
            (
                "a: !hunter2 b\n",
                "tags other than those of YAML itself are not supported",
            ),
            (
                "a: !!int hunter2\n",
                "the value is not of the type that its tag says",
            ),
            (
                "a: !!map hunter2\n",
                "the value is not of the type that its tag says",
            ),
            (
                "a: !!str [hunter2]\n",
                "the value is not of the type that its tag says",
            ),
            (
                "a: .inf\n",
                "line 1, column 4: infinity and NaN have no JSON form",
            ),
            (
                "a: 1\nb\0: hunter2\n",
                "line 2, column 2: control characters are not allowed",
            ),
        ];
        for (text, reason) in table {
            let message = refused(text);
            assert!(message.contains(reason), "{text:?}: {message}");
            assert!(!message.contains("hunter"), "{message}");
        }
    }

    #[test]
    fn depth_is_bounded_in_each_style() {
        let levels = MAX_DEPTH + 1;
        let flow = format!("x: {}{}", "[".repeat(levels), "]".repeat(levels));
        let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let block = "- ".repeat(levels) + "x";
        let huge = "[".repeat(MAX_TEXT);
        for text in [flow, json, block, huge] {
            assert!(
                refused(&text).contains("nested deeper than 100 levels"),
                "{}",
                refused(&text)
            );
        }
        assert!(refused(&"? ".repeat(100_000)).contains("as a key is not supported"));
        let fits = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert_eq!(one(&fits), one(&("- ".repeat(MAX_DEPTH) + "1")));
    }

    #[test]
    fn aliases_cannot_blow_up_memory() {
        let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..30 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            laughs += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        let long = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(1 << 20),
            "*a, ".repeat(5_000)
        );
        let mut nested = String::new();
        for level in 0..90 {
            nested += &format!("&n{level} [{}", "word, ".repeat(1_000));
        }
        nested += &"]".repeat(90);
        for text in [laughs, long, nested] {
            assert!(
                refused(&text).contains("anchors and aliases stand for more than 1 MiB"),
                "{}",
                refused(&text)
            );
        }
    }

    #[test]
    fn size_is_bounded() {
        assert!(refused(&" ".repeat(MAX_TEXT + 1)).contains("larger than 4 MiB"));
    }

    #[test]
    fn json_keeps_its_own_rules() {
        let long_key = "k".repeat(5_000);
        let text = format!("{{\"{long_key}\": \"\\ud83d\\ude00\\/\", \"n\": 1.0}}");
        assert_eq!(one(&text), json!({long_key: "\u{1f600}/", "n": 1.0}));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9_f64..1e9).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a-z0-9:#\\-\\[\\]{}&*!|>'\"%@`?,~<= \n\t]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map("[a-zA-Z0-9 :#\u{e9}\"]{0,12}", inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_document_reads_as_json(value in values()) {
            let value = json!([value]);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let expected: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(one(&text), expected);
            }
        }

        #[test]
        fn any_json_inside_yaml_reads_the_same(value in values()) {
            // Integral floats become integers and -0 loses its sign, as in kubectl.
            let text = json!([value]).to_string();
            let has_raw_controls = text.contains(|c: char| c.is_control());
            prop_assume!(!has_raw_controls);
            let read = one(&format!("# YAML now\n---\nx: {text}\n"));
            prop_assert!(same(&read["x"], &serde_json::from_str(&text).unwrap()), "{}", read);
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn any_text_of_yaml_marks_is_read_or_refused(text in "[ab1:#\\-\\[\\]{}&*!|>'\"%@`?,~<= \n\t\r.\u{e9}\u{feff}]{0,60}") {
            let _ = parse(&text);
        }
    }

    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                (a - b).abs() <= a.abs() * 1e-15
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            _ => a == b,
        }
    }
}
