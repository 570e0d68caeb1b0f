//! `kubectl set resources`: what containers get at least, and at most.

use serde_json::{Map, Value};

use super::{ALL, CONTAINERS, DRY_RUN, containers, each, found};
use crate::k8s::quantity;
use crate::kubectl::amend::Amendment;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, text};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{FILES, OUTPUT, SELECTOR, Verb};

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "set resources",
    aliases: &[],
    usage: "(-f FILENAME | TYPE NAME) ([--limits=LIMITS & --requests=REQUESTS]",
    about: "Update resource requests/limits on objects with pod templates",
    flags: &[FILES, SELECTOR, DRY_RUN, OUTPUT, ALL, CONTAINERS, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[text("limits", ""), text("requests", "")];

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut amendment = Amendment::of(session, "resource requirements updated")?;
    amendment.failed = "failed to patch resources update to pod template ";
    let found = found(session)?;
    let flags = &session.flags;
    if flags.on("all") && !flags.text("selector").is_empty() {
        return Err(Failure::new(
            "cannot set --all and --selector at the same time",
        ));
    }
    let mut wanted = Vec::new();
    for side in ["limits", "requests"] {
        let amounts = flags.text(side);
        if !amounts.is_empty() {
            wanted.push((side, parse(amounts)?));
        }
    }
    if wanted.is_empty() {
        return Err(Failure::new(
            "you must specify an update to requests or limits (in the form of --requests/--limits)",
        ));
    }
    let pattern = flags.text("containers").to_owned();
    each(session, &mut amendment, found, &mut |_, _, pod| {
        let meant = containers(pod, &pattern);
        if meant.is_empty() {
            return Ok(vec![format!(
                "error: unable to find container named {pattern}"
            )]);
        }
        for container in meant {
            for (side, amounts) in &wanted {
                put(&mut container["resources"][*side], amounts);
            }
        }
        Ok(Vec::new())
    })
}

fn put(place: &mut Value, amounts: &Map<String, Value>) {
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    if let Some(place) = place.as_object_mut() {
        place.extend(amounts.clone());
    }
}

/// `cpu=200m,memory=512Mi`
fn parse(text: &str) -> Result<Map<String, Value>, Failure> {
    let mut amounts = Map::new();
    for pair in text.split(',') {
        let (name, amount) = pair
            .split_once('=')
            .filter(|(_, amount)| !amount.contains('='))
            .ok_or_else(|| {
                Failure::new(format!(
                    "Invalid argument syntax {pair}, expected <resource>=<value>"
                ))
            })?;
        let Some(amount) = quantity::canonical(amount) else {
            return Err(Failure::new(
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ));
        };
        amounts.insert(name.to_owned(), amount.into());
    }
    Ok(amounts)
}
