//! `kubectl cordon` and `uncordon`, and what the verbs about nodes share.

pub(super) mod drain;
mod evict;
mod pods;
pub(super) mod taint;

use serde_json::Value;

use super::change::{DRY_RUN, DryRun};
use super::failure::Failure;
use super::resources::{Rules, visit};
use super::session::Session;
use super::verbs::{SELECTOR, Verb};

pub(super) const CORDON: Verb = Verb {
    name: "cordon",
    aliases: &[],
    usage: "NODE",
    about: "Mark node as unschedulable",
    flags: &[SELECTOR, DRY_RUN],
    local: false,
    run: |session| Nodes::of(session)?.cordon(session, true),
};

pub(super) const UNCORDON: Verb = Verb {
    name: "uncordon",
    about: "Mark node as schedulable",
    run: |session| Nodes::of(session)?.cordon(session, false),
    ..CORDON
};

const MERGE_PATCH: &str = "application/merge-patch+json";

/// What a command line about nodes means.
struct Nodes {
    dry_run: DryRun,
    all: Vec<Value>,
}

impl Nodes {
    /// The nodes that are named, or those that `--selector` chooses.
    fn of(session: &mut Session<'_>) -> Result<Self, Failure> {
        check(session)?;
        let dry_run = DryRun::of(session)?;
        pods::check_selector(session)?;
        for word in session.words.iter_mut().filter(|word| !word.contains('/')) {
            word.insert_str(0, "nodes/");
        }
        if session.words.is_empty() {
            session.words.push("nodes".to_owned());
        }
        let selected = session.select(Rules {
            single_type: true,
            ..Rules::default()
        })?;
        let mut all = Vec::new();
        let api = session.api()?;
        let mut failures = visit(&api, &selected, 500, &mut |ask, node| {
            let resource = &ask.resource;
            if resource.qualified() != "nodes" {
                let (group, version, name) = (&resource.group, &resource.version, &resource.name);
                return Err(Failure::new(format!(
                    "error: expected resource of type node, got \"{group}/{version}, Resource={name}\""
                )));
            }
            all.push(node);
            Ok(())
        });
        failures.truncate(1);
        Failure::all(failures)?;
        Ok(Self { dry_run, all })
    }

    /// Has new pods kept away from them, or let in again. Goes on after failures, which
    /// kubectl tells and forgets.
    fn cordon(&self, session: &mut Session<'_>, desired: bool) -> Result<(), Failure> {
        let verb = if desired { "cordon" } else { "uncordon" };
        for node in &self.all {
            let name = text(&node["metadata"]["name"]);
            if (node["spec"]["unschedulable"] == true) == desired {
                self.say(session, &["node/", name, " already ", verb, "ed"])?;
                continue;
            }
            if self.dry_run != DryRun::Client
                && let Err(failure) = self.mark(session, name, desired)
            {
                let problem = failure.said();
                let line = format!("error: unable to {verb} node {name:?}: {problem}\n");
                session.io.stderr.write_all(line.as_bytes())?;
                continue;
            }
            self.say(session, &["node/", name, " ", verb, "ed"])?;
        }
        Ok(())
    }

    fn mark(&self, session: &Session<'_>, name: &str, desired: bool) -> Result<(), Failure> {
        let body: &[u8] = if desired {
            br#"{"spec":{"unschedulable":true}}"#
        } else {
            br#"{"spec":{"unschedulable":null}}"#
        };
        let path = self
            .dry_run
            .path(&format!("/api/v1/nodes/{name}"), "kubectl");
        session.api()?.send("PATCH", &path, MERGE_PATCH, body)?;
        Ok(())
    }

    /// Says what was done, or would have been.
    fn say(&self, session: &mut Session<'_>, parts: &[&str]) -> Result<(), Failure> {
        session.warn();
        let line = parts.concat() + self.dry_run.suffix() + "\n";
        session.io.stdout.write_all(line.as_bytes())?;
        Ok(session.io.stdout.flush()?)
    }
}

/// Names or a selector, not both.
fn check(session: &Session<'_>) -> Result<(), Failure> {
    let name = session.verb.name;
    if session.words.is_empty() && !session.flags.given("selector") {
        let usage = format!("USAGE: {name} {} [flags]", session.verb.usage);
        return Err(Failure::usage(name, &usage));
    }
    if !session.words.is_empty() && !session.flags.text("selector").is_empty() {
        return Err(Failure::usage(
            name,
            "error: cannot specify both a node name and a --selector option",
        ));
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Several problems as one: `[a, b]`, each once.
fn joined(problems: &[Failure]) -> String {
    let mut causes: Vec<&str> = Vec::new();
    for problem in problems {
        if !causes.contains(&problem.said()) {
            causes.push(problem.said());
        }
    }
    match causes.as_slice() {
        [one] => (*one).to_owned(),
        all => format!("[{}]", all.join(", ")),
    }
}
