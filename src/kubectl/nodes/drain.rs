//! `kubectl drain`: cordons nodes, and has their pods go.

use super::evict::Leave;
use super::pods::{self, Allowed, Found};
use super::{Nodes, joined, text};
use crate::kubectl::change::{DRY_RUN, DryRun};
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag, switch};
use crate::kubectl::get::CHUNKS;
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{SELECTOR, Verb};

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "drain",
    aliases: &[],
    usage: "NODE",
    about: "Drain node in preparation for maintenance",
    flags: &[SELECTOR, DRY_RUN, CHUNKS, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    switch("force", ""),
    switch("ignore-daemonsets", ""),
    switch("delete-emptydir-data", ""),
    flag("grace-period", "", Kind::Number, "-1"),
    flag("timeout", "", Kind::Duration, "0s"),
    flag("pod-selector", "", Kind::Text, ""),
    switch("disable-eviction", ""),
    flag("skip-wait-for-delete-timeout", "", Kind::Number, "0"),
];

/// Why a node could not be drained.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) parts: Vec<Failure>,
    /// Whether they are told as parts, even if there is one.
    pub(super) is_list: bool,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self {
            parts: vec![failure],
            is_list: false,
        }
    }
}

impl Problem {
    pub(super) fn list(parts: Vec<Failure>) -> Result<(), Self> {
        if parts.is_empty() {
            return Ok(());
        }
        Err(Self {
            parts,
            is_list: true,
        })
    }
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let nodes = Nodes::of(session)?;
    nodes.cordon(session, true)?;
    let mut names = String::new();
    let mut problems = Vec::new();
    for node in &nodes.all {
        let name = text(&node["metadata"]["name"]);
        let outcome = drain(session, nodes.dry_run, name);
        if session.context.stop.is_stopped() {
            return Err(Failure::silent(1));
        }
        let Err(problem) = outcome else {
            nodes.say(session, &["node/", name, " drained"])?;
            continue;
        };
        let why = joined(&problem.parts);
        let line = format!(
            "error: unable to drain node {name:?} due to error: {why}, continuing command...\n"
        );
        session.io.stderr.write_all(line.as_bytes())?;
        names.push_str(&format!(" {name}\n"));
        problems.push(problem);
    }
    if !names.is_empty() {
        let text = "There are pending nodes to be drained:\n".to_owned() + &names;
        session.io.stderr.write_all(text.as_bytes())?;
    }
    outcome(problems)
}

/// As kubectl takes lists of lists of failures apart.
fn outcome(mut problems: Vec<Problem>) -> Result<(), Failure> {
    let lines: Vec<String> = match problems.as_mut_slice() {
        [] => return Ok(()),
        [one] if !one.is_list => return Failure::all(std::mem::take(&mut one.parts)),
        [one] => one
            .parts
            .iter()
            .map(|part| part.message().to_owned())
            .collect(),
        several => several.iter().map(Problem::line).collect(),
    };
    Err(Failure::whole(lines.join("\n")))
}

impl Problem {
    fn line(&self) -> String {
        match self.parts.as_slice() {
            [one] if !self.is_list => one.message().to_owned(),
            parts => joined(parts),
        }
    }
}

fn drain(session: &mut Session<'_>, dry_run: DryRun, node: &str) -> Result<(), Problem> {
    let flags = &session.flags;
    let allowed = Allowed {
        force: flags.on("force"),
        ignore_daemons: flags.on("ignore-daemonsets"),
        delete_local: flags.on("delete-emptydir-data"),
        skip_after: flags.number("skip-wait-for-delete-timeout"),
    };
    let found = pods::find(session, node, allowed)?;
    Problem::list(found.problems)?;
    if !found.warnings.is_empty() {
        let line = format!("Warning: {}\n", found.warnings.join("; "));
        write(session.io.stderr, &line)?;
    }
    if dry_run == DryRun::Client {
        for pod in &found.leaving {
            let (namespace, name) = (text(&pod["namespace"]), text(&pod["name"]));
            write(
                session.io.stdout,
                &format!("evicting pod {namespace}/{name} (dry run)\n"),
            )?;
        }
        return Ok(());
    }
    let outcome = Leave::new(session, dry_run, allowed.skip_after).all(session, found.leaving);
    if let Err(problem) = &outcome
        && !session.context.stop.is_stopped()
    {
        let left = pods::find(session, node, allowed)?;
        pending(session, node, problem, left)?;
    }
    outcome
}

/// Tells what is still there.
fn pending(
    session: &mut Session<'_>,
    node: &str,
    problem: &Problem,
    left: Found,
) -> Result<(), Failure> {
    let mut text = String::new();
    if !left.leaving.is_empty() {
        text = format!(
            "There are pending pods in node {node:?} when an error occurred: {}\n",
            joined(&problem.parts)
        );
    }
    for pod in &left.leaving {
        text.push_str(&["pod/", super::text(&pod["name"]), "\n"].concat());
    }
    if !left.problems.is_empty() {
        text.push_str("Following errors occurred while getting the list of pods to delete:\n");
        text.push_str(&joined(&left.problems));
    }
    write(session.io.stderr, &text)
}

fn write(to: &mut (dyn std::io::Write + Send), text: &str) -> Result<(), Failure> {
    Ok(to.write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_told_as_kubectl_tells_it() {
        let parts = |words: &[&str]| words.iter().map(|word| Failure::new(*word)).collect();
        let list = |words| Problem {
            parts: parts(words),
            is_list: true,
        };
        let text = |problems| outcome(problems).unwrap_err().text();
        assert!(outcome(Vec::new()).is_ok());
        assert_eq!(text(vec![Failure::new("a").into()]), "error: a\n");
        assert_eq!(text(vec![list(&["a"])]), "a\n");
        assert_eq!(text(vec![list(&["a", "b"])]), "a\nb\n");
        assert_eq!(text(vec![list(&["a", "b"]), list(&["c"])]), "[a, b]\nc\n");
    }
}
