//! JSON as kubectl shows it: sorted keys, four spaces, fit for HTML.

use serde_json::Value;

use super::go;

/// The text without a line feed at the end; lines after the first start at `depth`.
pub fn pretty(value: &Value, depth: usize) -> String {
    let mut out = String::new();
    write(value, Some(depth), &mut out);
    out
}

/// On one line.
pub fn compact(value: &Value) -> String {
    let mut out = String::new();
    write(value, None, &mut out);
    out
}

fn write(value: &Value, depth: Option<usize>, out: &mut String) {
    let inner = depth.map(|depth| depth + 1);
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(on) => out.push_str(if *on { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&go::number(number)),
        Value::String(text) => go::quote(text, out),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                new_line(inner, out);
                write(item, inner, out);
            }
            new_line(depth, out);
            out.push(']');
        }
        Value::Object(map) => {
            for (index, (key, item)) in map.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                new_line(inner, out);
                go::quote(key, out);
                out.push_str(if depth.is_some() { ": " } else { ":" });
                write(item, inner, out);
            }
            new_line(depth, out);
            out.push('}');
        }
    }
}

fn new_line(depth: Option<usize>, out: &mut String) {
    let Some(depth) = depth else {
        return;
    };
    out.push('\n');
    for _ in 0..depth {
        out.push_str("    ");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_indented_and_sorted() {
        let value = json!({"b": [1, {}], "a": {"x": []}});
        let expected = "{\n    \"a\": {\n        \"x\": []\n    },\n    \"b\": [\n        1,\n        {}\n    ]\n}";
        assert_eq!(pretty(&value, 0), expected);
        assert_eq!(compact(&value), r#"{"a":{"x":[]},"b":[1,{}]}"#);
    }
}
