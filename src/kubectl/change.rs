//! What the verbs share that change objects: dry runs, what is said of a change, and
//! waiting until something is gone.

use std::time::Instant;

use serde_json::Value;

use super::api::{Api, query};
use super::failure::Failure;
use super::flags::{Group, Kind, flag};
use super::print::format::Writer;
use super::print::{Format, name_of, without_managed_fields};
use super::resources::Ask;
use super::session::Session;
use super::watched::{Lines, left};
use crate::k8s::JSON;
use crate::stop::Stop;

pub const DRY_RUN: Group = &[flag("dry-run", "", Kind::OptionalText("unchanged"), "none")];

/// What the server does with fields that it does not know.
pub const VALIDATE: Group = &[flag("validate", "", Kind::OptionalText("strict"), "strict")];

/// The forms of output that are known, as they are listed to people.
const FORMATS: &[&str] = &[
    "json",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "name",
    "yaml",
];

/// How much of a change is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// All of it.
    None,
    /// Nothing is sent.
    Client,
    /// The server checks it, and keeps nothing.
    Server,
}

impl DryRun {
    /// What `--dry-run` asks for.
    ///
    /// # Errors
    /// There is no such way.
    pub fn of(session: &mut Session<'_>) -> Result<Self, Failure> {
        Ok(match session.flags.text("dry-run") {
            "none" | "false" | "0" => Self::None,
            "client" => Self::Client,
            "server" => Self::Server,
            "unchanged" | "true" | "1" => {
                session.io.stderr.write_all(
                    b"Warning: --dry-run is deprecated and can be replaced with \
                      --dry-run=client.\n",
                )?;
                Self::Client
            }
            other => {
                return Err(Failure::new(format!(
                    "Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\"."
                )));
            }
        })
    }

    /// What follows `configured`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }

    /// The path of a request that changes something: who does it, and whether it is kept.
    pub fn path(self, path: &str, manager: &str) -> String {
        let dry_run = if self == Self::Server { "All" } else { "" };
        query(path, &[("dryRun", dry_run), ("fieldManager", manager)])
    }
}

/// What `--validate` asks for.
///
/// # Errors
/// There is no such way.
pub(super) fn validation(session: &Session<'_>) -> Result<&'static str, Failure> {
    match session.flags.text("validate") {
        "strict" | "true" | "1" => Ok("Strict"),
        "warn" => Ok("Warn"),
        "ignore" | "false" | "0" => Ok("Ignore"),
        other => Err(Failure::new(format!(
            "invalid - validate option {other:?}; must be one of: strict (or true), warn, ignore \
             (or false)"
        ))),
    }
}

impl Session<'_> {
    /// For verbs that take flags alone.
    pub(super) fn without_words(&self) -> Result<(), Failure> {
        if self.words.is_empty() {
            return Ok(());
        }
        let words = self.words.join(" ");
        let problem = format!("Unexpected args: [{words}]");
        Err(Failure::usage(self.verb.name, &problem))
    }

    /// For verbs that do nothing without files.
    pub(super) fn needs_files(&self) -> Result<(), Failure> {
        match self.flags.given("filename") {
            true => Ok(()),
            false => Err(Failure::new("must specify one of -f and -k")),
        }
    }
}

/// Tells what became of objects: `deployment.apps/web configured`, or what `-o` asks for.
#[derive(Debug)]
pub struct Teller {
    format: Option<Format>,
    prune: bool,
    count: usize,
}

impl Teller {
    /// # Errors
    /// There is no such form of output.
    pub fn of(session: &Session<'_>) -> Result<Self, Failure> {
        let format = Format::of(session, FORMATS)?;
        Ok(Self {
            prune: format.as_ref().is_some_and(|format| format.prunes(session)),
            format,
            count: 0,
        })
    }

    /// Whether whole objects are shown.
    pub fn shows_objects(&self) -> bool {
        !matches!(self.format, None | Some(Format::Name))
    }

    /// Tells of one; `what` is `configured (server dry run)`.
    ///
    /// # Errors
    /// It cannot be shown or written.
    pub fn tell(
        &mut self,
        session: &mut Session<'_>,
        mut object: Value,
        what: &str,
    ) -> Result<(), Failure> {
        session.warn();
        let Some(format) = self.format.take() else {
            let line = name_of(&object) + " " + what + "\n";
            return Ok(session.io.stdout.write_all(line.as_bytes())?);
        };
        if self.prune {
            without_managed_fields(&mut object);
        }
        let mut writer = Writer::new(session.io.stdout, format, false);
        writer.count = self.count;
        let told = writer.object(object);
        self.count = writer.count;
        self.format = Some(writer.format);
        told
    }
}

/// Waits until an object is no longer there, or another of its name; false if the time
/// ran out first. An empty `uid` means any.
///
/// # Errors
/// The server does not say, or the command is ended.
pub fn gone(
    api: &Api,
    ask: &Ask,
    uid: &str,
    deadline: Option<Instant>,
    stop: &Stop,
) -> Result<bool, Failure> {
    let list = Ask::list(ask.resource.clone(), ask.namespace.clone()).path();
    let only = format!("metadata.name={}", ask.name);
    loop {
        if stop.is_stopped() {
            return Err(Failure::silent(1));
        }
        let object = match api.get(&ask.path()) {
            Err(failure) if failure.is_not_found() => return Ok(true),
            object => object?,
        };
        if !uid.is_empty() && object["metadata"]["uid"] != uid {
            return Ok(true);
        }
        let Some(left) = left(deadline) else {
            return Ok(false);
        };
        let version = object["metadata"]["resourceVersion"].as_str();
        let path = query(
            &list,
            &[
                ("fieldSelector", &only),
                ("resourceVersion", version.unwrap_or_default()),
                ("timeoutSeconds", &left),
                ("watch", "true"),
            ],
        );
        if is_deleted(api, &path)? {
            return Ok(true);
        }
    }
}

/// Whether a watch tells of a deletion before it ends.
fn is_deleted(api: &Api, path: &str) -> Result<bool, Failure> {
    let mut lines = Lines::open(api, path, JSON)?;
    // However it ends: what is there is looked at again.
    while let Some((word, _)) = lines.event() {
        match word.as_str() {
            "DELETED" => return Ok(true),
            "ERROR" => break,
            _ => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::DryRun;

    #[test]
    fn only_a_dry_run_of_the_server_is_in_the_path() {
        for (dry_run, expected) in [
            (DryRun::None, "/x?fieldManager=kubectl"),
            (DryRun::Client, "/x?fieldManager=kubectl"),
            (DryRun::Server, "/x?dryRun=All&fieldManager=kubectl"),
        ] {
            assert_eq!(dry_run.path("/x", "kubectl"), expected);
        }
    }
}
