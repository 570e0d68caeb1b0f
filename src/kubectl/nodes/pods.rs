//! Which pods of a node are to go when it is drained, which stay, and which are in the way.

use serde_json::Value;

use super::text;
use crate::k8s::{Call, JSON};
use crate::kubectl::api::query;
use crate::kubectl::duration;
use crate::kubectl::failure::Failure;
use crate::kubectl::resources::{Ask, Selected, visit};
use crate::kubectl::session::Session;

const DAEMONS: &str = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
const DAEMONS_STAY: &str = "ignoring DaemonSet-managed Pods";
const LOCAL_STORAGE: &str = "Pods with local storage (use --delete-emptydir-data to override)";
const UNMANAGED: &str = "cannot delete Pods that declare no controller (use --force to override)";
const UNMANAGED_GO: &str = "deleting Pods that declare no controller";

/// What flags allow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed {
    pub(super) force: bool,
    pub(super) ignore_daemons: bool,
    pub(super) delete_local: bool,
    /// Pods that have been going for longer are left alone, if it is not 0.
    pub(super) skip_after: i64,
}

/// The pods of a node.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) leaving: Vec<Value>,
    /// What is said of some: `ignoring DaemonSet-managed Pods: a/x, a/y`.
    pub(super) warnings: Vec<String>,
    /// Why nothing is done.
    pub(super) problems: Vec<Failure>,
}

#[derive(Debug, PartialEq)]
enum Fate {
    /// With a warning, if there is one.
    Goes(&'static str),
    Stays(&'static str),
    InTheWay(String),
}

/// A selector that is none is told before anything is done.
pub(super) fn check_selector(session: &Session<'_>) -> Result<(), Failure> {
    let selector = session.flags.text("pod-selector");
    if selector.is_empty() {
        return Ok(());
    }
    let path = query(
        "/api/v1/pods",
        &[("labelSelector", selector), ("limit", "1")],
    );
    match session.api()?.bytes(&Call::get(&path, JSON)) {
        Err(failure) if failure.reason == "BadRequest" => Err(Failure::new(
            "--pod-selector=<pod_selector> must be a valid label selector",
        )),
        _ => Ok(()),
    }
}

/// Looks at every pod of a node.
pub(super) fn find(session: &Session<'_>, node: &str, allowed: Allowed) -> Result<Found, Failure> {
    let api = session.api()?;
    let pods = api.discovery()?.find("pods")?.clone();
    let selected = Selected {
        asks: vec![Ask::list(pods, String::new())],
        labels: session.flags.text("pod-selector").to_owned(),
        fields: format!("spec.nodeName={node}"),
        is_single: false,
    };
    let daemon = |namespace: &str, name: &str| {
        api.get(&format!(
            "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}"
        ))
        .map(drop)
    };
    let mut found = Found::default();
    // Each with the pods that it is about.
    let mut warnings: Vec<(String, String)> = Vec::new();
    let mut problems = Vec::new();
    let chunk = session.flags.number("chunk-size");
    found.problems = visit(&api, &selected, chunk, &mut |_, mut pod| {
        let fate = fate(&pod, allowed, &daemon);
        match &fate {
            Fate::Goes(warning) | Fate::Stays(warning) => add(&mut warnings, warning, &pod),
            Fate::InTheWay(problem) => add(&mut problems, problem, &pod),
        }
        if matches!(fate, Fate::Goes(_)) {
            found.leaving.push(slim(&mut pod));
        }
        Ok(())
    });
    let line = |(what, pods): (String, String)| what + ": " + &pods;
    found.warnings = warnings.into_iter().map(line).collect();
    let problem = |pair| Failure::new("cannot delete ".to_owned() + &line(pair));
    found.problems.extend(problems.into_iter().map(problem));
    Ok(found)
}

/// What is needed of a pod that leaves.
fn slim(pod: &mut Value) -> Value {
    let mut metadata = pod["metadata"].take();
    if let Value::Object(map) = &mut metadata {
        let kept = ["name", "namespace", "uid", "deletionTimestamp"];
        map.retain(|key, _| kept.contains(&key.as_str()));
    }
    metadata
}

fn add(groups: &mut Vec<(String, String)>, what: &str, pod: &Value) {
    if what.is_empty() {
        return;
    }
    let metadata = &pod["metadata"];
    let name = [text(&metadata["namespace"]), "/", text(&metadata["name"])].concat();
    match groups.iter_mut().find(|(known, _)| known == what) {
        Some((_, pods)) => {
            pods.push_str(", ");
            pods.push_str(&name);
        }
        None => groups.push((what.to_owned(), name)),
    }
}

/// In kubectl's order: the first that keeps a pod decides.
fn fate(pod: &Value, allowed: Allowed, daemon: &dyn Fn(&str, &str) -> Result<(), Failure>) -> Fate {
    let metadata = &pod["metadata"];
    if is_going(metadata, allowed.skip_after) {
        return Fate::Stays("");
    }
    let is_over = matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed");
    let owners = metadata["ownerReferences"].as_array();
    let controller = owners.and_then(|owners| owners.iter().find(|one| one["controller"] == true));
    let daemons = controller.filter(|owner| {
        owner["kind"] == "DaemonSet" && owner["apiVersion"] == "apps/v1" && !is_over
    });
    if let Some(owner) = daemons {
        match daemon(text(&metadata["namespace"]), text(&owner["name"])) {
            Ok(()) if allowed.ignore_daemons => return Fate::Stays(DAEMONS_STAY),
            Ok(()) => return Fate::InTheWay(DAEMONS.to_owned()),
            // Left behind by one that is gone.
            Err(failure) if allowed.force && failure.is_not_found() => {}
            Err(failure) => return Fate::InTheWay(failure.said().to_owned()),
        }
    }
    // Of a file of the node, where only the node can end it.
    if !metadata["annotations"]["kubernetes.io/config.mirror"].is_null() {
        return Fate::Stays("");
    }
    let volumes = pod["spec"]["volumes"].as_array();
    let is_local = |volume: &Value| !volume["emptyDir"].is_null();
    let has_local = volumes.is_some_and(|volumes| volumes.iter().any(is_local));
    if has_local && !is_over && !allowed.delete_local {
        return Fate::InTheWay(LOCAL_STORAGE.to_owned());
    }
    match is_over || controller.is_some() {
        true => Fate::Goes(""),
        false if allowed.force => Fate::Goes(UNMANAGED_GO),
        false => Fate::InTheWay(UNMANAGED.to_owned()),
    }
}

/// Whether a pod should have gone more than so many seconds ago.
pub(super) fn is_going(metadata: &Value, skip_after: i64) -> bool {
    let since = metadata["deletionTimestamp"]
        .as_str()
        .and_then(duration::seconds_since);
    skip_after > 0 && since.is_some_and(|seconds| seconds > skip_after)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owned(kind: &str) -> Value {
        json!({"metadata": {"name": "x", "namespace": "a", "ownerReferences": [
            {"controller": true, "kind": kind, "apiVersion": "apps/v1", "name": "o"}]}})
    }

    #[test]
    fn a_pod_goes_or_stays_as_flags_allow() {
        let none = Allowed::default();
        let force = Allowed {
            force: true,
            ..none
        };
        let ignore = Allowed {
            ignore_daemons: true,
            ..none
        };
        let local = Allowed {
            delete_local: true,
            ..none
        };
        let bare = json!({"metadata": {}});
        let mirror = json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": ""}}});
        let mut scratch = owned("ReplicaSet");
        scratch["spec"] = json!({"volumes": [{"name": "a", "emptyDir": {}}]});
        let mut done = scratch.clone();
        done["status"] = json!({"phase": "Succeeded"});
        let there = |_: &str, _: &str| Ok(());
        let in_the_way = |what: &str| Fate::InTheWay(what.to_owned());
        for (pod, allowed, expected) in [
            (&bare, none, in_the_way(UNMANAGED)),
            (&bare, force, Fate::Goes(UNMANAGED_GO)),
            (&owned("ReplicaSet"), none, Fate::Goes("")),
            (&owned("DaemonSet"), none, in_the_way(DAEMONS)),
            (&owned("DaemonSet"), force, in_the_way(DAEMONS)),
            (&owned("DaemonSet"), ignore, Fate::Stays(DAEMONS_STAY)),
            (&mirror, none, Fate::Stays("")),
            (&scratch, none, in_the_way(LOCAL_STORAGE)),
            (&scratch, local, Fate::Goes("")),
            (&done, none, Fate::Goes("")),
        ] {
            assert_eq!(fate(pod, allowed, &there), expected, "{pod} {allowed:?}");
        }
        let gone = |_: &str, _: &str| {
            let mut failure = Failure::whole("no o");
            failure.reason = "NotFound".to_owned();
            Err(failure)
        };
        let left = owned("DaemonSet");
        assert_eq!(fate(&left, ignore, &gone), in_the_way("no o"));
        assert_eq!(fate(&left, force, &gone), Fate::Goes(""));
    }

    #[test]
    fn one_that_has_been_going_for_long_is_left_alone() {
        let metadata = json!({"deletionTimestamp": "2020-01-01T00:00:00Z"});
        assert!(is_going(&metadata, 1));
        assert!(!is_going(&metadata, 0));
        assert!(!is_going(&json!({}), 1));
    }
}
