//! Has pods go, all at once: by evictions, which budgets may put off, or by deletion.
//!
//! One thread does it in rounds. Each pod has a time when it is looked at next.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::drain::Problem;
use super::{pods, text};
use crate::k8s::JSON;
use crate::kubectl::api::Api;
use crate::kubectl::change::DryRun;
use crate::kubectl::duration;
use crate::kubectl::failure::Failure;
use crate::kubectl::print::{json, object};
use crate::kubectl::session::Session;

/// Between two tries of an eviction.
const RETRY: Duration = Duration::from_secs(5);
/// Between two looks at a pod that is going.
const LOOK: Duration = Duration::from_secs(1);

/// How pods are made to go.
pub(super) struct Leave {
    evicts: bool,
    dry_run: DryRun,
    grace: i64,
    skip_after: i64,
    timeout: f64,
    deadline: Option<Instant>,
}

/// A pod on its way.
struct Leaver {
    /// Its metadata.
    pod: Value,
    stage: Stage,
    due: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Evict,
    EvictAgain,
    /// It was asked to go, and has not been looked at since.
    Asked,
    Going,
    Gone,
}

impl Leave {
    pub(super) fn new(session: &Session<'_>, dry_run: DryRun, skip_after: i64) -> Self {
        let timeout = session.flags.seconds("timeout");
        let length = Duration::try_from_secs_f64(timeout.max(0.0)).unwrap_or_default();
        Self {
            evicts: !session.flags.on("disable-eviction"),
            dry_run,
            grace: session.flags.number("grace-period"),
            skip_after,
            timeout,
            deadline: (timeout != 0.0).then(|| Instant::now() + length),
        }
    }

    /// Returns when all are gone, or why some are not.
    pub(super) fn all(&self, session: &mut Session<'_>, pods: Vec<Value>) -> Result<(), Problem> {
        let api = session.api()?;
        let mut leavers = self.start(&api, pods)?;
        let mut failures = Vec::new();
        while !leavers.is_empty() {
            for leaver in &mut leavers {
                if leaver.due > Instant::now() {
                    continue;
                }
                if let Err(failure) = self.step(session, &api, leaver) {
                    if !self.evicts {
                        return Err(failure.into());
                    }
                    failures.push(failure);
                    leaver.stage = Stage::Gone;
                }
            }
            leavers.retain(|leaver| leaver.stage != Stage::Gone);
            let next = leavers.iter().map(|leaver| leaver.due).min();
            let time = next.map(|due| due.saturating_duration_since(Instant::now()));
            if session.context.stop.wait(time.unwrap_or_default()) {
                return Err(Failure::silent(1).into());
            }
        }
        Problem::list(failures)
    }

    /// Deletes them, if they are not to be evicted; gives back whom to look after.
    fn start(&self, api: &Api, pods: Vec<Value>) -> Result<Vec<Leaver>, Failure> {
        let mut leavers = Vec::new();
        for pod in pods {
            let mut stage = Stage::Evict;
            if !self.evicts {
                match self.delete(api, &pod) {
                    Err(failure) if !failure.is_not_found() => return Err(failure),
                    _ => stage = Stage::Asked,
                }
                // Nothing goes in a dry run, and there is nothing to wait for.
                if self.dry_run == DryRun::Server {
                    continue;
                }
            }
            let due = Instant::now();
            leavers.push(Leaver { pod, stage, due });
        }
        Ok(leavers)
    }

    fn step(
        &self,
        session: &mut Session<'_>,
        api: &Api,
        leaver: &mut Leaver,
    ) -> Result<(), Failure> {
        if leaver.stage == Stage::EvictAgain
            && let Ok(mut fresh) = api.get(&path(&leaver.pod))
        {
            leaver.pod = fresh["metadata"].take();
        }
        if matches!(leaver.stage, Stage::Evict | Stage::EvictAgain) {
            self.evict(session, api, leaver)?;
        }
        if matches!(leaver.stage, Stage::Asked | Stage::Going) {
            self.look(session, api, leaver)?;
        }
        Ok(())
    }

    fn evict(
        &self,
        session: &mut Session<'_>,
        api: &Api,
        leaver: &mut Leaver,
    ) -> Result<(), Failure> {
        let (namespace, name) = names(&leaver.pod);
        let line = [
            "evicting pod ",
            namespace,
            "/",
            name,
            self.dry_run.suffix(),
            "\n",
        ]
        .concat();
        session.io.stdout.write_all(line.as_bytes())?;
        session.io.stdout.flush()?;
        let what = format!("error when evicting pods/{name:?} -n {namespace:?}");
        if self.is_late() {
            let limit = duration::shown(self.timeout);
            return Err(Failure::new(what + ": global timeout reached: " + &limit));
        }
        let eviction = path(&leaver.pod) + "/eviction";
        let body = self.eviction(namespace, name);
        let outcome = api.send("POST", &eviction, JSON, body.as_bytes());
        session.warn();
        match outcome {
            Ok(_) => {
                leaver.stage = match self.dry_run {
                    DryRun::Server => Stage::Gone,
                    _ => Stage::Asked,
                };
                Ok(())
            }
            Err(failure) => refused(session, leaver, &failure, what),
        }
    }

    /// Looks whether it is gone.
    fn look(
        &self,
        session: &mut Session<'_>,
        api: &Api,
        leaver: &mut Leaver,
    ) -> Result<(), Failure> {
        let (_, name) = names(&leaver.pod);
        if leaver.stage == Stage::Going && self.is_late() {
            return Err(self.stays(&leaver.pod, Failure::new("context deadline exceeded")));
        }
        let done = if self.evicts { " evicted" } else { " deleted" };
        let line = match api.get(&path(&leaver.pod)) {
            Err(failure) if failure.is_not_found() => ["pod/", name, done].concat(),
            Ok(fresh) if fresh["metadata"]["uid"] != leaver.pod["uid"] => {
                ["pod/", name, done].concat()
            }
            Ok(fresh) if pods::is_going(&fresh["metadata"], self.skip_after) => format!(
                "pod {name:?} has DeletionTimestamp older than {} seconds, skipping",
                self.skip_after
            ),
            Ok(_) => {
                let next = Instant::now() + LOOK;
                leaver.due = self.deadline.map_or(next, |deadline| deadline.min(next));
                leaver.stage = Stage::Going;
                return Ok(());
            }
            Err(failure) => {
                let what = if self.evicts { "eviction" } else { "deletion" };
                let line = format!("pod/{name} {what} failed\n");
                session.io.stdout.write_all(line.as_bytes())?;
                return Err(self.stays(&leaver.pod, failure));
            }
        };
        leaver.stage = Stage::Gone;
        session.io.stdout.write_all((line + "\n").as_bytes())?;
        Ok(session.io.stdout.flush()?)
    }

    /// Why it is not seen to go.
    fn stays(&self, pod: &Value, failure: Failure) -> Failure {
        if !self.evicts {
            return failure;
        }
        let (namespace, name) = names(pod);
        let cause = failure.said();
        Failure::new(format!(
            "error when waiting for pod {name:?} in namespace {namespace:?} to terminate: {cause}"
        ))
    }

    fn eviction(&self, namespace: &str, name: &str) -> String {
        let metadata = object(vec![("name", name.into()), ("namespace", namespace.into())]);
        json::compact(&object(vec![
            ("apiVersion", "policy/v1".into()),
            ("deleteOptions", self.options(Vec::new())),
            ("kind", "Eviction".into()),
            ("metadata", metadata),
        ]))
    }

    fn delete(&self, api: &Api, pod: &Value) -> Result<(), Failure> {
        let body = self.options(vec![
            ("apiVersion", "v1".into()),
            ("kind", "DeleteOptions".into()),
        ]);
        let body = json::compact(&body);
        api.send("DELETE", &path(pod), JSON, body.as_bytes())?;
        Ok(())
    }

    fn options(&self, mut options: Vec<(&str, Value)>) -> Value {
        if self.grace >= 0 {
            options.push(("gracePeriodSeconds", self.grace.into()));
        }
        if self.dry_run == DryRun::Server {
            options.push(("dryRun", Value::Array(vec!["All".into()])));
        }
        object(options)
    }

    fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// What an eviction that was refused leads to; `what` says what failed.
fn refused(
    session: &mut Session<'_>,
    leaver: &mut Leaver,
    failure: &Failure,
    what: String,
) -> Result<(), Failure> {
    let (namespace, name) = names(&leaver.pod);
    let cause = failure.said();
    let is_ending = failure.reason == "Forbidden" && cause.contains("it is being terminated");
    let is_going = !leaver.pod["deletionTimestamp"].is_null();
    let problem = match failure.reason.as_str() {
        "NotFound" => {
            leaver.stage = Stage::Gone;
            return Ok(());
        }
        "TooManyRequests" => what,
        // Its namespace ends, and it with it.
        _ if is_ending && is_going => {
            leaver.stage = Stage::Asked;
            return Ok(());
        }
        _ if is_ending => {
            format!("error when evicting pod {name:?} from terminating namespace {namespace:?}")
        }
        _ => return Err(Failure::new(what + ": " + cause)),
    };
    let line = problem + " (will retry after 5s): " + cause + "\n";
    session.io.stderr.write_all(line.as_bytes())?;
    leaver.stage = Stage::EvictAgain;
    leaver.due = Instant::now() + RETRY;
    Ok(())
}

/// Namespace and name.
fn names(metadata: &Value) -> (&str, &str) {
    (text(&metadata["namespace"]), text(&metadata["name"]))
}

fn path(metadata: &Value) -> String {
    let (namespace, name) = names(metadata);
    ["/api/v1/namespaces/", namespace, "/pods/", name].concat()
}
