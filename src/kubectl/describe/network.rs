//! Where a service or an ingress leads, and what a network policy lets through.

use serde_json::Value;

use super::page::fill;
use super::values::{host_and_port, items, text};
use super::{Reader, put};
use crate::kubectl::failure::Failure;
use crate::kubectl::print::go;

/// Endpoints that are shown; of more there is a count.
const MOST: usize = 3;

/// The endpoints behind one port.
#[derive(Default)]
struct Behind {
    shown: Vec<String>,
    count: usize,
    more: bool,
}

impl Behind {
    fn add(&mut self, endpoint: &Value, port: Option<&Value>) {
        self.more |= self.shown.len() == MOST;
        if endpoint["conditions"]["ready"] == false {
            return;
        }
        let address = endpoint["addresses"].get(0).map_or("", text);
        if !self.more {
            self.shown.push(match port {
                Some(port) => host_and_port(address, &go::sprint(port)),
                None => address.to_owned(),
            });
        }
        self.count += 1;
    }

    fn told(&self) -> String {
        let mut told = self.shown.join(",");
        if self.more {
            told.push_str(" + ");
            told.push_str(&(self.count - MOST).to_string());
            told.push_str(" more...");
        }
        told
    }
}

/// The endpoints of a service, for each of these names of ports.
fn endpoints(
    reader: &Reader<'_>,
    namespace: &str,
    service: &str,
    ports: &[&str],
) -> Result<Vec<String>, Failure> {
    let mut all: Vec<Behind> = ports.iter().map(|_| Behind::default()).collect();
    let mut slices = 0;
    let path = reader.path("/apis/discovery.k8s.io/v1", namespace, "endpointslices", "");
    let labels = format!("kubernetes.io/service-name={service}");
    let read = reader.each(&path, &[("labelSelector", &labels)], &mut |slice| {
        slices += 1;
        for (behind, name) in all.iter_mut().zip(ports) {
            let own = items(&slice["ports"]);
            for port in own.iter().filter(|port| text(&port["name"]) == *name) {
                for endpoint in items(&slice["endpoints"]) {
                    behind.add(endpoint, Some(&port["port"]));
                }
            }
            if own.is_empty() {
                for endpoint in items(&slice["endpoints"]) {
                    behind.add(endpoint, None);
                }
            }
        }
    });
    read?;
    let told = |behind: &Behind| match slices {
        0 => "<none>".to_owned(),
        _ => behind.told(),
    };
    Ok(all.iter().map(told).collect())
}

pub(super) fn service(reader: &Reader<'_>, service: &mut Value) -> Result<(), Failure> {
    let metadata = &service["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let ports = items(&service["spec"]["ports"]);
    let names: Vec<_> = ports.iter().map(|port| text(&port["name"])).collect();
    let told = endpoints(reader, namespace, name, &names).unwrap_or_default();
    let ports = service["spec"]["ports"].as_array_mut();
    for (port, told) in ports.into_iter().flatten().zip(told) {
        put(port, "endpoints", told.into());
    }
    Ok(())
}

pub(super) fn ingress(reader: &Reader<'_>, ingress: &mut Value) -> Result<(), Failure> {
    let namespace = text(&ingress["metadata"]["namespace"]).to_owned();
    let addresses = items(&ingress["status"]["loadBalancer"]["ingress"]);
    let addresses = addresses.iter().map(|one| fill("{ip}{hostname}", one));
    let mut addresses: Vec<String> = addresses.collect();
    addresses.sort_unstable();
    addresses.dedup();
    put(ingress, "addresses", addresses.join(",").into());
    let default = &ingress["spec"]["defaultBackend"];
    if default.is_object() {
        let told = backend(reader, &namespace, default);
        put(ingress, "backend", told.into());
    }
    let mut routed = Value::Null;
    let rules = ingress["spec"]["rules"].as_array_mut();
    for rule in rules.into_iter().flatten() {
        if rule["http"].is_object() {
            routed = true.into();
        }
        let paths = rule["http"]["paths"].as_array_mut();
        for path in paths.into_iter().flatten() {
            let told = backend(reader, &namespace, &path["backend"]);
            put(path, "told", told.into());
        }
    }
    put(ingress, "routed", routed);
    Ok(())
}

fn backend(reader: &Reader<'_>, namespace: &str, backend: &Value) -> String {
    let service = &backend["service"];
    if !service.is_object() {
        return fill(
            "APIGroup: {resource.apiGroup=<none>}, Kind: {resource.kind}, Name: {resource.name}",
            backend,
        );
    }
    let behind = match of_service(reader, namespace, service) {
        Ok(behind) => behind,
        Err(failure) => "<error: ".to_owned() + super::why(&failure) + ">",
    };
    fill("{name}:{port.number}{port.name} (", service) + &behind + ")"
}

/// The endpoints behind a port of a service that is named by number or name.
fn of_service(reader: &Reader<'_>, namespace: &str, meant: &Value) -> Result<String, Failure> {
    let (name, port) = (text(&meant["name"]), &meant["port"]);
    let path = reader.path("/api/v1", namespace, "services", name);
    let service = reader.api.get(&path)?;
    let is_meant = |one: &&Value| match port.get("number") {
        Some(number) => one["port"] == *number,
        None => one["name"] == port["name"],
    };
    let ports = items(&service["spec"]["ports"]);
    let meant = ports.iter().rfind(is_meant);
    let meant = meant.map_or("", |port| text(&port["name"]));
    let told = endpoints(reader, namespace, name, &[meant])?;
    Ok(told.concat())
}

/// Says which directions a network policy is about, and what is not the end of a list.
pub(super) fn policy(_: &Reader<'_>, policy: &mut Value) -> Result<(), Failure> {
    for (kind, field) in [("Ingress", "ingress"), ("Egress", "egress")] {
        let kinds = items(&policy["spec"]["policyTypes"]);
        if kinds.iter().any(|one| one == kind) {
            put(policy, field, true.into());
        }
        if let Some([rules @ .., _]) = policy["spec"][field].as_array_mut().map(Vec::as_mut_slice) {
            rules
                .iter_mut()
                .for_each(|rule| put(rule, "more", true.into()));
        }
    }
    Ok(())
}
