//! `kubectl set env`: the environment of containers.

use std::io::Read;

use serde_json::Value;

use super::{ALL, CONTAINERS, DRY_RUN, containers, each, found, resolve};
use crate::kubectl::amend::Amendment;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag, switch, text};
use crate::kubectl::pods::{field, name};
use crate::kubectl::print::object;
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{FILES, OUTPUT, SELECTOR, Verb};
use crate::yaml;

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "set env",
    aliases: &[],
    usage: "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N-",
    about: "Update environment variables on a pod template",
    flags: &[FILES, SELECTOR, DRY_RUN, OUTPUT, ALL, CONTAINERS, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    flag("env", "e", Kind::Each, ""),
    text("from", ""),
    flag("keys", "", Kind::List, ""),
    switch("list", ""),
    flag("overwrite", "", Kind::Switch, "true"),
    text("prefix", ""),
    switch("resolve", ""),
];

/// What is to be set and removed.
#[derive(Default)]
struct Changes {
    set: Vec<Value>,
    remove: Vec<String>,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let flags = &session.flags;
    if flags.on("all") && !flags.text("selector").is_empty() {
        return Err(Failure::new(
            "cannot set --all and --selector at the same time",
        ));
    }
    let (words, pairs) = split(&session.words)?;
    session.words = words;
    let mut amendment = Amendment::of(session, "env updated")?;
    amendment.failed = "failed to patch env update to pod template: ";
    check(session)?;
    let mut changes = Changes::default();
    let flags = &session.flags;
    let given = flags.all("env").into_iter().map(str::to_owned);
    let all: Vec<String> = given.chain(pairs.iter().cloned()).collect();
    changes.parse(session, &all)?;
    from(session, &mut changes)?;
    let prefix = session.flags.text("prefix").to_owned();
    for variable in &mut changes.set {
        variable["name"] = [&prefix, field(variable, "/name")].concat().into();
    }
    let found = found(session)?;
    each(
        session,
        &mut amendment,
        found,
        &mut |session, owner, pod| one(session, &changes, owner, pod),
    )
}

fn check(session: &Session<'_>) -> Result<(), Failure> {
    let flags = &session.flags;
    Err(Failure::new(
        if session.words.is_empty() && !flags.given("filename") {
            "one or more resources must be specified as <resource> <name> or <resource>/<name>"
        } else if flags.on("list") && !flags.text("output").is_empty() {
            "--list and --output may not be specified together"
        } else if flags.given("keys") && flags.text("from").is_empty() {
            "when specifying --keys, a configmap or secret must be provided with --from"
        } else {
            return Ok(());
        },
    ))
}

/// Words that name objects, and behind them what to change.
fn split(words: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let is_pair =
        |word: &String| word.ends_with('-') || word.find('=').is_some_and(|place| place > 0);
    let at = words.iter().position(is_pair).unwrap_or(words.len());
    let (resources, pairs) = words.split_at(at);
    if pairs.iter().all(is_pair) {
        return Ok((resources.to_vec(), pairs.to_vec()));
    }
    let words = words.join(" ");
    Err(Failure::new(format!(
        "all resources must be specified before environment changes: {words}"
    )))
}

/// Changes the containers of one pod, or shows what is in them.
fn one(
    session: &mut Session<'_>,
    changes: &Changes,
    owner: &Value,
    pod: &mut Value,
) -> Result<Vec<String>, Failure> {
    let pattern = session.flags.text("containers").to_owned();
    let meant = containers(pod, &pattern);
    let (kind, name) = (field(owner, "/kind"), name(owner));
    if meant.is_empty() {
        let warning =
            format!("Warning: {kind}/{name} does not have any containers matching {pattern:?}\n");
        session.io.stderr.write_all(warning.as_bytes())?;
    }
    for container in meant {
        let mut all = match container["env"].take() {
            Value::Array(all) => all,
            _ => Vec::new(),
        };
        if !session.flags.on("overwrite") {
            changes.overwrites(&all)?;
        }
        changes.make(&mut all);
        if session.flags.on("list") {
            let own = field(container, "/name");
            writeln!(session.out(), "# {kind} {name}, container {own}")?;
            resolve::list(session, owner, &all)?;
        }
        match (container.as_object_mut(), all.is_empty()) {
            (Some(container), true) => drop(container.remove("env")),
            _ => container["env"] = all.into(),
        }
    }
    Ok(Vec::new())
}

/// The variable of a name, with a value or a place to read it from.
fn variable(name: &str, key: &str, value: Value) -> Value {
    object(vec![("name", name.into()), (key, value)])
}

impl Changes {
    /// `KEY=VALUE`, `KEY-`, and `-` for more of them from standard input.
    fn parse(&mut self, session: &mut Session<'_>, pairs: &[String]) -> Result<(), Failure> {
        for pair in pairs {
            if pair == "-" {
                self.read(session)?;
            } else if let Some((name, value)) = pair.split_once('=') {
                valid(name)?;
                self.add(name, value);
            } else if let Some(name) = pair.strip_suffix('-') {
                self.remove.push(name.to_owned());
            } else {
                return Err(Failure::new(format!(
                    "unknown environment variable: {pair}"
                )));
            }
        }
        let is_set = |name: &String| self.set.iter().any(|one| one["name"] == name.as_str());
        if self.remove.iter().any(is_set) {
            return Err(Failure::new(
                "can not both modify and remove the same environment variable in the same command",
            ));
        }
        Ok(())
    }

    fn add(&mut self, name: &str, value: &str) {
        self.set.push(match value {
            "" => object(vec![("name", name.into())]),
            value => variable(name, "value", value.into()),
        });
    }

    fn read(&mut self, session: &mut Session<'_>) -> Result<(), Failure> {
        let mut text = String::new();
        let most = yaml::MAX_TEXT as u64;
        let stdin = session.io.stdin.by_ref();
        stdin.take(most).read_to_string(&mut text)?;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            if let Some((name, value)) = line.split_once('=') {
                self.add(name, value);
            }
        }
        Ok(())
    }

    /// Fails for what has another value already.
    fn overwrites(&self, all: &[Value]) -> Result<(), Failure> {
        for new in &self.set {
            let old = all.iter().find(|old| old["name"] == new["name"]);
            if let Some(old) = old.filter(|old| old["value"] != new["value"]) {
                let (name, value) = (field(old, "/name"), field(old, "/value"));
                return Err(Failure::new(format!(
                    "'{name}' already has a value ({value}), and --overwrite is false"
                )));
            }
        }
        Ok(())
    }

    /// What is there stays where it is, what is new comes last.
    fn make(&self, all: &mut Vec<Value>) {
        all.retain(|old| !self.remove.iter().any(|name| old["name"] == name.as_str()));
        let mut known: Vec<&Value> = Vec::new();
        for new in &self.set {
            if known.contains(&&new["name"]) {
                continue;
            }
            known.push(&new["name"]);
            match all.iter().position(|old| old["name"] == new["name"]) {
                Some(at) => all[at] = new.clone(),
                None => all.push(new.clone()),
            }
        }
    }
}

fn valid(name: &str) -> Result<(), Failure> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    if !name.is_empty() && !digit && name.chars().all(inside) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{name:?} is not a valid key name: a valid environment variable name must consist of \
         alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. \
         'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is \
         '[-._a-zA-Z][-._a-zA-Z0-9]*')"
    )))
}

/// Adds the keys of a config map or secret, by reference.
fn from(session: &mut Session<'_>, changes: &mut Changes) -> Result<(), Failure> {
    let source = session.flags.text("from").to_owned();
    if source.is_empty() {
        return Ok(());
    }
    let words = std::mem::replace(&mut session.words, vec![source]);
    let objects = found(session)?;
    session.words = words;
    let keys: Vec<String> = session
        .flags
        .all("keys")
        .into_iter()
        .map(str::to_owned)
        .collect();
    for (_, object) in &objects {
        let reference = match field(object, "/kind") {
            "ConfigMap" => "configMapKeyRef",
            "Secret" => "secretKeyRef",
            _ => return Err(Failure::new("unsupported resource specified in --from")),
        };
        for key in object["data"].as_object().into_iter().flatten() {
            let key = key.0;
            if keys.is_empty() || keys.contains(key) {
                let variable = by_reference(session, key, reference, name(object))?;
                changes.set.push(variable);
            }
        }
    }
    Ok(())
}

fn by_reference(
    session: &mut Session<'_>,
    key: &str,
    reference: &str,
    source: &str,
) -> Result<Value, Failure> {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = key.chars().map(fit).collect();
    if name != key {
        let warning = format!("Warning: key {key} transferred to {name}\n");
        session.io.stderr.write_all(warning.as_bytes())?;
    }
    let place = object(vec![("key", key.into()), ("name", source.into())]);
    Ok(variable(
        &name,
        "valueFrom",
        object(vec![(reference, place)]),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_stays_in_its_place() {
        let changes = Changes {
            set: vec![json!({"name": "B", "value": "2"}), json!({"name": "D"})],
            remove: vec!["A".to_owned()],
        };
        let mut all = vec![
            json!({"name": "A", "value": "1"}),
            json!({"name": "B", "valueFrom": {}}),
            json!({"name": "C", "value": "1"}),
        ];
        changes.make(&mut all);
        let expected = json!([{"name": "B", "value": "2"}, {"name": "C", "value": "1"},
            {"name": "D"}]);
        assert_eq!(Value::Array(all), expected);
    }

    #[test]
    fn names_of_objects_come_before_variables() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (objects, pairs) = split(&words("deploy web A=1 B- -")).unwrap();
        assert_eq!((objects, pairs), (words("deploy web"), words("A=1 B- -")));
        let problem = split(&words("deploy A=1 web")).unwrap_err();
        assert!(
            problem
                .message()
                .ends_with("environment changes: deploy A=1 web")
        );
    }
}
