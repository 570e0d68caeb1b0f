//! The rights that the agent asks for, and the files of `deployments/` that grant
//! them: for `check`, and for whoever explains what the API server refused.

/// Verb, API group, resource with its subresource, and what it is for or what is missing
/// without it.
pub type Right = (&'static str, &'static str, &'static str, &'static str);

/// What the watches and the measurement need, in all namespaces.
pub const READING: [Right; 14] = [
    ("list", "", "nodes", "nodes are not seen"),
    ("watch", "", "nodes", "changes of nodes are not seen"),
    ("list", "", "pods", "pods are not seen"),
    ("watch", "", "pods", "changes of pods are not seen"),
    ("list", "", "namespaces", "namespaces are not seen"),
    (
        "watch",
        "",
        "namespaces",
        "changes of namespaces are not seen",
    ),
    ("list", "apps", "deployments", "deployments are not seen"),
    (
        "watch",
        "apps",
        "deployments",
        "changes of deployments are not seen",
    ),
    ("list", "", "services", "services are not seen"),
    ("watch", "", "services", "changes of services are not seen"),
    ("list", "", "events", "events are not seen"),
    ("watch", "", "events", "new events are not seen"),
    (
        "get",
        "",
        "namespaces",
        "the cluster's identity (uid of kube-system) stays unknown",
    ),
    (
        "list",
        "metrics.k8s.io",
        "nodes",
        "usage comes from the kubelets, or not at all",
    ),
];

/// What tells whether each operation role of `deployments/rbac/` is bound for all
/// namespaces, and commands that need it. Those of one file stand together.
pub const COMMANDS: [Right; 8] = [
    ("create", "", "pods", "run"),
    ("patch", "apps", "deployments", "apply, scale, set, rollout"),
    ("get", "", "pods/log", "logs"),
    ("create", "", "pods/exec", "exec, cp"),
    ("patch", "", "configmaps", "apply"),
    ("patch", "", "nodes", "cordon, taint, label"),
    ("create", "", "pods/eviction", "drain"),
    ("create", "", "namespaces", "create"),
];

const READS: [&str; 3] = ["get", "list", "watch"];
const WRITES: [&str; 4] = ["create", "update", "patch", "delete"];

/// Which file to apply for a right, in a sentence's words.
#[must_use]
pub fn granted_by(verb: &str, group: &str, resource: &str) -> &'static str {
    let (reads, writes) = (READS.contains(&verb), WRITES.contains(&verb));
    match (group, resource) {
        ("", "nodes" | "pods" | "namespaces" | "services" | "events") | ("apps", "deployments")
            if reads =>
        {
            "deployments/agent.yaml"
        }
        ("metrics.k8s.io", "nodes" | "pods") if reads && verb != "watch" => {
            "deployments/agent.yaml"
        }
        ("", "nodes/proxy") if verb == "get" => "deployments/rbac-kubelet-summary.yaml",
        ("", "secrets") if reads || writes => "deployments/rbac/secrets.yaml",
        _ if of_nodes(verb, group, resource) => "deployments/rbac-standard.yaml",
        _ if of_workloads(verb, group, resource) => {
            "deployments/rbac-standard.yaml, or rbac-minimal.yaml in named namespaces"
        }
        _ if reads || writes => "deployments/rbac-full.yaml",
        _ => "no file of deployments/",
    }
}

/// In `rbac/nodes.yaml` and `rbac/namespaces.yaml`: for the whole cluster.
fn of_nodes(verb: &str, group: &str, resource: &str) -> bool {
    let (reads, writes) = (READS.contains(&verb), WRITES.contains(&verb));
    match (group, resource) {
        ("", "namespaces" | "resourcequotas" | "limitranges") => reads || writes,
        ("", "nodes") => matches!(verb, "patch" | "delete"),
        ("", "pods/eviction") => verb == "create",
        ("", "persistentvolumes")
        | ("storage.k8s.io", "storageclasses")
        | ("coordination.k8s.io", "leases") => reads,
        _ => false,
    }
}

/// In `rbac/workloads.yaml`, `rbac/exec-logs.yaml` and `rbac/config.yaml`: for some namespaces, too.
fn of_workloads(verb: &str, group: &str, resource: &str) -> bool {
    let (reads, writes) = (READS.contains(&verb), WRITES.contains(&verb));
    match (group, resource) {
        ("", "pods/log") => verb == "get",
        ("", "pods/exec" | "pods/attach" | "pods/portforward") => {
            matches!(verb, "get" | "create")
        }
        ("", "replicationcontrollers/scale")
        | ("apps", "deployments/scale" | "statefulsets/scale" | "replicasets/scale") => {
            matches!(verb, "get" | "update" | "patch")
        }
        ("", "endpoints")
        | ("apps", "controllerrevisions")
        | ("discovery.k8s.io", "endpointslices") => reads,
        ("", "pods" | "services" | "serviceaccounts" | "configmaps")
        | ("", "persistentvolumeclaims" | "replicationcontrollers")
        | ("apps", "deployments" | "statefulsets" | "daemonsets" | "replicasets")
        | ("batch", "jobs" | "cronjobs")
        | ("autoscaling", "horizontalpodautoscalers")
        | ("networking.k8s.io", "ingresses" | "networkpolicies")
        | ("policy", "poddisruptionbudgets") => reads || writes,
        _ => false,
    }
}

/// Which right is missing, by the words in which the API server refuses, and the file that
/// grants it; none when a text says nothing of the kind.
#[must_use]
pub fn explain(refusal: &str) -> Option<String> {
    let (_, rest) = refusal.split_once(" cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once("\" in API group \"")?;
    let (group, _) = rest.split_once('"')?;
    let dot = if group.is_empty() { "" } else { "." };
    let file = granted_by(verb, group, resource);
    Some(format!(
        "the right to {verb} {resource}{dot}{group} is granted by {file}"
    ))
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn a_refusal_is_explained() {
        let refusal = "Error from server (Forbidden): deployments.apps \"web\" is forbidden: User \
            \"system:serviceaccount:pipeops-system:pipeops-agent\" cannot patch resource \
            \"deployments\" in API group \"apps\" in the namespace \"shop\"\n";
        let said = explain(refusal).unwrap();
        assert!(
            said.starts_with("the right to patch deployments.apps is granted by "),
            "{said}"
        );
        assert!(said.contains("deployments/rbac-standard.yaml"), "{said}");
        assert_eq!(explain("pods \"web\" not found"), None);
        assert_eq!(explain("cannot read resource \"web"), None);
    }
}
