//! Writes JSON values as YAML, byte for byte as kubectl does (sigs.k8s.io/yaml).
//!
//! Keys are sorted the natural way (`a2` before `a10`), lists start below their key
//! without indentation, long lines are folded at a space behind column 80, and quotes
//! stand only where plain text would mean something else.

use std::cmp::Ordering;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::scalar;

/// Behind this column a line is folded at the next space.
const WIDTH: usize = 80;
/// A longer key needs a mark of its own.
const SIMPLE_KEY: usize = 128;

/// The text of one document, with a line feed at the end.
pub fn to_string(value: &Value) -> String {
    let mut writer = Writer::default();
    writer.node(value, Place::Top);
    if !writer.out.ends_with('\n') {
        writer.out.push('\n');
    }
    writer.out
}

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    /// `key:`, in a mapping that starts at this column.
    Key(usize),
    /// `-`, in a list that starts at this column.
    Item(usize),
}

impl Place {
    /// Where a mapping starts.
    fn mapping(self) -> usize {
        match self {
            Self::Top => 0,
            Self::Key(column) | Self::Item(column) => column + 2,
        }
    }

    /// Where a list starts.
    fn list(self) -> usize {
        match self {
            Self::Top => 0,
            Self::Key(column) => column,
            Self::Item(column) => column + 2,
        }
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Characters of the line so far.
    column: usize,
}

impl Writer {
    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let column = place.mapping();
                for (index, key) in sorted(map).into_iter().enumerate() {
                    self.begin(column, index == 0, place);
                    self.key(key, column);
                    self.node(&map[key], Place::Key(column));
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let column = place.list();
                for (index, item) in items.iter().enumerate() {
                    self.begin(column, index == 0, place);
                    self.put("-");
                    self.node(item, Place::Item(column));
                }
            }
            _ => self.scalar(value, place),
        }
    }

    /// Starts an entry; the first one behind `-` stays on its line.
    fn begin(&mut self, column: usize, is_first: bool, place: Place) {
        match place {
            Place::Item(_) if is_first => self.put(" "),
            Place::Top if is_first => {}
            _ => self.line(column),
        }
    }

    fn key(&mut self, key: &str, column: usize) {
        let is_simple = key.len() <= SIMPLE_KEY && !key.contains('\n');
        if !is_simple {
            self.put("? ");
        }
        match style(key) {
            Style::Plain if !key.is_empty() => self.put(key),
            Style::Plain | Style::Single => self.single(key, None),
            Style::Literal | Style::Double => self.double(key, None),
        }
        if !is_simple {
            self.line(column);
        }
        self.put(":");
    }

    fn scalar(&mut self, value: &Value, place: Place) {
        if place != Place::Top {
            self.put(" ");
        }
        let indent = place.mapping().max(2);
        match value {
            Value::String(text) => match style(text) {
                Style::Plain => self.folded(text, Some(indent), 0, "", ""),
                Style::Single => self.single(text, Some(indent)),
                Style::Double => self.double(text, Some(indent)),
                Style::Literal => self.literal(text, indent),
            },
            Value::Array(_) => self.put("[]"),
            Value::Object(_) => self.put("{}"),
            Value::Number(number) if number.is_f64() => {
                self.put(&float(number.as_f64().unwrap_or_default()));
            }
            _ => self.put(&value.to_string()),
        }
    }

    fn single(&mut self, text: &str, indent: Option<usize>) {
        self.folded(&text.replace('\'', "''"), indent, 1, "'", "'");
    }

    /// Text whose lines may be folded at a single space; the first and last `margin`
    /// characters stay.
    fn folded(&mut self, text: &str, indent: Option<usize>, margin: usize, open: &str, end: &str) {
        self.put(open);
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            let inside = at >= margin && at + margin < text.len();
            let alone = !after_space && !text[at + c.len_utf8()..].starts_with(' ');
            match indent.filter(|_| c == ' ' && self.column > WIDTH && inside && alone) {
                Some(indent) => self.line(indent),
                None => self.char(c),
            }
            after_space = c == ' ';
        }
        self.put(end);
    }

    fn double(&mut self, text: &str, indent: Option<usize>) {
        self.put("\"");
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            if !is_printable(c) || matches!(c, '\n' | '"' | '\\') {
                self.escaped(c);
                after_space = false;
                continue;
            }
            let inside = at > 0 && at + 1 < text.len();
            match indent.filter(|_| c == ' ' && self.column > WIDTH && inside && !after_space) {
                Some(indent) => {
                    self.line(indent);
                    if text[at + 1..].starts_with(' ') {
                        self.put("\\");
                    }
                }
                None => self.char(c),
            }
            after_space = c == ' ';
        }
        self.put("\"");
    }

    fn escaped(&mut self, c: char) {
        let letter = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' | '\\' => c,
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let text = match code {
                    ..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return self.put(&text);
            }
        };
        self.char('\\');
        self.char(letter);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put("2");
        }
        if !text.ends_with('\n') {
            self.put("-");
        } else if text == "\n" || text.ends_with("\n\n") {
            self.put("+");
        }
        self.out.push('\n');
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                let _ = write!(self.out, "{:indent$}", "");
            }
            self.out.push_str(line);
        }
        self.column = if text.ends_with('\n') { 0 } else { 1 };
    }

    /// A new line that starts at this column, unless the last one has just ended.
    fn line(&mut self, column: usize) {
        if !self.out.ends_with('\n') || self.column > 0 {
            self.out.push('\n');
        }
        let _ = write!(self.out, "{:column$}", "");
        self.column = column;
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn char(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

fn style(text: &str) -> Style {
    let special = text.chars().any(|c| !is_printable(c)) || text.contains(" \n");
    if text.contains('\n') {
        return if special || text.ends_with(' ') {
            Style::Double
        } else {
            Style::Literal
        };
    }
    if special || scalar::means_more(text) {
        return Style::Double;
    }
    let is_indicated = text.starts_with("---")
        || text.starts_with("...")
        || text.starts_with([
            '#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`',
        ])
        || ["?", "-", ":"].contains(&text)
        || ["? ", "- "].iter().any(|mark| text.starts_with(mark))
        || text.contains(": ")
        || text.ends_with(':')
        || text.contains(" #");
    if is_indicated || text.starts_with(' ') || text.ends_with(' ') {
        Style::Single
    } else {
        Style::Plain
    }
}

/// What needs no escape; nothing beyond 16 bits is.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && !matches!(c, '\u{feff}')
}

/// The shortest digits, with an exponent from 1e6 on as Go has it.
fn float(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value == 0.0 || (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// By insertion: what comes is nearly in order, and the order has circles, which the
/// standard sort may refuse.
fn sorted(map: &Map<String, Value>) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::with_capacity(map.len());
    for key in map.keys() {
        let behind = keys
            .iter()
            .rev()
            .take_while(|known| natural(key, known).is_lt())
            .count();
        keys.insert(keys.len() - behind, key);
    }
    keys
}

/// Letters by their code, numbers by their value, and other characters before letters.
fn natural(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let differ = left.iter().zip(&right).position(|(a, b)| a != b);
    let Some(at) = differ else {
        return left.len().cmp(&right.len());
    };
    let (x, y) = (left[at], right[at]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Digits that both have before count as a start other than zero.
    let before = left[..at].iter().rev().take_while(|c| c.is_numeric());
    let is_begun = (x == '0' || y == '0') && before.into_iter().any(|c| *c != '0');
    let number = |text: &[char]| {
        let digits = text[at..].iter().map_while(|c| c.to_digit(10));
        let start = u64::from(is_begun);
        digits.fold((start, 0), |(value, count), digit| {
            (value.wrapping_mul(10).wrapping_add(digit.into()), count + 1)
        })
    };
    number(&left).cmp(&number(&right)).then(x.cmp(&y))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::yaml;

    #[test]
    fn collections_are_nested_as_kubectl_does() {
        let value = json!({
            "b": [{"x": 1, "y": [true, null]}, [[1], {}], "s"],
            "a": {"c": {"d": []}},
        });
        let expected = "\
a:
  c:
    d: []
b:
- x: 1
  \"y\":
  - true
  - null
- - - 1
  - {}
- s
";
        assert_eq!(to_string(&value), expected);
    }

    #[test]
    fn quotes_stand_where_plain_text_means_something_else() {
        for (text, expected) in [
            ("plain text", "plain text"),
            ("", "\"\""),
            ("yes", "\"yes\""),
            ("1", "\"1\""),
            ("0x1f", "\"0x1f\""),
            ("1e3", "\"1e3\""),
            ("1e999", "1e999"),
            ("10:20", "\"10:20\""),
            ("10.0.0.1", "10.0.0.1"),
            ("2026-11-26T06:00:00Z", "\"2026-11-26T06:00:00Z\""),
            ("2026-13-26", "2026-13-26"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("it's", "it's"),
            ("'", "''''"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("a #b", "'a #b'"),
            (" a", "' a'"),
            ("a\tb", "\"a\\tb\""),
            ("\u{1f600}", "\"\\U0001F600\""),
            ("\u{e9}", "\u{e9}"),
            ("*", "'*'"),
            ("a\nb", "|-\n  a\n  b"),
            ("a\n\nb\n", "|\n  a\n\n  b"),
            (" a\n", "|2\n   a"),
            ("a\n\n", "|+\n  a\n"),
            ("a \nb", "\"a \\nb\""),
        ] {
            assert_eq!(
                to_string(&json!({ "k": text })),
                format!("k: {expected}\n"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn long_lines_are_folded_at_a_space() {
        let text = format!("{} b  c d", "a".repeat(80));
        let folded = format!("k: {}\n  b  c\n  d\n", "a".repeat(80));
        // The line is too long from its start, but the second one is not.
        assert_eq!(
            to_string(&json!({ "k": text })),
            folded.replace("\n  d\n", " d\n")
        );
        let quoted = format!("{}: b", "a".repeat(90));
        let expected = format!("k: '{}:\n  b'\n", "a".repeat(90));
        assert_eq!(to_string(&json!({ "k": quoted })), expected);
    }

    #[test]
    fn keys_are_sorted_the_natural_way() {
        let keys = ["a10", "a2", "b", "a.b", "a-b", "ab", "a", "A", "x01", "x1"];
        let map = keys
            .iter()
            .map(|key| ((*key).to_owned(), json!(1)))
            .collect();
        let expected = ["A", "a", "a-b", "a.b", "a2", "a10", "ab", "b", "x1", "x01"];
        assert_eq!(sorted(&map), expected);
        // No order fits these three; any will do.
        let odd = json!({"a1b": 1, "a2": 1, "a10": 1});
        assert_eq!(sorted(odd.as_object().unwrap()).len(), 3);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            key in "[a-z0-9:.\u{e9}]{1,6}",
            text in "[ab1:#\\-\\[\\]{}&*!|>'\"%@`?,~<= \n\t\u{e9}\u{1f600}]{0,40}",
            words in "[a-z]{1,9}( {1,2}[a-z']{1,9}){0,40}",
        ) {
            let value = json!({ key: [{"x": text}, words], "list": [[], {}, 1.5] });
            let written = to_string(&value);
            prop_assert_eq!(yaml::parse(&written), Ok(vec![value]), "{}", written);
        }
    }
}
