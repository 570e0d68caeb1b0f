//! `kubectl label` and `kubectl annotate`: what is written on objects.

use serde_json::{Map, Value};

use super::amend::{self, Amendment, MERGE};
use super::change::{DRY_RUN, DryRun};
use super::failure::Failure;
use super::flags::Kind;
use super::flags::{Group, flag, switch, text};
use super::labels;
use super::pods::{field, name};
use super::resources::{Ask, Rules, visit};
use super::session::Session;
use super::verbs::{ALL_NAMESPACES, FIELDS, FILES, OUTPUT, SELECTOR, Verb};

pub(super) const LABEL: Verb = Verb {
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

pub(super) const ANNOTATE: Verb = Verb {
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

/// Always written, as it tells of the last change.
const CAUSE: &str = "kubernetes.io/change-cause";

/// What is to be written and removed.
struct Notes {
    /// `label`, `annotation`
    word: &'static str,
    set: Map<String, Value>,
    remove: Vec<String>,
    overwrite: bool,
    /// That the object must still have; empty for any.
    version: String,
}

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
    let found = super::manifest::read(session)?.all;
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

/// Words that name objects, and behind them what to change: `KEY=VALUE`, `KEY-`.
pub(super) fn split(words: &[String], what: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
    let is_pair = |word: &&String| {
        (word.contains('=') && !word.starts_with('=')) || (word.ends_with('-') && *word != "-")
    };
    let at = words.iter().position(|word| is_pair(&word));
    let (resources, pairs) = words.split_at(at.unwrap_or(words.len()));
    if let Some(word) = pairs.iter().find(|word| !is_pair(word)) {
        return Err(Failure::new(format!(
            "all resources must be specified before {what} changes: {word}"
        )));
    }
    Ok((resources.to_vec(), pairs.to_vec()))
}

fn parse(pairs: &[String], word: &'static str) -> Result<Notes, Failure> {
    let mut notes = Notes {
        word,
        set: Map::new(),
        remove: Vec::new(),
        overwrite: false,
        version: String::new(),
    };
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            notes.remove.push(pair[..pair.len() - 1].to_owned());
            continue;
        };
        if word == "label" {
            if value.contains('=') {
                return Err(Failure::new(format!("invalid label spec: {pair}")));
            }
            valid(pair, value)?;
        }
        notes.set.insert(key.to_owned(), value.into());
    }
    Ok(notes)
}

fn valid(pair: &str, value: &str) -> Result<(), Failure> {
    let problems = labels::value_problems(value).replace("; ", ";");
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "invalid label value: {pair:?}: {problems}"
    )))
}

impl Notes {
    fn key(&self) -> &'static str {
        if self.word == "label" {
            "labels"
        } else {
            "annotations"
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let both = self.remove.iter().filter(|key| self.set.contains_key(*key));
        let both: Vec<_> = both.map(String::as_str).collect();
        if both.is_empty() {
            return Ok(());
        }
        Err(Failure::new(if self.word == "label" {
            "can not both modify and remove a label in the same command".to_owned()
        } else {
            let both = both.join(", ");
            format!(
                "can not both modify and remove the following annotation(s) in the same command: \
                 {both}"
            )
        }))
    }

    /// Writes them; what was done with labels, in kubectl's word.
    fn write(&self, object: &mut Value) -> Result<&'static str, Failure> {
        let length = object["metadata"].to_string().len();
        let before = object["metadata"].clone();
        let pairs = &mut object["metadata"][self.key()];
        if !pairs.is_object() {
            *pairs = Value::Object(Map::new());
        }
        let Some(pairs) = pairs.as_object_mut() else {
            return Ok("");
        };
        self.overwrites(pairs)?;
        pairs.extend(self.set.clone());
        pairs.retain(|key, _| !self.remove.contains(key));
        if !self.version.is_empty() {
            object["metadata"]["resourceVersion"] = self.version.clone().into();
        }
        let is_shorter = object["metadata"].to_string().len() < length;
        Ok(match self.word {
            "label" if object["metadata"] == before => "not labeled",
            "label" if is_shorter && !self.overwrite => "unlabeled",
            "label" => "labeled",
            _ => "annotated",
        })
    }

    /// Fails for what is there with another value, unless that is wished for.
    fn overwrites(&self, pairs: &Map<String, Value>) -> Result<(), Failure> {
        let is_label = self.word == "label";
        let mut problems = Vec::new();
        for (key, value) in self.set.iter().filter(|_| !self.overwrite) {
            let there = pairs.get(key).filter(|there| *there != value);
            if let Some(there) = there.filter(|_| is_label || key != CAUSE) {
                let there = there.as_str().unwrap_or_default();
                let end = if is_label {
                    ", and --overwrite is false"
                } else {
                    ""
                };
                problems.push(format!("'{key}' already has a value ({there}){end}"));
            }
        }
        match problems.len() {
            0 => Ok(()),
            1 if is_label => Err(Failure::new(problems.concat())),
            _ if is_label => Err(Failure::whole(problems.join("\n"))),
            _ => Err(Failure::new(format!(
                "--overwrite is false but found the following declared annotation(s): {}",
                problems.join("; ")
            ))),
        }
    }
}
