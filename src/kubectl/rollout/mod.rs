//! `kubectl rollout`: how what is wanted of pods gets to them, and back.

mod history;
mod status;
mod undo;

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::amend::{self, Amendment, Found};
use super::failure::Failure;
use super::flags::{Group, Kind, flag};
use super::pods::field;
use super::resources::Rules;
use super::session::Session;
use super::verbs::{FILES, OUTPUT, SELECTOR, Verb};

pub(super) use history::VERB as HISTORY;
pub(super) use status::VERB as STATUS;
pub(super) use undo::VERB as UNDO;

pub(super) const PAUSE: Verb = changing(
    "rollout pause",
    "Mark the provided resource as paused",
    |session| change(session, "paused", pause),
);
pub(super) const RESTART: Verb = changing("rollout restart", "Restart a resource", |session| {
    change(session, "restarted", restart)
});
pub(super) const RESUME: Verb = changing("rollout resume", "Resume a paused resource", |session| {
    change(session, "resumed", resume)
});

const MANAGER: Group = &[flag("field-manager", "", Kind::Text, "kubectl-rollout")];
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
const RULES: Rules = Rules {
    type_is_all: true,
    single_type: false,
    all: false,
    names_only: false,
};

const fn changing(
    name: &'static str,
    about: &'static str,
    run: fn(&mut Session<'_>) -> Result<(), Failure>,
) -> Verb {
    Verb {
        name,
        aliases: &[],
        usage: "(TYPE NAME | TYPE/NAME)",
        about,
        flags: &[FILES, SELECTOR, OUTPUT, MANAGER],
        local: false,
        run,
    }
}

/// What is meant, and what could not be found.
fn found(session: &mut Session<'_>) -> Result<(Vec<Found>, Vec<Failure>), Failure> {
    if session.words.is_empty() && !session.flags.given("filename") {
        return Err(Failure::new("required resource not specified"));
    }
    amend::gather(session, RULES, true)
}

fn none(session: &mut Session<'_>) -> Result<(), Failure> {
    let namespace = &session.api()?.namespace;
    let text = format!("No resources found in {namespace} namespace.\n");
    Ok(session.io.stderr.write_all(text.as_bytes())?)
}

/// Changes each object by `make`, which says why it cannot.
fn change(
    session: &mut Session<'_>,
    done: &'static str,
    make: fn(&mut Value) -> Result<(), &'static str>,
) -> Result<(), Failure> {
    let mut amendment = Amendment::of(session, done)?;
    let (found, mut failures) = found(session)?;
    if found.is_empty() && failures.is_empty() {
        return none(session);
    }
    for (ask, before) in found {
        let mut after = before.clone();
        if let Err(problem) = make(&mut after) {
            let (kind, name) = (ask.resource.qualified(), &ask.name);
            failures.push(Failure::new(format!("error: {kind} {name:?} {problem}")));
            continue;
        }
        match amendment.make(session, &ask, (&before, after)) {
            Ok(true) => {}
            Ok(false) => failures.push(Failure::new(format!(
                "failed to create patch for {}: if restart has already been triggered within the \
                 past second, please wait before attempting to trigger another",
                ask.name
            ))),
            Err(failure) => failures.push(failure),
        }
    }
    Failure::all(failures)
}

fn restart(object: &mut Value) -> Result<(), &'static str> {
    match field(object, "/kind") {
        "Deployment" if object["spec"]["paused"] == true => {
            return Err("can't restart paused deployment (run rollout resume first)");
        }
        "Deployment" | "DaemonSet" | "StatefulSet" => {}
        _ => return Err("restarting is not supported"),
    }
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let annotations = &mut object["spec"]["template"]["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = Value::Object(Map::new());
    }
    annotations[RESTARTED] = now.into();
    Ok(())
}

fn pause(object: &mut Value) -> Result<(), &'static str> {
    if field(object, "/kind") != "Deployment" {
        return Err("pausing is not supported");
    }
    if object["spec"]["paused"] == true {
        return Err("is already paused");
    }
    object["spec"]["paused"] = true.into();
    Ok(())
}

fn resume(object: &mut Value) -> Result<(), &'static str> {
    if field(object, "/kind") != "Deployment" {
        return Err("resuming is not supported");
    }
    if object["spec"]["paused"] != true {
        return Err("is not paused");
    }
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("paused");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_be_is_paused_and_resumed() {
        let deployment = |paused: bool| json!({"kind": "Deployment", "spec": {"paused": paused}});
        let set = json!({"kind": "StatefulSet"});
        assert_eq!(pause(&mut deployment(false)), Ok(()));
        assert_eq!(pause(&mut deployment(true)), Err("is already paused"));
        assert_eq!(pause(&mut set.clone()), Err("pausing is not supported"));
        assert_eq!(resume(&mut deployment(true)), Ok(()));
        assert_eq!(resume(&mut deployment(false)), Err("is not paused"));
        assert_eq!(resume(&mut set.clone()), Err("resuming is not supported"));
        assert!(restart(&mut deployment(true)).is_err());
        assert!(restart(&mut json!({"kind": "Pod"})).is_err());
    }
}
