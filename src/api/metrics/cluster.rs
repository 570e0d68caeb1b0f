//! What is in the cluster, under the names and labels of kube-state-metrics
//! (<https://github.com/kubernetes/kube-state-metrics/tree/main/docs>), as far as it is known.
//!
//! Of a pod its containers are not known apart, so that what has a label `container` there
//! is the sum here, without it; and only the phase that a pod is in is told.

use std::net::IpAddr;

use super::table::{Of, OfDeployment, OfNode, OfPod};
use super::text::Samples;
use crate::cluster::{
    Deployment, Kind, Namespace, NamespacePhase, Node, Pod, Readiness, Resources, Snapshot,
};

/// Reasons to wait that kube-state-metrics tells.
const WAITING: [&str; 7] = [
    "ContainerCreating",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
];

/// How many objects there are of what a metric is about; none where that may not be seen.
pub(super) fn rows(of: Of, snapshot: &Snapshot) -> usize {
    let kind = match of {
        Of::Node(_) => Kind::Node,
        Of::Namespace => Kind::Namespace,
        Of::Deployment(_) => Kind::Deployment,
        _ => Kind::Pod,
    };
    snapshot.count(kind).unwrap_or(0)
}

/// The samples of one of them.
pub(super) fn write(of: Of, snapshot: &Snapshot, row: usize, out: &mut Samples<'_>) {
    match of {
        Of::Node(what) => {
            if let Some(row) = snapshot.nodes[..].get(row) {
                node(what, row, snapshot, out);
            }
        }
        Of::Namespace => {
            if let Some(row) = snapshot.namespaces[..].get(row) {
                namespace(row, out);
            }
        }
        Of::Deployment(what) => {
            if let Some(row) = snapshot.deployments[..].get(row) {
                deployment(what, row, out);
            }
        }
        Of::Pod(what) => {
            if let Some(row) = snapshot.pods[..].get(row) {
                pod(what, row, out);
            }
        }
        Of::Agent(_) | Of::Kind(_) => {}
    }
}

fn node(what: OfNode, row: &Node, snapshot: &Snapshot, out: &mut Samples<'_>) {
    let own = ("node", &*row.name);
    let used = snapshot
        .usage
        .as_ref()
        .and_then(|usage| usage.node(&row.name));
    match what {
        OfNode::Info => node_info(row, out),
        OfNode::Created => created(row.created, &[own], out),
        OfNode::Condition => conditions(row, out),
        OfNode::Unschedulable => out.put(&[own], row.unschedulable.into()),
        OfNode::Role => {
            for role in &row.roles {
                out.put(&[own, ("role", role)], 1);
            }
        }
        OfNode::Capacity => resources(own.1, &row.capacity, out),
        OfNode::Allocatable => resources(own.1, &row.allocatable, out),
        OfNode::UsedCpu => {
            if let Some(used) = used {
                out.decimal("", &[own], used.cpu_millis, 3);
            }
        }
        OfNode::UsedMemory => {
            if let Some(used) = used {
                out.put(&[own], used.memory_bytes);
            }
        }
    }
}

fn node_info(row: &Node, out: &mut Samples<'_>) {
    let address = text(row.internal_ip);
    let labels = [
        ("node", &*row.name),
        ("kernel_version", &row.system.kernel_version),
        ("os_image", &row.system.os_image),
        ("container_runtime_version", &row.system.container_runtime),
        ("kubelet_version", &row.system.kubelet_version),
        (
            "provider_id",
            row.provider_id.as_deref().unwrap_or_default(),
        ),
        ("internal_ip", &address),
    ];
    out.put(&labels, 1);
}

fn conditions(row: &Node, out: &mut Samples<'_>) {
    let ready = match row.readiness {
        Readiness::Ready => "true",
        Readiness::NotReady => "false",
        Readiness::Unknown => "unknown",
    };
    condition(&row.name, "Ready", ready, out);
    for (name, holds) in row.pressures.all() {
        let status = if holds { "true" } else { "false" };
        condition(&row.name, name, status, out);
    }
}

fn condition(node: &str, name: &str, status: &str, out: &mut Samples<'_>) {
    for each in ["true", "false", "unknown"] {
        let labels = [("node", node), ("condition", name), ("status", each)];
        out.put(&labels, (each == status).into());
    }
}

fn resources(node: &str, row: &Resources, out: &mut Samples<'_>) {
    for (name, unit, value, places) in [
        ("cpu", "core", row.cpu_millis, 3),
        ("memory", "byte", row.memory_bytes, 0),
        ("pods", "integer", row.pods, 0),
        ("ephemeral_storage", "byte", row.ephemeral_storage_bytes, 0),
    ] {
        if let Some(value) = value {
            let labels = [("node", node), ("resource", name), ("unit", unit)];
            out.decimal("", &labels, value, places);
        }
    }
}

fn namespace(row: &Namespace, out: &mut Samples<'_>) {
    for phase in [NamespacePhase::Active, NamespacePhase::Terminating] {
        let labels = [("namespace", &*row.name), ("phase", phase.as_str())];
        out.put(&labels, (row.phase == phase).into());
    }
}

fn deployment(what: OfDeployment, row: &Deployment, out: &mut Samples<'_>) {
    let labels = [("namespace", &*row.namespace), ("deployment", &*row.name)];
    let value = match what {
        OfDeployment::Created => return created(row.created, &labels, out),
        OfDeployment::Desired => row.desired,
        OfDeployment::Ready => row.ready,
        OfDeployment::Available => row.available,
        OfDeployment::Updated => row.updated,
    };
    out.put(&labels, value.into());
}

fn pod(what: OfPod, row: &Pod, out: &mut Samples<'_>) {
    let (namespace, name) = (("namespace", &*row.namespace), ("pod", &*row.name));
    let own = [namespace, name];
    match what {
        OfPod::Info => pod_info(row, out),
        OfPod::Owner => {
            let (kind, controller) = controller(row);
            let owner = [("owner_kind", kind), ("owner_name", controller)];
            out.put(&[namespace, name, owner[0], owner[1]], 1);
        }
        OfPod::Created => created(row.created, &own, out),
        OfPod::Phase => out.put(&[namespace, name, ("phase", row.phase.as_str())], 1),
        OfPod::Ready => out.put(&[namespace, name, ("condition", "true")], row.ready.into()),
        OfPod::Waiting => {
            if WAITING.contains(&&*row.status) {
                out.put(&[namespace, name, ("reason", &row.status)], 1);
            }
        }
        OfPod::Restarts => out.put(&own, row.restarts.into()),
        OfPod::Requests => requests(row, out),
    }
}

fn pod_info(row: &Pod, out: &mut Samples<'_>) {
    let (kind, controller) = controller(row);
    let address = text(row.ip);
    let labels = [
        ("namespace", &*row.namespace),
        ("pod", &row.name),
        ("node", row.node.as_deref().unwrap_or_default()),
        ("pod_ip", &address),
        ("created_by_kind", kind),
        ("created_by_name", controller),
    ];
    out.put(&labels, 1);
}

fn controller(row: &Pod) -> (&str, &str) {
    row.controller().unwrap_or(("<none>", "<none>"))
}

fn requests(row: &Pod, out: &mut Samples<'_>) {
    let node = row.node.as_deref().unwrap_or_default();
    for (resource, unit, value, places) in [
        ("cpu", "core", row.requests.cpu_millis.into(), 3),
        ("memory", "byte", row.requests.memory_bytes, 0),
    ] {
        let labels = [
            ("namespace", &*row.namespace),
            ("pod", &row.name),
            ("node", node),
            ("resource", resource),
            ("unit", unit),
        ];
        if value > 0 {
            out.decimal("", &labels, value, places);
        }
    }
}

/// The moment 0 stands for unknown.
fn created(at: u32, labels: &[(&str, &str)], out: &mut Samples<'_>) {
    if at > 0 {
        out.put(labels, at.into());
    }
}

fn text(address: Option<IpAddr>) -> String {
    address
        .map(|address| address.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::metrics::table::METRICS;
    use crate::report::fixture;

    /// All samples of the cluster, without heads.
    fn told(snapshot: &Snapshot) -> Vec<String> {
        let mut out = String::new();
        for metric in &METRICS {
            if matches!(metric.of, Of::Agent(_) | Of::Kind(_)) {
                continue;
            }
            for row in 0..rows(metric.of, snapshot) {
                let mut samples = Samples {
                    out: &mut out,
                    metric,
                    is_open: false,
                    begun: true,
                };
                write(metric.of, snapshot, row, &mut samples);
            }
        }
        out.lines().map(str::to_owned).collect()
    }

    #[test]
    fn nodes_tell_what_is_known() {
        let told = told(&fixture::cluster().snapshot());
        for line in [
            "kube_node_info{node=\"node-1\",kernel_version=\"6.12.0\",\
             os_image=\"Debian GNU/Linux 13\",\
             container_runtime_version=\"containerd://2.1.4\",\
             kubelet_version=\"v1.34.1+k3s1\",provider_id=\"\",internal_ip=\"10.0.0.1\"} 1",
            "kube_node_created{node=\"node-1\"} 1700000000",
            "kube_node_status_condition{node=\"node-1\",condition=\"Ready\",status=\"true\"} 1",
            "kube_node_status_condition{node=\"node-1\",condition=\"Ready\",status=\"unknown\"} 0",
            "kube_node_status_condition{node=\"node-1\",condition=\"DiskPressure\",status=\"true\"} 0",
            "kube_node_spec_unschedulable{node=\"node-2\"} 0",
            "kube_node_status_capacity{node=\"node-1\",resource=\"cpu\",unit=\"core\"} 4",
            "kube_node_status_allocatable{node=\"node-1\",resource=\"memory\",unit=\"byte\"} 8589934592",
            "pipeops_agent_node_cpu_usage_cores{node=\"node-1\"} 1",
            "pipeops_agent_node_memory_usage_bytes{node=\"node-1\"} 2147483648",
        ] {
            assert!(told.iter().any(|one| one == line), "{line} in {told:#?}");
        }
        // It was not measured, and does not say how much storage it has.
        assert!(
            !told
                .iter()
                .any(|one| one.contains("usage") && one.contains("node-2"))
        );
        assert!(!told.iter().any(|one| one.contains("ephemeral_storage")));
    }

    #[test]
    fn workloads_tell_what_is_known() {
        let told = told(&fixture::cluster().snapshot());
        let own = "namespace=\"default\",pod=\"web-2\"";
        for line in [
            "kube_namespace_status_phase{namespace=\"default\",phase=\"Active\"} 1",
            "kube_namespace_status_phase{namespace=\"default\",phase=\"Terminating\"} 0",
            "kube_deployment_spec_replicas{namespace=\"default\",deployment=\"web\"} 2",
            "kube_deployment_status_replicas_available{namespace=\"default\",deployment=\"web\"} 1",
            &format!(
                "kube_pod_info{{{own},node=\"node-1\",pod_ip=\"10.42.0.7\",\
                 created_by_kind=\"ReplicaSet\",created_by_name=\"web-7d9f\"}} 1"
            ),
            &format!("kube_pod_owner{{{own},owner_kind=\"ReplicaSet\",owner_name=\"web-7d9f\"}} 1"),
            &format!("kube_pod_status_phase{{{own},phase=\"Running\"}} 1"),
            &format!("kube_pod_status_ready{{{own},condition=\"true\"}} 0"),
            &format!(
                "kube_pod_container_status_waiting_reason{{{own},reason=\"CrashLoopBackOff\"}} 1"
            ),
            &format!("kube_pod_container_status_restarts_total{{{own}}} 7"),
            &format!(
                "kube_pod_container_resource_requests{{{own},node=\"node-1\",\
                 resource=\"cpu\",unit=\"core\"}} 0.1"
            ),
        ] {
            assert!(told.iter().any(|one| one == line), "{line} in {told:#?}");
        }
        let waiting = told.iter().filter(|one| one.contains("waiting_reason"));
        assert_eq!(waiting.count(), 1);
    }

    #[test]
    fn what_was_never_seen_has_no_samples() {
        assert_eq!(told(&fixture::empty().snapshot()), [""; 0]);
    }
}
