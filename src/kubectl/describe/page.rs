//! A description as it is written: forms, which are data, filled in from an object.
//!
//! A form is lines. The first character of a line says what it does; `PATH` is dotted,
//! seen from where the form is applied, or from the whole object if it starts with `$.`:
//!
//! | line | what it writes |
//! |---|---|
//! | `:SPEC TITLE` | `TITLE:` and the value |
//! | `+SPEC TITLE` | the same, if there is a value |
//! | `?PATH LINE`, `!PATH LINE` | the other line, if there is a value, or none |
//! | `&PATH LINE` | the other line, if the field is there, even if it is empty |
//! | `*PATH LINE` | the other line for each item; `*PATH^KEY,KEY` sorts them |
//! | `.PATH LINE` | the other line, seen from there |
//! | `~PATH TITLE\|TEXT` | a title, and the text of each item on a line, or `<none>` |
//! | `>NAME` | the form of that name |
//! | `@NAME REST` | what [`super::parts`] has of that name |
//! | anything else | itself, with each `{SPEC}` filled in |
//!
//! A `SPEC` is `PATH`, `PATH:F` with a letter of [`values::shown`], `PATH=DEFAULT`, or
//! `PATH/TEXT` for a text that is there with the value, which is `%` in it. In an item
//! of a map `k` is its key and `v` its value; in one of a list `k` is its number. `{^}` and `{-}` are the two blanks and the
//! one by which a template is further in.

use std::iter::repeat;

use serde_json::Value;

use super::values::{self, present};
use super::{forms, parts};

/// Of items of lists; more are never shown with one.
const NUMBERS: &str = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19";

/// One description.
pub(super) struct Page<'a> {
    /// The whole object.
    pub(super) root: &'a Value,
    /// Within a template.
    pub(super) nested: bool,
    pub(super) text: String,
}

/// Where a form is applied.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// In a map.
    pub(super) key: &'a str,
    pub(super) value: &'a Value,
}

impl<'a> From<&'a Value> for Place<'a> {
    fn from(value: &'a Value) -> Self {
        Self { key: "", value }
    }
}

impl<'a> Place<'a> {
    /// What is at a path; null if nothing is.
    pub(super) fn get(&self, path: &str) -> &'a Value {
        match path {
            "v" => self.value,
            _ => at(self.value, path),
        }
    }

    /// Each item, in the order of some of its fields if the path names them.
    fn children(&self, path: &str, root: &'a Value) -> Vec<Place<'a>> {
        let (path, keys) = path.split_once('^').unwrap_or((path, ""));
        let value = match path.strip_prefix("$.") {
            Some(path) => at(root, path),
            None => self.get(path),
        };
        if let Value::Object(map) = value {
            let place = |(key, value): (&'a String, &'a Value)| Place { key, value };
            return map.iter().map(place).collect();
        }
        let numbered = values::items(value)
            .iter()
            .zip(NUMBERS.split(' ').chain(repeat("")));
        let place = |(value, key): (&'a Value, &'static str)| Place { key, value };
        let items: Vec<_> = numbered.map(place).collect();
        if keys.is_empty() {
            return items;
        }
        let key = |place: &Place<'_>| {
            let fields = keys.split(',').map(|key| values::text(place.get(key)));
            fields.collect::<Vec<_>>().join(",")
        };
        crate::kubectl::sort::by(items, &key)
    }
}

/// What is at a dotted path; the empty one is the value itself.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    let keys = path.split('.').filter(|key| !key.is_empty());
    keys.fold(value, |value, key| {
        match value {
            Value::Array(items) => key.parse().ok().and_then(|at: usize| items.get(at)),
            value => value.get(key),
        }
        .unwrap_or(&Value::Null)
    })
}

impl<'a> Page<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self {
            root,
            nested: false,
            text: String::new(),
        }
    }

    /// Writes the form of that name.
    pub(super) fn form(&mut self, name: &str, place: Place<'_>) {
        self.lines(forms::named(name), place);
    }

    pub(super) fn lines(&mut self, form: &str, place: Place<'_>) {
        for line in form.lines() {
            self.line(line, place);
        }
    }

    pub(super) fn line(&mut self, line: &str, place: Place<'_>) {
        let Some(rest) = line.get(1..) else {
            return self.fill_line(line, place);
        };
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let applies = match line.as_bytes()[0] {
            b'>' => return self.form(rest, place),
            b'@' => return parts::write(self, word, after, place),
            b':' => return self.titled(word, after, place),
            b'+' if present(self.get(path_of(word), place)) => {
                return self.titled(word, after, place);
            }
            b'+' => return,
            b'.' => return self.line(after, Place::from(self.get(word, place))),
            b'*' => return self.each(word, after, place),
            b'~' => return self.listed(word, after, place),
            b'?' => present(self.get(word, place)),
            b'!' => !present(self.get(word, place)),
            b'&' => !self.get(word, place).is_null(),
            _ => return self.fill_line(line, place),
        };
        if applies {
            self.line(after, place);
        }
    }

    fn each(&mut self, path: &str, line: &str, place: Place<'_>) {
        for child in place.children(path, self.root) {
            self.line(line, child);
        }
    }

    fn listed(&mut self, path: &str, form: &str, place: Place<'_>) {
        let (title, item) = form.split_once('|').unwrap_or((form, ""));
        let children = place.children(path, self.root);
        let told = children.iter().map(|child| self.filled(item, *child));
        let told = told.collect();
        let title = self.filled(title, place);
        self.list(&title, told);
    }

    /// A title, and texts in lines of a column.
    pub(super) fn list(&mut self, title: &str, mut texts: Vec<String>) {
        if texts.is_empty() {
            texts.push("<none>".to_owned());
        }
        self.text.push_str(title);
        self.text.push(':');
        for text in texts {
            self.text.push('\t');
            self.text.push_str(&text);
            self.text.push('\n');
        }
    }

    pub(super) fn get<'v>(&self, path: &str, place: Place<'v>) -> &'v Value
    where
        'a: 'v,
    {
        match path.strip_prefix("$.") {
            Some(path) => at(self.root, path),
            None => place.get(path),
        }
    }

    fn titled(&mut self, spec: &str, title: &str, place: Place<'_>) {
        let value = self.spec(spec, place);
        self.text.push_str(title);
        self.text.push_str(":\t");
        self.text.push_str(&value);
        self.text.push('\n');
    }

    fn fill_line(&mut self, line: &str, place: Place<'_>) {
        let text = self.filled(line, place);
        self.text.push_str(&text);
        self.text.push('\n');
    }

    /// A text with its gaps filled.
    pub(super) fn filled(&self, text: &str, place: Place<'_>) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (spec, after) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(before);
            filled.push_str(&self.spec(spec, place));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    fn spec(&self, spec: &str, place: Place<'_>) -> String {
        match spec {
            "k" => return place.key.to_owned(),
            "^" | "-" => return self.further_in(spec).to_owned(),
            _ => {}
        }
        let path = path_of(spec);
        let mut rest = &spec[path.len()..];
        let mut form = ' ';
        if let Some(after) = rest.strip_prefix(':') {
            form = after.chars().next().unwrap_or(' ');
            rest = after.get(form.len_utf8()..).unwrap_or_default();
        }
        let value = self.get(path, place);
        if let Some(text) = rest.strip_prefix('/') {
            if value.is_null() || value == "" {
                return String::new();
            }
            return text.replace('%', &values::shown(value, form, self.root));
        }
        match rest.strip_prefix('=') {
            Some(default) if !present(value) => default.to_owned(),
            None if form == ' ' && value.is_null() => String::new(),
            _ => values::shown(value, form, self.root),
        }
    }

    fn further_in(&self, blanks: &str) -> &'static str {
        match blanks {
            _ if !self.nested => "",
            "^" => "  ",
            _ => " ",
        }
    }
}

/// A text with its gaps filled from a value.
pub(super) fn fill(text: &str, value: &Value) -> String {
    Page::new(value).filled(text, Place::from(value))
}

/// The path that a spec begins with.
fn path_of(spec: &str) -> &str {
    let end = spec.find([':', '=', '/']).unwrap_or(spec.len());
    &spec[..end]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_filled_in() {
        let object = json!({"name": "a", "none": "", "zero": 0, "map": {"k1": "x", "k2": "y"},
                            "list": [{"n": "2", "e": "b"}, {"n": "1", "e": "b"}], "in": {"deep": true}});
        for (line, expected) in [
            (":name Name", "Name:\ta\n"),
            (":none=<none> None", "None:\t<none>\n"),
            (":missing None", "None:\t\n"),
            ("+none None", ""),
            ("+zero Zero", "Zero:\t0\n"),
            ("?name is {name}", "is a\n"),
            ("!name is {name}", ""),
            ("!none ?zero   both", "  both\n"),
            ("*list {n}", "2\n1\n"),
            ("*list^e,n {n}", "1\n2\n"),
            ("*map {k}={v}", "k1=x\nk2=y\n"),
            ("*map {k} of {$.name}", "k1 of a\nk2 of a\n"),
            ("~map Map|{k}={v}", "Map:\tk1=x\n\tk2=y\n"),
            ("~missing Map|{k}", "Map:\t<none>\n"),
            (".in {deep}", "true\n"),
            ("a{none/ (%)}{name/ (%)}", "a (a)\n"),
            ("{in.deep:B=<unset>} {in.x:B=<unset>}", "True <unset>\n"),
            ("", "\n"),
            ("\u{e9}", "\u{e9}\n"),
        ] {
            let mut page = Page::new(&object);
            page.line(line, Place::from(&object));
            assert_eq!(page.text, expected, "{line}");
        }
    }

    #[test]
    fn templates_are_further_in() {
        let object = json!({});
        let mut page = Page::new(&object);
        assert_eq!(page.filled("{^}a{-}b", Place::from(&object)), "ab");
        page.nested = true;
        assert_eq!(page.filled("{^}a{-}b", Place::from(&object)), "  a b");
    }
}
