//! `kubectl label` and `kubectl annotate`: what is written on objects.

mod notes;

use serde_json::Value;

use crate::kubectl::amend::{self, Amendment, MERGE};
use crate::kubectl::change::{DRY_RUN, DryRun};
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag, switch, text};
use crate::kubectl::pods::{field, name};
use crate::kubectl::resources::{Ask, Rules, visit};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{ALL_NAMESPACES, FIELDS, FILES, OUTPUT, SELECTOR, Verb};
use notes::{Notes, parse};

pub(super) use notes::split;

pub(in crate::kubectl) const LABEL: Verb = Verb {
    name: "label",
    aliases: &[],
    usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N-",
    about: "Update the labels on a resource",
    flags: &[
        FILES,
        SELECTOR,
        FIELDS,
        ALL_NAMESPACES,
        DRY_RUN,
        OUTPUT,
        FLAGS,
        LABELER,
    ],
    local: false,
    run: |session| run(session, "label"),
};

pub(in crate::kubectl) const ANNOTATE: Verb = Verb {
    name: "annotate",
    aliases: &[],
    usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N-",
    about: "Update the annotations on a resource",
    flags: &[
        FILES,
        SELECTOR,
        FIELDS,
        ALL_NAMESPACES,
        DRY_RUN,
        OUTPUT,
        FLAGS,
        ANNOTATOR,
    ],
    local: false,
    run: |session| run(session, "annotation"),
};

const FLAGS: Group = &[
    switch("all", ""),
    switch("list", ""),
    switch("local", ""),
    switch("overwrite", ""),
    text("resource-version", ""),
];
const LABELER: Group = &[flag("field-manager", "", Kind::Text, "kubectl-label")];
const ANNOTATOR: Group = &[flag("field-manager", "", Kind::Text, "kubectl-annotate")];

fn run(session: &mut Session<'_>, word: &'static str) -> Result<(), Failure> {
    let mut amendment = Amendment::of(session, "annotated")?;
    let (words, pairs) = split(&session.words, word)?;
    session.words = words;
    let flags = &session.flags;
    let notes = Notes {
        overwrite: flags.on("overwrite"),
        version: flags.text("resource-version").to_owned(),
        ..parse(&pairs, word)?
    };
    check(session, &notes)?;
    let lists = session.flags.on("list");
    if session.flags.on("local") {
        return here(session, &mut amendment, &notes);
    }
    let selected = session.select(Rules {
        all: session.flags.on("all"),
        ..Rules::default()
    })?;
    if !selected.is_single && !notes.version.is_empty() {
        return Err(Failure::new(
            "--resource-version may only be used with a single resource",
        ));
    }
    let api = session.api()?;
    let failures = visit(&api, &selected, 500, &mut |ask, object| {
        if lists {
            let mut object = object;
            notes.write(&mut object)?;
            return list(session, &notes, &object, selected.is_single);
        }
        one(session, &mut amendment, &notes, (ask, object))
    });
    Failure::all(failures)
}

/// Changes what stands in files, and shows it.
fn here(
    session: &mut Session<'_>,
    amendment: &mut Amendment,
    notes: &Notes,
) -> Result<(), Failure> {
    let found = crate::kubectl::manifest::read(session)?.all;
    let is_single = found.len() == 1;
    for document in found {
        let mut object = document.object;
        amendment.done = notes.write(&mut object)?;
        if session.flags.on("list") {
            list(session, notes, &object, is_single)?;
        } else {
            amendment.tell(session, object)?;
        }
    }
    Ok(())
}

/// Changes one object, and tells of it.
fn one(
    session: &mut Session<'_>,
    amendment: &mut Amendment,
    notes: &Notes,
    (ask, mut object): (&Ask, Value),
) -> Result<(), Failure> {
    let mut ask = ask.clone();
    amend::named(&mut ask, &object);
    let is_real = amendment.dry_run != DryRun::Client;
    if !notes.version.is_empty()
        && let Some(metadata) = object["metadata"].as_object_mut()
    {
        // So that the patch has the one that is given.
        metadata.remove("resourceVersion");
    }
    for key in notes
        .remove
        .iter()
        .filter(|_| is_real && notes.word == "label")
    {
        if object["metadata"]["labels"][key.as_str()].is_null() {
            writeln!(session.out(), "label {key:?} not found.")?;
        }
    }
    let before = object.clone();
    amendment.done = notes.write(&mut object)?;
    if is_real {
        let patch = amend::between(&before, &object);
        let actual = amendment.send(session, &ask, MERGE, &patch)?;
        // kubectl shows labels as it has set them, annotations as the server has them.
        if notes.word != "label" {
            object = actual;
        }
    }
    amendment.tell(session, object)
}

fn list(
    session: &mut Session<'_>,
    notes: &Notes,
    object: &Value,
    is_single: bool,
) -> Result<(), Failure> {
    let word = notes.word;
    let mut text = String::new();
    if !is_single {
        let version = field(object, "/apiVersion");
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let kind = field(object, "/kind");
        text = format!("Listing {word}s for {kind}.{group}/{}:\n", name(object));
    }
    let pairs = object["metadata"][notes.key()].as_object();
    for (key, value) in pairs.into_iter().flatten() {
        if !is_single {
            text.push(' ');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value.as_str().unwrap_or_default());
        text.push('\n');
    }
    Ok(session.out().write_all(text.as_bytes())?)
}

fn check(session: &Session<'_>, notes: &Notes) -> Result<(), Failure> {
    let flags = &session.flags;
    let word = notes.word;
    let (all, files) = (flags.on("all"), flags.given("filename"));
    let sample = if word == "label" { "pod" } else { "rsrc" };
    let has_words = !session.words.is_empty();
    let problem = if flags.on("list") && !flags.text("output").is_empty() {
        "--list and --output may not be specified together"
    } else if all && !flags.text("selector").is_empty() {
        "cannot set --all and --selector at the same time"
    } else if all && !flags.text("field-selector").is_empty() {
        "cannot set --all and --field-selector at the same time"
    } else if flags.on("local") && flags.text("dry-run") == "server" {
        "cannot specify --local and --dry-run=server - did you mean --dry-run=client?"
    } else if flags.on("local") && has_words {
        return Err(Failure::new(format!(
            "can only use local files by -f {sample}.yaml or --filename={sample}.json when \
             --local=true is set"
        )));
    } else if flags.on("local") && !files {
        return Err(Failure::new(format!(
            "one or more files must be specified as -f {sample}.yaml or --filename={sample}.json"
        )));
    } else if !has_words && !files {
        "one or more resources must be specified as <resource> <name> or <resource>/<name>"
    } else if notes.set.is_empty() && notes.remove.is_empty() && !flags.on("list") {
        return Err(Failure::new(format!(
            "at least one {word} update is required"
        )));
    } else {
        return notes.check();
    };
    Err(Failure::new(problem))
}
