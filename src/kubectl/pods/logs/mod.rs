//! `kubectl logs`: of one container, of all in a pod, of all that a selector means.

mod follow;
mod output;

use serde_json::Value;

use self::output::Lines;
use super::{CONTAINER, Order};
use crate::k8s::logs::{self, Question, Since};
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Flags, Group, Kind, flag, switch, text};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::{SELECTOR, Verb};

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "logs",
    aliases: &[],
    usage: "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
    about: "Print the logs for a container in a pod",
    flags: &[SELECTOR, CONTAINER, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    switch("all-containers", ""),
    switch("all-pods", ""),
    switch("follow", "f"),
    switch("ignore-errors", ""),
    flag("limit-bytes", "", Kind::Number, "0"),
    flag("max-log-requests", "", Kind::Number, "5"),
    flag("pod-running-timeout", "", Kind::Duration, "20s"),
    switch("prefix", ""),
    switch("previous", "p"),
    flag("since", "", Kind::Duration, "0s"),
    text("since-time", ""),
    flag("tail", "", Kind::Number, "-1"),
    switch("timestamps", ""),
];

const USAGE: &str = "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n\
    POD or TYPE/NAME is a required argument for the logs command";
/// Lines of each log when a selector is given.
const TAIL: u64 = 10;

/// One log that is read.
struct Log {
    question: Question,
    /// Of the container that runs now.
    instance: String,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    words(session)?;
    let pattern = question(&session.flags)?;
    let logs = find(session, &pattern)?;
    let follow = session.flags.on("follow");
    let most = session.flags.number("max-log-requests");
    let count = logs.len();
    if follow && count > 1 && i64::try_from(count).unwrap_or(i64::MAX) > most {
        return Err(Failure::new(format!(
            "you are attempting to follow {count} log streams, but maximum allowed concurrency \
             is {most}, use --max-log-requests to increase the limit"
        )));
    }
    if follow {
        return follow::follow_all(session, &logs);
    }
    let client = session.api()?.client.clone();
    for log in &logs {
        let mut out = Lines::new(session, log);
        let outcome = logs::read(&client, &log.question, &mut |bytes| out.write(bytes));
        out.tolerate(outcome)?;
    }
    Ok(())
}

fn words(session: &Session<'_>) -> Result<(), Failure> {
    let wrong = |problem| Err(Failure::usage("logs", problem));
    let selects = !session.flags.text("selector").is_empty();
    match session.words.len() {
        0 if !selects => wrong(USAGE),
        1 if selects => wrong("only a selector (-l) or a POD name is allowed"),
        0..=2 => Ok(()),
        _ => wrong(USAGE),
    }
}

/// What is asked of every log.
fn question(flags: &Flags) -> Result<Question, Failure> {
    let time = flags.text("since-time");
    let seconds = flags.seconds("since").round();
    let since = match (time.is_empty(), seconds) {
        (false, _) => {
            if humantime::parse_rfc3339_weak(time.get(..19).unwrap_or_default()).is_err() {
                return Err(Failure::new(format!(
                    "parsing time {time:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse \
                     {time:?} as \"2006\""
                )));
            }
            Some(Since::Time(time.to_owned()))
        }
        // Below zero is refused later, as kubectl does it.
        (true, seconds) if seconds > 0.0 => Some(Since::Seconds(whole(seconds))),
        _ => None,
    };
    let selects = !flags.text("selector").is_empty();
    let tail = match flags.number("tail") {
        -1 if selects && !flags.given("tail") => Some(TAIL),
        tail => u64::try_from(tail).ok(),
    };
    Ok(Question {
        container: flags.text("container").to_owned(),
        previous: flags.on("previous"),
        timestamps: flags.on("timestamps"),
        since,
        tail,
        limit_bytes: u64::try_from(flags.number("limit-bytes"))
            .ok()
            .filter(|bytes| *bytes > 0),
        ..Question::default()
    })
}

fn whole(seconds: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(seconds).map_or(u64::MAX, |time| time.as_secs())
}

/// What cannot be meant; told after the pod was found, as kubectl does it.
fn check(session: &Session<'_>) -> Result<(), Failure> {
    let flags = &session.flags;
    let container = container(session);
    let problem = if flags.given("since-time") && flags.seconds("since") != 0.0 {
        "at most one of `sinceTime` or `sinceSeconds` may be specified".to_owned()
    } else if flags.on("all-containers") && !container.is_empty() {
        format!("--all-containers=true should not be specified with container name {container}")
    } else if flags.given("container") && session.words.len() == 2 {
        "only one of -c or an inline [CONTAINER] arg is allowed".to_owned()
    } else if flags.number("limit-bytes") < 0 {
        "--limit-bytes must be greater than 0".to_owned()
    } else if flags.seconds("since") < 0.0 {
        "--since must be greater than 0".to_owned()
    } else if flags.number("tail") < -1 {
        "--tail must be greater than or equal to -1".to_owned()
    } else {
        return Ok(());
    };
    Err(Failure::new(problem))
}

fn container<'a>(session: &'a Session<'_>) -> &'a str {
    match session.words.get(1) {
        Some(word) => word,
        None => session.flags.text("container"),
    }
}

/// The logs that are meant.
fn find(session: &mut Session<'_>, pattern: &Question) -> Result<Vec<Log>, Failure> {
    let pods = match session.words.first() {
        None => {
            let namespace = session.api()?.namespace.clone();
            let labels = session.flags.text("selector").trim();
            let pods = super::list(session, &namespace, labels, Order::Logs)?;
            if pods.is_empty() {
                let text = format!("No resources found in {namespace} namespace.\n");
                session.io.stderr.write_all(text.as_bytes())?;
            }
            check(session)?;
            pods
        }
        Some(word) => {
            let object =
                super::object(session, word).map_err(|failure| missing(session, failure))?;
            check(session)?;
            let is_pod = object["kind"] == "Pod";
            let mut pods = super::pods_of(session, object, Order::Logs, "get the logs from")?;
            let (count, all) = (pods.len(), session.flags.on("all-pods"));
            if count > 1 && !is_pod && !all {
                let first = super::name(&pods[0]);
                let text = format!("Found {count} pods, using pod/{first}\n");
                session.io.stderr.write_all(text.as_bytes())?;
                pods.truncate(1);
            }
            pods
        }
    };
    let mut logs = Vec::new();
    for pod in &pods {
        for container in containers(session, pod)? {
            logs.push(log(pattern, pod, container));
        }
    }
    Ok(logs)
}

/// kubectl says it once more in words of its own.
fn missing(session: &Session<'_>, failure: Failure) -> Failure {
    let namespace = session.api().map(|api| api.namespace.clone());
    match (failure.is_not_found(), namespace) {
        (true, Ok(namespace)) => {
            let said = failure.message();
            let said = said
                .strip_prefix("Error from server (NotFound): ")
                .unwrap_or(said);
            Failure::new(format!(
                "error from server (NotFound): {said} in namespace {namespace:?}"
            ))
        }
        _ => failure,
    }
}

/// The containers of a pod that are meant.
fn containers(session: &mut Session<'_>, pod: &Value) -> Result<Vec<String>, Failure> {
    if session.flags.on("all-containers") {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let names = lists.iter().flat_map(|list| super::containers(pod, list));
        return Ok(names.map(str::to_owned).collect());
    }
    let given = container(session);
    if given.is_empty() {
        let (name, told) = super::default_container(pod)?;
        if let Some(told) = told.filter(|_| !session.flags.on("all-pods")) {
            session.io.stderr.write_all(told.as_bytes())?;
        }
        return Ok(vec![name]);
    }
    if !super::has_container(pod, given) {
        let name = super::name(pod);
        return Err(Failure::new(format!(
            "container {given} is not valid for pod {name}"
        )));
    }
    Ok(vec![given.to_owned()])
}

fn log(pattern: &Question, pod: &Value, container: String) -> Log {
    let lists = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ];
    let statuses = lists
        .iter()
        .filter_map(|list| pod["status"][list].as_array());
    let mut statuses = statuses.flatten();
    let status = statuses.find(|status| status["name"] == *container);
    Log {
        instance: status
            .map(|status| super::field(status, "/containerID").to_owned())
            .unwrap_or_default(),
        question: Question {
            namespace: super::field(pod, "/metadata/namespace").to_owned(),
            pod: super::name(pod).to_owned(),
            container,
            ..pattern.clone()
        },
    }
}
