//! `kubectl config`: the kubeconfig files of this machine.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::Cluster;
use super::failure::Failure;
use super::flags::{Kind, flag, switch, text};
use super::print::format::Writer;
use super::print::{Format, object};
use super::server::no_words;
use super::session::Session;
use super::verbs::Verb;
use crate::yaml;

pub(super) const VIEW: Verb = Verb {
    name: "config view",
    aliases: &[],
    usage: "",
    about: "Display merged kubeconfig settings or a specified kubeconfig file",
    flags: &[&[
        flag("output", "o", Kind::Text, "yaml"),
        text("template", ""),
        switch("raw", ""),
        switch("minify", ""),
        flag("allow-missing-template-keys", "", Kind::Switch, "true"),
    ]],
    local: true,
    run: view,
};

pub(super) const CURRENT_CONTEXT: Verb = Verb {
    name: "config current-context",
    aliases: &[],
    usage: "",
    about: "Display the current-context",
    flags: &[],
    local: true,
    run: current_context,
};

pub(super) const USE_CONTEXT: Verb = Verb {
    name: "config use-context",
    aliases: &["config use"],
    usage: "CONTEXT_NAME",
    about: "Set the current-context in a kubeconfig file",
    flags: &[],
    local: true,
    run: use_context,
};

/// Lists of named things, and what is in each.
const LISTS: [(&str, &str); 3] = [
    ("clusters", "cluster"),
    ("contexts", "context"),
    ("users", "user"),
];

/// What is not for every eye, and what stands in its place.
const SECRETS: [(&str, &str); 5] = [
    ("certificate-authority-data", "DATA+OMITTED"),
    ("client-certificate-data", "DATA+OMITTED"),
    ("client-key-data", "DATA+OMITTED"),
    ("token", "REDACTED"),
    ("password", "REDACTED"),
];

fn view(session: &mut Session<'_>) -> Result<(), Failure> {
    no_words(session)?;
    let formats = ["json", "jsonpath", "jsonpath-as-json", "name", "yaml"];
    let format = Format::of(session, &formats)?.unwrap_or(Format::Yaml);
    let mut config = merged(session)?;
    if session.flags.on("minify") {
        minify(&mut config, session.flags.text("context"))?;
    }
    if !session.flags.on("raw") {
        for (list, item) in LISTS {
            for entry in config[list].as_array_mut().into_iter().flatten() {
                redact(&mut entry[item]);
            }
        }
    }
    Writer::new(session.io.stdout, format, false).object(config)
}

fn redact(item: &mut Value) {
    for (key, instead) in SECRETS {
        if let Some(value) = item.get_mut(key).filter(|value| **value != "") {
            *value = instead.into();
        }
    }
}

fn minify(config: &mut Value, context: &str) -> Result<(), Failure> {
    if !context.is_empty() {
        config["current-context"] = context.into();
    }
    let current = config["current-context"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if current.is_empty() {
        let problem = "current-context must exist in order to minify";
        return Err(Failure::new(problem));
    }
    keep(config, "contexts", &current)
        .map_err(|()| Failure::new(format!("cannot locate context {current}")))?;
    let context = config["contexts"][0]["context"].clone();
    for (list, item) in [("clusters", "cluster"), ("users", "user")] {
        let name = context[item].as_str().unwrap_or_default();
        keep(config, list, name)
            .map_err(|()| Failure::new(format!("cannot locate {item} {name}")))?;
    }
    Ok(())
}

/// Keeps the one of that name.
fn keep(config: &mut Value, list: &str, name: &str) -> Result<(), ()> {
    let entries = config[list].as_array().cloned().unwrap_or_default();
    let one = entries.into_iter().find(|entry| entry["name"] == name);
    config[list] = Value::Array(vec![one.ok_or(())?]);
    Ok(())
}

fn current_context(session: &mut Session<'_>) -> Result<(), Failure> {
    let config = merged(session)?;
    match config["current-context"].as_str() {
        Some(name) if !name.is_empty() => Ok(writeln!(session.out(), "{name}")?),
        _ => Err(Failure::new("current-context is not set")),
    }
}

fn use_context(session: &mut Session<'_>) -> Result<(), Failure> {
    let [name] = session.words.as_slice() else {
        let words = session.words.join(" ");
        return Err(Failure::new(format!("Unexpected args: [{words}]")));
    };
    let name = name.clone();
    let config = merged(session)?;
    let contexts = config["contexts"].as_array().into_iter().flatten();
    if !contexts
        .into_iter()
        .any(|context| context["name"] == name.as_str())
    {
        return Err(Failure::new(format!(
            "no context exists with the name: {name:?}"
        )));
    }
    let files = files(session);
    // The file that has a current context, else the first.
    let has = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.starts_with(CURRENT))
    };
    let file = files.iter().find(|file| has(file)).or(files.first());
    let file = file.ok_or_else(|| Failure::new("there is no kubeconfig"))?;
    // The file itself where a link leads to it.
    let file = fs::canonicalize(file)?;
    let text = fs::read_to_string(&file)?;
    let permissions = fs::metadata(&file)?.permissions();
    // Beside the old one, so that there is always a whole file; nobody else may read it meanwhile.
    let new = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(&new)?
        .write_all(with_current(&text, &name).as_bytes())?;
    fs::set_permissions(&new, permissions)?;
    fs::rename(&new, &file)?;
    Ok(writeln!(session.out(), "Switched to context {name:?}.")?)
}

const CURRENT: &str = "current-context:";

/// Everything else stays as it was written.
fn with_current(text: &str, name: &str) -> String {
    let quoted = yaml::to_string(&object(vec![("current-context", name.into())]));
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with(CURRENT))
        .collect();
    let at = text
        .lines()
        .position(|line| line.starts_with(CURRENT))
        .unwrap_or(lines.len());
    lines.insert(at, quoted.trim_end());
    lines.join("\n") + "\n"
}

fn files(session: &Session<'_>) -> Vec<PathBuf> {
    let Cluster::Found(options) = &session.context.cluster else {
        return Vec::new();
    };
    match session.flags.text("kubeconfig") {
        "" if options.kubeconfig.is_empty() => options
            .home
            .iter()
            .map(|home| home.join(".kube/config"))
            .collect(),
        "" => options.kubeconfig.clone(),
        file => vec![file.into()],
    }
}

/// All files together: of things with the same name the first counts.
fn merged(session: &Session<'_>) -> Result<Value, Failure> {
    let mut all: Vec<Map<String, Value>> = vec![Map::new(); LISTS.len()];
    let mut current = String::new();
    for file in files(session) {
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            text => text?,
        };
        let shown = file.display();
        let documents = yaml::parse(&text).map_err(|error| {
            Failure::new(format!("error loading config file \"{shown}\": {error}"))
        })?;
        let config = documents.first().unwrap_or(&Value::Null);
        if current.is_empty() {
            current = config["current-context"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
        for ((list, item), known) in LISTS.iter().zip(&mut all) {
            add(&config[list], item, known);
        }
    }
    let mut config = object(vec![
        ("apiVersion", "v1".into()),
        ("kind", "Config".into()),
        ("current-context", current.into()),
    ]);
    for ((list, item), known) in LISTS.iter().zip(all) {
        let entry = |(name, content)| object(vec![("name", Value::String(name)), (*item, content)]);
        let entries: Vec<_> = known.into_iter().map(entry).collect();
        config[list] = if entries.is_empty() {
            Value::Null
        } else {
            entries.into()
        };
    }
    Ok(config)
}

/// Takes in what has a new name.
fn add(list: &Value, item: &str, known: &mut Map<String, Value>) {
    for entry in list.as_array().into_iter().flatten() {
        let name = entry["name"].as_str().unwrap_or_default();
        let content = match &entry[item] {
            Value::Null => object(Vec::new()),
            content => content.clone(),
        };
        known.entry(name).or_insert(content);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_current_context_is_set_and_the_rest_stays() {
        let text = "# mine\nkind: Config\ncurrent-context: a\nusers: []\n";
        let expected = "# mine\nkind: Config\ncurrent-context: \"1\"\nusers: []\n";
        assert_eq!(with_current(text, "1"), expected);
        assert_eq!(
            with_current("kind: Config", "b"),
            "kind: Config\ncurrent-context: b\n"
        );
    }

    #[test]
    fn only_what_the_context_needs_is_kept() {
        let mut config = json!({
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}, {"name": "b"}],
            "clusters": [{"name": "x"}, {"name": "c"}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        });
        minify(&mut config, "").unwrap();
        assert_eq!(config["clusters"], json!([{"name": "c"}]));
        assert_eq!(config["contexts"].as_array().unwrap().len(), 1);
        let failure = minify(&mut config, "nope").unwrap_err();
        assert_eq!(failure.text(), "error: cannot locate context nope\n");
        redact(&mut config["users"][0]["user"]);
        assert_eq!(config["users"][0]["user"], json!({"token": "REDACTED"}));
    }
}
