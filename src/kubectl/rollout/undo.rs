//! `kubectl rollout undo`: back to pods that were made before.

use serde_json::{Map, Value};

use super::found;
use super::history::{Revision, revisions, template};
use crate::kubectl::amend::{self, Amendment, Found, STRATEGIC};
use crate::kubectl::change::{DRY_RUN, DryRun};
use crate::kubectl::describe;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag};
use crate::kubectl::pods::{field, name};
use crate::kubectl::print::object;
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{FILES, OUTPUT, SELECTOR, Verb};

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "rollout undo",
    aliases: &[],
    usage: "(TYPE NAME | TYPE/NAME)",
    about: "Undo a previous rollout",
    flags: &[FILES, SELECTOR, DRY_RUN, OUTPUT, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[flag("to-revision", "", Kind::Number, "0")];

const JSON_PATCH: &str = "application/json-patch+json";
const PAUSED: &str = "you cannot rollback a paused deployment; resume it first with 'kubectl \
    rollout resume' and try again";
/// By which a deployment knows its replica sets.
const HASH: &str = "pod-template-hash";
/// Annotations of a deployment that are not those of what it made.
const OWN: [&str; 6] = [
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deprecated.deployment.rollback.to",
    "kubectl.kubernetes.io/last-applied-configuration",
];

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut amendment = Amendment::of(session, "rolled back")?;
    let (found, mut failures) = found(session)?;
    for one in found {
        let outcome = back(session, &mut amendment, one);
        failures.extend(outcome.err());
    }
    Failure::all(failures)
}

fn back(
    session: &mut Session<'_>,
    amendment: &mut Amendment,
    (ask, object): Found,
) -> Result<(), Failure> {
    if !amend::rolls(&object) {
        return Err(amend::without(&ask, "rollbacker", "retrieving rollbacker"));
    }
    let wanted = session.flags.number("to-revision");
    let all = revisions(session, &object)?;
    let is_deployment = field(&object, "/kind") == "Deployment";
    let revision = chosen(&all, wanted, is_deployment.then(|| name(&object)))?;
    if amendment.dry_run == DryRun::Client {
        return preview(session, amendment, object, &template(revision));
    }
    if is_deployment && object["spec"]["paused"] == true {
        return Err(Failure::new(PAUSED));
    }
    let before = without_hash(template(revision));
    if before == without_hash(object["spec"]["template"].clone()) {
        let suffix = amendment.dry_run.suffix();
        let what = format!(
            "skipped rollback (current template already matches revision {wanted}){suffix}"
        );
        return amendment.teller.tell(session, object, &what);
    }
    let (content_type, patch) = match is_deployment {
        true => (JSON_PATCH, patch(&object, revision, before)),
        false => (STRATEGIC, revision["data"].clone()),
    };
    let sent = amendment.send(session, &ask, content_type, &patch);
    sent.map_err(|failure| {
        let said = failure.said();
        Failure::new(format!("failed restoring revision {wanted}: {said}"))
    })?;
    amendment.tell(session, object)
}

/// Tells what would be there.
fn preview(
    session: &mut Session<'_>,
    amendment: &mut Amendment,
    object: Value,
    template: &Value,
) -> Result<(), Failure> {
    let start = match field(&object, "/kind") {
        "Deployment" => "",
        _ => "will roll back to ",
    };
    let what = [
        start,
        &describe::template(template),
        amendment.dry_run.suffix(),
    ]
    .concat();
    amendment.teller.tell(session, object, &what)
}

/// The one that is wanted, or the one before the last.
fn chosen<'a>(
    all: &'a [Revision],
    wanted: i64,
    deployment: Option<&str>,
) -> Result<&'a Value, Failure> {
    let found = match wanted {
        0 => all.iter().rev().nth(1),
        _ => all.iter().find(|(number, _)| *number == wanted),
    };
    found.map(|(_, revision)| revision).ok_or_else(|| {
        Failure::new(match deployment {
            _ if wanted != 0 => format!("unable to find specified revision {wanted} in history"),
            Some(name) => format!("no rollout history found for deployment {name:?}"),
            None => "no last revision to roll back to".to_owned(),
        })
    })
}

fn without_hash(mut template: Value) -> Value {
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    template
}

/// Puts a template back, with the annotations of its time.
fn patch(deployment: &Value, revision: &Value, template: Value) -> Value {
    let mut annotations = Map::new();
    for (source, is_own) in [(deployment, true), (revision, false)] {
        let all = source["metadata"]["annotations"].as_object();
        for (key, value) in all.into_iter().flatten() {
            if OWN.contains(&key.as_str()) == is_own {
                annotations.insert(key.clone(), value.clone());
            }
        }
    }
    let replace = |path: &str, value: Value| {
        object(vec![
            ("op", "replace".into()),
            ("path", path.into()),
            ("value", value),
        ])
    };
    Value::Array(vec![
        replace("/spec/template", template),
        replace("/metadata/annotations", Value::Object(annotations)),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_goes_back_to_the_one_before_or_to_the_one_that_is_named() {
        let all: Vec<Revision> = (1..4).map(|number| (number, json!(number))).collect();
        assert_eq!(chosen(&all, 0, None), Ok(&json!(2)));
        assert_eq!(chosen(&all, 1, None), Ok(&json!(1)));
        let told = |all: &[Revision], wanted, name| {
            chosen(all, wanted, name).unwrap_err().message().to_owned()
        };
        assert!(told(&all, 9, Some("web")).contains("specified revision 9"));
        assert!(told(&all[..1], 0, Some("web")).contains("deployment \"web\""));
        assert!(told(&all[..1], 0, None).contains("no last revision"));
    }

    #[test]
    fn a_deployment_keeps_its_own_annotations() {
        let with = |pairs: Value| json!({"metadata": {"annotations": pairs}});
        let deployment = with(json!({"deployment.kubernetes.io/revision": "3", "new": "1"}));
        let revision = with(json!({"deployment.kubernetes.io/revision": "2", "old": "1"}));
        let patch = patch(&deployment, &revision, json!({"x": 1}));
        assert_eq!(patch[0]["value"], json!({"x": 1}));
        let kept = json!({"deployment.kubernetes.io/revision": "3", "old": "1"});
        assert_eq!(patch[1]["value"], kept);
    }

    #[test]
    fn the_hash_of_a_template_is_not_part_of_it() {
        let template = json!({"metadata": {"labels": {HASH: "x", "a": "b"}}});
        let expected = json!({"metadata": {"labels": {"a": "b"}}});
        assert_eq!(without_hash(template), expected);
    }
}
