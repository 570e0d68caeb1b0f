//! `kubectl attach`: the streams of what runs in a container.

use serde_json::Value;

use super::exec::{STREAMS, terminal, with_streams};
use super::{CONTAINER, RUNNING};
use crate::k8s::exec::Command;
use crate::kubectl::failure::Failure;
use crate::kubectl::session::Session;
use crate::kubectl::verbs::Verb;

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "attach",
    aliases: &[],
    usage: "(POD | TYPE/NAME) -c CONTAINER",
    about: "Attach to a running container",
    flags: &[CONTAINER, RUNNING, STREAMS],
    local: false,
    run,
};

const NOTICE: &str = "All commands and output from this session will be recorded in container logs, \
    including credentials and sensitive information passed through the command prompt.\n\
    If you don't see a command prompt, try pressing enter.\n";

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let word = word(session)?;
    let object = super::object(session, &word)?;
    let pod = super::attachable(session, object)?;
    to(session, &pod)
}

/// Attaches to a pod.
pub(super) fn to(session: &mut Session<'_>, pod: &Value) -> Result<(), Failure> {
    if let phase @ ("Succeeded" | "Failed") = super::field(pod, "/status/phase") {
        return Err(Failure::new(format!(
            "cannot attach a container in a completed pod; current phase is {phase}"
        )));
    }
    let quiet = session.flags.on("quiet");
    let container = container(session, pod)?;
    let has_terminal = has_terminal(pod, &container);
    if session.flags.on("tty") && !has_terminal && !quiet {
        let text =
            format!("error: Unable to use a TTY - container {container} did not allocate one\n");
        session.io.stderr.write_all(text.as_bytes())?;
    }
    let raw = terminal(session, has_terminal)?;
    if !quiet {
        session.io.stderr.write_all(NOTICE.as_bytes())?;
    }
    let command = Command {
        namespace: super::field(pod, "/metadata/namespace"),
        pod: super::name(pod),
        container: &container,
        command: &[],
        stdin: session.flags.on("stdin"),
        stderr: raw.is_none(),
        tty: raw.is_some(),
    };
    with_streams(session, &command, raw)
}

/// What to attach to, as `NAME` or `TYPE/NAME`.
fn word(session: &Session<'_>) -> Result<String, Failure> {
    match session.words.as_slice() {
        [] => Err(Failure::new("at least 1 argument is required for attach")),
        [word] => Ok(word.clone()),
        [kind, name] => Ok(format!("{kind}/{name}")),
        words => {
            let (count, words) = (words.len(), words.join(" "));
            Err(Failure::new(format!(
                "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {count}: [{words}]"
            )))
        }
    }
}

fn container(session: &mut Session<'_>, pod: &Value) -> Result<String, Failure> {
    let given = session.flags.text("container").to_owned();
    if given.is_empty() {
        return super::chosen_container(session, pod);
    }
    if super::has_container(pod, &given) {
        return Ok(given);
    }
    let pod = super::name(pod);
    Err(Failure::new(format!(
        "cannot attach to the container: container {given} not found in pod {pod}"
    )))
}

fn has_terminal(pod: &Value, container: &str) -> bool {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let all = lists.iter().filter_map(|list| pod["spec"][list].as_array());
    all.flatten()
        .any(|one| one["name"] == container && one["tty"] == true)
}
