//! Verbs that reach into running pods: which pod a command line means, and which of its
//! containers.

pub(super) mod attach;
mod attend;
pub(super) mod cp;
pub(super) mod exec;
pub(super) mod forward;
pub(super) mod logs;
mod ports;
pub(super) mod run;
mod terminal;

use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::{Api, escape, query};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, text};
use super::session::Session;

pub(super) use attend::attend;
pub(super) use exec::STREAMS;

pub(super) const CONTAINER: Group = &[text("container", "c")];
/// How long to wait for the first pod of a deployment and the like.
pub(super) const RUNNING: Group = &[flag("pod-running-timeout", "", Kind::Duration, "1m0s")];

/// Between two looks at pods that have to come.
const LOOK: Duration = Duration::from_secs(1);
/// Names the container that is meant when none is named.
const DEFAULT: &str = "kubectl.kubernetes.io/default-container";

/// Which of several pods is taken first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// For its logs: one that restarted often has something to say.
    Logs,
    /// For running something in it: the healthiest.
    Exec,
}

/// Lists of containers in a pod, in the order in which they are named to people.
const CONTAINERS: [(&str, &str); 3] = [
    ("containers", ""),
    ("ephemeralContainers", " (ephem)"),
    ("initContainers", " (init)"),
];

/// The object that `NAME`, which is a pod's, or `TYPE/NAME` means.
pub(super) fn object(session: &Session<'_>, word: &str) -> Result<Value, Failure> {
    let api = session.api()?;
    let (kind, name) = match word.split_once('/') {
        None => ("pods", word),
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            (kind, name)
        }
        Some((_, name)) if name.contains('/') => {
            return Err(Failure::new(
                "arguments in resource/name form may not have more than one slash",
            ));
        }
        Some(_) => {
            return Err(Failure::new(
                "arguments in resource/name form must have a single resource and name",
            ));
        }
    };
    if matches!(kind, "pods" | "pod" | "po") {
        return get(&api, &path(&api.namespace, name));
    }
    let resource = api.discovery()?.find(kind)?;
    let mut object = get(&api, &resource.path(&api.namespace, name))?;
    // Some servers leave it out.
    if object["kind"].is_null() {
        object["kind"] = resource.kind.clone().into();
    }
    Ok(object)
}

/// An object, or what is missing: it, or its whole namespace.
fn get(api: &Api, path: &str) -> Result<Value, Failure> {
    api.get(path).map_err(|failure| {
        let namespace = &api.namespace;
        if !failure.is_not_found() || namespace == "default" {
            return failure;
        }
        match api.get(&format!("/api/v1/namespaces/{}", escape(namespace))) {
            Err(other) if other.is_not_found() => other,
            _ => failure,
        }
    })
}

/// The pods behind an object, the best first: itself, or those it selects. Waits for one.
pub(super) fn pods_of(
    session: &Session<'_>,
    object: Value,
    order: Order,
    verb: &str,
) -> Result<Vec<Value>, Failure> {
    if object["kind"] == "Pod" {
        return Ok(vec![object]);
    }
    let labels = selector(&object).map_err(|problem| {
        Failure::new(format!("cannot {verb} *v1.{}: {problem}", kind(&object)))
    })?;
    let namespace = field(&object, "/metadata/namespace");
    let limit = session.flags.seconds("pod-running-timeout");
    let begun = Instant::now();
    loop {
        let pods = list(session, namespace, &labels, order)?;
        if !pods.is_empty() {
            return Ok(pods);
        }
        let is_late = limit > 0.0 && begun.elapsed().as_secs_f64() >= limit;
        if is_late || session.context.stop.wait(LOOK) {
            return Err(Failure::new("timed out waiting for the condition"));
        }
    }
}

/// The best pod for running something in it.
pub(super) fn attachable(session: &Session<'_>, object: Value) -> Result<Value, Failure> {
    let mut pods = pods_of(session, object, Order::Exec, "attach to")?;
    Ok(pods.swap_remove(0))
}

/// The pods that a selector means, the best first.
pub(super) fn list(
    session: &Session<'_>,
    namespace: &str,
    labels: &str,
    order: Order,
) -> Result<Vec<Value>, Failure> {
    let all = query(&path(namespace, ""), &[("labelSelector", labels)]);
    let mut list = session.api()?.get(&all)?;
    let Some(Value::Array(mut pods)) = list.get_mut("items").map(Value::take) else {
        return Ok(Vec::new());
    };
    let ranks = pods.iter().map(|pod| rank(pod, order)).enumerate();
    if let Some((best, _)) = ranks.min_by(|(_, one), (_, other)| one.cmp(other)) {
        pods.swap(0, best);
    }
    Ok(pods)
}

fn path(namespace: &str, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!(
        "/api/v1/namespaces/{}/pods{slash}{}",
        escape(namespace),
        escape(name)
    )
}

/// The text at a place, or nothing.
pub(super) fn field<'a>(object: &'a Value, place: &str) -> &'a str {
    let value = object.pointer(place).and_then(Value::as_str);
    value.unwrap_or_default()
}

pub(super) fn name(object: &Value) -> &str {
    field(object, "/metadata/name")
}

fn kind(object: &Value) -> &str {
    field(object, "/kind")
}

/// The labels of the pods that belong to an object, as a query has them.
pub(super) fn selector(object: &Value) -> Result<String, String> {
    let selector = &object["spec"]["selector"];
    let (labels, expressions) = match kind(object) {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => {
            (&selector["matchLabels"], &selector["matchExpressions"])
        }
        "ReplicationController" => (selector, &Value::Null),
        "Service" if selector.as_object().is_none_or(|labels| labels.is_empty()) => {
            let name = name(object);
            return Err(format!(
                "invalid service '{name}': Service is defined without a selector"
            ));
        }
        "Service" => (selector, &Value::Null),
        kind => return Err(format!("selector for *v1.{kind} not implemented")),
    };
    let labels = labels.as_object().into_iter().flatten();
    let mut terms: Vec<String> = labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    for expression in expressions.as_array().into_iter().flatten() {
        let values = expression["values"].as_array().into_iter().flatten();
        let values: Vec<_> = values.filter_map(Value::as_str).collect();
        let (key, values) = (field(expression, "/key"), values.join(","));
        terms.push(match field(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            other => return Err(format!("{other:?} is not a valid label selector operator")),
        });
    }
    Ok(terms.join(","))
}

/// Smaller is better.
fn rank(pod: &Value, order: Order) -> impl Ord + use<> {
    let phase = match field(pod, "/status/phase") {
        "Unknown" => 1,
        "Pending" => 2,
        _ => 0,
    };
    let conditions = pod["status"]["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let since = ready.map(|ready| field(ready, "/lastTransitionTime").to_owned());
    let statuses = pod["status"]["containerStatuses"].as_array();
    let restarts = statuses.into_iter().flatten();
    let restarts = restarts.filter_map(|status| status["restartCount"].as_i64());
    let restarts = restarts.max().unwrap_or_default();
    let is_going = order == Order::Exec && pod["metadata"]["deletionTimestamp"].is_string();
    (
        field(pod, "/spec/nodeName").is_empty(),
        phase,
        ready.is_none(),
        is_going,
        since,
        if order == Order::Logs {
            -restarts
        } else {
            restarts
        },
        field(pod, "/metadata/creationTimestamp").to_owned(),
    )
}

/// The names of containers in one of the lists of a pod.
pub(super) fn containers<'a>(pod: &'a Value, list: &str) -> Vec<&'a str> {
    let containers = pod["spec"][list].as_array().into_iter().flatten();
    containers
        .map(|container| field(container, "/name"))
        .collect()
}

pub(super) fn has_container(pod: &Value, name: &str) -> bool {
    CONTAINERS
        .iter()
        .any(|(list, _)| containers(pod, list).contains(&name))
}

/// The container that is meant when none is named. The text tells which were passed over.
pub(super) fn default_container(pod: &Value) -> Result<(String, Option<String>), Failure> {
    let marked = &pod["metadata"]["annotations"][DEFAULT];
    if let Some(name) = marked.as_str().filter(|name| has_container(pod, name)) {
        return Ok((name.to_owned(), None));
    }
    let Some(first) = containers(pod, "containers").first().copied() else {
        let namespace = field(pod, "/metadata/namespace");
        let name = name(pod);
        return Err(Failure::new(format!(
            "pod {namespace}/{name} does not have any containers"
        )));
    };
    let mut all = Vec::new();
    for (list, kind) in CONTAINERS {
        let names = containers(pod, list);
        all.extend(names.iter().map(|name| format!("{name}{kind}")));
    }
    let told = (all.len() > 1)
        .then(|| format!("Defaulted container {first:?} out of: {}\n", all.join(", ")));
    Ok((first.to_owned(), told))
}

/// The same, and tells it to people unless they want quiet.
pub(super) fn chosen_container(session: &mut Session<'_>, pod: &Value) -> Result<String, Failure> {
    let (name, told) = default_container(pod)?;
    if let Some(told) = told.filter(|_| !session.flags.on("quiet")) {
        session.io.stderr.write_all(told.as_bytes())?;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_written_as_queries_have_them() {
        let deployment = json!({"kind": "Deployment", "spec": {"selector": {
            "matchLabels": {"app": "a", "tier": "b"},
            "matchExpressions": [
                {"key": "k", "operator": "In", "values": ["x", "y"]},
                {"key": "l", "operator": "NotIn", "values": ["z"]},
                {"key": "m", "operator": "Exists"},
                {"key": "n", "operator": "DoesNotExist"},
            ],
        }}});
        let expected = "app=a,tier=b,k in (x,y),l notin (z),m,!n";
        assert_eq!(selector(&deployment), Ok(expected.to_owned()));
        let service = json!({"kind": "Service", "spec": {"selector": {"app": "a"}}});
        assert_eq!(selector(&service), Ok("app=a".to_owned()));
        let table = [
            (
                json!({"kind": "Service", "metadata": {"name": "s"}, "spec": {}}),
                "invalid service 's': Service is defined without a selector",
            ),
            (
                json!({"kind": "ConfigMap"}),
                "selector for *v1.ConfigMap not implemented",
            ),
        ];
        for (object, problem) in table {
            assert_eq!(selector(&object), Err(problem.to_owned()));
        }
    }

    #[test]
    fn the_best_pod_depends_on_what_it_is_for() {
        let pod = |name: &str, node: &str, phase: &str, ready: bool, restarts: u32| {
            let status = if ready { "True" } else { "False" };
            json!({"metadata": {"name": name}, "spec": {"nodeName": node}, "status": {
                "phase": phase,
                "conditions": [{"type": "Ready", "status": status}],
                "containerStatuses": [{"restartCount": restarts}],
            }})
        };
        let pods = [
            pod("nowhere", "", "Pending", false, 0),
            pod("waiting", "n", "Pending", false, 0),
            pod("broken", "n", "Running", false, 5),
            pod("well", "n", "Running", true, 0),
            pod("restarted", "n", "Running", true, 2),
        ];
        let sorted = |order| {
            let mut pods = pods.to_vec();
            pods.sort_by_cached_key(|pod| rank(pod, order));
            pods.iter()
                .map(|pod| name(pod).to_owned())
                .collect::<Vec<_>>()
        };
        let rest = ["broken", "waiting", "nowhere"];
        assert_eq!(sorted(Order::Logs)[..2], ["restarted", "well"]);
        assert_eq!(sorted(Order::Logs)[2..], rest);
        assert_eq!(sorted(Order::Exec)[..2], ["well", "restarted"]);
        assert_eq!(sorted(Order::Exec)[2..], rest);
    }

    #[test]
    fn the_first_container_is_meant_unless_another_is_marked() {
        let names = |names: &[&str]| -> Vec<Value> {
            names.iter().map(|name| json!({"name": name})).collect()
        };
        let mut pod = json!({"metadata": {}, "spec": {
            "containers": names(&["a", "b"]),
            "initContainers": names(&["i"]),
            "ephemeralContainers": names(&["e"]),
        }});
        let told = "Defaulted container \"a\" out of: a, b, e (ephem), i (init)\n".to_owned();
        assert_eq!(default_container(&pod), Ok(("a".to_owned(), Some(told))));
        pod["metadata"] = json!({"annotations": {DEFAULT: "i"}});
        assert_eq!(default_container(&pod), Ok(("i".to_owned(), None)));
        let pod = json!({"spec": {"containers": names(&["a"])}});
        assert_eq!(default_container(&pod), Ok(("a".to_owned(), None)));
    }
}
