//! Objects that stand in the command line: `create configmap`, `create job`.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::data::Data;
use super::{Creation, MANAGER};
use crate::k8s::JSON;
use crate::kubectl::change::{DRY_RUN, Teller, VALIDATE};
use crate::kubectl::discovery::Resource;
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag, text};
use crate::kubectl::print::object;
use crate::kubectl::resources::{Ask, Rules};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{OUTPUT, Verb};

const DATA: Group = &[
    flag("from-literal", "", Kind::Each, ""),
    flag("from-file", "", Kind::List, ""),
    flag("from-env-file", "", Kind::List, ""),
];
const TYPE: Group = &[text("type", "")];
const JOB_FLAGS: Group = &[text("image", ""), text("from", "")];
const TOKEN_FLAGS: Group = &[
    flag("audience", "", Kind::Each, ""),
    flag("duration", "", Kind::Duration, "0s"),
    text("bound-object-kind", ""),
    text("bound-object-name", ""),
    text("bound-object-uid", ""),
];

pub(in crate::kubectl) const CONFIG_MAP: Verb = Verb {
    name: "create configmap",
    aliases: &["create cm"],
    usage: "NAME [--from-file=[key=]source] [--from-literal=key1=value1]",
    about: "Create a config map from a local file, directory or literal value",
    flags: &[OUTPUT, DRY_RUN, VALIDATE, MANAGER, DATA],
    local: false,
    run: config_map,
};

pub(in crate::kubectl) const JOB: Verb = Verb {
    name: "create job",
    aliases: &[],
    usage: "NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
    about: "Create a job with the specified name",
    flags: &[OUTPUT, DRY_RUN, VALIDATE, MANAGER, JOB_FLAGS],
    local: false,
    run: job,
};

pub(in crate::kubectl) const NAMESPACE: Verb = Verb {
    name: "create namespace",
    aliases: &["create ns"],
    usage: "NAME",
    about: "Create a namespace with the specified name",
    flags: &[OUTPUT, DRY_RUN, VALIDATE, MANAGER],
    local: false,
    run: namespace,
};

pub(in crate::kubectl) const SECRET: Verb = Verb {
    name: "create secret generic",
    aliases: &[],
    usage: "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1]",
    about: "Create a secret from a local file, directory, or literal value",
    flags: &[OUTPUT, DRY_RUN, VALIDATE, MANAGER, DATA, TYPE],
    local: false,
    run: secret,
};

pub(in crate::kubectl) const SERVICE_ACCOUNT: Verb = Verb {
    name: "create serviceaccount",
    aliases: &["create sa"],
    usage: "NAME",
    about: "Create a service account with the specified name",
    flags: &[OUTPUT, DRY_RUN, VALIDATE, MANAGER],
    local: false,
    run: service_account,
};

pub(in crate::kubectl) const TOKEN: Verb = Verb {
    name: "create token",
    aliases: &[],
    usage: "SERVICE_ACCOUNT_NAME",
    about: "Request a service account token",
    flags: &[OUTPUT, TOKEN_FLAGS],
    local: false,
    run: token,
};

fn config_map(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut data = Data {
        name: name(session)?,
        ..Data::default()
    };
    data.read(session)?;
    let mut object = start("v1", "ConfigMap", &data.name);
    for (key, map) in [("data", data.data), ("binaryData", data.binary)] {
        if !map.is_empty() {
            object[key] = map.into();
        }
    }
    make(
        session,
        "configmaps",
        object,
        "failed to create configmap: ",
    )
}

fn secret(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut data = Data {
        is_secret: true,
        name: name(session)?,
        ..Data::default()
    };
    data.read(session)?;
    let mut object = start("v1", "Secret", &data.name);
    if !data.data.is_empty() {
        object["data"] = data.data.into();
    }
    let kind = session.flags.text("type");
    if !kind.is_empty() {
        object["type"] = kind.into();
    }
    make(session, "secrets", object, "failed to create secret ")
}

fn service_account(session: &mut Session<'_>) -> Result<(), Failure> {
    let object = start("v1", "ServiceAccount", &name(session)?);
    let failed = "failed to create serviceaccount: ";
    make(session, "serviceaccounts", object, failed)
}

fn namespace(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut object = start("v1", "Namespace", &name(session)?);
    object["spec"] = nothing();
    object["status"] = nothing();
    make(session, "namespaces", object, "")
}

fn job(session: &mut Session<'_>) -> Result<(), Failure> {
    let name = name(session)?;
    let flags = &session.flags;
    let (image, from) = (flags.text("image"), flags.text("from").to_owned());
    let command = session.words.get(1..).unwrap_or_default();
    if image.is_empty() == from.is_empty() {
        return Err(Failure::new("either --image or --from must be specified"));
    }
    if !command.is_empty() && !from.is_empty() {
        return Err(Failure::new("cannot specify --from and command"));
    }
    let mut job = start("batch/v1", "Job", &name);
    if from.is_empty() {
        job["spec"] = run_once(&name, image, command);
    } else {
        session.words = vec![from];
        from_cron_job(session, &mut job)?;
    }
    job["status"] = nothing();
    make(session, "jobs", job, "failed to create job: ")
}

/// A job of one container that runs once.
fn run_once(name: &str, image: &str, command: &[String]) -> Value {
    let mut container = object(vec![
        ("image", image.into()),
        ("name", name.into()),
        ("resources", nothing()),
    ]);
    if !command.is_empty() {
        container["command"] = command.into();
    }
    let pod = object(vec![
        ("containers", vec![container].into()),
        ("restartPolicy", "Never".into()),
    ]);
    object(vec![(
        "template",
        object(vec![("metadata", nothing()), ("spec", pod)]),
    )])
}

/// What the schedule would make at its time.
fn from_cron_job(session: &mut Session<'_>, job: &mut Value) -> Result<(), Failure> {
    let selected = session.select(Rules::default())?;
    let [ask] = selected.asks.as_slice() else {
        return Err(Failure::new("from must be an existing cronjob"));
    };
    let mut cron = session.api()?.get(&ask.path())?;
    if cron["kind"] != "CronJob" {
        let (version, kind) = (&ask.resource.version, &ask.resource.kind);
        return Err(Failure::new(format!(
            "unknown object type *{version}.{kind}"
        )));
    }
    let owner = object(vec![
        ("apiVersion", "batch/v1".into()),
        ("controller", true.into()),
        ("kind", "CronJob".into()),
        ("name", cron["metadata"]["name"].take()),
        ("uid", cron["metadata"]["uid"].take()),
    ]);
    let template = &mut cron["spec"]["jobTemplate"];
    let mut annotations = object(vec![("cronjob.kubernetes.io/instantiate", "manual".into())]);
    if let (Some(all), Value::Object(own)) = (
        annotations.as_object_mut(),
        template["metadata"]["annotations"].take(),
    ) {
        all.extend(own);
    }
    let metadata = &mut job["metadata"];
    metadata["annotations"] = annotations;
    metadata["ownerReferences"] = vec![owner].into();
    let labels = template["metadata"]["labels"].take();
    if labels.is_object() {
        metadata["labels"] = labels;
    }
    job["spec"] = template["spec"].take();
    Ok(())
}

fn token(session: &mut Session<'_>) -> Result<(), Failure> {
    let name = name(session)?;
    let mut teller = Teller::of(session)?;
    let mut request = start("authentication.k8s.io/v1", "TokenRequest", "");
    request["spec"] = wanted(session)?;
    let api = session.api()?;
    let mut path = known("", "v1", "serviceaccounts", "ServiceAccount").path(&api.namespace, &name);
    path.push_str("/token");
    let answer = api
        .send("POST", &path, JSON, request.to_string().as_bytes())
        .map_err(|failure| failure.wrapped("failed to create token: "))?;
    if session.flags.given("output") {
        return teller.tell(session, answer, "created");
    }
    let token = answer["status"]["token"].as_str().unwrap_or_default();
    if token.is_empty() {
        return Err(Failure::new(
            "failed to create token: no token in server response",
        ));
    }
    Ok(session.io.stdout.write_all(token.as_bytes())?)
}

/// For whom a token is, how long, and what it goes with.
fn wanted(session: &Session<'_>) -> Result<Value, Failure> {
    let flags = &session.flags;
    let seconds = flags.seconds("duration");
    let bound = ["kind", "name", "uid"].map(|part| flags.text(&format!("bound-object-{part}")));
    let [kind, name, uid] = bound;
    let problem = if seconds < 0.0 {
        "--duration must be greater than or equal to 0"
    } else if seconds.fract() != 0.0 {
        "--duration cannot be expressed in units less than seconds"
    } else if kind.is_empty() && !name.is_empty() {
        "--bound-object-name can only be set if --bound-object-kind is provided"
    } else if kind.is_empty() && !uid.is_empty() {
        "--bound-object-uid can only be set if --bound-object-kind is provided"
    } else if !matches!(kind, "" | "Node" | "Pod" | "Secret") {
        "supported --bound-object-kind values are Node, Pod, Secret"
    } else if !kind.is_empty() && name.is_empty() {
        "--bound-object-name is required if --bound-object-kind is provided"
    } else {
        ""
    };
    if !problem.is_empty() {
        return Err(Failure::new(problem));
    }
    let mut spec = object(vec![("audiences", flags.all("audience").into())]);
    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if !seconds.is_zero() {
        spec["expirationSeconds"] = seconds.as_secs().into();
    }
    if !kind.is_empty() {
        spec["boundObjectRef"] = object(vec![
            ("apiVersion", "v1".into()),
            ("kind", kind.into()),
            ("name", name.into()),
            ("uid", uid.into()),
        ]);
    }
    Ok(spec)
}

/// The one word before `--`.
fn name(session: &Session<'_>) -> Result<String, Failure> {
    let count = session.dash.unwrap_or(session.words.len());
    match session.words.first().filter(|_| count == 1) {
        Some(name) => Ok(name.clone()),
        None => Err(Failure::usage(
            session.verb.name,
            &format!("exactly one NAME is required, got {count}"),
        )),
    }
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

fn start(version: &str, kind: &str, name: &str) -> Value {
    object(vec![
        ("apiVersion", version.into()),
        ("kind", kind.into()),
        ("metadata", object(vec![("name", name.into())])),
    ])
}

/// A kind that every server has.
fn known(group: &str, version: &str, name: &str, kind: &str) -> Resource {
    Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        is_namespaced: kind != "Namespace",
        ..Resource::default()
    }
}

/// Creates it and tells; `failed` stands before what went wrong.
fn make(
    session: &mut Session<'_>,
    resource: &str,
    mut object: Value,
    failed: &str,
) -> Result<(), Failure> {
    let mut creation = Creation::of(session)?;
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = object["kind"].as_str().unwrap_or_default();
    let resource = known(group, version, resource, kind);
    let namespace = session.api()?.namespace.clone();
    if session.flags.given("namespace") && resource.is_namespaced {
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    let mut ask = Ask::list(Rc::new(resource), namespace);
    ask.object = object;
    let created = creation.create(session, ask);
    let object = created.map_err(|failure| match failed {
        "" => failure,
        failed => failure.wrapped(failed),
    })?;
    creation.teller.tell(session, object, creation.what())
}
