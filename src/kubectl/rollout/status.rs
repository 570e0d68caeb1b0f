//! `kubectl rollout status`: how far a change has come, until it is there.

use serde_json::Value;

use super::{found, none};
use crate::kubectl::amend;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag};
use crate::kubectl::pods::{field, name};
use crate::kubectl::session::Session;
use crate::kubectl::until::until;
use crate::kubectl::verbs::{FILES, SELECTOR, Verb};

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "rollout status",
    aliases: &[],
    usage: "(TYPE NAME | TYPE/NAME)",
    about: "Show the status of the rollout",
    flags: &[FILES, SELECTOR, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    flag("revision", "", Kind::Number, "0"),
    flag("timeout", "", Kind::Duration, "0s"),
    flag("watch", "w", Kind::Switch, "true"),
];

/// How far it has come, in a line, and whether that is the end of it.
type Progress = (String, bool);
/// Says it of an object, which must have that revision if it is not zero.
type Viewer = fn(&Value, i64) -> Result<Progress, String>;

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let revision = session.flags.number("revision");
    if revision < 0 {
        return Err(Failure::new(format!(
            "revision must be a positive integer: {revision}"
        )));
    }
    let (found, mut failures) = found(session)?;
    if found.is_empty() && failures.is_empty() {
        return none(session);
    }
    let seconds = session.flags.seconds("timeout");
    for (ask, object) in found {
        let Some(progress) = viewer(field(&object, "/kind")) else {
            let kind = amend::group_kind(&ask);
            failures.push(Failure::new(format!(
                "no status viewer has been implemented for {kind}"
            )));
            continue;
        };
        let outcome = until(session, &ask, seconds, &mut |session, object| {
            let (line, is_done) = progress(object, revision).map_err(Failure::new)?;
            session.out().write_all(line.as_bytes())?;
            Ok(is_done || !session.flags.on("watch"))
        });
        failures.extend(outcome.err());
    }
    Failure::all(failures)
}

fn viewer(kind: &str) -> Option<Viewer> {
    Some(match kind {
        "Deployment" => deployment,
        "DaemonSet" => daemon_set,
        "StatefulSet" => stateful_set,
        _ => return None,
    })
}

fn number(object: &Value, place: &str) -> i64 {
    object
        .pointer(place)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// Whether its controller has not seen yet what is wanted.
fn is_behind(object: &Value) -> bool {
    number(object, "/metadata/generation") > number(object, "/status/observedGeneration")
}

/// `Waiting for deployment "web" rollout to finish: 1 of 2 updated replicas are available...`
fn waiting(what: &str, object: &Value, text: &str) -> Progress {
    let name = name(object);
    let line = format!("Waiting for {what} {name:?} rollout to finish: {text}...\n");
    (line, false)
}

fn unobserved(what: &str) -> Progress {
    (
        format!("Waiting for {what} spec update to be observed...\n"),
        false,
    )
}

fn deployment(object: &Value, revision: i64) -> Result<Progress, String> {
    let own = super::history::revision(object);
    if revision > 0 && own != revision {
        return Err(format!(
            "desired revision ({revision}) is different from the running revision ({own})"
        ));
    }
    if is_behind(object) {
        return Ok(unobserved("deployment"));
    }
    let conditions = object["status"]["conditions"].as_array();
    let is_late =
        |one: &Value| one["type"] == "Progressing" && one["reason"] == "ProgressDeadlineExceeded";
    let name = name(object);
    if conditions.into_iter().flatten().any(is_late) {
        return Err(format!(
            "deployment {name:?} exceeded its progress deadline"
        ));
    }
    let [all, updated, available] = ["replicas", "updatedReplicas", "availableReplicas"]
        .map(|key| object["status"][key].as_i64().unwrap_or_default());
    let wanted = number(object, "/spec/replicas");
    let text = if updated < wanted {
        format!("{updated} out of {wanted} new replicas have been updated")
    } else if all > updated {
        format!("{} old replicas are pending termination", all - updated)
    } else if available < updated {
        format!("{available} of {updated} updated replicas are available")
    } else {
        return Ok((
            format!("deployment {name:?} successfully rolled out\n"),
            true,
        ));
    };
    Ok(waiting("deployment", object, &text))
}

/// Fails unless pods are replaced by the controller.
fn rolls(object: &Value) -> Result<(), String> {
    match field(object, "/spec/updateStrategy/type") {
        "RollingUpdate" => Ok(()),
        _ => Err("rollout status is only available for RollingUpdate strategy type".to_owned()),
    }
}

fn daemon_set(object: &Value, _: i64) -> Result<Progress, String> {
    rolls(object)?;
    if is_behind(object) {
        return Ok(unobserved("daemon set"));
    }
    let [wanted, updated, available] = [
        "desiredNumberScheduled",
        "updatedNumberScheduled",
        "numberAvailable",
    ]
    .map(|key| object["status"][key].as_i64().unwrap_or_default());
    let text = if updated < wanted {
        format!("{updated} out of {wanted} new pods have been updated")
    } else if available < wanted {
        format!("{available} of {wanted} updated pods are available")
    } else {
        let name = name(object);
        return Ok((
            format!("daemon set {name:?} successfully rolled out\n"),
            true,
        ));
    };
    Ok(waiting("daemon set", object, &text))
}

fn stateful_set(object: &Value, _: i64) -> Result<Progress, String> {
    rolls(object)?;
    let status = &object["status"];
    if is_behind(object) || number(status, "/observedGeneration") == 0 {
        return Ok(unobserved("statefulset"));
    }
    let [ready, updated, current] = ["readyReplicas", "updatedReplicas", "currentReplicas"]
        .map(|key| status[key].as_i64().unwrap_or_default());
    let wanted = number(object, "/spec/replicas");
    if ready < wanted {
        let missing = wanted - ready;
        return Ok((
            format!("Waiting for {missing} pods to be ready...\n"),
            false,
        ));
    }
    let rolling = &object["spec"]["updateStrategy"]["rollingUpdate"];
    if rolling.is_object() {
        return Ok(partly(updated, wanted - number(rolling, "/partition")));
    }
    let target = field(status, "/updateRevision");
    let is_done = target == field(status, "/currentRevision");
    let pods = if is_done { current } else { updated };
    Ok((rolled(is_done, pods, target), is_done))
}

/// Of a set whose first pods stay as they are.
fn partly(updated: i64, wanted: i64) -> Progress {
    let is_done = updated >= wanted;
    let line = if is_done {
        format!("partitioned roll out complete: {updated} new pods have been updated...\n")
    } else {
        format!(
            "Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have \
             been updated...\n"
        )
    };
    (line, is_done)
}

fn rolled(is_done: bool, pods: i64, revision: &str) -> String {
    let start = match is_done {
        true => "statefulset rolling update complete",
        false => "waiting for statefulset rolling update to complete",
    };
    format!("{start} {pods} pods at revision {revision}...\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(progress: Result<Progress, String>) -> String {
        match progress {
            Ok((line, is_done)) => format!("{is_done}: {}", line.trim_end()),
            Err(problem) => problem,
        }
    }

    #[test]
    fn a_deployment_is_there_when_all_are_new_and_available() {
        let object = |status: &Value| {
            json!({"kind": "Deployment", "spec": {"replicas": 2}, "status": status,
                "metadata": {"name": "web", "generation": 2,
                    "annotations": {"deployment.kubernetes.io/revision": "3"}}})
        };
        let start = "false: Waiting for deployment \"web\" rollout to finish: ";
        for (status, expected) in [
            (
                json!({"observedGeneration": 1}),
                "false: Waiting for deployment spec update to be observed...".to_owned(),
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 1}),
                format!("{start}1 out of 2 new replicas have been updated..."),
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 3}),
                format!("{start}1 old replicas are pending termination..."),
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2}),
                format!("{start}0 of 2 updated replicas are available..."),
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2,
                    "availableReplicas": 2}),
                "true: deployment \"web\" successfully rolled out".to_owned(),
            ),
            (
                json!({"observedGeneration": 2, "conditions": [
                    {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}),
                "deployment \"web\" exceeded its progress deadline".to_owned(),
            ),
        ] {
            assert_eq!(told(deployment(&object(&status), 0)), expected);
        }
        let other = told(deployment(&object(&json!({})), 5));
        assert_eq!(
            other,
            "desired revision (5) is different from the running revision (3)"
        );
    }

    #[test]
    fn a_stateful_set_is_there_when_its_part_is_updated() {
        let object = |rolling: &Value, updated: u32| {
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 3,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}},
                "status": {"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": updated,
                    "currentReplicas": 3, "currentRevision": "a", "updateRevision": "b"}})
        };
        let part = json!({"partition": 1});
        assert_eq!(
            told(stateful_set(&object(&part, 1), 0)),
            "false: Waiting for partitioned roll out to finish: 1 out of 2 new pods have been \
             updated..."
        );
        assert_eq!(
            told(stateful_set(&object(&part, 2), 0)),
            "true: partitioned roll out complete: 2 new pods have been updated..."
        );
        assert_eq!(
            told(stateful_set(&object(&Value::Null, 2), 0)),
            "false: waiting for statefulset rolling update to complete 2 pods at revision b..."
        );
    }
}
