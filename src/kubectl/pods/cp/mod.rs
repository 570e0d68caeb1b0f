//! `kubectl cp`: files to and from a container that has `tar`.

mod head;
mod pack;
mod unpack;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::pack::Pack;
use self::unpack::{Unpack, Warning};
use super::CONTAINER;
use super::run::{self, Pipes};
use crate::k8s::Client;
use crate::k8s::exec::{Command, Input, Outcome};
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, switch};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::Verb;

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "cp",
    aliases: &[],
    usage: "<file-spec-src> <file-spec-dest>",
    about: "Copy files and directories to and from containers",
    flags: &[CONTAINER, FLAGS],
    local: true,
    run,
};

const FLAGS: Group = &[switch("no-preserve", "")];

/// A place here, or in a pod.
#[derive(Debug, PartialEq, Eq)]
struct Spec {
    namespace: String,
    /// Empty for a place here.
    pod: String,
    path: String,
}

/// A container of a pod.
struct Place {
    namespace: String,
    pod: String,
    container: String,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let [from, to] = session.words.as_slice() else {
        return Err(Failure::new("source and destination are required"));
    };
    let (from, to) = (spec(from)?, spec(to)?);
    let problem = match (from.pod.is_empty(), to.pod.is_empty()) {
        (false, false) => "one of src or dest must be a local file specification",
        _ if from.path.is_empty() || to.path.is_empty() => "filepath can not be empty",
        (false, true) => return from_pod(session, &from, &to),
        (true, false) => return to_pod(session, &from, &to),
        (true, true) => "one of src or dest must be a remote file specification",
    };
    Err(Failure::new(problem))
}

/// Reads `[[namespace/]pod:]path`.
fn spec(word: &str) -> Result<Spec, Failure> {
    let wrong =
        || Failure::new("filespec must match the canonical format: [[namespace/]pod:]file/path");
    let (pod, path) = match word.split_once(':') {
        None => ("", word),
        Some(("", _)) => return Err(wrong()),
        Some(parts) => parts,
    };
    let (namespace, pod) = match pod.split_once('/') {
        None => ("", pod),
        Some((_, pod)) if pod.contains('/') => return Err(wrong()),
        Some(parts) => parts,
    };
    let path = match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    };
    Ok(Spec {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        path: path.to_owned(),
    })
}

fn to_pod(session: &mut Session<'_>, from: &Spec, to: &Spec) -> Result<(), Failure> {
    let source = Path::new(&from.path);
    if fs::metadata(source).is_err() {
        let path = &from.path;
        return Err(Failure::new(format!(
            "{path} doesn't exist in local filesystem"
        )));
    }
    let (place, told) = place(session, to)?;
    session.io.stderr.write_all(told.as_bytes())?;
    let client = session.api()?.client.clone();
    let mut target = clean(&to.path);
    if is_folder(session, &client, &place, &to.path) {
        let from = clean(&from.path);
        target = clean(&format!("{target}/{}", parts(&from).1));
    }
    let (folder, name) = parts(&target);
    let mut words = vec!["tar", "-xmf", "-", "-C", folder];
    if session.flags.on("no-preserve") {
        words.extend(["--no-same-permissions", "--no-same-owner"]);
    }
    let mut pack = Pack::new(source, name);
    let pipes = Pipes {
        input: Some(Input {
            from: &mut pack,
            wait: None,
        }),
        out: &mut *session.io.stdout,
        err: &mut *session.io.stderr,
    };
    let stop = &session.context.stop;
    let outcome = place.run(&words, |command| {
        run::run(&client, stop, command, pipes, None)
    });
    judge(pack.failed, outcome, true)
}

fn from_pod(session: &mut Session<'_>, from: &Spec, to: &Spec) -> Result<(), Failure> {
    let (place, told) = place(session, from)?;
    session.out().write_all(told.as_bytes())?;
    let client = session.api()?.client.clone();
    let prefix = prefix(&from.path);
    let err = &mut *session.io.stderr;
    let mut hint = Some(format!(
        " (consider using \"kubectl exec -n {:?} {:?} -- tar cf - {:?} | tar xf -\")",
        place.namespace, place.pod, from.path
    ));
    let mut warn = |warning: &Warning| match warning {
        Warning::Outside(path) => writeln!(
            err,
            "warning: file {path:?} is outside target destination, skipping"
        ),
        Warning::Link(path, target) => {
            // Once is enough.
            let hint = hint.take().unwrap_or_default();
            writeln!(
                err,
                "warning: skipping symlink: {path:?} -> {target:?}{hint}"
            )
        }
    };
    let mut unpack = Unpack::new(prefix, PathBuf::from(&to.path), &mut warn);
    let pipes = Pipes {
        input: None,
        out: &mut unpack,
        err: &mut *session.io.stdout,
    };
    let words = ["tar", "cf", "-", &from.path];
    let stop = &session.context.stop;
    let outcome = place.run(&words, |command| {
        run::run(&client, stop, command, pipes, None)
    });
    let failed = unpack.failed.take();
    judge(failed, outcome, unpack.is_whole())
}

/// What went wrong here tells more than how the command took it.
fn judge(
    failed: Option<io::Error>,
    outcome: Result<(), Failure>,
    is_whole: bool,
) -> Result<(), Failure> {
    if let Some(error) = failed {
        return Err(Failure::new(error.to_string()));
    }
    outcome.map_err(without_tar)?;
    match is_whole {
        true => Ok(()),
        false => Err(Failure::new("unexpected EOF")),
    }
}

/// What the names in an archive of that path begin with.
fn prefix(path: &str) -> String {
    let path = clean(path.trim_start_matches(['/', '\\']));
    match path.trim_start_matches("../") {
        "." | ".." => String::new(),
        prefix => prefix.to_owned(),
    }
}

/// The container of a place, and what is to be told about the choice.
fn place(session: &Session<'_>, spec: &Spec) -> Result<(Place, String), Failure> {
    let api = session.api()?;
    let namespace = match spec.namespace.as_str() {
        "" => api.namespace.clone(),
        given => given.to_owned(),
    };
    let pod = api.get(&super::path(&namespace, &spec.pod))?;
    run::is_over(&pod)?;
    let (container, told) = match session.flags.text("container") {
        "" => super::default_container(&pod)?,
        given => (given.to_owned(), None),
    };
    let place = Place {
        namespace,
        pod: spec.pod.clone(),
        container,
    };
    Ok((place, told.unwrap_or_default()))
}

impl Place {
    fn run<T>(&self, words: &[&str], run: impl FnOnce(&Command<'_>) -> T) -> T {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        run(&Command {
            namespace: &self.namespace,
            pod: &self.pod,
            container: &self.container,
            command: &words,
            stdin: words.iter().any(|word| word == "-xmf"),
            stderr: true,
            tty: false,
        })
    }
}

fn is_folder(session: &Session<'_>, client: &Client, place: &Place, path: &str) -> bool {
    let (mut out, mut err) = (io::sink(), io::sink());
    let pipes = Pipes {
        input: None,
        out: &mut out,
        err: &mut err,
    };
    let stop = &session.context.stop;
    let outcome = place.run(&["test", "-d", path], |command| {
        run::outcome(client, stop, command, pipes, None)
    });
    // A container without `test` will show what else it lacks.
    outcome.is_ok_and(|outcome| outcome == Outcome::Success)
}

/// Says what copying needs, where that is what is missing.
fn without_tar(failure: Failure) -> Failure {
    let said = failure.message();
    if said.contains("\"tar\": executable file not found") || said.contains("exec tar failed") {
        return Failure::new(format!(
            "the container has no tar, which copying needs: {said}"
        ));
    }
    failure
}

/// The shortest form of a path, by its text alone.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match (part, kept.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => drop(kept.pop()),
            ("..", None) if is_rooted => {}
            (part, _) => kept.push(part),
        }
    }
    let text = kept.join("/");
    match (is_rooted, text.is_empty()) {
        (true, _) => format!("/{text}"),
        (false, true) => ".".to_owned(),
        (false, false) => text,
    }
}

/// The folder and the name of a clean path.
fn parts(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some(parts) => parts,
        None => (".", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_here_or_in_a_pod() {
        let read = |word: &str| spec(word).map(|spec| (spec.namespace, spec.pod, spec.path));
        for (word, (namespace, pod, path)) in [
            ("/tmp/a/", ("", "", "/tmp/a")),
            ("/", ("", "", "/")),
            ("p:/tmp/a", ("", "p", "/tmp/a")),
            ("n/p:a:b/", ("n", "p", "a:b")),
            ("p:", ("", "p", "")),
        ] {
            let expected = (namespace.to_owned(), pod.to_owned(), path.to_owned());
            assert_eq!(read(word), Ok(expected));
        }
        assert!(read(":a").is_err());
        assert!(read("a/b/c:d").is_err());
    }

    #[test]
    fn paths_are_cleaned_by_their_text() {
        for (path, expected) in [
            ("/a//b/./c/", "/a/b/c"),
            ("a/../..", ".."),
            ("../../a", "../../a"),
            ("/../a", "/a"),
            ("", "."),
            ("/", "/"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
        assert_eq!(parts("/a"), ("/", "a"));
        assert_eq!(parts("/a/b"), ("/a", "b"));
        assert_eq!(parts("b"), (".", "b"));
    }
}
