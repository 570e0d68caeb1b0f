//! A pod as an API server sends it: about 6 KB, much of it `managedFields`.

use serde_json::{Value, json};

const NODES: usize = 50;
const NAMESPACES: usize = 20;
const DEPLOYMENT: usize = 8;

/// The JSON of pod number `at`.
pub(crate) fn text(at: usize) -> String {
    let deployment = at / DEPLOYMENT;
    let owner = format!("service-{deployment}-{:010x}", deployment * 7_919);
    let name = format!("{owner}-{:05x}", at * 31);
    let node = format!("edge-{:03}.example.com", at % NODES);
    let labels = json!({
        "app.kubernetes.io/name": format!("service-{deployment}"),
        "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "Helm",
        "pod-template-hash": format!("{:010x}", deployment * 7_919),
    });
    let pod = json!({
        "metadata": {
            "name": name, "generateName": format!("{owner}-"),
            "namespace": format!("team-{:02}", deployment % NAMESPACES),
            "uid": uid(at), "resourceVersion": (10_000 + at).to_string(),
            "creationTimestamp": "2025-03-01T08:15:30Z", "labels": labels,
            "annotations": {"checksum/config": format!("{:064x}", at * 65_537), "prometheus.io/scrape": "true"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner,
                "uid": uid(1_000_000 + deployment), "controller": true, "blockOwnerDeletion": true}],
            "managedFields": managed_fields(at),
        },
        "spec": spec(deployment, &node),
        "status": status(at, deployment),
    });
    pod.to_string()
}

/// The same pod at another version, which is its state, too.
pub(crate) fn changed(at: usize, version: usize) -> String {
    let own = format!("\"resourceVersion\":\"{}\"", 10_000 + at);
    let other = format!("\"resourceVersion\":\"{version}\"");
    let state = format!("\"status\":{{\"reason\":\"Change{version}\",");
    text(at)
        .replace(&own, &other)
        .replace("\"status\":{", &state)
}

fn uid(at: usize) -> String {
    format!("{at:08x}-5b1e-4c3a-8f2d-{:012x}", at * 2_654_435_761)
}

fn spec(deployment: usize, node: &str) -> Value {
    let container = |name: &str, cpu: &str, memory: &str| {
        json!({
            "name": name, "image": image(name, deployment), "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "REGION", "value": "eu-central-1"},
                {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
            "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/service", "readOnly": true},
                {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
            "livenessProbe": probe("/healthz"), "readinessProbe": probe("/ready"),
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    };
    json!({
        "containers": [container("service", "250m", "128Mi"), container("proxy", "50m", "64Mi")],
        "volumes": [
            {"name": "config", "configMap": {"name": format!("service-{deployment}"), "defaultMode": 420}},
            {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}}],
        "nodeName": node, "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst", "serviceAccountName": "default", "serviceAccount": "default",
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65_532}, "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
    })
}

fn image(name: &str, deployment: usize) -> String {
    format!("registry.example.com/shop/{name}:1.{deployment}.0")
}

fn probe(path: &str) -> Value {
    json!({"httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
}

fn status(at: usize, deployment: usize) -> Value {
    let since = "2025-03-01T08:15:42Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": since});
    let container = |name: &str| {
        json!({
            "name": name, "ready": true, "started": true, "restartCount": at % 3,
            "image": image(name, deployment),
            "imageID": format!("registry.example.com/shop/{name}@sha256:{:064x}", deployment * 104_729),
            "containerID": format!("containerd://{:064x}", at * 1_299_709),
            "state": {"running": {"startedAt": since}}, "lastState": {},
        })
    };
    let ip = format!("10.42.{}.{}", at % 250, at / 250 + 2);
    json!({
        "phase": "Running", "qosClass": "Burstable", "startTime": "2025-03-01T08:15:31Z",
        "hostIP": format!("192.168.7.{}", at % NODES + 10), "podIP": ip, "podIPs": [{"ip": ip}],
        "conditions": [condition("PodReadyToStartContainers"), condition("Initialized"),
            condition("Ready"), condition("ContainersReady"), condition("PodScheduled")],
        "containerStatuses": [container("service"), container("proxy")],
    })
}

/// Who set which field, as server-side apply keeps it.
fn managed_fields(at: usize) -> Value {
    let container = json!({".": {}, "f:env": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:livenessProbe": {},
        "f:name": {}, "f:ports": {}, "f:readinessProbe": {}, "f:resources": {"f:limits": {}, "f:requests": {}}});
    let condition = json!({".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}});
    let owner = format!("k:{{\"uid\":\"{}\"}}", uid(1_000_000 + at / DEPLOYMENT));
    json!([
        {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
         "time": "2025-03-01T08:15:30Z", "fieldsType": "FieldsV1", "fieldsV1": {
            "f:metadata": {"f:annotations": {".": {}, "f:checksum/config": {}}, "f:generateName": {},
                "f:labels": {".": {}, "f:app.kubernetes.io/name": {}, "f:pod-template-hash": {}},
                "f:ownerReferences": {".": {}, owner: {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"service\"}": container}}}},
        {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "subresource": "status",
         "time": "2025-03-01T08:15:42Z", "fieldsType": "FieldsV1", "fieldsV1": {
            "f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": condition, "k:{\"type\":\"Initialized\"}": condition},
                "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:startTime": {}}}},
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_has_the_size_of_a_real_one() {
        let sizes: Vec<usize> = (0..5_000).map(|at| text(at).len()).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((5_700..6_300).contains(&mean), "{mean}");
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn a_change_has_another_version_and_another_state() {
        let pod: Value = serde_json::from_str(&changed(1, 1_007)).unwrap();
        assert_eq!(pod["metadata"]["resourceVersion"], "1007");
        assert_eq!(pod["status"]["reason"], "Change1007");
        assert_eq!(pod["status"]["phase"], "Running");
    }
}
