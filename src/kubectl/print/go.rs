//! Values as Go's `fmt` and `encoding/json` write them.

use std::fmt::Write;
use std::ops::Range;

use serde_json::{Number, Value};

/// As `fmt.Sprint` shows a value.
pub fn sprint(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(on) => on.to_string(),
        Value::Number(number) => float_or(number, -4..6),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(sprint).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", sprint(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
    }
}

/// The type of a value, as `%T` shows it.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A value as Go's source would have it (`%#v`).
pub fn syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{key:?}:{}", syntax(value)));
            let pairs: Vec<_> = pairs.collect();
            format!("map[string]interface {{}}{{{}}}", pairs.join(", "))
        }
        _ => sprint(value),
    }
}

/// As JSON has a number: whole numbers plain, fractions in the shortest form.
pub fn number(number: &Number) -> String {
    // One digit less in the exponent than elsewhere.
    float_or(number, -6..21).replace("e-0", "e-")
}

/// Digits, with an exponent outside of that range.
fn float_or(number: &Number, plain: Range<i32>) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let value = number.as_f64().unwrap_or_default();
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value == 0.0 || plain.contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A text in quotes as `encoding/json` writes it: fit for HTML, too.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_look_as_in_go() {
        for (value, expected) in [
            (
                json!({"b": [1, "x", null], "a": true}),
                "map[a:true b:[1 x <nil>]]",
            ),
            (json!(1.0), "1"),
            (json!(1.5e-7), "1.5e-07"),
            (json!(1e21), "1e+21"),
            (json!(123_456_789.25), "1.2345678925e+08"),
        ] {
            assert_eq!(sprint(&value), expected);
        }
    }

    #[test]
    fn texts_are_fit_for_html() {
        let mut out = String::new();
        quote("a<b>\u{1}\n\"", &mut out);
        assert_eq!(out, r#""a\u003cb\u003e\u0001\n\"""#);
    }
}
