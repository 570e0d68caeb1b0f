//! What `kubectl run` does with a pod that it has just made: waits for it, lends it the
//! streams, ends as it ends, and removes it.

use serde_json::Value;

use super::{attach, containers, field, name, run::broken};
use crate::k8s::logs::{self, Question};
use crate::k8s::{Call, JSON};
use crate::kubectl::failure::Failure;
use crate::kubectl::resources::Ask;
use crate::kubectl::session::Session;
use crate::kubectl::until::until;

/// Stays with the first of what was made, which is a pod, and removes all of it afterwards
/// if that is wished for.
pub(in crate::kubectl) fn attend(session: &mut Session<'_>, made: &[Value]) -> Result<(), Failure> {
    let outcome = match made.first() {
        Some(pod) => stay(session, pod),
        None => Ok(()),
    };
    if !session.flags.on("rm") {
        return outcome;
    }
    session.io.stdout.flush()?;
    let removed = made.iter().try_for_each(|object| remove(session, object));
    outcome.and(removed)
}

fn stay(session: &mut Session<'_>, pod: &Value) -> Result<(), Failure> {
    let ask = ask(session, pod)?;
    let seconds = session.flags.seconds("pod-running-timeout");
    let mut seen = Value::Null;
    until(session, &ask, seconds, &mut |_, pod| {
        seen = pod.clone();
        Ok(is_over(pod) || is_ready(pod))
    })?;
    if is_over(&seen) {
        print_log(session, &seen)?;
    } else if let Err(failure) = attach::to(session, &seen) {
        let text = format!(
            "warning: couldn't attach to pod/{}, falling back to streaming logs: {}\n",
            name(&seen),
            failure.message()
        );
        session.io.stderr.write_all(text.as_bytes())?;
        print_log(session, &seen)?;
    }
    let policy = field(pod, "/spec/restartPolicy");
    if session.flags.on("leave-stdin-open") || policy == "Always" {
        return Ok(());
    }
    until(session, &ask, seconds, &mut |_, pod| {
        seen = pod.clone();
        let phase = field(pod, "/status/phase");
        Ok(phase == "Succeeded" || (phase == "Failed" && policy == "Never"))
    })?;
    ended(&seen)
}

fn ask(session: &Session<'_>, object: &Value) -> Result<Ask, Failure> {
    let api = session.api()?;
    let (version, kind) = (field(object, "/apiVersion"), field(object, "/kind"));
    let resource = api.discovery()?.of_kind(version, kind);
    let Some(resource) = resource.cloned() else {
        return Err(Failure::new(format!("there is no kind {kind:?}")));
    };
    let namespace = field(object, "/metadata/namespace").to_owned();
    let mut ask = Ask::list(resource, namespace);
    name(object).clone_into(&mut ask.name);
    Ok(ask)
}

fn is_over(pod: &Value) -> bool {
    matches!(field(pod, "/status/phase"), "Succeeded" | "Failed")
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let is_ready = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
    let is_running = field(pod, "/status/phase") == "Running";
    is_running && conditions.into_iter().flatten().any(is_ready)
}

fn print_log(session: &mut Session<'_>, pod: &Value) -> Result<(), Failure> {
    let container = containers(pod, "containers").first().copied();
    let question = Question {
        namespace: field(pod, "/metadata/namespace").to_owned(),
        pod: name(pod).to_owned(),
        container: container.unwrap_or_default().to_owned(),
        ..Question::default()
    };
    let client = session.api()?.client.clone();
    let out = &mut *session.io.stdout;
    logs::read(&client, &question, &mut |bytes| out.write_all(bytes)).map_err(broken)
}

/// Fails as the container failed.
fn ended(pod: &Value) -> Result<(), Failure> {
    if field(pod, "/status/phase") == "Succeeded" {
        return Ok(());
    }
    let of = [field(pod, "/metadata/namespace"), "/", name(pod)].concat();
    let end = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let code = end["exitCode"].as_i64().unwrap_or_default();
    let code = i32::try_from(code).unwrap_or_default();
    if code == 0 {
        return Err(Failure::new(format!(
            "pod {of} failed with unknown exit code"
        )));
    }
    let (reason, message) = (field(end, "/reason"), field(end, "/message"));
    let mut failure = Failure::whole(format!("pod {of} terminated ({reason})\n{message}"));
    failure.code = code;
    Err(failure)
}

fn remove(session: &mut Session<'_>, object: &Value) -> Result<(), Failure> {
    let ask = ask(session, object)?;
    let path = ask.path() + "?propagationPolicy=Background";
    let removed = session.api()?.call(&Call {
        method: "DELETE",
        path: &path,
        accept: JSON,
        body: None,
    });
    match removed {
        Err(failure) if failure.is_not_found() => return Ok(()),
        Err(failure) => return Err(failure),
        Ok(_) => {}
    }
    if session.flags.on("quiet") {
        return Ok(());
    }
    let kind = &ask.resource.singular;
    let text = format!(
        "{kind} {:?} deleted from {} namespace\n",
        ask.name, ask.namespace
    );
    Ok(session.io.stdout.write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_fails_as_the_container_failed() {
        let pod = |code: i32| {
            json!({"metadata": {"namespace": "a", "name": "b"}, "status": {"phase": "Failed",
                "containerStatuses": [{"state": {"terminated": {
                    "exitCode": code, "reason": "Error"}}}]}})
        };
        let failure = ended(&pod(3)).unwrap_err();
        assert_eq!(failure.code, 3);
        assert_eq!(failure.text(), "pod a/b terminated (Error)\n");
        assert!(
            ended(&pod(0))
                .unwrap_err()
                .message()
                .contains("unknown exit code")
        );
        assert!(ended(&json!({"status": {"phase": "Succeeded"}})).is_ok());
    }
}
