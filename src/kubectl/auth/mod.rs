//! `kubectl auth`: who asks, and what they may do.

mod rules;

pub(super) use rules::of_role;

use serde_json::Value;

use crate::k8s::JSON;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{switch, text};
use crate::kubectl::print::format::Writer;
use crate::kubectl::print::tabs::Tabs;
use crate::kubectl::print::{Format, go, object};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{ALL_NAMESPACES, OUTPUT, Verb};

pub(super) const CAN_I: Verb = Verb {
    name: "auth can-i",
    aliases: &[],
    usage: "VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
    about: "Check whether an action is allowed",
    flags: &[
        ALL_NAMESPACES,
        &[
            switch("quiet", "q"),
            text("subresource", ""),
            switch("list", ""),
            switch("no-headers", ""),
        ],
    ],
    local: false,
    run: can_i,
};

pub(super) const WHO_AM_I: Verb = Verb {
    name: "auth whoami",
    aliases: &[],
    usage: "",
    about: "Check self subject attributes",
    flags: &[OUTPUT],
    local: false,
    run: who_am_i,
};

const ACCESS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const SELF: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

const VERBS: [&str; 16] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "impersonate",
    "*",
    "approve",
    "sign",
    "escalate",
    "attest",
];
const URL_VERBS: [&str; 8] = [
    "get", "put", "post", "head", "options", "delete", "patch", "*",
];

fn can_i(session: &mut Session<'_>) -> Result<(), Failure> {
    if session.flags.on("list") {
        check_list(session)?;
        return rules::show(session);
    }
    let [verb, what] = session.words.as_slice() else {
        return Err(Failure::new(
            "you must specify two arguments: verb resource or verb resource/resourceName.\n\
             See 'kubectl auth can-i -h' for help and examples.",
        ));
    };
    let (verb, what) = (verb.clone(), what.clone());
    let spec = if what.starts_with('/') {
        if session.flags.given("subresource") {
            return Err(Failure::new(
                "--subresource can not be used with NonResourceURL",
            ));
        }
        known(session, &URL_VERBS, &verb)?;
        {
            let spec = object(vec![("verb", verb.into()), ("path", what.into())]);
            object(vec![("nonResourceAttributes", spec)])
        }
    } else {
        object(vec![(
            "resourceAttributes",
            attributes(session, &verb, &what)?,
        )])
    };
    if session.flags.on("no-headers") {
        let problem = "--no-headers cannot be set without --list specified";
        return Err(Failure::new(problem));
    }
    let status = review(session, ACCESS, "SelfSubjectAccessReview", &spec)?;
    answer(session, &status)
}

fn check_list(session: &Session<'_>) -> Result<(), Failure> {
    let flags = &session.flags;
    if !session.words.is_empty() {
        let problem = "list option must be specified with no arguments";
        return Err(Failure::new(problem));
    }
    if flags.on("quiet") || flags.on("all-namespaces") || flags.given("subresource") {
        return Err(Failure::new(
            "list option can't be specified with neither quiet, all-namespaces nor subresource \
             options",
        ));
    }
    Ok(())
}

fn answer(session: &mut Session<'_>, status: &Value) -> Result<(), Failure> {
    let is_allowed = status["allowed"] == true;
    let mut text = if is_allowed { "yes" } else { "no" }.to_owned();
    for key in ["reason", "evaluationError"] {
        let why = status[key].as_str().unwrap_or_default();
        if !is_allowed && !why.is_empty() {
            text += &format!(" - {why}");
        }
    }
    if !session.flags.on("quiet") {
        writeln!(session.out(), "{text}")?;
    }
    if is_allowed {
        Ok(())
    } else {
        Err(Failure::silent(1))
    }
}

fn attributes(session: &mut Session<'_>, verb: &str, what: &str) -> Result<Value, Failure> {
    let api = session.api()?;
    let (kind, name) = what.split_once('/').unwrap_or((what, ""));
    let lower = kind.to_lowercase();
    let found = api.discovery()?.find(&lower).ok().filter(|_| kind != "*");
    let all = session.flags.on("all-namespaces");
    let of_group = |group: &str| match group {
        "" => String::new(),
        group => format!(" in group '{group}'"),
    };
    match found {
        Some(resource) if !resource.is_namespaced && !all => {
            let (name, group) = (&resource.name, of_group(&resource.group));
            let text = format!("resource '{name}' is not namespace scoped{group}");
            warn(session, &text)?;
        }
        None if !matches!(lower.as_str(), "*" | "users" | "groups") => {
            let (name, group) = lower.split_once('.').unwrap_or((&lower, ""));
            let group = of_group(group);
            let text = format!("the server doesn't have a resource type '{name}'{group}");
            warn(session, &text)?;
        }
        _ => {}
    }
    if !all {
        known(session, &VERBS, verb)?;
    }
    let namespace = if all { "" } else { &api.namespace };
    Ok(object(vec![
        ("namespace", namespace.into()),
        ("verb", verb.into()),
        ("group", found.map_or("", |resource| &resource.group).into()),
        (
            "resource",
            found.map_or(kind, |resource| &resource.name).into(),
        ),
        ("subresource", session.flags.text("subresource").into()),
        ("name", name.into()),
    ]))
}

fn known(session: &mut Session<'_>, verbs: &[&str], verb: &str) -> Result<(), Failure> {
    if verbs.contains(&verb) {
        return Ok(());
    }
    warn(session, &format!("verb '{verb}' is not a known verb"))
}

fn warn(session: &mut Session<'_>, text: &str) -> Result<(), Failure> {
    Ok(write!(session.io.stderr, "Warning: {text}\n\n")?)
}

/// What becomes of a review that is asked for; it is stored nowhere.
fn review(session: &Session<'_>, path: &str, kind: &str, spec: &Value) -> Result<Value, Failure> {
    let group = path
        .trim_start_matches("/apis/")
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let body = object(vec![
        ("apiVersion", group.into()),
        ("kind", kind.into()),
        ("spec", spec.clone()),
    ]);
    let body = body.to_string();
    let mut answer = session.api()?.send("POST", path, JSON, body.as_bytes())?;
    Ok(answer
        .get_mut("status")
        .map(Value::take)
        .unwrap_or_default())
}

fn who_am_i(session: &mut Session<'_>) -> Result<(), Failure> {
    let format = Format::of(
        session,
        &["json", "name", "yaml", "jsonpath", "jsonpath-as-json"],
    )?;
    let body = r#"{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}"#;
    let sent = session.api()?.send("POST", SELF, JSON, body.as_bytes());
    let review = sent.map_err(|failure| match failure.reason.as_str() {
        "Forbidden" => Failure::new(
            "the selfsubjectreviews API is not enabled in the cluster or you do not have \
             permission to call it",
        ),
        "NotFound" => Failure::new("the selfsubjectreviews API is not enabled in the cluster"),
        _ => failure,
    })?;
    if let Some(format) = format {
        return Writer::new(session.io.stdout, format, false).object(review);
    }
    let user = &review["status"]["userInfo"];
    let mut tabs = Tabs::table();
    tabs.line(&["ATTRIBUTE", "VALUE"]);
    for (name, key) in [
        ("Username", "username"),
        ("UID", "uid"),
        ("Groups", "groups"),
    ] {
        if user.get(key).is_some() {
            tabs.line(&[name, &go::sprint(&user[key])]);
        }
    }
    for (key, value) in user["extra"].as_object().into_iter().flatten() {
        tabs.line(&[format!("Extra: {key}"), go::sprint(value)]);
    }
    Ok(tabs.flush(session.io.stdout)?)
}
