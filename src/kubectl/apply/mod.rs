//! `kubectl apply`: makes objects what their manifests say, always by server-side apply.
//!
//! Without `--server-side` it overwrites what others own, as kubectl's own merge does, and
//! says what became of each object; no annotation with the last manifest is left behind.
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>)

mod migrate;

use serde_json::Value;

use super::api::{Api, query};
use super::change::{DRY_RUN, DryRun, Teller, VALIDATE, validation};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, switch, text};
use super::print::object;
use super::resources::Ask;
use super::session::Session;
use super::verbs::{FILES, OUTPUT, SELECTOR, Verb};

pub(super) const VERB: Verb = Verb {
    name: "apply",
    aliases: &[],
    usage: "-f FILENAME [--server-side]",
    about: "Apply a configuration to a resource by file name or stdin",
    flags: &[
        OUTPUT,
        FILES,
        SELECTOR,
        DRY_RUN,
        VALIDATE,
        SERVER_SIDE,
        FLAGS,
    ],
    local: false,
    run,
};

/// Flags of verbs that apply, or would.
pub(super) const SERVER_SIDE: Group = &[
    switch("server-side", ""),
    switch("force-conflicts", ""),
    flag("field-manager", "", Kind::Text, "kubectl"),
];

const FLAGS: Group = &[text("subresource", ""), switch("prune", "")];

const CONFLICT: &str = "
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";

/// How manifests are applied.
pub(super) struct Manner {
    pub(super) dry_run: DryRun,
    pub(super) validation: &'static str,
    server_side: bool,
    force: bool,
    manager: String,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    session.without_words()?;
    let dry_run = DryRun::of(session)?;
    session.needs_files()?;
    let mut manner = Manner::of(session)?;
    manner.dry_run = dry_run;
    manner.validation = validation(session)?;
    check(session, &manner)?;
    let mut teller = Teller::of(session)?;
    let (mut asks, mut failures) = session.documents()?;
    if asks.is_empty() && failures.is_empty() {
        return Err(Failure::new("no objects passed to apply"));
    }
    for ask in &mut asks {
        session.flags.text("subresource").clone_into(&mut ask.part);
    }
    let mut shown = Vec::new();
    for ask in &asks {
        match manner.one(session, ask) {
            Ok((object, _)) if teller.shows_objects() => shown.push(object),
            Ok((object, what)) => teller.tell(session, object, &(what + dry_run.suffix()))?,
            Err(failure) => failures.push(failure),
        }
    }
    Failure::all(failures)?;
    match shown.len() {
        0 => Ok(()),
        1 => teller.tell(session, shown.remove(0), ""),
        _ => teller.tell(session, list(shown), ""),
    }
}

fn check(session: &Session<'_>, manner: &Manner) -> Result<(), Failure> {
    let problem = if manner.dry_run == DryRun::Client && manner.server_side {
        "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)"
    } else if session.flags.on("prune") {
        "--prune is not supported: delete by name what is no longer wanted"
    } else if session.flags.given("subresource") && !manner.server_side {
        "--subresource can only be specified for --server-side"
    } else {
        return Ok(());
    };
    Err(Failure::new(problem))
}

/// The list that several objects are shown in.
fn list(objects: Vec<Value>) -> Value {
    object(vec![
        ("apiVersion", "v1".into()),
        ("items", objects.into()),
        ("kind", "List".into()),
        ("metadata", object(Vec::new())),
    ])
}

impl Manner {
    /// As the flags say, for a dry run on the server.
    ///
    /// # Errors
    /// The flags contradict each other.
    pub(super) fn of(session: &Session<'_>) -> Result<Self, Failure> {
        let flags = &session.flags;
        let (server_side, force) = (flags.on("server-side"), flags.on("force-conflicts"));
        if force && !server_side {
            return Err(Failure::new(
                "--force-conflicts only works with --server-side",
            ));
        }
        Ok(Self {
            dry_run: DryRun::Server,
            validation: "",
            server_side,
            force: force || !server_side,
            manager: flags.text("field-manager").to_owned(),
        })
    }

    /// Applies one; what it became, and the word for that.
    fn one(&self, session: &mut Session<'_>, ask: &Ask) -> Result<(Value, String), Failure> {
        let generated = ask.object["metadata"]["generateName"].as_str();
        if let (true, Some(start)) = (ask.name.is_empty(), generated) {
            let problem = format!("from {start}: cannot use generate name with apply");
            return Err(Failure::new(problem));
        }
        ask.named()?;
        let api = session.api()?;
        let before = match self.server_side {
            true => None,
            false => Some(there(&api, ask)?),
        };
        let mut after = self.send(&api, ask).map_err(|failure| match before {
            Some(Value::Null) => failure.during("creating", &ask.source),
            _ => conflict(failure),
        })?;
        if self.dry_run == DryRun::None && migrate::migrate(&api, ask, &after, &self.manager)? {
            // What the former manager had, and the manifest has no more, goes now.
            after = self.send(&api, ask).map_err(conflict)?;
        }
        session.warn();
        warn_of_deletion(session, &after)?;
        let what = match &before {
            None => "serverside-applied",
            Some(Value::Null) => "created",
            Some(_) if self.dry_run == DryRun::Client => "configured",
            Some(before) if is_alike(before, &after) => "unchanged",
            Some(_) => "configured",
        };
        Ok((after, what.to_owned()))
    }

    /// Sends a manifest; what the server makes of it.
    ///
    /// # Errors
    /// A refusal, of a conflict among others.
    pub(super) fn send(&self, api: &Api, ask: &Ask) -> Result<Value, Failure> {
        // What would become of it only the server knows.
        let dry_run = match self.dry_run {
            DryRun::None => DryRun::None,
            _ => DryRun::Server,
        };
        let path = dry_run.path(&ask.path(), &self.manager);
        let force = if self.force { "true" } else { "false" };
        let path = query(
            &path,
            &[("fieldValidation", self.validation), ("force", force)],
        );
        let body = ask.object.to_string();
        api.send(
            "PATCH",
            &path,
            "application/apply-patch+yaml",
            body.as_bytes(),
        )
    }
}

/// What is there; null if nothing is.
pub(super) fn there(api: &Api, ask: &Ask) -> Result<Value, Failure> {
    match api.get(&ask.path()) {
        Err(failure) if failure.is_not_found() => Ok(Value::Null),
        other => other,
    }
}

/// Says that an object is about to go.
pub(super) fn warn_of_deletion(session: &mut Session<'_>, object: &Value) -> Result<(), Failure> {
    let metadata = &object["metadata"];
    if metadata["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let name = metadata["name"].as_str().unwrap_or_default();
    let text =
        format!("Warning: Detected changes to resource {name} which is currently being deleted.\n");
    Ok(session.io.stderr.write_all(text.as_bytes())?)
}

fn conflict(failure: Failure) -> Failure {
    match failure.reason.as_str() {
        "Conflict" => Failure::new(failure.said().to_owned() + CONFLICT),
        _ => failure,
    }
}

/// Whether two states of an object are the same, but for who owns what.
fn is_alike(before: &Value, after: &Value) -> bool {
    let stripped = |object: &Value| {
        let mut object = object.clone();
        for field in ["managedFields", "resourceVersion"] {
            object["metadata"][field] = Value::Null;
        }
        object
    };
    stripped(before) == stripped(after)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_alike;

    #[test]
    fn another_owner_is_no_change() {
        let one = json!({"data": {"a": "1"}, "metadata": {"name": "x", "resourceVersion": "1"}});
        let mut other = one.clone();
        other["metadata"]["resourceVersion"] = json!("2");
        other["metadata"]["managedFields"] = json!([{"manager": "kubectl"}]);
        assert!(is_alike(&one, &other));
        other["metadata"]["labels"] = json!({"a": "b"});
        assert!(!is_alike(&one, &other));
    }
}
