//! `kubectl exec`: a command in a container, with its streams and its exit code.

use super::run::{self, Pipes, Source};
use super::terminal::Raw;
use super::{CONTAINER, RUNNING};
use crate::k8s::exec::Command;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, switch};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::Verb;

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "exec",
    aliases: &[],
    usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
    about: "Execute a command in a container",
    flags: &[CONTAINER, RUNNING, STREAMS],
    local: false,
    run,
};

pub(in crate::kubectl) const STREAMS: Group = &[
    switch("stdin", "i"),
    switch("tty", "t"),
    switch("quiet", "q"),
];

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let (target, command) = words(session)?;
    let object = super::object(session, &target)?;
    let pod = super::attachable(session, object)?;
    run::is_over(&pod)?;
    let container = match session.flags.text("container") {
        "" => super::chosen_container(session, &pod)?,
        given => given.to_owned(),
    };
    let raw = terminal(session, session.flags.on("tty"))?;
    let command = Command {
        namespace: super::field(&pod, "/metadata/namespace"),
        pod: super::name(&pod),
        container: &container,
        command: &command,
        stdin: session.flags.on("stdin"),
        stderr: raw.is_none(),
        tty: raw.is_some(),
    };
    with_streams(session, &command, raw)
}

/// Where the command is to run, and the command.
fn words(session: &Session<'_>) -> Result<(String, Vec<String>), Failure> {
    let target = session.words.first().filter(|_| session.dash != Some(0));
    let command = session.dash.and_then(|dash| session.words.get(dash..));
    if command.is_none() && session.words.len() > 1 {
        return Err(Failure::usage(
            "exec",
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead",
        ));
    }
    let target =
        target.ok_or_else(|| Failure::new("pod, type/name or --filename must be specified"))?;
    match command {
        Some(command) if !command.is_empty() => Ok((target.clone(), command.to_vec())),
        _ => Err(Failure::new(
            "you must specify at least one command for the container",
        )),
    }
}

/// The terminal, if one is asked for and there is one.
pub(super) fn terminal(session: &mut Session<'_>, wanted: bool) -> Result<Option<Raw>, Failure> {
    if !wanted || !session.flags.on("stdin") {
        return Ok(None);
    }
    let raw = if session.is_local() {
        Raw::start()?
    } else {
        None
    };
    if raw.is_none() && !session.flags.on("quiet") {
        session.io.stderr.write_all(
            b"Unable to use a TTY - input is not a terminal or the right kind of file\n",
        )?;
    }
    Ok(raw)
}

/// Runs it with the streams of the session.
pub(super) fn with_streams(
    session: &mut Session<'_>,
    command: &Command<'_>,
    raw: Option<Raw>,
) -> Result<(), Failure> {
    let mut source = if command.stdin {
        Some(Source::of(session)?)
    } else {
        None
    };
    let (client, stop) = (session.api()?.client.clone(), &session.context.stop);
    let pipes = Pipes {
        input: source.as_mut().map(Source::input),
        out: &mut *session.io.stdout,
        err: &mut *session.io.stderr,
    };
    run::run(&client, stop, command, pipes, raw)
}
