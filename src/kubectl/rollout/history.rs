//! `kubectl rollout history`: which pods an object made others from before.

use serde_json::Value;

use super::found;
use crate::kubectl::amend::{self, Amendment, Found};
use crate::kubectl::api::query;
use crate::kubectl::describe;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag};
use crate::kubectl::pods::{self, field};
use crate::kubectl::print::tabs::Tabs;
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{FILES, OUTPUT, SELECTOR, Verb};

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "rollout history",
    aliases: &[],
    usage: "(TYPE NAME | TYPE/NAME)",
    about: "View rollout history",
    flags: &[FILES, SELECTOR, OUTPUT, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[flag("revision", "", Kind::Number, "0")];

const REVISION: &str = "deployment.kubernetes.io/revision";
const CAUSE: &str = "kubernetes.io/change-cause";

/// A number, and the replica set or controller revision that is it.
pub(super) type Revision = (i64, Value);

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut amendment = Amendment::of(session, "")?;
    let wanted = session.flags.number("revision");
    if wanted < 0 {
        return Err(Failure::new(format!(
            "revision must be a positive integer: {wanted}"
        )));
    }
    let (found, mut failures) = found(session)?;
    for one in found {
        let outcome = show(session, &mut amendment, &one, wanted);
        failures.extend(outcome.err());
    }
    Failure::all(failures)
}

fn show(
    session: &mut Session<'_>,
    amendment: &mut Amendment,
    one: &Found,
    wanted: i64,
) -> Result<(), Failure> {
    let (ask, object) = one;
    if !amend::rolls(object) {
        return Err(amend::without(ask, "history viewer", "retrieving history"));
    }
    let all = revisions(session, object)?;
    let chosen = all.iter().find(|(number, _)| *number == wanted);
    let missing = || Failure::new("unable to find the specified revision");
    if !session.flags.text("output").is_empty() {
        for (_, revision) in all
            .iter()
            .filter(|(number, _)| wanted == 0 || *number == wanted)
        {
            let made = as_object(object, revision);
            amendment.teller.tell(session, made, "")?;
        }
        return chosen
            .map(drop)
            .or((wanted == 0).then_some(()))
            .ok_or_else(missing);
    }
    let text = if all.is_empty() {
        "\nNo rollout history found.".to_owned()
    } else if wanted > 0 {
        let (_, revision) = chosen.ok_or_else(missing)?;
        let mut text = format!("with revision #{wanted}\n");
        text.push_str(&describe::template(&with_cause(revision)));
        text
    } else {
        ["\n", &table(&all)?].concat()
    };
    amendment.teller.tell(session, object.clone(), &text)
}

/// What pods were made from, with the reason of the change, which stands at a replica set.
fn with_cause(revision: &Value) -> Value {
    let mut template = template(revision);
    let cause = &revision["metadata"]["annotations"][CAUSE];
    if cause.is_string() && revision["data"].is_null() {
        template["metadata"]["annotations"][CAUSE] = cause.clone();
    }
    template
}

fn table(all: &[Revision]) -> Result<String, Failure> {
    let mut tabs = Tabs::of(0, 2);
    tabs.line(&["REVISION", "CHANGE-CAUSE"]);
    for (number, revision) in all {
        let cause = revision["metadata"]["annotations"][CAUSE].as_str();
        tabs.line(&[number.to_string().as_str(), cause.unwrap_or("<none>")]);
    }
    let mut text = Vec::new();
    tabs.flush(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// All of an object, the oldest first.
pub(super) fn revisions(session: &Session<'_>, object: &Value) -> Result<Vec<Revision>, Failure> {
    let kind = match field(object, "/kind") {
        "Deployment" => "replicasets.apps",
        _ => "controllerrevisions.apps",
    };
    let api = session.api()?;
    let labels = pods::selector(object).map_err(Failure::new)?;
    let resource = api.discovery()?.find(kind)?;
    let path = resource.path(field(object, "/metadata/namespace"), "");
    let mut list = api.get(&query(&path, &[("labelSelector", &labels)]))?;
    let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) else {
        return Ok(Vec::new());
    };
    let uid = &object["metadata"]["uid"];
    let is_owner = |one: &Value| one["uid"] == *uid && one["controller"] == true;
    let mut all = Vec::new();
    for mut item in items {
        let owners = item["metadata"]["ownerReferences"].as_array();
        if owners.into_iter().flatten().any(is_owner) {
            item["apiVersion"] = resource.group_version().into();
            item["kind"] = resource.kind.clone().into();
            all.push((revision(&item), item));
        }
    }
    all.sort_by_key(|(number, _)| *number);
    Ok(all)
}

/// Its number: of a deployment or a set of its, or of a controller revision.
pub(super) fn revision(object: &Value) -> i64 {
    let noted = object["metadata"]["annotations"][REVISION].as_str();
    let own = object["revision"].as_i64().unwrap_or_default();
    noted.and_then(|noted| noted.parse().ok()).unwrap_or(own)
}

/// What pods were made from.
pub(super) fn template(revision: &Value) -> Value {
    let own = &revision["spec"]["template"];
    let place = if own.is_null() {
        &revision["data"]["spec"]["template"]
    } else {
        own
    };
    let mut template = place.clone();
    if let Some(map) = template.as_object_mut() {
        map.remove("$patch");
    }
    template
}

/// The object that a revision stands for: a replica set is one, of others it is themselves
/// as they were.
fn as_object(object: &Value, revision: &Value) -> Value {
    if revision["data"].is_null() {
        return revision.clone();
    }
    let mut before = object.clone();
    before["spec"]["template"] = template(revision);
    before
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn revisions_are_read_from_either_place() {
        let set =
            json!({"metadata": {"annotations": {REVISION: "3"}}, "spec": {"template": {"a": 1}}});
        assert_eq!((revision(&set), template(&set)), (3, json!({"a": 1})));
        let other = json!({"revision": 2, "metadata": {},
            "data": {"spec": {"template": {"$patch": "replace", "b": 1}}}});
        assert_eq!((revision(&other), template(&other)), (2, json!({"b": 1})));
        let before = as_object(
            &json!({"kind": "DaemonSet", "spec": {"template": {}}}),
            &other,
        );
        assert_eq!(
            before,
            json!({"kind": "DaemonSet", "spec": {"template": {"b": 1}}})
        );
    }

    #[test]
    fn what_changed_stands_beside_the_number() {
        let all = [
            (2, json!({})),
            (10, json!({"metadata": {"annotations": {CAUSE: "more"}}})),
        ];
        let expected = "REVISION  CHANGE-CAUSE\n2         <none>\n10        more\n";
        assert_eq!(table(&all).unwrap(), expected);
    }
}
