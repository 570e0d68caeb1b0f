//! `kubectl diff`: what applying would change, as a unified difference of YAML. There is
//! no program `diff` where the agent runs: [`lines`] does its work.

mod lines;

use serde_json::{Map, Value};

use super::apply::{Manner, SERVER_SIDE, there, warn_of_deletion};
use super::failure::Failure;
use super::flags::{Group, switch};
use super::print::without_managed_fields;
use super::resources::Ask;
use super::session::Session;
use super::verbs::{FILES, SELECTOR, Verb};
use crate::yaml;

pub(super) const VERB: Verb = Verb {
    name: "diff",
    aliases: &[],
    usage: "-f FILENAME",
    about: "Diff the live version against a would-be applied version",
    flags: &[FILES, SELECTOR, SERVER_SIDE, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    switch("show-managed-fields", ""),
    switch("show-secrets", ""),
];

/// A failure is not to be taken for a difference.
pub(super) const FAILED: i32 = 2;

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let text = differences(session).map_err(|mut failure| {
        failure.code = FAILED;
        failure
    })?;
    if text.is_empty() {
        return Ok(());
    }
    session.io.stdout.write_all(text.as_bytes())?;
    Err(Failure::silent(1))
}

fn differences(session: &mut Session<'_>) -> Result<String, Failure> {
    session.without_words()?;
    session.needs_files()?;
    let manner = Manner::of(session)?;
    let (asks, failures) = session.documents()?;
    let api = session.api()?;
    let mut found = Vec::new();
    for ask in &asks {
        ask.named()?;
        let mut live = there(&api, ask)?;
        let mut merged = manner.send(&api, ask)?;
        warn_of_deletion(session, &live)?;
        if !session.flags.on("show-managed-fields") {
            without_managed_fields(&mut live);
            without_managed_fields(&mut merged);
        }
        if merged["kind"] == "Secret" && !session.flags.on("show-secrets") {
            mask(&mut live, &mut merged);
        }
        found.push((name(ask), difference(&live, &merged)));
    }
    Failure::all(failures)?;
    found.sort();
    let mut text = String::new();
    for (name, hunks) in found.iter().filter(|(_, hunks)| !hunks.is_empty()) {
        for start in [
            "diff -u -N LIVE/",
            " MERGED/",
            "\n--- LIVE/",
            "\n+++ MERGED/",
        ] {
            text.push_str(start);
            text.push_str(name);
        }
        text.push('\n');
        text.push_str(hunks);
    }
    Ok(text)
}

/// `apps.v1.Deployment.default.web`
fn name(ask: &Ask) -> String {
    let resource = &ask.resource;
    let group = match resource.group.as_str() {
        "" => String::new(),
        group => format!("{group}."),
    };
    format!(
        "{group}{}.{}.{}.{}",
        resource.version, resource.kind, ask.namespace, ask.name
    )
}

fn difference(live: &Value, merged: &Value) -> String {
    let live = match live {
        Value::Null => String::new(),
        live => yaml::to_string(live),
    };
    lines::unified(&live, &yaml::to_string(merged))
}

/// Hides the values of a Secret, but not which of them differ.
fn mask(live: &mut Value, merged: &mut Value) {
    let mut nothing = Map::new();
    let mut empty = Map::new();
    let live = live.get_mut("data").and_then(Value::as_object_mut);
    let merged = merged.get_mut("data").and_then(Value::as_object_mut);
    let (live, merged) = (live.unwrap_or(&mut nothing), merged.unwrap_or(&mut empty));
    for (key, value) in &mut *live {
        let mut masked = "***";
        if let Some(other) = merged.get_mut(key) {
            let differs = other != value;
            masked = if differs { "*** (before)" } else { masked };
            *other = if differs { "*** (after)" } else { "***" }.into();
        }
        *value = masked.into();
    }
    for (key, value) in merged {
        if !live.contains_key(key) {
            *value = "***".into();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_secrets_are_hidden() {
        let mut live = json!({"data": {"a": "eA==", "b": "eA==", "c": "eA=="}});
        let mut merged = json!({"data": {"a": "eA==", "b": "eQ==", "d": "eA=="}});
        mask(&mut live, &mut merged);
        let expected = json!({"data": {"a": "***", "b": "*** (before)", "c": "***"}});
        assert_eq!(live, expected);
        let expected = json!({"data": {"a": "***", "b": "*** (after)", "d": "***"}});
        assert_eq!(merged, expected);

        let (mut live, mut merged) = (Value::Null, json!({"data": {"a": "eA=="}}));
        mask(&mut live, &mut merged);
        assert_eq!((live, merged), (Value::Null, json!({"data": {"a": "***"}})));
    }

    #[test]
    fn what_is_not_there_yet_is_added() {
        let merged = json!({"kind": "ConfigMap"});
        assert_eq!(
            difference(&Value::Null, &merged),
            "@@ -0,0 +1 @@\n+kind: ConfigMap\n"
        );
        assert_eq!(difference(&merged, &merged), "");
    }
}
