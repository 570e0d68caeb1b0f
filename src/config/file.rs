//! The file of settings: one YAML mapping with the names of the table. Pure but
//! for [`read`].

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::kind::Kind;
use super::layers::{Given, Layer, Source};
use super::mistake::{Mistake, nearest, quoted};
use super::table::{Key, SETTINGS, Setting};
use crate::yaml;

const MOST: u64 = 1024 * 1024;

/// The settings of a file; `named_by` is what asked for it.
pub(super) fn read(path: &str, named_by: &Source) -> Layer {
    match open(Path::new(path)) {
        Ok((text, mode)) => {
            let mut layer = parse(path, &text);
            layer.warnings.extend(exposed(path, mode, &layer));
            layer
        }
        Err(error) => {
            let mut layer = Layer::default();
            let problem = format!("cannot read {}: {error}", quoted(path));
            layer.mistake(named_by, problem, "give a readable file");
            layer
        }
    }
}

fn open(path: &Path) -> io::Result<(String, u32)> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut text = String::new();
    let read = file.by_ref().take(MOST + 1).read_to_string(&mut text)?;
    if read as u64 > MOST {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok((text, mode))
}

fn parse(path: &str, text: &str) -> Layer {
    let mut layer = Layer::default();
    let mut documents = match yaml::parse(text) {
        Ok(documents) => documents,
        Err(error) => {
            layer.mistake(path, error.to_string(), "correct the YAML there");
            return layer;
        }
    };
    match (documents.pop(), documents.is_empty()) {
        (None | Some(Value::Null), true) => {}
        (Some(Value::Object(settings)), true) => {
            for (name, value) in &settings {
                entry(&mut layer, (path, text), name, value);
            }
        }
        _ => layer.mistake(
            path,
            "is not one mapping",
            "write one \"name: value\" a line",
        ),
    }
    layer
}

fn entry(layer: &mut Layer, (path, text): (&str, &str), name: &str, value: &Value) {
    let known = || SETTINGS.iter().filter(|setting| setting.key != Key::Config);
    let Some(setting) = known().find(|setting| setting.name == name) else {
        let remedy = match nearest(name, known().map(|setting| setting.name)) {
            Some(near) => format!("did you mean {near}?"),
            None => "see the reference page, docs/configuration.md".to_owned(),
        };
        let line = line_of(text, name).map_or(String::new(), |line| format!(" (line {line})"));
        let problem = format!("{} is no setting", quoted(name));
        layer
            .mistakes
            .push(Mistake::new(format!("{path}{line}"), problem, remedy));
        return;
    };
    let source = Source::File {
        path: path.to_owned(),
        name: setting.name,
        line: line_of(text, setting.name),
    };
    match value_text(setting, value) {
        Ok(Some(text)) => {
            layer.values.insert(setting.key, Given::new(text, source));
        }
        Ok(None) => {}
        Err((problem, remedy)) => layer.mistake(source, problem, remedy),
    }
}

/// A value as the other sources would give it; none when it is null. Numbers and
/// truths are taken only where one is meant: 0123 in YAML is 83, and `on` is true.
fn value_text(
    setting: &Setting,
    value: &Value,
) -> Result<Option<String>, (&'static str, &'static str)> {
    let separator = match setting.kind {
        Kind::Addresses => Some(","),
        Kind::Files => Some(":"),
        _ => None,
    };
    match (value, setting.kind) {
        (Value::Null, _) => Ok(None),
        (Value::String(text), _) if text.is_empty() => Ok(None),
        (Value::String(text), _) => Ok(Some(text.clone())),
        (Value::Number(number), Kind::Port | Kind::Duration | Kind::Size) => {
            Ok(Some(number.to_string()))
        }
        (Value::Bool(truth), Kind::Switch) => Ok(Some(truth.to_string())),
        (Value::Number(_), _) => Err(("YAML reads the value as a number", "put it in quotes")),
        (Value::Bool(_), _) => Err(("YAML reads the value as true or false", "put it in quotes")),
        (Value::Array(items), _) if separator.is_some() => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            let texts =
                texts.ok_or(("the list holds more than text", "put each item in quotes"))?;
            Ok(Some(texts.join(separator.unwrap_or_default())))
        }
        _ => Err(("the value is a list or mapping", "give a single value")),
    }
}

/// The line that starts with the key, counted from 1. In a file of another style,
/// JSON for instance, there may be none.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let starts = |line: &str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    text.lines().position(starts).map(|index| index + 1)
}

fn exposed(path: &str, mode: u32, layer: &Layer) -> Option<String> {
    let has_secret = layer
        .values
        .iter()
        .any(|(key, _)| key.setting().kind == Kind::Secret);
    (has_secret && mode & 0o077 != 0)
        .then(|| format!("{path} holds a secret and others may read it; chmod 600 {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        parse("a.yaml", text)
            .mistakes
            .iter()
            .map(Mistake::to_string)
            .collect()
    }

    #[test]
    fn values_come_with_their_line() {
        let layer = parse(
            "a.yaml",
            "# settings\nport: 1\nheartbeat_interval: 5m\nlisten:\n- 127.0.0.1\n- ::1\n\
             kubeconfig: [/a, /b]\nallow_plain_http: yes\ntoken: \"12\"\ncontext:\nagent_id: ''\n",
        );
        assert!(layer.mistakes.is_empty(), "{:?}", layer.mistakes);
        let given: Vec<String> = layer
            .values
            .iter()
            .map(|(_, given)| format!("{}={}", given.source, given.text))
            .collect();
        assert_eq!(
            given,
            [
                "a.yaml: token (line 9)=12",
                "a.yaml: heartbeat_interval (line 3)=5m",
                "a.yaml: allow_plain_http (line 8)=true",
                "a.yaml: kubeconfig (line 7)=/a:/b",
                "a.yaml: listen (line 4)=127.0.0.1,::1",
                "a.yaml: port (line 2)=1",
            ]
        );
    }

    #[test]
    fn json_is_read_too() {
        let layer = parse("a.json", "{\"port\": 1}");
        assert_eq!(
            layer.values.get(&Key::Port).unwrap().source.to_string(),
            "a.json: port"
        );
    }

    #[test]
    fn nothing_is_no_mistake() {
        for text in ["", "# nothing\n", "---\n", "{}"] {
            assert!(mistakes(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn mistakes_have_place_and_remedy_and_no_value() {
        let table = [
            (
                "prot: hunter2\n",
                "a.yaml (line 1): \"prot\" is no setting; did you mean port?",
            ),
            (
                "\nconfig: hunter2\n",
                "a.yaml (line 2): \"config\" is no setting; see the reference page, docs/configuration.md",
            ),
            (
                "token: 0123\n",
                "a.yaml: token (line 1): YAML reads the value as a number; put it in quotes",
            ),
            (
                "cluster_name: on\n",
                "a.yaml: cluster_name (line 1): YAML reads the value as true or false; put it in quotes",
            ),
            (
                "listen: [1]\n",
                "a.yaml: listen (line 1): the list holds more than text; put each item in quotes",
            ),
            (
                "token: [hunter2]\n",
                "a.yaml: token (line 1): the value is a list or mapping; give a single value",
            ),
            (
                "- hunter2\n",
                "a.yaml: is not one mapping; write one \"name: value\" a line",
            ),
            (
                "hunter2",
                "a.yaml: is not one mapping; write one \"name: value\" a line",
            ),
            (
                "port: 1\n---\nport: 2\n",
                "a.yaml: is not one mapping; write one \"name: value\" a line",
            ),
            ("token: \"hunter2\nport: 1", "a.yaml: line 1, column 8: "),
            (
                "port: 1\nport: 2",
                "a.yaml: line 2, column 1: this key stands twice in its mapping; correct the YAML there",
            ),
        ];
        for (text, expected) in table {
            let found = mistakes(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(expected), "{found:?}");
            assert!(!found[0].contains("hunter2"), "{found:?}");
        }
    }

    #[test]
    fn all_mistakes_of_a_file_are_told() {
        assert_eq!(mistakes("prot: 1\nlistn: 2\ntoken: 3\n").len(), 3);
    }

    #[test]
    fn a_readable_secret_is_warned_of() {
        let secret = parse("a.yaml", "token: abc");
        assert!(exposed("a.yaml", 0o100_644, &secret).is_some());
        assert!(exposed("a.yaml", 0o100_600, &secret).is_none());
        let plain = parse("a.yaml", "port: 1");
        assert!(exposed("a.yaml", 0o100_644, &plain).is_none());
    }
}
