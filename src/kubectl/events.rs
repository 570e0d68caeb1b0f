//! `kubectl events`: what happened lately, the last at the end.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::duration;
use super::failure::Failure;
use super::flags::{Group, Kind, flag, switch, text};
use super::print::format::Writer;
use super::print::tabs::Tabs;
use super::print::{Format, escape_terminal, object, without_managed_fields};
use super::resources::{Ask, Selected, visit};
use super::session::Session;
use super::sort;
use super::verbs::{ALL_NAMESPACES, OUTPUT, Verb};

pub(super) const VERB: Verb = Verb {
    name: "events",
    aliases: &["event", "ev"],
    usage: "[--for TYPE/NAME] [--types=Normal,Warning]",
    about: "List events",
    flags: &[OUTPUT, ALL_NAMESPACES, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    text("for", ""),
    flag("types", "", Kind::List, ""),
    switch("no-headers", ""),
    flag("chunk-size", "", Kind::Number, "500"),
];

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let formats = ["json", "name", "yaml", "jsonpath", "jsonpath-as-json"];
    let format = Format::of(session, &formats)?;
    let types = session.flags.all("types").join(",").to_lowercase();
    let types: Vec<_> = types.split_terminator(',').collect();
    if types
        .iter()
        .any(|one| !matches!(*one, "normal" | "warning"))
    {
        return Err(Failure::new("valid --types are Normal or Warning"));
    }
    let (api, selected) = (session.api()?, selected(session)?);
    let mut events = Vec::new();
    let prune = format.as_ref().is_some_and(|format| format.prunes(session));
    let failures = visit(&api, &selected, 500, &mut |_, mut event| {
        if prune {
            without_managed_fields(&mut event);
        }
        let kind = event["type"].as_str().unwrap_or_default().to_lowercase();
        if types.is_empty() || types.contains(&kind.as_str()) {
            events.push(event);
        }
        Ok(())
    });
    Failure::all(failures)?;
    if events.is_empty() {
        return none(session);
    }
    let events = sort::by(events, &|event| {
        format!("{:040}", last_seen(event).as_nanos())
    });
    let Some(format) = format else {
        return table(session, &events);
    };
    match format {
        // A list has no name; kubectl prints nothing, too.
        Format::Name => Ok(()),
        format => Writer::new(session.io.stdout, format, false).object(list_of(events)),
    }
}

fn list_of(events: Vec<Value>) -> Value {
    object(vec![
        ("apiVersion", "v1".into()),
        ("items", events.into()),
        ("kind", "EventList".into()),
        ("metadata", object(Vec::new())),
    ])
}

fn selected(session: &Session<'_>) -> Result<Selected, Failure> {
    let api = session.api()?;
    let discovery = api.discovery()?;
    let about = session.flags.text("for");
    let mut fields = String::new();
    if !about.is_empty() {
        let parts: Vec<_> = about.split('/').collect();
        let [kind, name] = parts.as_slice() else {
            return Err(Failure::new(if parts.len() > 2 {
                "arguments in resource/name form may not have more than one slash"
            } else {
                "--for must be in resource/name form"
            }));
        };
        let kind = kind.to_lowercase();
        let found = discovery
            .find(&kind)
            .map_err(|failure| Failure::whole(failure.message()))?;
        fields = format!(
            "involvedObject.kind={},involvedObject.apiVersion={},involvedObject.name={name}",
            found.kind,
            found.group_version()
        );
    }
    let all = session.flags.on("all-namespaces");
    let namespace = if all {
        String::new()
    } else {
        api.namespace.clone()
    };
    let resource = discovery
        .find("events.v1.")
        .or_else(|_| discovery.find("events"))?
        .clone();
    Ok(Selected {
        asks: vec![Ask::list(resource, namespace)],
        fields,
        ..Selected::default()
    })
}

fn none(session: &mut Session<'_>) -> Result<(), Failure> {
    let text = if session.flags.on("all-namespaces") {
        "No events found.\n".to_owned()
    } else {
        format!(
            "No events found in {} namespace.\n",
            session.api()?.namespace
        )
    };
    Ok(session.io.stderr.write_all(text.as_bytes())?)
}

fn last_seen(event: &Value) -> Duration {
    let series = &event["series"]["lastObservedTime"];
    let times = [series, &event["lastTimestamp"], &event["eventTime"]];
    let last = times
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default();
    let time = humantime::parse_rfc3339_weak(last).unwrap_or(SystemTime::UNIX_EPOCH);
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

fn table(session: &mut Session<'_>, events: &[Value]) -> Result<(), Failure> {
    let all = session.flags.on("all-namespaces");
    let mut tabs = Tabs::table();
    if !session.flags.on("no-headers") {
        tabs.push(if all { "NAMESPACE\t" } else { "" });
        tabs.line(&["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]);
    }
    for event in events {
        let text = |value: &Value| escape_terminal(value.as_str().unwrap_or_default().trim());
        if all {
            tabs.push(&text(&event["metadata"]["namespace"]));
            tabs.push("\t");
        }
        let about = &event["involvedObject"];
        tabs.line(&[
            interval(event),
            text(&event["type"]),
            text(&event["reason"]),
            format!("{}/{}", text(&about["kind"]), text(&about["name"])),
            text(&event["message"]),
        ]);
    }
    Ok(tabs.flush(session.io.stdout)?)
}

/// `5s`, or `5s (x3 over 2m)`
pub(super) fn interval(event: &Value) -> String {
    let since = |value: &Value| duration::since(value.as_str().unwrap_or_default());
    let first = match event["eventTime"].as_str() {
        Some(time) => duration::since(time),
        None => since(&event["firstTimestamp"]),
    };
    let series = &event["series"];
    let (last, count) = if series.is_object() {
        (
            &series["lastObservedTime"],
            series["count"].as_i64().unwrap_or_default(),
        )
    } else {
        (
            &event["lastTimestamp"],
            event["count"].as_i64().unwrap_or_default(),
        )
    };
    if series.is_object() || count > 1 {
        format!("{} (x{count} over {first})", since(last))
    } else {
        first
    }
}
