//! `kubectl delete`: removes objects, and waits until they are gone.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::Api;
use super::change::{DRY_RUN, DryRun, gone};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, switch, text};
use super::print::{kind_of, object};
use super::resources::{self, Ask, Rules, Selected};
use super::session::Session;
use super::verbs::{ALL_NAMESPACES, FIELDS, FILES, SELECTOR, Verb};
use crate::k8s::JSON;

pub(super) const VERB: Verb = Verb {
    name: "delete",
    aliases: &[],
    usage: "([-f FILENAME] | TYPE [(NAME | -l label | --all)])",
    about: "Delete resources by file names, stdin, resources and names, or by label selector",
    flags: &[FILES, SELECTOR, FIELDS, ALL_NAMESPACES, DRY_RUN, FLAGS, HOW],
    local: false,
    run,
};

const FLAGS: Group = &[
    switch("all", ""),
    switch("ignore-not-found", ""),
    text("output", "o"),
    flag("wait", "", Kind::Switch, "true"),
];

/// How something goes.
pub(super) const HOW: Group = &[
    flag(
        "cascade",
        "",
        Kind::OptionalText("background"),
        "background",
    ),
    switch("force", ""),
    flag("grace-period", "", Kind::Number, "-1"),
    switch("now", ""),
    flag("timeout", "", Kind::Duration, "0s"),
];

/// How objects are deleted.
pub(super) struct Deletion {
    pub(super) dry_run: DryRun,
    pub(super) grace: i64,
    policy: &'static str,
    names_only: bool,
    /// How many were to be deleted.
    found: usize,
    /// What is on its way, with its uid.
    going: Vec<(Ask, String)>,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut deletion = Deletion::of(session)?;
    let flags = &session.flags;
    let all = flags.on("all");
    if all && flags.given("selector") {
        return Err(Failure::new(
            "setting 'all' parameter but found a non empty selector. ",
        ));
    }
    let selects = all || flags.given("selector") || flags.given("field-selector");
    let ignores = match flags.given("ignore-not-found") {
        true => flags.on("ignore-not-found"),
        false => selects,
    };
    let waits = flags.on("wait") && deletion.dry_run == DryRun::None;
    let warns = flags.given("namespace") && !flags.on("all-namespaces");
    let (selected, unknown) = select(session, all)?;
    let is_wide = |ask: &Ask| !ask.resource.is_namespaced;
    if warns && selected.asks.iter().any(is_wide) {
        session.io.stderr.write_all(
            b"Warning: deleting cluster-scoped resources, not scoped to the provided namespace\n",
        )?;
    }
    let mut failures = deletion.all(session, &selected)?;
    failures.retain(|failure| !(ignores && failure.is_not_found()));
    failures.extend(unknown);
    Failure::all(failures)?;
    if deletion.found == 0 {
        return Ok(session.io.stdout.write_all(b"No resources found\n")?);
    }
    if waits {
        deletion.wait(session)?;
    }
    Ok(())
}

/// What is to go, and why some of the files cannot.
fn select(session: &mut Session<'_>, all: bool) -> Result<(Selected, Vec<Failure>), Failure> {
    if !session.flags.given("filename") || !session.words.is_empty() {
        let rules = Rules {
            all,
            ..Rules::default()
        };
        return Ok((session.select(rules)?, Vec::new()));
    }
    let (asks, failures) = session.documents()?;
    let selected = Selected {
        asks,
        ..Selected::default()
    };
    Ok((selected, failures))
}

impl Deletion {
    /// What the flags ask for.
    ///
    /// # Errors
    /// They contradict each other.
    fn of(session: &mut Session<'_>) -> Result<Self, Failure> {
        let dry_run = DryRun::of(session)?;
        let flags = &session.flags;
        let (force, now) = (flags.on("force"), flags.on("now"));
        let deletion = Self {
            dry_run,
            grace: grace(flags.number("grace-period"), force, now)?,
            ..Self::usual(session)?
        };
        let output = flags.text("output");
        if !deletion.names_only && !output.is_empty() {
            return Err(Failure::new(format!(
                "unexpected -o output mode: {output}. We only support '-o name'"
            )));
        }
        if force {
            session.io.stderr.write_all(
                b"Warning: Immediate deletion does not wait for confirmation that the running \
                  resource has been terminated. The resource may continue to run on the cluster \
                  indefinitely.\n",
            )?;
        }
        Ok(deletion)
    }

    /// As it is before something is put in its place.
    ///
    /// # Errors
    /// There is no such cascade.
    pub(super) fn usual(session: &Session<'_>) -> Result<Self, Failure> {
        let flags = &session.flags;
        let grace = match flags.number("grace-period") {
            0 => 1,
            given => given,
        };
        Ok(Self {
            dry_run: DryRun::None,
            grace,
            policy: policy(flags.text("cascade"))?,
            names_only: flags.text("output") == "name",
            found: 0,
            going: Vec::new(),
        })
    }

    /// Deletes everything that is selected, and goes on after failures.
    ///
    /// # Errors
    /// The cluster is not known.
    pub(super) fn all(
        &mut self,
        session: &mut Session<'_>,
        selected: &Selected,
    ) -> Result<Vec<Failure>, Failure> {
        let api = session.api()?;
        let mut failures = Vec::new();
        for ask in &selected.asks {
            // What is in a file and has no name is not all of its kind.
            if !ask.name.is_empty() || !ask.object.is_null() {
                failures.extend(self.one(session, &api, ask.clone()).err());
                continue;
            }
            let list = Selected {
                asks: vec![ask.clone()],
                ..selected.clone()
            };
            failures.extend(resources::visit(&api, &list, 500, &mut |ask, item| {
                let text = |key: &str| item["metadata"][key].as_str().unwrap_or_default();
                let mut one = ask.clone();
                text("name").clone_into(&mut one.name);
                text("namespace").clone_into(&mut one.namespace);
                self.one(session, &api, one)
            }));
        }
        Ok(failures)
    }

    fn one(&mut self, session: &mut Session<'_>, api: &Api, ask: Ask) -> Result<(), Failure> {
        self.found += 1;
        ask.named()
            .map_err(|failure| failure.during("deleting", &ask.source))?;
        let line = self.said(&ask);
        if self.dry_run != DryRun::Client {
            let path = self.dry_run.path(&ask.path(), "");
            let body = self.options().to_string();
            let answer = api
                .send("DELETE", &path, JSON, body.as_bytes())
                .map_err(|failure| failure.during("deleting", &ask.source))?;
            // What is gone already is answered with a status, not with the object.
            if answer["kind"] != "Status" {
                let uid = answer["metadata"]["uid"].as_str().unwrap_or_default();
                self.going.push((ask, uid.to_owned()));
            }
        }
        session.warn();
        Ok(session.io.stdout.write_all(line.as_bytes())?)
    }

    /// The server looks for a dry run in the options, not in the path, where there are some.
    fn options(&self) -> Value {
        let mut options = vec![
            ("kind", "DeleteOptions".into()),
            ("apiVersion", "v1".into()),
            ("propagationPolicy", self.policy.into()),
        ];
        if self.grace >= 0 {
            options.push(("gracePeriodSeconds", self.grace.into()));
        }
        if self.dry_run == DryRun::Server {
            options.push(("dryRun", vec!["All"].into()));
        }
        object(options)
    }

    fn said(&self, ask: &Ask) -> String {
        let kind = kind_of(&ask.resource.kind, &ask.resource.group);
        if self.names_only {
            return kind + "/" + &ask.name + "\n";
        }
        let mut line = kind;
        line.push_str(&format!(" {:?} ", ask.name));
        line.push_str(if self.grace == 0 {
            "force deleted"
        } else {
            "deleted"
        });
        if ask.resource.is_namespaced {
            line.push_str(&format!(" from {} namespace", ask.namespace));
        }
        line + self.dry_run.suffix() + "\n"
    }

    /// Waits until all are gone.
    ///
    /// # Errors
    /// They are not in time.
    pub(super) fn wait(&self, session: &Session<'_>) -> Result<(), Failure> {
        let api = session.api()?;
        let seconds = session.flags.seconds("timeout");
        let limit = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let deadline = match limit.is_zero() {
            true => None,
            false => Instant::now().checked_add(limit),
        };
        for (ask, uid) in &self.going {
            match gone(&api, ask, uid, deadline, &session.context.stop) {
                Ok(true) => {}
                Ok(false) => {
                    let what = ask.resource.qualified();
                    return Err(Failure::new(format!(
                        "timed out waiting for the condition on {what}/{}",
                        ask.name
                    )));
                }
                // Who may delete need not be allowed to look.
                Err(failure) if matches!(&*failure.reason, "Forbidden" | "MethodNotAllowed") => {
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}

fn policy(cascade: &str) -> Result<&'static str, Failure> {
    match cascade {
        "background" | "true" => Ok("Background"),
        "foreground" => Ok("Foreground"),
        "orphan" | "false" => Ok("Orphan"),
        _ => Err(Failure::new(format!(
            "invalid cascade value ({cascade}). Must be \"background\", \"foreground\", or \
             \"orphan\""
        ))),
    }
}

/// Seconds until it is killed; below zero for as many as it wants itself.
fn grace(given: i64, force: bool, now: bool) -> Result<i64, Failure> {
    let grace = match given {
        -1 if now => 1,
        _ if now => {
            return Err(Failure::new(
                "--now and --grace-period cannot be specified together",
            ));
        }
        // Without force nothing is gone before it says so.
        0 if !force => 1,
        below if force && below < 0 => 0,
        given => given,
    };
    if force && grace > 0 {
        return Err(Failure::new(
            "--force and --grace-period greater than 0 cannot be specified together",
        ));
    }
    Ok(grace)
}
