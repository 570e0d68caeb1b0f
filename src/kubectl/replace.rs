//! `kubectl replace`: puts an object in the place of another.

use serde_json::Value;

use super::api::{Api, query};
use super::change::{DRY_RUN, DryRun, Teller, VALIDATE, validation};
use super::delete::{Deletion, HOW};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, text};
use super::resources::{Ask, Selected};
use super::session::Session;
use super::verbs::{FILES, OUTPUT, Verb};
use crate::k8s::JSON;

pub(super) const VERB: Verb = Verb {
    name: "replace",
    aliases: &[],
    usage: "-f FILENAME",
    about: "Replace a resource by file name or stdin",
    flags: &[OUTPUT, FILES, DRY_RUN, VALIDATE, HOW, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    text("subresource", ""),
    flag("field-manager", "", Kind::Text, "kubectl-replace"),
];

/// How objects are replaced.
struct Replacement {
    dry_run: DryRun,
    validation: &'static str,
    manager: String,
    force: bool,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let validation = validation(session)?;
    let dry_run = DryRun::of(session)?;
    let mut teller = Teller::of(session)?;
    session.needs_files()?;
    let force = session.flags.on("force");
    check(session, dry_run, force)?;
    let replacement = Replacement {
        dry_run,
        validation,
        manager: session.flags.text("field-manager").to_owned(),
        force,
    };
    let (mut asks, mut failures) = session.documents()?;
    if force {
        failures.extend(remove(session, &asks)?);
        Failure::all(std::mem::take(&mut failures))?;
    }
    for ask in &mut asks {
        session.flags.text("subresource").clone_into(&mut ask.part);
    }
    let api = session.api()?;
    let unknown = failures;
    let mut failures = Vec::new();
    for ask in asks {
        let source = ask.source.clone();
        let replaced = replacement
            .replace(&api, ask)
            .map_err(|failure| failure.during("replacing", &source));
        let what = "replaced".to_owned() + dry_run.suffix();
        let told = replaced.and_then(|object| teller.tell(session, object, &what));
        failures.extend(told.err());
    }
    failures.extend(unknown);
    Failure::all(failures)
}

fn check(session: &Session<'_>, dry_run: DryRun, force: bool) -> Result<(), Failure> {
    let flags = &session.flags;
    let problem = if flags.number("grace-period") >= 0 && !force {
        "--grace-period must have --force specified"
    } else if flags.seconds("timeout") > 0.0 && !force {
        "--timeout must have --force specified"
    } else if force && dry_run != DryRun::None {
        "--dry-run can not be used when --force is set"
    } else {
        return Ok(());
    };
    Err(Failure::new(problem))
}

/// Deletes what is there, and waits until it is gone.
fn remove(session: &mut Session<'_>, asks: &[Ask]) -> Result<Vec<Failure>, Failure> {
    let mut deletion = Deletion::usual(session)?;
    let selected = Selected {
        asks: asks.to_vec(),
        ..Selected::default()
    };
    let mut failures = deletion.all(session, &selected)?;
    failures.retain(|failure| !failure.is_not_found());
    if failures.is_empty() {
        deletion.wait(session)?;
    }
    Ok(failures)
}

impl Replacement {
    fn replace(&self, api: &Api, mut ask: Ask) -> Result<Value, Failure> {
        ask.named()?;
        if self.dry_run == DryRun::Client {
            return Ok(ask.object);
        }
        let version = &ask.object["metadata"]["resourceVersion"];
        let mut method = "PUT";
        if self.force {
            method = "POST";
            ask.name.clear();
            if let Some(metadata) = ask.object["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
        } else if version.as_str().unwrap_or_default().is_empty() {
            // Without a version whatever is there is replaced.
            if let Ok(there) = api.get(&ask.path()) {
                ask.object["metadata"]["resourceVersion"] =
                    there["metadata"]["resourceVersion"].clone();
            }
        }
        let path = self.dry_run.path(&ask.path(), &self.manager);
        let path = query(&path, &[("fieldValidation", self.validation)]);
        api.send(method, &path, JSON, ask.object.to_string().as_bytes())
    }
}
