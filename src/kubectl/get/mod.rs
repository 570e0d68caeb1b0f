//! `kubectl get`: what is asked for and how it is shown. Tables are the server's own
//! ([`table`]); everything else is made of the objects ([`objects`]).

mod objects;
mod printer;
mod table;
mod watch;

use super::failure::Failure;
use super::flags::{Flag, Group, Kind, flag, switch, text};
use super::print::Format;
use super::resources::{Rules, Selected};
use super::session::Session;
use super::verbs::{ALL_NAMESPACES, FIELDS, FILES, OUTPUT, SELECTOR, Verb};
use crate::k8s::{Call, JSON};

pub(super) const VERB: Verb = Verb {
    name: "get",
    aliases: &[],
    usage: "(TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...)",
    about: "Display one or many resources",
    flags: &[
        OUTPUT,
        SELECTOR,
        FIELDS,
        ALL_NAMESPACES,
        FILES,
        CHUNKS,
        COLUMNS,
        FLAGS,
    ],
    local: false,
    run,
};

pub(super) const CHUNKS: Group = &[CHUNK_SIZE];
const CHUNK_SIZE: Flag = flag("chunk-size", "", Kind::Number, "500");

/// What tables show.
pub(super) const COLUMNS: Group = &[
    switch("no-headers", ""),
    switch("show-labels", ""),
    switch("show-kind", ""),
    flag("label-columns", "L", Kind::List, ""),
    text("sort-by", ""),
];

const FLAGS: Group = &[
    switch("ignore-not-found", ""),
    text("raw", ""),
    text("subresource", ""),
    flag("server-print", "", Kind::Switch, "true"),
    switch("watch", "w"),
    switch("watch-only", ""),
    switch("output-watch-events", ""),
];

/// The forms of output that are known, as they are listed to people.
const FORMATS: &[&str] = &[
    "custom-columns",
    "custom-columns-file",
    "json",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "name",
    "wide",
    "yaml",
];

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    if session.flags.given("raw") {
        return raw(session);
    }
    check(session)?;
    let format = Format::of(session, FORMATS)?;
    let watches = session.flags.on("watch") || session.flags.on("watch-only");
    let rules = Rules {
        type_is_all: true,
        single_type: watches,
        ..Rules::default()
    };
    let selected = session.select(rules);
    let mut selected = selected.map_err(|failure| match &format {
        // There kubectl finds it when it is about to print, and prints it as it is.
        None if failure.is_unmapped() => Failure::whole(failure.message()),
        _ => failure,
    })?;
    subresource(session, &mut selected);
    match format {
        _ if watches => watch::follow(session, &selected, format),
        Some(format) => objects::show(session, &selected, format),
        None if session.flags.on("server-print") => table::show(session, &selected),
        None => Err(Failure::new(
            "tables are made by the server only; leave out --server-print=false",
        )),
    }
}

/// Whatever is at a path.
fn raw(session: &mut Session<'_>) -> Result<(), Failure> {
    if !session.words.is_empty() {
        let problem = "arguments may not be passed when --raw is specified";
        return Err(Failure::new(problem));
    }
    let flags = &session.flags;
    if flags.on("watch") || flags.on("watch-only") || flags.given("selector") {
        return Err(Failure::new(
            "--raw may not be specified with other flags that filter the server request or alter \
             the output",
        ));
    }
    if flags.given("output") {
        return Err(Failure::new("--raw and --output are mutually exclusive"));
    }
    let path = flags.text("raw").to_owned();
    if !path.starts_with('/') {
        return Err(Failure::new(format!(
            "--raw must be a valid URL path: parse {path:?}: invalid URI for request"
        )));
    }
    let mut answer = session.api()?.open(&Call::get(&path, JSON))?;
    match std::io::copy(&mut answer, &mut session.io.stdout) {
        Ok(_) => Ok(()),
        Err(error) => Err(answer.broken(error).into()),
    }
}

fn check(session: &mut Session<'_>) -> Result<(), Failure> {
    let flags = &session.flags;
    let (format, sorts) = (flags.text("output"), flags.given("sort-by"));
    let is_named = !session.words.is_empty() || flags.given("filename");
    let watches = flags.on("watch") || flags.on("watch-only");
    if sorts && watches {
        let warning: &[u8] = if flags.on("watch") {
            b"warning: --watch requested, --sort-by will be ignored for watch events received\n"
        } else {
            b"warning: --watch-only requested, --sort-by will be ignored\n"
        };
        session.io.stderr.write_all(warning)?;
    } else if !is_named && !watches {
        session.io.stderr.write_all(
            b"You must specify the type of resource to get. Use \"kubectl api-resources\" for a \
              complete list of supported resources.\n\n",
        )?;
        return Err(Failure::usage(
            "get",
            "Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed \
             description of that resource (e.g. kubectl explain pods).",
        ));
    }
    if flags.on("show-labels") && !matches!(format, "" | "wide") {
        return Err(Failure::new(format!(
            "--show-labels option cannot be used with {format} printer"
        )));
    }
    if flags.on("output-watch-events") && !watches {
        return Err(Failure::new(
            "--output-watch-events option can only be used with --watch or --watch-only",
        ));
    }
    Ok(())
}

/// Asks for a part of each object, such as `status`.
fn subresource(session: &Session<'_>, selected: &mut Selected) {
    let part = session.flags.text("subresource");
    for ask in selected.asks.iter_mut().filter(|_| !part.is_empty()) {
        part.clone_into(&mut ask.part);
    }
}

/// Leaves out what was not found, where that was wished for.
fn tolerated(session: &Session<'_>, failures: Vec<Failure>) -> Vec<Failure> {
    let ignored = session.flags.on("ignore-not-found");
    let keep = |failure: &Failure| !(ignored && failure.is_not_found());
    failures.into_iter().filter(keep).collect()
}

/// What to say when there is nothing.
fn nothing(session: &mut Session<'_>, selected: &Selected) -> Result<(), Failure> {
    let namespaced = selected.asks.iter().all(|ask| ask.resource.is_namespaced);
    if namespaced {
        return none(session);
    }
    Ok(session.io.stderr.write_all(b"No resources found\n")?)
}

/// Says that there is nothing in the namespace.
pub(super) fn none(session: &mut Session<'_>) -> Result<(), Failure> {
    let text = if session.flags.on("all-namespaces") {
        "No resources found\n".to_owned()
    } else {
        let namespace = &session.api()?.namespace;
        format!("No resources found in {namespace} namespace.\n")
    };
    Ok(session.io.stderr.write_all(text.as_bytes())?)
}
