//! `kubectl expose`: a service for the pods of an object.

use serde_json::{Map, Value};

use super::amend::{self, Amendment};
use super::change::DRY_RUN;
use super::failure::Failure;
use super::flags::{Flags, Group, Kind, flag, text};
use super::pods::{field, name};
use super::print::object;
use super::resources::Rules;
use super::session::Session;
use super::verbs::{FILES, OUTPUT, Verb};
use crate::json::map;

pub(super) const VERB: Verb = Verb {
    name: "expose",
    aliases: &[],
    usage: "(-f FILENAME | TYPE NAME) [--port=port] [--target-port=number-or-name] [--name=name]",
    about: "Take a replication controller, service, deployment or pod and expose it as a new \
            Kubernetes service",
    flags: &[FILES, DRY_RUN, OUTPUT, OVERRIDES, FLAGS],
    local: false,
    run,
};

/// What is merged into the object that is made.
pub(super) const OVERRIDES: Group = &[
    flag("override-type", "", Kind::Text, "merge"),
    text("overrides", ""),
];

const FLAGS: Group = &[
    text("cluster-ip", ""),
    text("external-ip", ""),
    flag("field-manager", "", Kind::Text, "kubectl-expose"),
    text("labels", "l"),
    text("load-balancer-ip", ""),
    text("name", ""),
    text("port", ""),
    text("protocol", ""),
    text("selector", ""),
    text("session-affinity", ""),
    text("target-port", ""),
    text("type", ""),
];

/// Longest name of a service.
const LONGEST: usize = 63;

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut amendment = Amendment::of(session, "exposed")?;
    let rules = Rules {
        names_only: true,
        ..Rules::default()
    };
    let (found, mut failures) = amend::gather(session, rules, false)?;
    for (ask, object) in found {
        let kind = field(&object, "/kind");
        if !matches!(
            kind,
            "Deployment" | "Pod" | "ReplicaSet" | "ReplicationController" | "Service"
        ) {
            let kind = amend::group_kind(&ask);
            failures.push(Failure::new(format!("cannot expose a {kind}")));
            continue;
        }
        let made = service(&session.flags, object).and_then(|mut service| {
            overrides(&session.flags, &mut service)?;
            amendment.create(session, service)
        });
        let told = made.and_then(|service| amendment.tell(session, service));
        failures.extend(told.err());
    }
    Failure::all(failures)
}

/// Merges what the command line has for it into an object.
pub(super) fn overrides(flags: &Flags, object: &mut Value) -> Result<(), Failure> {
    let text = flags.text("overrides");
    if text.is_empty() {
        return Ok(());
    }
    if flags.text("override-type") != "merge" {
        return Err(Failure::new("--override-type: only merge is supported"));
    }
    let patch = serde_json::from_str(text)
        .map_err(|error| Failure::new(format!("--overrides is no JSON: {error}")))?;
    merge(object, &patch);
    Ok(())
}

/// Merges a patch into an object (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, part) in patch {
        if part.is_null() {
            target.as_object_mut().map(|map| map.remove(key));
        } else {
            merge(&mut target[key.as_str()], part);
        }
    }
}

fn service(flags: &Flags, mut object: Value) -> Result<Value, Failure> {
    let selector = match flags.text("selector") {
        "" => selector(&object).map_err(|problem| {
            Failure::new(format!(
                "couldn't retrieve selectors via --selector flag or introspection: {problem}"
            ))
        })?,
        text => labels(text)?,
    };
    let own_labels = match flags.text("labels") {
        "" => object["metadata"]["labels"].take(),
        text => labels(text)?,
    };
    let own_name: String = name(&object).chars().take(LONGEST).collect();
    let mut metadata = map! {"name": match flags.text("name") {
        "" => own_name.as_str(),
        name => name,
    }};
    if own_labels
        .as_object()
        .is_some_and(|labels| !labels.is_empty())
    {
        metadata["labels"] = own_labels;
    }
    let mut spec = map! {"selector": selector};
    let ports = ports(flags, &mut object)?;
    if !ports.is_empty() {
        spec["ports"] = ports.into();
    }
    more(flags, &mut spec)?;
    Ok(whole(metadata, spec))
}

/// What the command line says of a service besides its ports.
fn more(flags: &Flags, spec: &mut Value) -> Result<(), Failure> {
    let affinity = flags.text("session-affinity");
    if !matches!(affinity, "" | "None" | "ClientIP") {
        return Err(Failure::new(format!(
            "unknown session affinity: {affinity}"
        )));
    }
    let balancer = match flags.text("type") {
        "LoadBalancer" => flags.text("load-balancer-ip"),
        _ => "",
    };
    for (key, value) in [
        ("type", flags.text("type")),
        ("loadBalancerIP", balancer),
        ("sessionAffinity", affinity),
        ("clusterIP", flags.text("cluster-ip")),
    ] {
        if !value.is_empty() {
            spec[key] = value.into();
        }
    }
    if !flags.text("external-ip").is_empty() {
        spec["externalIPs"] = vec![flags.text("external-ip")].into();
    }
    Ok(())
}

/// A service of these.
pub(super) fn whole(metadata: Value, spec: Value) -> Value {
    map! {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": spec,
        "status": map! {"loadBalancer": map! {}},
    }
}

/// `a=b,c=d`
pub(super) fn labels(text: &str) -> Result<Value, Failure> {
    let mut labels = Map::new();
    for pair in text.split(',') {
        match pair.split_once('=') {
            Some((_, value)) if value.contains('=') => {}
            Some(("", _)) => return Err(Failure::new("unexpected empty label key")),
            Some((key, value)) => {
                labels.insert(key.to_owned(), value.into());
                continue;
            }
            None => {}
        }
        return Err(Failure::new(format!("unexpected label spec: {pair}")));
    }
    Ok(Value::Object(labels))
}

/// The labels by which pods belong to an object.
fn selector(object: &Value) -> Result<Value, String> {
    let kind = field(object, "/kind");
    let (place, none) = match kind {
        "Pod" => (
            "/metadata/labels",
            "the pod has no labels and cannot be exposed".to_owned(),
        ),
        "Service" => (
            "/spec/selector",
            "the service has no pod selector set".to_owned(),
        ),
        "ReplicationController" => ("/spec/selector", String::new()),
        kind => (
            "/spec/selector/matchLabels",
            format!(
                "invalid {}: no selectors, therefore cannot be exposed",
                kind.to_lowercase()
            ),
        ),
    };
    let found = object.pointer(place).filter(|labels| {
        let labels = labels.as_object();
        labels.is_some_and(|labels| !labels.is_empty())
    });
    let expressions = &object["spec"]["selector"]["matchExpressions"];
    match found {
        None => Err(none),
        Some(_) if place.ends_with("matchLabels") && expressions.is_array() => {
            Err("couldn't convert expressions to map-based selector format".to_owned())
        }
        Some(labels) => Ok(labels.clone()),
    }
}

/// Ports as the command line has them, else those of the object.
fn ports(flags: &Flags, object: &mut Value) -> Result<Vec<Value>, Failure> {
    let own = own_ports(object);
    let mut wanted: Vec<&str> = flags.text("port").split_terminator(',').collect();
    if wanted.is_empty() {
        wanted.extend(own.iter().map(|(port, _)| port.as_str()));
        let all = wanted.clone();
        let mut place = 0..;
        wanted.retain(|port| {
            let before = place.next().and_then(|place| all.get(..place));
            !before.is_some_and(|before| before.contains(port))
        });
    }
    if wanted.is_empty() && flags.text("cluster-ip") != "None" {
        return Err(Failure::new(
            "couldn't find port via --port flag or introspection",
        ));
    }
    let mut ports = Vec::new();
    for (index, port) in wanted.iter().enumerate() {
        let number = number(port)?;
        let same = own.iter().filter(|(other, _)| other == port);
        let mut protocols: Vec<&str> = same.map(|(_, protocol)| protocol.as_str()).collect();
        match flags.text("protocol") {
            "" if protocols.is_empty() => protocols.push("TCP"),
            "" => {}
            given => protocols = vec![given],
        }
        for protocol in &protocols {
            let mut one = object_of(flags, number, protocol);
            let place = index + 1;
            if protocols.len() > 1 {
                one["name"] = format!("port-{place}-{}", protocol.to_lowercase()).into();
            } else if wanted.len() > 1 {
                one["name"] = format!("port-{place}").into();
            }
            ports.push(one);
        }
    }
    Ok(ports)
}

fn object_of(flags: &Flags, port: i32, protocol: &str) -> Value {
    let target = flags.text("target-port");
    let target = match target.parse::<i32>() {
        Ok(number) => number.into(),
        Err(_) if target.is_empty() => port.into(),
        Err(_) => target.into(),
    };
    object(vec![
        ("port", port.into()),
        ("protocol", protocol.into()),
        ("targetPort", target),
    ])
}

/// A port, as Go reads a number.
pub(super) fn number(text: &str) -> Result<i32, Failure> {
    text.parse()
        .map_err(|_| Failure::new(format!("strconv.Atoi: parsing {text:?}: invalid syntax")))
}

/// Ports and protocols that an object has, in its order.
fn own_ports(object: &mut Value) -> Vec<(String, String)> {
    let mut own = Vec::new();
    let mut add = |ports: &Value, key: &str| {
        for port in ports.as_array().into_iter().flatten() {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            own.push((port[key].to_string(), protocol.to_owned()));
        }
    };
    if field(object, "/kind") == "Service" {
        add(&object["spec"]["ports"], "port");
    } else if let Some(pod) = amend::pod_spec(object) {
        let containers = pod["containers"].as_array();
        for container in containers.into_iter().flatten() {
            add(&container["ports"], "containerPort");
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_null_in_a_merge_is_left_out() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "d": [1]});
        merge(
            &mut target,
            &json!({"a": {"b": null, "e": {"f": 1}}, "d": [2]}),
        );
        assert_eq!(target, json!({"a": {"c": 2, "e": {"f": 1}}, "d": [2]}));
    }

    #[test]
    fn pods_belong_to_an_object_by_labels() {
        for (object, expected) in [
            (
                json!({"kind": "Pod", "metadata": {"labels": {"a": "b"}}}),
                Ok(json!({"a": "b"})),
            ),
            (
                json!({"kind": "Service", "spec": {}}),
                Err("the service has no pod selector set"),
            ),
            (
                json!({"kind": "ReplicaSet", "spec": {"selector": {"matchLabels": {"a": "b"}}}}),
                Ok(json!({"a": "b"})),
            ),
            (
                json!({"kind": "Deployment", "spec": {}}),
                Err("invalid deployment: no selectors, therefore cannot be exposed"),
            ),
        ] {
            assert_eq!(
                selector(&object).map_err(|problem| problem.leak() as &str),
                expected
            );
        }
    }

    #[test]
    fn ports_of_several_protocols_are_several() {
        let mut object = json!({"kind": "Service", "spec": {"ports": [
            {"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}, {"port": 80}]}});
        let ports = ports(&Flags::default(), &mut object).unwrap();
        let names: Vec<_> = ports.iter().map(|port| field(port, "/name")).collect();
        assert_eq!(names, ["port-1-udp", "port-1-tcp", "port-2"]);
        assert_eq!(ports[2]["targetPort"], 80);
    }
}
