//! `kubectl patch`: changes parts of objects.

use std::fs;

use serde_json::Value;

use super::api::Api;
use super::change::{DRY_RUN, DryRun, Teller};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, text};
use super::print::json;
use super::resources::{self, Ask, Rules};
use super::session::Session;
use super::verbs::{FILES, OUTPUT, Verb};
use crate::yaml;

pub(super) const VERB: Verb = Verb {
    name: "patch",
    aliases: &[],
    usage: "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
    about: "Update fields of a resource",
    flags: &[OUTPUT, FILES, DRY_RUN, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    text("patch", "p"),
    text("patch-file", ""),
    flag("type", "", Kind::Text, "strategic"),
    text("subresource", ""),
    flag("field-manager", "", Kind::Text, "kubectl-patch"),
];

/// What is sent, and how.
struct Patch {
    content_type: &'static str,
    text: String,
    dry_run: DryRun,
    manager: String,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut dry_run = DryRun::of(session)?;
    let mut teller = Teller::of(session)?;
    let text = given(session)?;
    let content_type = content_type(session.flags.text("type"))?;
    let keeps_version = dry_run == DryRun::Client;
    if keeps_version {
        // What a patch makes of an object the server knows best.
        dry_run = DryRun::Server;
    }
    let patch = Patch {
        content_type,
        text,
        dry_run,
        manager: session.flags.text("field-manager").to_owned(),
    };
    let mut selected = session.select(Rules::default())?;
    for ask in &mut selected.asks {
        session.flags.text("subresource").clone_into(&mut ask.part);
    }
    let api = session.api()?;
    let failures = resources::visit(&api, &selected, 0, &mut |ask, before| {
        let mut after = patch.send(&api, ask)?;
        if keeps_version {
            restore(&before, &mut after);
        }
        let what = match before == after {
            true => "patched (no change)",
            false => "patched",
        };
        teller.tell(session, after, what)
    });
    Failure::all(failures)
}

/// What counts changes is as it was, since nothing is changed.
fn restore(before: &Value, after: &mut Value) {
    let Some(metadata) = after["metadata"].as_object_mut() else {
        return;
    };
    for field in ["generation", "managedFields", "resourceVersion"] {
        match &before["metadata"][field] {
            Value::Null => metadata.remove(field),
            value => metadata.insert(field.to_owned(), value.clone()),
        };
    }
}

impl Patch {
    fn send(&self, api: &Api, ask: &Ask) -> Result<Value, Failure> {
        let path = self.dry_run.path(&ask.path(), &self.manager);
        let sent = api.send("PATCH", &path, self.content_type, self.text.as_bytes());
        sent.map_err(|failure| match failure.reason.as_str() {
            "UnsupportedMediaType" => {
                let version = ask.resource.group_version();
                let (content, kind) = (self.content_type, &ask.resource.kind);
                let said = failure.said();
                Failure::new(format!(
                    "{content} is not supported by {version}, Kind={kind}: {said}"
                ))
            }
            _ => failure,
        })
    }
}

/// The patch as JSON.
fn given(session: &Session<'_>) -> Result<String, Failure> {
    let (text, file) = (
        session.flags.text("patch"),
        session.flags.text("patch-file"),
    );
    match (text.is_empty(), file.is_empty()) {
        (false, false) => Err(Failure::new(
            "cannot specify --patch and --patch-file together",
        )),
        (true, true) => Err(Failure::new(
            "must specify --patch or --patch-file containing the contents of the patch",
        )),
        (false, true) => as_json(text),
        (true, false) if !session.is_local() => {
            Err(Failure::local("--patch-file; use --patch: a file"))
        }
        (true, false) => {
            let text = fs::read_to_string(file)
                .map_err(|error| Failure::new(format!("unable to read patch file: {error}")))?;
            as_json(&text)
        }
    }
}

fn content_type(kind: &str) -> Result<&'static str, Failure> {
    match kind.to_lowercase().as_str() {
        "json" => Ok("application/json-patch+json"),
        "merge" => Ok("application/merge-patch+json"),
        "strategic" | "" => Ok("application/strategic-merge-patch+json"),
        _ => Err(Failure::new(format!(
            "--type must be one of [json merge strategic], not {kind:?}"
        ))),
    }
}

/// An object in JSON is sent as it is, so that the server says what is wrong with it.
fn as_json(text: &str) -> Result<String, Failure> {
    if text.trim_start().starts_with('{') {
        return Ok(text.to_owned());
    }
    let unreadable = |problem: String| Failure::new(format!("unable to parse {text:?}: {problem}"));
    let documents = yaml::parse(text).map_err(|error| unreadable(error.to_string()))?;
    match documents.as_slice() {
        [one] => Ok(json::compact(one)),
        _ => Err(unreadable("not one document".to_owned())),
    }
}
