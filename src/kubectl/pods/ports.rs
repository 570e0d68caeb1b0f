//! Which ports of a pod a command line means: numbers, names, those of a service. Pure.

use serde_json::Value;

use super::{field, name};

/// A port here and the one of the pod that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// 0 for any that is free.
    pub(super) local: u16,
    pub(super) remote: u16,
}

/// Reads `[LOCAL:]REMOTE` for each port; `object` is the pod, or the service in front.
pub(super) fn pairs(ports: &[String], object: &Value, pod: &Value) -> Result<Vec<Pair>, String> {
    let is_service = object["kind"] == "Service";
    let mut pairs = Vec::new();
    for port in ports {
        let (local, remote) = split(port);
        let same = local == remote;
        let (remote, found) = if is_service {
            of_service(object, pod, remote)?
        } else {
            let number = of_pod(pod, remote)?;
            (number, number)
        };
        // A name on both sides means the same number on both sides.
        let local = if same {
            found.to_string()
        } else {
            local.to_owned()
        };
        pairs.push(pair(&local, &remote.to_string())?);
    }
    Ok(pairs)
}

/// More than two parts are taken for one.
fn split(port: &str) -> (&str, &str) {
    match port.split_once(':') {
        Some((local, remote)) if !remote.contains(':') => (local, remote),
        Some((first, _)) => (first, first),
        None => (port, port),
    }
}

fn pair(local: &str, remote: &str) -> Result<Pair, String> {
    let number = |text: &str, side| {
        text.parse::<u16>().map_err(|_| {
            format!(
                "error parsing {side} port '{text}': strconv.ParseUint: parsing {text:?}: {}",
                if text.parse::<u64>().is_ok() {
                    "value out of range"
                } else {
                    "invalid syntax"
                }
            )
        })
    };
    let local = if local.is_empty() { "0" } else { local };
    let pair = Pair {
        local: number(local, "local")?,
        remote: number(remote, "remote")?,
    };
    if pair.remote == 0 {
        return Err("remote port must be > 0".to_owned());
    }
    Ok(pair)
}

fn of_pod(pod: &Value, remote: &str) -> Result<i64, String> {
    if remote.is_empty() {
        return Err("remote port cannot be empty".to_owned());
    }
    let ports = container_ports(pod);
    let found = match remote.parse::<i64>() {
        Ok(number) => number,
        Err(_) => container_port(pod, remote)?,
    };
    only_tcp(&protocols(&ports, "containerPort", found), remote)?;
    Ok(found)
}

/// The port of the pod behind one of a service, and the number of that one.
fn of_service(service: &Value, pod: &Value, remote: &str) -> Result<(i64, i64), String> {
    let ports = service["spec"]["ports"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let number = match remote.parse::<i64>() {
        Ok(number) => number,
        Err(_) => ports
            .iter()
            .find(|port| port["name"] == remote)
            .and_then(|port| port["port"].as_i64())
            .ok_or_else(|| {
                format!(
                    "Service '{}' does not have a named port '{remote}'",
                    name(service)
                )
            })?,
    };
    only_tcp(&protocols(&ports, "port", number), remote)?;
    let port = ports.iter().find(|port| port["port"] == number);
    let port = port.ok_or_else(|| {
        format!(
            "Service {} does not have a service port {number}",
            name(service)
        )
    })?;
    let is_headless = service["spec"]["clusterIP"] == "None";
    let target = if is_headless {
        number
    } else {
        behind(port, pod)?
    };
    Ok((target, number))
}

/// The port of the pod behind a port of a service.
fn behind(port: &Value, pod: &Value) -> Result<i64, String> {
    match &port["targetPort"] {
        Value::String(target) => container_port(pod, target),
        target => Ok(target
            .as_i64()
            .filter(|target| *target != 0)
            .or(port["port"].as_i64())
            .unwrap_or_default()),
    }
}

fn container_ports(pod: &Value) -> Vec<Value> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let ports = containers.filter_map(|container| container["ports"].as_array());
    ports.flatten().cloned().collect()
}

fn container_port(pod: &Value, wanted: &str) -> Result<i64, String> {
    container_ports(pod)
        .iter()
        .find(|port| port["name"] == wanted)
        .and_then(|port| port["containerPort"].as_i64())
        .ok_or_else(|| format!("Pod '{}' does not have a named port '{wanted}'", name(pod)))
}

/// The protocols under which a port is listed.
fn protocols<'a>(ports: &'a [Value], key: &str, number: i64) -> Vec<&'a str> {
    let ports = ports.iter().filter(|port| port[key] == number);
    ports.map(|port| field(port, "/protocol")).collect()
}

fn only_tcp(protocols: &[&str], remote: &str) -> Result<(), String> {
    let is_udp = protocols.contains(&"UDP") && !protocols.contains(&"TCP");
    if is_udp {
        return Err(format!("UDP protocol is not supported for {remote}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_numbers_names_or_those_of_a_service() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"ports": [
            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        ]}]}});
        let service = json!({"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [
            {"name": "front", "port": 80, "targetPort": "http", "protocol": "TCP"},
            {"port": 81, "targetPort": 9000},
            {"port": 82},
            {"port": 83, "targetPort": "nope"},
        ]}});
        let read = |port: &str, object: &Value| {
            pairs(&[port.to_owned()], object, &pod).map(|pairs| (pairs[0].local, pairs[0].remote))
        };
        let ok = |local, remote| Ok((local, remote));
        let wrong = |text: &str| Err(text.to_owned());
        for (port, object, expected) in [
            ("80", &pod, ok(80, 80)),
            ("8000:80", &pod, ok(8000, 80)),
            (":80", &pod, ok(0, 80)),
            ("80:81:82", &pod, ok(80, 80)),
            ("0:http", &pod, ok(0, 8080)),
            ("http", &pod, ok(8080, 8080)),
            ("80", &service, ok(80, 8080)),
            ("8000:front", &service, ok(8000, 8080)),
            ("front", &service, ok(80, 8080)),
            ("81", &service, ok(81, 9000)),
            ("82", &service, ok(82, 82)),
            (
                "nope",
                &pod,
                wrong("Pod 'p' does not have a named port 'nope'"),
            ),
            (
                "nope",
                &service,
                wrong("Service 's' does not have a named port 'nope'"),
            ),
            (
                "83",
                &service,
                wrong("Pod 'p' does not have a named port 'nope'"),
            ),
            (
                "84",
                &service,
                wrong("Service s does not have a service port 84"),
            ),
            ("53", &pod, wrong("UDP protocol is not supported for 53")),
            ("dns", &pod, wrong("UDP protocol is not supported for dns")),
            ("80:", &pod, wrong("remote port cannot be empty")),
            ("80:0", &pod, wrong("remote port must be > 0")),
            (
                "x:80",
                &pod,
                wrong(
                    "error parsing local port 'x': strconv.ParseUint: parsing \"x\": invalid syntax",
                ),
            ),
            (
                "70000",
                &pod,
                wrong(
                    "error parsing local port '70000': strconv.ParseUint: parsing \"70000\": value \
                     out of range",
                ),
            ),
        ] {
            assert_eq!(read(port, object), expected, "{port}");
        }
    }
}
