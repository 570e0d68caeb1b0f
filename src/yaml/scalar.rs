//! What a scalar means.
//!
//! Plain scalars are resolved as kubectl resolves them, which is YAML 1.1 as
//! sigs.k8s.io/yaml has it: `yes`, `on` and `y` are true, `010` is eight, `1_000`
//! is a thousand, a time stays text. The table in the tests was recorded from
//! sigs.k8s.io/yaml v1.6.0.

use std::borrow::Cow;

use saphyr_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

pub(super) const NOT_OF_ITS_TAG: &str = "the value is not of the type that its tag says";
pub(super) const UNKNOWN_TAG: &str = "tags other than those of YAML itself are not supported";

/// The value of a scalar, or why it has none.
pub(super) fn value(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Result<Value, &'static str> {
    let Some(tag) = tag else {
        return match style {
            ScalarStyle::Plain => plain(text),
            _ => Ok(Value::String(text.into_owned())),
        };
    };
    if tag.handle.is_empty() && tag.suffix == "!" {
        return Ok(Value::String(text.into_owned()));
    }
    match type_of(tag) {
        Some("str" | "timestamp") => Ok(Value::String(text.into_owned())),
        Some("binary") => Err("binary values are not supported; use text or base64 as text"),
        Some("bool") => plain(text).and_then(|value| only(value, Value::is_boolean)),
        Some("null") => plain(text).and_then(|value| only(value, Value::is_null)),
        Some("float") => plain(text).and_then(|value| only(value, Value::is_number)),
        Some("int") => {
            plain(text).and_then(|value| only(value, |value| value.is_i64() || value.is_u64()))
        }
        Some("map" | "seq") => Err(NOT_OF_ITS_TAG),
        _ => Err(UNKNOWN_TAG),
    }
}

/// The name of a tag of YAML itself: `str` for `!!str`.
pub(super) fn type_of(tag: &Tag) -> Option<&str> {
    tag.is_yaml_core_schema().then_some(tag.suffix.as_str())
}

fn only(value: Value, is: fn(&Value) -> bool) -> Result<Value, &'static str> {
    if is(&value) {
        Ok(value)
    } else {
        Err(NOT_OF_ITS_TAG)
    }
}

fn plain(text: Cow<'_, str>) -> Result<Value, &'static str> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Value::Null),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "y" | "Y" | "on" | "On" | "ON" => {
            Ok(Value::Bool(true))
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "n" | "N" | "off" | "Off" | "OFF" => {
            Ok(Value::Bool(false))
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => Err("infinity and NaN have no JSON form"),
        text_of_number if number(text_of_number).is_some() => {
            Ok(number(text_of_number).map_or(Value::Null, Value::Number))
        }
        _ => Ok(Value::String(text.into_owned())),
    }
}

/// Whether a plain scalar of that text would not be read as that text, by this or by
/// other readers of YAML 1.1: those have times, and numbers to the base of 60.
pub(super) fn means_more(text: &str) -> bool {
    let is_text = matches!(plain(Cow::Borrowed(text)), Ok(Value::String(_)));
    !is_text || is_time(text) || is_base_60(text)
}

/// `2026-1-2`, alone or with a time of the day.
fn is_time(text: &str) -> bool {
    let digits = |text: &str, most: usize| {
        let count = text.bytes().take_while(u8::is_ascii_digit).count();
        let value = text[..count].parse::<u32>().ok();
        value
            .filter(|_| (1..=most).contains(&count))
            .map(|value| (value, count))
    };
    let mut rest = text;
    let mut parts = [0; 6];
    let separators = ["-", "-", " Tt", ":", ":", ""];
    for (index, separator) in separators.into_iter().enumerate() {
        let most = if index == 0 { 4 } else { 2 };
        let Some((value, count)) = digits(rest, most) else {
            return false;
        };
        if index == 0 && count != 4 {
            return false;
        }
        parts[index] = value;
        rest = &rest[count..];
        if index == 2 && rest.is_empty() {
            break;
        }
        match rest.chars().next() {
            Some(c) if separator.contains(c) => rest = &rest[1..],
            _ if separator.is_empty() => {}
            _ => return false,
        }
    }
    let [year, month, day, hour, minute, second] = parts;
    let is_date = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
    is_date && hour < 24 && minute < 60 && second < 60 && ends_as_time(text, rest)
}

/// What may follow the seconds: a fraction, and a zone if there is a `T`.
fn ends_as_time(text: &str, rest: &str) -> bool {
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    if !text.contains(['T', 't']) {
        return rest.is_empty();
    }
    let zone = rest.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        zone.get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    rest == "Z"
        || (zone.len() == 6
            && matches!(zone[0], b'+' | b'-')
            && digits(1..3)
            && zone[3] == b':'
            && digits(4..6))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// `1:30`, `-10:59:59.5`
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut count = 0;
    let sixtieths = parts.all(|part| {
        count += 1;
        matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    sixtieths
        && count > 0
        && first.starts_with(|c: char| c.is_ascii_digit())
        && plain(first)
        && plain(fraction)
}

/// The number that a plain scalar is.
fn number(text: &str) -> Option<Number> {
    let mut characters = text.chars();
    let first = characters.next()?;
    let starts_as_number = match first {
        '0'..='9' | '+' | '-' => true,
        '.' => characters
            .next()
            .is_some_and(|second| second.is_ascii_digit()),
        _ => false,
    };
    if !starts_as_number {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(&digits))
}

/// An integer with Go's prefixes: 0x, 0o, 0b, and a bare 0 for octal.
fn integer(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&unsigned[2..], 16),
        [b'0', b'o' | b'O', ..] => (&unsigned[2..], 8),
        [b'0', b'b' | b'B', ..] => (&unsigned[2..], 2),
        [b'0', _, ..] => (&unsigned[1..], 8),
        _ => (unsigned, 10),
    };
    // The standard parser would take another sign.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if text.starts_with('-') {
        let digits = format!("-{digits}");
        return i64::from_str_radix(&digits, radix).ok().map(Number::from);
    }
    u64::from_str_radix(digits, radix).ok().map(Number::from)
}

/// A finite decimal float; a whole one becomes an integer where that fits, which
/// is how it reaches Kubernetes from kubectl.
fn float(text: &str) -> Option<Number> {
    // The standard parser also knows words.
    if !text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return None;
    }
    let float: f64 = text.parse().ok()?;
    if let Ok(whole) = float.to_string().parse::<i64>() {
        return Some(Number::from(whole));
    }
    Number::from_f64(float)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_mean_what_kubectl_reads() {
        let table = [
            (
                &[
                    "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "TRUE",
                ][..],
                json!(true),
            ),
            (&["n", "N", "no", "off", "OFF", "false"], json!(false)),
            (&["", "~", "null", "Null", "NULL"], json!(null)),
            (&["010", "0o10"], json!(8)),
            (&["09"], json!(9)),
            (&["0x1F", "0X1F"], json!(31)),
            (&["0b101"], json!(5)),
            (&["-0b11"], json!(-3)),
            (&["1_000", "1__000", "1e3", "1e+3", "1_000.0"], json!(1000)),
            (&["1", "+1", "1.0", "1."], json!(1)),
            (&["-1"], json!(-1)),
            (&["+0x10"], json!(16)),
            (&["0", "00", "-0", "+0"], json!(0)),
            (&["0_7"], json!(7)),
            (&["0b1_0"], json!(2)),
            (
                &["18446744073709551615", "0xFFFFFFFFFFFFFFFF"],
                json!(u64::MAX),
            ),
            (
                &["18446744073709551616"],
                json!(18_446_744_073_709_552_000_f64),
            ),
            (&["-9223372036854775808"], json!(i64::MIN)),
            (&["1.5"], json!(1.5)),
            (&[".5", "+.5"], json!(0.5)),
            (&["-.5"], json!(-0.5)),
            (&[".5e1"], json!(5)),
            (&[".1_0"], json!(0.1)),
            (&["1_0.5"], json!(10.5)),
        ];
        for (texts, expected) in table {
            for text in texts {
                assert_eq!(plain(Cow::from(*text)), Ok(expected.clone()), "{text:?}");
            }
        }
    }

    #[test]
    fn everything_else_is_text() {
        let texts = [
            "yEs",
            "tRUE",
            "nUll",
            "0o18",
            "0xg",
            "0x",
            "0x-5",
            "--5",
            "+-5",
            "._5",
            "_1",
            "-",
            "+",
            ".",
            "1e400",
            "1e",
            "e1",
            "infinity",
            "+inf",
            "-nan",
            ".infinity",
            "2001-12-14",
            "2001-12-14t21:59:43.10-05:00",
            "12:30:45",
            "190:20:30",
            "1.2.3",
            "0x1p4",
            "=",
        ];
        for text in texts {
            assert_eq!(plain(Cow::from(text)), Ok(json!(text)), "{text:?}");
        }
    }
}
