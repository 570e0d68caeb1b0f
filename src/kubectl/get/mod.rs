//! `kubectl get`: what is asked for and how it is shown. Tables are the server's own
//! ([`table`]); everything else is made of the objects ([`objects`]).

mod objects;
mod table;

use super::failure::Failure;
use super::flags::{Flag, Group, Kind, flag, switch, text};
use super::resources::{Rules, Selected};
use super::session::Session;
use super::verbs::{ALL_NAMESPACES, FIELDS, OUTPUT, SELECTOR, Verb};

pub(super) const VERB: Verb = Verb {
    name: "get",
    usage: "(TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...)",
    about: "Display one or many resources",
    flags: &[
        OUTPUT,
        SELECTOR,
        FIELDS,
        ALL_NAMESPACES,
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
];

const FLAGS: Group = &[
    switch("ignore-not-found", ""),
    text("subresource", ""),
    flag("server-print", "", Kind::Switch, "true"),
];

/// The forms of output that are known, as they are listed to people.
const FORMATS: &str = "json,name,wide,yaml";

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let format = session.flags.text("output").to_owned();
    check(session, &format)?;
    let selected = session.select(Rules {
        type_is_all: true,
        ..Rules::default()
    })?;
    if matches!(format.as_str(), "" | "wide") {
        table::show(session, &selected)
    } else {
        objects::show(session, &selected, &format)
    }
}

fn check(session: &mut Session<'_>, format: &str) -> Result<(), Failure> {
    if session.words.is_empty() {
        let _ = session.io.stderr.write_all(
            b"You must specify the type of resource to get. Use \"kubectl api-resources\" for a \
              complete list of supported resources.\n\n",
        );
        return Err(Failure::usage(
            "get",
            "Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed \
             description of that resource (e.g. kubectl explain pods).",
        ));
    }
    if session.flags.on("show-labels") && !matches!(format, "" | "wide") {
        return Err(Failure::new(format!(
            "--show-labels option cannot be used with {format} printer"
        )));
    }
    if matches!(format, "" | "wide" | "json" | "yaml" | "name") {
        return Ok(());
    }
    Err(Failure::new(format!(
        "unable to match a printer suitable for the output format {format:?}, allowed formats \
         are: {FORMATS}"
    )))
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
    let namespace = session.api()?.namespace.clone();
    let text = if namespaced && !session.flags.on("all-namespaces") {
        format!("No resources found in {namespace} namespace.\n")
    } else {
        "No resources found\n".to_owned()
    };
    Ok(session.io.stderr.write_all(text.as_bytes())?)
}
