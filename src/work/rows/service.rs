//! Rows of services, with the columns that `kubectl get services` shows.

use super::{labels, seconds, some};
use crate::cluster::{Name, Names, Service, ServiceType, Uid};
use crate::k8s::types::{self, Text};

pub(super) fn row(object: &types::Service<'_>, names: &mut Names) -> Service {
    let metadata = &object.metadata;
    Service {
        namespace: names.intern(&metadata.namespace),
        name: Name::from(&*metadata.name),
        uid: Uid::parse(&metadata.uid),
        labels: labels(metadata, names),
        created: seconds(&metadata.creation_timestamp),
        service_type: ServiceType::parse(&object.spec.service_type),
        cluster_ip: some(&object.spec.cluster_ip, names),
        external: names.intern(&external(object)),
        ports: names.intern(&ports(object)),
    }
}

fn external(object: &types::Service<'_>) -> String {
    let spec = &object.spec;
    let own = spec.external_ips.iter().map(|ip| &**ip);
    let given = object.status.load_balancer.ingress.iter();
    let given = given.map(|ingress| text(&ingress.ip).or(text(&ingress.hostname)));
    match ServiceType::parse(&spec.service_type) {
        ServiceType::ExternalName => spec.external_name.to_string(),
        ServiceType::LoadBalancer => {
            let all: Vec<&str> = given.flatten().chain(own).collect();
            listed(&all, "<pending>")
        }
        ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::Unknown => {
            listed(&own.collect::<Vec<_>>(), "<none>")
        }
    }
}

fn ports(object: &types::Service<'_>) -> String {
    let port = |port: &types::ServicePort<'_>| {
        let protocol = text(&port.protocol).unwrap_or("TCP");
        match port.node_port {
            0 => format!("{}/{protocol}", port.port),
            node => format!("{}:{node}/{protocol}", port.port),
        }
    };
    let all: Vec<String> = object.spec.ports.iter().map(port).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    listed(&all, "<none>")
}

fn listed(all: &[&str], none: &str) -> String {
    if all.is_empty() {
        return none.to_owned();
    }
    all.join(",")
}

fn text<'t>(text: &'t Text<'_>) -> Option<&'t str> {
    (!text.is_empty()).then_some(&**text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(spec: &str, status: &str) -> Service {
        let text = format!(r#"{{"metadata":{{"name":"a"}},"spec":{spec},"status":{status}}}"#);
        row(&json::read(text.as_bytes()).unwrap(), &mut Names::new())
    }

    #[test]
    fn columns_are_those_of_kubectl() {
        let balanced = r#"{"type":"LoadBalancer","clusterIP":"10.43.0.7","externalIPs":["1.1.1.1"],
            "ports":[{"port":80,"nodePort":30080,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]}"#;
        let service = read(
            balanced,
            r#"{"loadBalancer":{"ingress":[{"ip":"2.2.2.2"},{"hostname":"lb"}]}}"#,
        );
        assert_eq!(&*service.external, "2.2.2.2,lb,1.1.1.1");
        assert_eq!(&*service.ports, "80:30080/TCP,53/UDP");
        let pending = read(r#"{"type":"LoadBalancer"}"#, r#"{"loadBalancer":{}}"#);
        assert_eq!(&*pending.external, "<pending>");
        let headless = read(r#"{"type":"ClusterIP","clusterIP":"None"}"#, "{}");
        assert_eq!(headless.cluster_ip.as_deref(), Some("None"));
        assert_eq!(
            (&*headless.external, &*headless.ports),
            ("<none>", "<none>")
        );
        let named = read(
            r#"{"type":"ExternalName","externalName":"db.example"}"#,
            "{}",
        );
        assert_eq!(&*named.external, "db.example");
        assert_eq!(named.cluster_ip, None);
    }
}
