//! `kubectl autoscale`: between which sizes the load decides.

use serde_json::Value;

use super::amend::{self, Amendment};
use super::change::{DRY_RUN, DryRun};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, text};
use super::print::object;
use super::resources::{Ask, Rules};
use super::session::Session;
use super::verbs::{FILES, OUTPUT, Verb};
use crate::json::map;
use crate::k8s::quantity;

pub(super) const VERB: Verb = Verb {
    name: "autoscale",
    aliases: &[],
    usage: "(-f FILENAME | TYPE NAME) [--min=MINPODS] --max=MAXPODS [--cpu=CPU] [--memory=MEMORY]",
    about: "Auto-scale a deployment, replica set, stateful set, or replication controller",
    flags: &[FILES, DRY_RUN, OUTPUT, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    text("cpu", ""),
    flag("cpu-percent", "", Kind::Number, "-1"),
    flag("field-manager", "", Kind::Text, "kubectl-autoscale"),
    flag("max", "", Kind::Number, "-1"),
    text("memory", ""),
    flag("min", "", Kind::Number, "-1"),
    text("name", ""),
];

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    if session.flags.given("cpu-percent") {
        session.io.stderr.write_all(
            b"Flag --cpu-percent has been deprecated, Use --cpu with percentage or resource \
              quantity format (e.g., '70%' for utilization or '500m' for milliCPU).\n",
        )?;
    }
    super::scale::required(session, "max")?;
    let mut amendment = Amendment::of(session, "autoscaled")?;
    let metrics = metrics(session)?;
    let (found, failures) = amend::gather(session, Rules::default(), false)?;
    Failure::all(failures)?;
    for (ask, _) in found {
        let resource = &ask.resource;
        if !resource.scales {
            return Err(Failure::new(format!(
                "cannot autoscale a {}: could not find scale subresource for {}/{}, Resource={} \
                 in discovery information",
                resource.kind, resource.group, resource.version, resource.name
            )));
        }
        create(session, &mut amendment, &ask, &metrics)?;
    }
    Ok(())
}

/// What is measured, and at what it is held.
fn metrics(session: &Session<'_>) -> Result<Vec<Value>, Failure> {
    let flags = &session.flags;
    let (max, min) = (flags.number("max"), flags.number("min"));
    let (cpu, percent) = (flags.text("cpu"), flags.number("cpu-percent"));
    if max < 1 {
        return Err(Failure::new(format!(
            "--max=MAXPODS is required and must be at least 1, max: {max}"
        )));
    }
    if max < min {
        return Err(Failure::new(format!(
            "--max=MAXPODS must be larger or equal to --min=MINPODS, max: {max}, min: {min}"
        )));
    }
    if percent > 0 && !cpu.is_empty() {
        return Err(Failure::new(
            "--cpu-percent and --cpu are mutually exclusive",
        ));
    }
    let mut metrics = Vec::new();
    if percent > 0 {
        metrics.push(metric("cpu", utilization(percent)));
    }
    for (name, unit, text) in [("cpu", "m", cpu), ("memory", "Mi", flags.text("memory"))] {
        if !text.is_empty() {
            metrics.push(metric(name, target(name, unit, text.trim())?));
        }
    }
    Ok(metrics)
}

fn metric(name: &str, target: Value) -> Value {
    let resource = object(vec![("name", name.into()), ("target", target)]);
    object(vec![("resource", resource), ("type", "Resource".into())])
}

fn utilization(percent: i64) -> Value {
    object(vec![
        ("averageUtilization", percent.into()),
        ("type", "Utilization".into()),
    ])
}

/// `70%` of what is requested, `500m`, or a number in that unit.
fn target(name: &str, unit: &str, text: &str) -> Result<Value, Failure> {
    if let Some(percent) = text.strip_suffix('%') {
        return match percent.parse::<i32>() {
            Ok(number) if number >= 0 => Ok(utilization(number.into())),
            _ => Err(Failure::new(format!("invalid percentage value: {percent}"))),
        };
    }
    let whole = match text.parse::<f64>() {
        Ok(number) => format!("{number}{unit}"),
        Err(_) => text.to_owned(),
    };
    let Some(value) = quantity::canonical(&whole) else {
        return Err(Failure::new(format!(
            "invalid resource {name} value: {text}"
        )));
    };
    Ok(object(vec![
        ("averageValue", value.into()),
        ("type", "AverageValue".into()),
    ]))
}

fn create(
    session: &mut Session<'_>,
    amendment: &mut Amendment,
    ask: &Ask,
    metrics: &[Value],
) -> Result<(), Failure> {
    let flags = &session.flags;
    let name = match flags.text("name") {
        "" => ask.name.as_str(),
        name => name,
    };
    let mut scaler = map! {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": map! {"name": name},
        "spec": map! {"maxReplicas": flags.number("max"), "scaleTargetRef": map! {
            "apiVersion": ask.resource.group_version(),
            "kind": ask.resource.kind.as_str(),
            "name": ask.name.as_str(),
        }},
        "status": map! {"currentMetrics": Value::Null, "desiredReplicas": 0},
    };
    if flags.number("min") > 0 {
        scaler["spec"]["minReplicas"] = flags.number("min").into();
    }
    if !metrics.is_empty() {
        scaler["spec"]["metrics"] = metrics.into();
    }
    if amendment.dry_run == DryRun::Client {
        amendment.done = "created";
    }
    let made = amendment.create(session, scaler);
    let made = made.map_err(|failure| older(session, failure))?;
    amendment.tell(session, made)
}

/// kubectl asks again by the first version of the API, which every server that this speaks
/// to has the second of, too; what it says of that is what people see.
fn older(session: &Session<'_>, failure: Failure) -> Failure {
    let flags = &session.flags;
    let why = match flags.text("cpu").trim() {
        "" => "empty input",
        cpu if cpu.ends_with('%') && flags.text("memory").is_empty() => return failure,
        _ => failure.said(),
    };
    Failure::new(format!(
        "failed to create autoscaling/v2 HPA and the configuration is incompatible with \
         autoscaling/v1: {why}"
    ))
}
