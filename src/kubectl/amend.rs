//! What the verbs share that change parts of objects: which ones are meant, what is
//! different afterwards, and how that is told to the server.

use serde_json::{Map, Value};

use super::change::{DryRun, Teller};
use super::failure::Failure;
use super::pods::field;
use super::print::object;
use super::resources::{Ask, Rules, visit};
use super::session::Session;
use crate::k8s::JSON;

pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// Lists whose items are known by their names, in pods.
const NAMED: [&str; 3] = ["containers", "initContainers", "env"];

/// Objects that are kept at once for the control plane: a few megabytes of the agent's own.
const MOST_KEPT: usize = 250;

/// An object as it is, and where it is.
pub(super) type Found = (Ask, Value);

/// What a verb does with all objects alike.
pub(super) struct Amendment {
    pub(super) dry_run: DryRun,
    pub(super) teller: Teller,
    /// Who changes it, as the server notes it.
    pub(super) manager: String,
    /// `image updated`
    pub(super) done: &'static str,
    /// `failed to patch: `
    pub(super) failed: &'static str,
}

/// All that a command line means, and what could not be found. What stands in files is
/// looked up, if `latest`.
pub(super) fn gather(
    session: &mut Session<'_>,
    rules: Rules,
    latest: bool,
) -> Result<(Vec<Found>, Vec<Failure>), Failure> {
    let mut selected = session.select(rules)?;
    let api = session.api()?;
    let limit = (!session.is_local()).then_some(MOST_KEPT);
    let mut found = Vec::new();
    if !latest {
        let (given, others) = selected
            .asks
            .into_iter()
            .partition(|ask| !ask.object.is_null());
        selected.asks = others;
        let given: Vec<Ask> = given;
        found.extend(given.into_iter().map(|mut ask| {
            let mut object = ask.object.take();
            // As a file that names none is read.
            if !ask.namespace.is_empty() {
                object["metadata"]["namespace"] = ask.namespace.clone().into();
            }
            (ask, object)
        }));
    }
    let failures = visit(&api, &selected, 0, &mut |ask, object| {
        if limit.is_some_and(|limit| found.len() >= limit) {
            return Err(Failure::new(format!(
                "more than {MOST_KEPT} objects are not changed at once: select fewer"
            )));
        }
        let mut ask = ask.clone();
        named(&mut ask, &object);
        found.push((ask, object));
        Ok(())
    });
    Ok((found, failures))
}

/// Makes the question for a list one for the object itself.
pub(super) fn named(ask: &mut Ask, object: &Value) {
    ask.name = field(object, "/metadata/name").to_owned();
    ask.namespace = field(object, "/metadata/namespace").to_owned();
}

impl Amendment {
    /// As the flags have it; those of dry runs are asked only where the verb has them.
    pub(super) fn of(session: &mut Session<'_>, done: &'static str) -> Result<Self, Failure> {
        let dry_run = match session.flags.text("dry-run") {
            "" => DryRun::None,
            _ => DryRun::of(session)?,
        };
        Ok(Self {
            dry_run,
            teller: Teller::of(session)?,
            manager: session.flags.text("field-manager").to_owned(),
            done,
            failed: "failed to patch: ",
        })
    }

    /// Sends what is different, and tells of it; false if nothing is.
    pub(super) fn make(
        &mut self,
        session: &mut Session<'_>,
        ask: &Ask,
        (before, after): (&Value, Value),
    ) -> Result<bool, Failure> {
        let patch = between(before, &after);
        if patch.as_object().is_none_or(Map::is_empty) {
            return Ok(false);
        }
        let actual = match self.dry_run {
            DryRun::Client => after,
            _ => self
                .send(session, ask, STRATEGIC, &patch)
                .map_err(|failure| {
                    let failed = self.failed;
                    Failure::new(format!("{failed}{}", failure.said()))
                })?,
        };
        self.tell(session, actual)?;
        Ok(true)
    }

    /// Sends a patch; what became of the object.
    pub(super) fn send(
        &self,
        session: &Session<'_>,
        ask: &Ask,
        content_type: &str,
        patch: &Value,
    ) -> Result<Value, Failure> {
        let path = self.dry_run.path(&ask.path(), &self.manager);
        let body = patch.to_string();
        let api = session.api()?;
        api.send("PATCH", &path, content_type, body.as_bytes())
    }

    /// Creates an object of a kind, unless that is not to be.
    pub(super) fn create(&self, session: &Session<'_>, mut made: Value) -> Result<Value, Failure> {
        let api = session.api()?;
        if self.dry_run == DryRun::Client {
            if session.flags.given("namespace") {
                made["metadata"]["namespace"] = api.namespace.clone().into();
            }
            return Ok(made);
        }
        let (version, kind) = (field(&made, "/apiVersion"), field(&made, "/kind"));
        let Some(resource) = api.discovery()?.of_kind(version, kind) else {
            let problem = format!("no matches for kind {kind:?} in version {version:?}");
            return Err(Failure::new(problem));
        };
        let path = resource.path(&api.namespace, "");
        let path = self.dry_run.path(&path, &self.manager);
        api.send("POST", &path, JSON, made.to_string().as_bytes())
    }

    /// Tells of one that is changed.
    pub(super) fn tell(&mut self, session: &mut Session<'_>, object: Value) -> Result<(), Failure> {
        let what = [self.done, self.dry_run.suffix()].concat();
        self.teller.tell(session, object, &what)
    }
}

/// What to merge into `before` to get `after`, as a strategic merge patch.
pub(super) fn between(before: &Value, after: &Value) -> Value {
    let mut patch = Map::new();
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        return Value::Object(patch);
    };
    for (key, value) in new {
        let part = match (old.get(key), value) {
            (Some(same), _) if same == value => continue,
            (Some(part @ Value::Object(_)), Value::Object(_)) => between(part, value),
            (Some(Value::Array(items)), Value::Array(all)) if NAMED.contains(&key.as_str()) => {
                // Else what is in the patch comes first.
                let names = all
                    .iter()
                    .map(|item| object(vec![("name", item["name"].clone())]));
                patch.insert(["$setElementOrder/", key].concat(), names.collect());
                by_name(items, all)
            }
            _ => value.clone(),
        };
        patch.insert(key.clone(), part);
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

fn by_name(before: &[Value], after: &[Value]) -> Value {
    let of = |items: &[Value], name: &Value| items.iter().position(|item| item["name"] == *name);
    let mut items = Vec::new();
    for item in after {
        let mut part = match of(before, &item["name"]).map(|at| &before[at]) {
            Some(same) if same == item => continue,
            Some(old) => between(old, item),
            None => item.clone(),
        };
        part["name"] = item["name"].clone();
        items.push(part);
    }
    for item in before {
        if of(after, &item["name"]).is_none() {
            let name = item["name"].clone();
            items.push(object(vec![("$patch", "delete".into()), ("name", name)]));
        }
    }
    Value::Array(items)
}

/// The pod in an object: its own, or the one it makes others from.
pub(super) fn pod_spec(object: &mut Value) -> Option<&mut Value> {
    let place = match field(object, "/kind") {
        "Pod" => "/spec",
        "Deployment"
        | "DaemonSet"
        | "ReplicaSet"
        | "StatefulSet"
        | "Job"
        | "ReplicationController" => "/spec/template/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    };
    object.pointer_mut(place)
}

/// Whether an object has revisions of the pods that it makes.
pub(super) fn rolls(object: &Value) -> bool {
    let kind = field(object, "/kind");
    matches!(kind, "Deployment" | "DaemonSet" | "StatefulSet")
}

/// Fails as kubectl does for a kind that something is not there for.
pub(super) fn without(ask: &Ask, what: &str, doing: &str) -> Failure {
    let (kind, group) = (&ask.resource.kind, &ask.resource.group);
    let name = group_kind(ask);
    let known = [
        "CronJob",
        "Job",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
    ];
    Failure::new(if known.contains(&kind.as_str()) {
        format!("no {what} has been implemented for {name:?}")
    } else {
        format!("error {doing} for {name:?}, no visitor method exists for {{{group} {kind}}}")
    })
}

/// `StatefulSet.apps`, `Pod`
pub(super) fn group_kind(ask: &Ask) -> String {
    let dot = if ask.resource.group.is_empty() {
        ""
    } else {
        "."
    };
    [&ask.resource.kind, dot, &ask.resource.group].concat()
}

/// `*v1.ConfigMap`, as kubectl names what it cannot work with.
pub(super) fn type_of(object: &Value) -> String {
    let version = field(object, "/apiVersion");
    let version = version.rsplit('/').next().unwrap_or_default();
    ["*", version, ".", field(object, "/kind")].concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_has_what_is_different_and_names_what_it_is_in() {
        for (before, after, patch) in [
            (json!({"a": 1}), json!({"a": 1}), json!({})),
            (
                json!({"a": 1, "b": 2}),
                json!({"b": 3, "c": 4}),
                json!({"a": null, "b": 3, "c": 4}),
            ),
            (
                json!({"spec": {"paused": true, "replicas": 1}}),
                json!({"spec": {"replicas": 1}}),
                json!({"spec": {"paused": null}}),
            ),
            (
                json!({"args": ["a", "b"]}),
                json!({"args": ["a"]}),
                json!({"args": ["a"]}),
            ),
            (
                json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x",
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}]}]}),
                json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x",
                    "env": [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}]}]}),
                json!({"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                    "containers": [{"name": "b",
                        "$setElementOrder/env": [{"name": "B"}, {"name": "C"}],
                        "env": [{"name": "B", "value": "2", "valueFrom": null},
                            {"name": "C", "value": "3"}, {"$patch": "delete", "name": "A"}]}]}),
            ),
        ] {
            assert_eq!(between(&before, &after), patch, "{before}");
        }
    }

    #[test]
    fn the_pod_of_each_kind_is_found() {
        let mut cron = json!({"kind": "CronJob",
            "spec": {"jobTemplate": {"spec": {"template": {"spec": {"x": 1}}}}}});
        assert_eq!(pod_spec(&mut cron), Some(&mut json!({"x": 1})));
        assert_eq!(
            pod_spec(&mut json!({"kind": "Pod", "spec": 1})),
            Some(&mut json!(1))
        );
        assert_eq!(pod_spec(&mut json!({"kind": "ConfigMap", "spec": 1})), None);
    }
}
