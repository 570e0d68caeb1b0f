//! `kubectl create`: makes objects, from files ([`VERB`]) or from what stands in the
//! command line ([`kinds`]).

mod data;
pub(super) mod kinds;

use serde_json::Value;

use super::change::{DRY_RUN, DryRun, Teller, VALIDATE, validation};
use super::failure::Failure;
use super::flags::{Group, Kind, flag};
use super::resources::Ask;
use super::session::Session;
use super::verbs::{FILES, OUTPUT, SELECTOR, Verb};
use crate::k8s::JSON;
use crate::kubectl::api::query;

pub(super) const VERB: Verb = Verb {
    name: "create",
    aliases: &[],
    usage: "-f FILENAME",
    about: "Create a resource from a file or from stdin",
    flags: &[OUTPUT, FILES, SELECTOR, DRY_RUN, VALIDATE, MANAGER],
    local: false,
    run,
};

const MANAGER: Group = &[flag("field-manager", "", Kind::Text, "kubectl-create")];

/// How objects are created.
struct Creation {
    dry_run: DryRun,
    validation: &'static str,
    manager: String,
    teller: Teller,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    session.without_words()?;
    let mut creation = Creation::of(session)?;
    session.needs_files()?;
    let (asks, unknown) = session.documents()?;
    if asks.is_empty() && unknown.is_empty() {
        return Err(Failure::new("no objects passed to create"));
    }
    let mut failures = Vec::new();
    for ask in asks {
        let source = ask.source.clone();
        let created = creation
            .create(session, ask)
            .map_err(|failure| failure.during("creating", &source));
        let told =
            created.and_then(|object| creation.teller.tell(session, object, creation.what()));
        failures.extend(told.err());
    }
    failures.extend(unknown);
    Failure::all(failures)
}

impl Creation {
    fn of(session: &mut Session<'_>) -> Result<Self, Failure> {
        Ok(Self {
            dry_run: DryRun::of(session)?,
            validation: validation(session)?,
            manager: session.flags.text("field-manager").to_owned(),
            teller: Teller::of(session)?,
        })
    }

    /// Makes it, and gives back what it became.
    fn create(&self, session: &Session<'_>, mut ask: Ask) -> Result<Value, Failure> {
        if self.dry_run == DryRun::Client {
            return Ok(ask.object);
        }
        if let Some(metadata) = ask.object["metadata"].as_object_mut() {
            // What is new has no version.
            metadata.remove("resourceVersion");
        }
        ask.name.clear();
        let path = self.dry_run.path(&ask.path(), &self.manager);
        let path = query(&path, &[("fieldValidation", self.validation)]);
        let body = ask.object.to_string();
        session.api()?.send("POST", &path, JSON, body.as_bytes())
    }

    fn what(&self) -> &'static str {
        match self.dry_run {
            DryRun::None => "created",
            DryRun::Client => "created (dry run)",
            DryRun::Server => "created (server dry run)",
        }
    }
}
