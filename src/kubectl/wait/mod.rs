//! `kubectl wait`: until objects are there, are gone, or are as they should be.
//!
//! Each object is listed, and then watched from there; nothing is asked for twice while
//! nothing changes.

mod condition;
mod watch;

use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::query;
use super::change::Teller;
use super::failure::Failure;
use super::flags::{self, Group, Kind, flag, switch};
use super::print::object;
use super::resources::{Ask, Rules, Selected, visit};
use super::session::Session;
use super::verbs::{ALL_NAMESPACES, FIELDS, FILES, OUTPUT, SELECTOR, Verb};
use condition::Condition;
use watch::Watch;

pub(super) const VERB: Verb = Verb {
    name: "wait",
    aliases: &[],
    usage: "([-f FILENAME] | TYPE/NAME | TYPE [(-l label | --all)]) \
            [--for=create|--for=delete|--for=condition=NAME|--for=jsonpath='{}'[=value]]",
    about: "Wait for a specific condition on one or many resources",
    flags: &[OUTPUT, SELECTOR, FIELDS, ALL_NAMESPACES, FILES, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    switch("all", ""),
    flag("timeout", "", Kind::Duration, "30s"),
    flags::text("for", ""),
];

const TIMED_OUT: &str = "timed out waiting for the condition";
/// What a time below zero means.
const WEEK: f64 = 7.0 * 24.0 * 3600.0;

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let teller = Teller::of(session)?;
    let condition = Condition::parse(session.flags.text("for")).map_err(Failure::new)?;
    let seconds = match session.flags.seconds("timeout") {
        seconds if seconds < 0.0 => WEEK,
        seconds => seconds,
    };
    let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let selected = session.select(Rules {
        all: session.flags.on("all"),
        ..Rules::default()
    })?;
    let mut waiting = Waiting {
        teller,
        condition,
        once: time.is_zero(),
        deadline: Instant::now() + time,
        count: 0,
        failures: Vec::new(),
    };
    if matches!(waiting.condition, Condition::Created) {
        waiting.appear(session, &selected)?;
    }
    for ask in &selected.asks {
        waiting.all(session, &selected, ask)?;
    }
    waiting.outcome()
}

struct Waiting {
    teller: Teller,
    condition: Condition,
    /// There is no time to wait.
    once: bool,
    deadline: Instant,
    /// Objects that were there.
    count: usize,
    failures: Vec<Failure>,
}

impl Waiting {
    fn outcome(mut self) -> Result<(), Failure> {
        let deletes = matches!(self.condition, Condition::Deleted);
        if deletes {
            self.failures.retain(|failure| !failure.is_not_found());
        }
        Failure::all(self.failures)?;
        if self.count == 0 && !deletes {
            return Err(Failure::new("no matching resources found"));
        }
        Ok(())
    }

    /// Waits until what was asked for is there: all that is named, or one of a list.
    fn appear(&self, session: &Session<'_>, selected: &Selected) -> Result<(), Failure> {
        loop {
            let (missing, failures) = missing(session, selected)?;
            match failures.as_slice() {
                [] if missing.len() < selected.asks.len() => return Ok(()),
                [] => {}
                // kubectl waits for one, and gives up on several.
                [one] if one.is_not_found() => {}
                _ => return Failure::all(failures),
            }
            let watch = Watch::new(session, self.deadline)?;
            if self.once || watch.is_over() {
                return Err(Failure::new(TIMED_OUT));
            }
            let by_name = missing.iter().find(|ask| !ask.name.is_empty());
            match (by_name, missing.as_slice()) {
                (Some(ask), _) | (None, [ask]) => {
                    watch.until(&list_path(selected, ask), &mut |_, object| {
                        Ok(object.is_some())
                    })?;
                }
                _ => watch.pause(),
            }
        }
    }

    /// Waits for what one request leads to, one after the other.
    fn all(
        &mut self,
        session: &mut Session<'_>,
        selected: &Selected,
        ask: &Ask,
    ) -> Result<(), Failure> {
        let is_created = matches!(self.condition, Condition::Created);
        let mut found = Vec::new();
        let (api, one) = (session.api()?, only(selected, ask));
        let failures = visit(&api, &one, 500, &mut |ask, object| {
            let metadata = &object["metadata"];
            let mut own = Ask::list(ask.resource.clone(), text(&metadata["namespace"]));
            own.name = text(&metadata["name"]);
            let known = match is_created {
                true => object,
                false => named(&own),
            };
            found.push((own, known));
            Ok(())
        });
        self.failures.extend(failures);
        self.count += found.len();
        for (own, known) in found {
            let outcome = match is_created {
                true => Ok(known),
                false => self.one(session, &own, known),
            };
            match outcome {
                Ok(object) => self.teller.tell(session, object, "condition met")?,
                Err(failure) => self.failures.push(failure),
            }
            session.io.stdout.flush()?;
        }
        Ok(())
    }

    /// Waits for one; gives back how it is then.
    fn one(&self, session: &Session<'_>, ask: &Ask, known: Value) -> Result<Value, Failure> {
        let name = format!("{}/{}", ask.resource.name, ask.name);
        let deletes = matches!(self.condition, Condition::Deleted);
        let mut last = Value::Null;
        if deletes || self.once {
            last = match session.api()?.get(&ask.path()) {
                Err(failure) if deletes && failure.is_not_found() => return Ok(known),
                object => object?,
            };
        }
        if self.once {
            return match self.condition.is_met(&last)? {
                true => Ok(last),
                false => Err(Failure::new(format!("condition not met for {name}"))),
            };
        }
        let watch = Watch::new(session, self.deadline)?;
        let path = list_path(&Selected::default(), ask);
        let is_over = watch.until(&path, &mut |event, object| {
            let object = match object {
                Some(object) if event != "DELETED" => object,
                // It was never there; what went later may come again.
                None if event.is_empty() && !deletes => return Err(not_found(ask)),
                _ => return Ok(deletes),
            };
            let is_met = self.condition.is_met(&object)?;
            if is_met {
                last = object;
            }
            Ok(is_met)
        })?;
        if !is_over {
            return Err(Failure::new(format!("{TIMED_OUT} on {name}")));
        }
        Ok(typed(last, ask))
    }
}

/// What is not there, and what failed.
fn missing(
    session: &Session<'_>,
    selected: &Selected,
) -> Result<(Vec<Ask>, Vec<Failure>), Failure> {
    let api = session.api()?;
    let (mut missing, mut failures) = (Vec::new(), Vec::new());
    for ask in &selected.asks {
        let mut is_there = false;
        let found = visit(&api, &only(selected, ask), 1, &mut |_, _| {
            is_there = true;
            Ok(())
        });
        failures.extend(found);
        if !is_there {
            missing.push(ask.clone());
        }
    }
    Ok((missing, failures))
}

/// The same with one of what is asked for.
fn only(selected: &Selected, ask: &Ask) -> Selected {
    Selected {
        asks: vec![ask.clone()],
        ..selected.clone()
    }
}

/// The list that an object would be in, or the one that is asked for.
fn list_path(selected: &Selected, ask: &Ask) -> String {
    if ask.name.is_empty() {
        return selected.list_path(ask, &[]);
    }
    let name = "metadata.name=".to_owned() + &ask.name;
    let path = ask.resource.path(&ask.namespace, "");
    query(&path, &[("fieldSelector", &name)])
}

fn not_found(ask: &Ask) -> Failure {
    let (kind, name) = (ask.resource.qualified(), &ask.name);
    let mut failure = Failure::whole(format!(
        "Error from server (NotFound): {kind} {name:?} not found"
    ));
    failure.reason = "NotFound".to_owned();
    failure
}

/// An object of which no more is kept than its name.
fn named(ask: &Ask) -> Value {
    let metadata = object(vec![("name", ask.name.as_str().into())]);
    typed(object(vec![("metadata", metadata)]), ask)
}

/// Objects of a list do not say what they are.
fn typed(mut object: Value, ask: &Ask) -> Value {
    if let Value::Object(map) = &mut object {
        map.entry("apiVersion")
            .or_insert_with(|| ask.resource.group_version().into());
        map.entry("kind")
            .or_insert_with(|| ask.resource.kind.as_str().into());
    }
    object
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
