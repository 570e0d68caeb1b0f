//! `kubectl scale`: how many copies there are to be.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::amend::{self, Amendment, MERGE};
use super::api::Api;
use super::change::{DRY_RUN, DryRun};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, switch, text};
use super::pods::field;
use super::print::object;
use super::resources::{Ask, Rules};
use super::session::Session;
use super::verbs::{FILES, OUTPUT, SELECTOR, Verb};
use crate::k8s::JSON;

pub(super) const VERB: Verb = Verb {
    name: "scale",
    aliases: &[],
    usage: "[--current-replicas=COUNT] --replicas=COUNT (-f FILENAME | TYPE NAME)",
    about: "Set a new size for a deployment, replica set, or replication controller",
    flags: &[FILES, SELECTOR, DRY_RUN, OUTPUT, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    switch("all", ""),
    flag("current-replicas", "", Kind::Number, "-1"),
    flag("replicas", "", Kind::Number, "0"),
    text("resource-version", ""),
    flag("timeout", "", Kind::Duration, "0s"),
];

/// Between two looks at a size, and before another try after a conflict.
const LOOK: Duration = Duration::from_secs(1);
/// How long a conflict is tried again.
const PATIENCE: Duration = Duration::from_secs(300);

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    required(session, "replicas")?;
    let mut amendment = Amendment::of(session, "scaled")?;
    let replicas = session.flags.number("replicas");
    if replicas < 0 {
        return Err(Failure::new(
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0",
        ));
    }
    if session.flags.number("current-replicas") < -1 {
        return Err(Failure::new(
            "The --current-replicas must specify an integer of -1 or greater",
        ));
    }
    let rules = Rules {
        all: session.flags.on("all"),
        ..Rules::default()
    };
    let (found, failures) = amend::gather(session, rules, false)?;
    if found.len() > 1 && !session.flags.text("resource-version").is_empty() {
        return Err(Failure::new(
            "cannot use --resource-version with multiple resources",
        ));
    }
    if found.is_empty() && failures.is_empty() {
        return Err(Failure::new("no objects passed to scale"));
    }
    let seconds = session.flags.seconds("timeout");
    for (mut ask, object) in found {
        "scale".clone_into(&mut ask.part);
        if amendment.dry_run != DryRun::Client {
            resize(session, &amendment, &ask, replicas)?;
        }
        if seconds > 0.0 && amendment.dry_run == DryRun::None {
            arrive(session, &ask, replicas, seconds)?;
        }
        amendment.tell(session, object)?;
    }
    Failure::all(failures)
}

/// Fails as kubectl does if a flag is not given.
pub(super) fn required(session: &Session<'_>, name: &str) -> Result<(), Failure> {
    if session.flags.given(name) {
        return Ok(());
    }
    Err(Failure::new(format!("required flag(s) {name:?} not set")))
}

/// Sets the size; what came in between is no failure, unless it matters.
fn resize(
    session: &Session<'_>,
    amendment: &Amendment,
    ask: &Ask,
    replicas: i64,
) -> Result<(), Failure> {
    let flags = &session.flags;
    let (size, version) = (
        flags.number("current-replicas"),
        flags.text("resource-version"),
    );
    let begun = Instant::now();
    let spec = object(vec![("replicas", replicas.into())]);
    let patch = object(vec![("spec", spec.clone())]);
    loop {
        let sent = if size == -1 && version.is_empty() {
            amendment.send(session, ask, MERGE, &patch).map(drop)
        } else {
            let api = session.api()?;
            let mut scale = api.get(&ask.path())?;
            expect(&scale, size, version)?;
            scale["spec"] = spec.clone();
            let path = amendment.dry_run.path(&ask.path(), "");
            let body = scale.to_string();
            api.send("PUT", &path, JSON, body.as_bytes()).map(drop)
        };
        match sent {
            Err(failure) if failure.reason == "Conflict" && begun.elapsed() < PATIENCE => {}
            sent => return sent,
        }
        if session.context.stop.wait(LOOK) {
            return Err(Failure::silent(1));
        }
    }
}

fn expect(scale: &Value, size: i64, version: &str) -> Result<(), Failure> {
    let is = scale["spec"]["replicas"].as_i64().unwrap_or_default();
    let has = field(scale, "/metadata/resourceVersion");
    Err(Failure::new(if size != -1 && is != size {
        format!("Expected replicas to be {size}, was {is}")
    } else if !version.is_empty() && has != version {
        format!("Expected resource version to be {version}, was {has}")
    } else {
        return Ok(());
    }))
}

/// Waits until there are as many as there are to be, or somebody wants another size.
fn arrive(session: &Session<'_>, ask: &Ask, replicas: i64, seconds: f64) -> Result<(), Failure> {
    let api: &Api = &*session.api()?;
    let begun = Instant::now();
    loop {
        let scale = api.get(&ask.path())?;
        let of = |part: &str| scale[part]["replicas"].as_i64().unwrap_or_default();
        if of("spec") != replicas || of("status") == replicas {
            return Ok(());
        }
        let left = seconds - begun.elapsed().as_secs_f64();
        let pause = LOOK.min(Duration::from_secs_f64(left.max(0.0)));
        if session.context.stop.wait(pause) {
            return Err(Failure::silent(1));
        }
        if left < LOOK.as_secs_f64() {
            let name = &ask.name;
            return Err(Failure::new(format!(
                "timed out waiting for {name:?} to be synced"
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::expect;

    #[test]
    fn a_size_is_only_set_where_it_is_as_expected() {
        let scale = json!({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 2}});
        for (size, version, problem) in [
            (-1, "", ""),
            (2, "7", ""),
            (3, "7", "Expected replicas to be 3, was 2"),
            (-1, "6", "Expected resource version to be 6, was 7"),
        ] {
            let found = expect(&scale, size, version);
            let told = found.err().map(|failure| failure.message().to_owned());
            assert_eq!(told.unwrap_or_default(), problem);
        }
    }
}
