//! `kubectl taint`: adds taints to nodes, changes and removes them.

use serde_json::Value;

use super::{MERGE_PATCH, joined, text};
use crate::kubectl::change::{DRY_RUN, DryRun, Teller};
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag, switch};
use crate::kubectl::labels;
use crate::kubectl::print::{json, object};
use crate::kubectl::resources::{Rules, visit};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{OUTPUT, SELECTOR, Verb};

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "taint",
    aliases: &[],
    usage: "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
    about: "Update the taints on one or more nodes",
    flags: &[OUTPUT, SELECTOR, DRY_RUN, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    switch("overwrite", ""),
    switch("all", ""),
    flag("validate", "", Kind::OptionalText("strict"), "strict"),
    flag("field-manager", "", Kind::Text, "kubectl-taint"),
];

/// A taint of the command line; without an effect it stands for all of its key.
#[derive(Clone, Debug, PartialEq)]
struct Taint {
    key: String,
    value: String,
    effect: String,
}

/// What is wished for.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    add: Vec<Taint>,
    remove: Vec<Taint>,
    overwrite: bool,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let dry_run = DryRun::of(session)?;
    let (resources, specs) = split(&session.words)?;
    let mut changes =
        Changes::parse(&specs).map_err(|problem| Failure::usage(session.verb.name, &problem))?;
    changes.overwrite = session.flags.on("overwrite");
    check(session, &resources, &changes)?;
    session.words = resources;
    let selected = session.select(Rules {
        all: session.flags.on("all"),
        ..Rules::default()
    })?;
    let api = session.api()?;
    // One that has several problems counts as one.
    let mut problems: Vec<Vec<Failure>> = Vec::new();
    let failures = visit(&api, &selected, 500, &mut |_, node| {
        match changes.node(session, node, dry_run) {
            Ok(several) if several.is_empty() => {}
            Ok(several) => problems.push(several),
            Err(failure) => problems.push(vec![failure]),
        }
        Ok(())
    });
    problems.extend(failures.into_iter().map(|failure| vec![failure]));
    if problems.len() < 2 {
        return Failure::all(problems.pop().unwrap_or_default());
    }
    let each = |several: Vec<Failure>| match <[Failure; 1]>::try_from(several) {
        Ok([one]) => one,
        Err(several) => Failure::new(joined(&several)),
    };
    Failure::all(problems.into_iter().map(each).collect())
}

/// The words up to the first taint, and the taints.
fn split(words: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let is_taint = |word: &String| word.contains(['=', ':']) || word.ends_with('-');
    let first = words.iter().position(is_taint).unwrap_or(words.len());
    let (resources, taints) = words.split_at(first);
    if let Some(late) = taints.iter().find(|word| !is_taint(word)) {
        return Err(Failure::new(format!(
            "all resources must be specified before taint changes: {late}"
        )));
    }
    if resources.is_empty() {
        return Err(Failure::new(
            "one or more resources must be specified as <resource> <name>",
        ));
    }
    if taints.is_empty() {
        return Err(Failure::new("at least one taint update is required"));
    }
    Ok((resources.to_vec(), taints.to_vec()))
}

/// Whether it is about nodes, and does not contradict itself.
fn check(session: &Session<'_>, resources: &[String], changes: &Changes) -> Result<(), Failure> {
    let word = resources.first().map(|word| word.to_lowercase());
    let word = word.unwrap_or_default();
    let api = session.api()?;
    let found = api.discovery()?.find(&word);
    // There kubectl has an error of its own, which it prints as it is.
    let found = found.map_err(|failure| Failure::whole(failure.message()))?;
    if found.kind != "Node" {
        return Err(Failure::new(format!(
            "invalid resource type {word}, only node types are supported"
        )));
    }
    changes.check()?;
    let (all, selects) = (
        session.flags.on("all"),
        !session.flags.text("selector").is_empty(),
    );
    if all && selects {
        let problem = "setting 'all' parameter with a non empty selector is prohibited";
        return Err(Failure::new(problem));
    }
    if !all && !selects && resources.len() < 2 {
        return Err(Failure::new(
            "at least one resource name must be specified since 'all' parameter is not set",
        ));
    }
    Ok(())
}

impl Changes {
    /// # Errors
    /// The same taint is to come and to go.
    fn check(&self) -> Result<(), Failure> {
        let mut both = Vec::new();
        for add in &self.add {
            let removed = self.remove.iter();
            let removed = removed.filter(|remove| remove.covers(&add.key, &add.effect));
            both.extend(removed.map(|remove| [&*remove.key, "=", &remove.effect].concat()));
        }
        if both.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "can not both modify and remove the following taint(s) in the same command: {}",
            both.join(", ")
        )))
    }

    fn parse(specs: &[String]) -> Result<Self, String> {
        let mut changes = Self::default();
        for spec in specs {
            if let Some(spec) = spec.strip_suffix('-') {
                changes.remove.push(Taint {
                    value: String::new(),
                    ..Taint::parse(spec)?
                });
                continue;
            }
            let taint = Taint::parse(spec)?;
            if taint.effect.is_empty() {
                return Err(invalid(spec, ""));
            }
            if changes
                .add
                .iter()
                .any(|known| known.covers(&taint.key, &taint.effect))
            {
                let Taint { key, value, effect } = taint;
                return Err(format!(
                    "duplicated taints with the same key and effect: {{{key} {value} {effect} <nil>}}"
                ));
            }
            changes.add.push(taint);
        }
        Ok(changes)
    }

    /// Changes a node, and tells; the failures are those of the node as it is.
    fn node(
        &self,
        session: &mut Session<'_>,
        mut node: Value,
        dry_run: DryRun,
    ) -> Result<Vec<Failure>, Failure> {
        let name = text(&node["metadata"]["name"]).to_owned();
        let old = node["spec"]["taints"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let (what, taints) = match self.apply(&name, &old) {
            Ok(applied) => applied,
            Err(failures) => return Ok(failures),
        };
        // Each is told by itself, and that it is a dry run is not told: so it is with kubectl.
        let mut teller = Teller::of(session)?;
        let taints = match taints.is_empty() {
            true => Value::Null,
            false => taints.into(),
        };
        if dry_run != DryRun::Client {
            let manager = session.flags.text("field-manager");
            let path = dry_run.path(&format!("/api/v1/nodes/{name}"), manager);
            let body = object(vec![("spec", object(vec![("taints", taints)]))]);
            let body = json::compact(&body);
            node = session
                .api()?
                .send("PATCH", &path, MERGE_PATCH, body.as_bytes())?;
        } else if let Some(spec) = node["spec"].as_object_mut() {
            spec.remove("taints");
            if !taints.is_null() {
                spec.insert("taints".to_owned(), taints);
            }
        }
        teller.tell(session, node, what)?;
        Ok(Vec::new())
    }

    fn is_new(&self, name: &str, old: &[Value]) -> Result<(), Vec<Failure>> {
        let mut known = Vec::new();
        for taint in &self.add {
            known.extend(
                old.iter()
                    .filter(|old| taint.is(old))
                    .map(|_| taint.key.as_str()),
            );
        }
        if !self.overwrite && !known.is_empty() {
            return Err(vec![Failure::new(format!(
                "node {name} already has {} taint(s) with same effect(s) and --overwrite is false",
                known.join(",")
            ))]);
        }
        Ok(())
    }

    /// What is done, and the taints there are then.
    fn apply(&self, name: &str, old: &[Value]) -> Result<(&'static str, Vec<Value>), Vec<Failure>> {
        self.is_new(name, old)?;
        let mut taints: Vec<Value> = self.add.iter().map(Taint::value).collect();
        let kept = old
            .iter()
            .filter(|old| !self.add.iter().any(|taint| taint.is(old)));
        taints.extend(kept.cloned());
        let added = taints.len() != old.len();
        let mut removed = false;
        let mut missing = Vec::new();
        for taint in &self.remove {
            let before = taints.len();
            taints.retain(|known| !taint.is(known));
            removed = taints.len() != before;
            if !removed {
                missing.push(Failure::new(format!("taint {:?} not found", taint.shown())));
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let what = match added {
            _ if (added && removed) || self.overwrite => "modified",
            true => "tainted",
            false => "untainted",
        };
        Ok((what, taints))
    }
}

fn invalid(spec: &str, problem: &str) -> String {
    let comma = if problem.is_empty() { "" } else { ", " };
    ["invalid taint spec: ", spec, comma, problem].concat()
}

impl Taint {
    /// `key=value:effect`, `key:effect` or `key`.
    fn parse(spec: &str) -> Result<Self, String> {
        let parts: Vec<&str> = spec.split(':').collect();
        let (key, value, effect) = match parts.as_slice() {
            [key] => (*key, "", ""),
            [pair, effect] => {
                if !matches!(*effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
                    return Err(format!(
                        "invalid taint effect: {effect}, unsupported taint effect"
                    ));
                }
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                if value.contains('=') {
                    return Err(invalid(spec, ""));
                }
                let problems = labels::value_problems(value);
                if !problems.is_empty() {
                    return Err(invalid(spec, &problems));
                }
                (key, value, *effect)
            }
            _ => return Err(invalid(spec, "")),
        };
        let problems = labels::key_problems(key);
        if !problems.is_empty() {
            return Err(invalid(spec, &problems));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
            effect: effect.to_owned(),
        })
    }

    fn covers(&self, key: &str, effect: &str) -> bool {
        self.key == key && (self.effect.is_empty() || self.effect == effect)
    }

    /// Whether it stands for a taint of a node.
    fn is(&self, taint: &Value) -> bool {
        self.covers(text(&taint["key"]), text(&taint["effect"]))
    }

    fn value(&self) -> Value {
        let mut pairs = vec![
            ("effect", self.effect.as_str().into()),
            ("key", self.key.as_str().into()),
        ];
        if !self.value.is_empty() {
            pairs.push(("value", self.value.as_str().into()));
        }
        object(pairs)
    }

    fn shown(&self) -> String {
        match self.effect.as_str() {
            "" => self.key.clone(),
            effect => [&self.key, ":", effect].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn changes(line: &str) -> Result<Changes, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Changes::parse(&words)
    }

    #[test]
    fn taints_that_are_none_are_refused() {
        for (line, expected) in [
            ("a", "invalid taint spec: a"),
            ("a=b:c:NoSchedule", "invalid taint spec: a=b:c:NoSchedule"),
            ("a=b=c:NoSchedule", "invalid taint spec: a=b=c:NoSchedule"),
            (
                "a=b:Never",
                "invalid taint effect: Never, unsupported taint effect",
            ),
            (
                "a=b:NoSchedule a:NoSchedule",
                "duplicated taints with the same key and effect: {a  NoSchedule <nil>}",
            ),
        ] {
            assert_eq!(changes(line).unwrap_err(), expected, "{line}");
        }
        assert!(
            changes("=b:NoSchedule")
                .unwrap_err()
                .contains("name part must be non-empty")
        );
        assert!(
            changes("a=-:NoSchedule")
                .unwrap_err()
                .contains("a valid label must be")
        );
    }

    #[test]
    fn a_node_has_the_taints_that_are_asked_for() {
        let old = json!([{"key": "a", "value": "1", "effect": "NoSchedule"},
                         {"key": "a", "effect": "NoExecute"}]);
        let old = old.as_array().unwrap();
        let apply = |line, overwrite| {
            let changes = Changes {
                overwrite,
                ..changes(line).unwrap()
            };
            changes
                .apply("n", old)
                .map(|(what, taints)| (what, taints.len()))
        };
        assert_eq!(apply("b:NoSchedule", false), Ok(("tainted", 3)));
        assert_eq!(apply("a=2:NoSchedule", true), Ok(("modified", 2)));
        assert_eq!(apply("a-", false), Ok(("untainted", 0)));
        assert_eq!(apply("a:NoExecute-", false), Ok(("untainted", 1)));
        assert_eq!(apply("b:NoSchedule a-", false), Ok(("modified", 1)));
        let text = |line| joined(&apply(line, false).unwrap_err());
        assert_eq!(
            text("b- c:NoExecute-"),
            "[taint \"b\" not found, taint \"c:NoExecute\" not found]"
        );
        assert_eq!(
            text("a:NoSchedule"),
            "node n already has a taint(s) with same effect(s) and --overwrite is false"
        );
    }

    proptest! {
        #[test]
        fn any_words_are_taints_or_refused(words in prop::collection::vec("[a=:/. -]{0,9}(NoSchedule)?-?", 0..4)) {
            let _ = Changes::parse(&words);
        }
    }
}
