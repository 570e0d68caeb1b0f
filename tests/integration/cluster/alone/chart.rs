//! The Helm chart on the cluster: installed, changed, and removed without a trace.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::cluster::manifests::objects;
use crate::cluster::pod::load_image;
use crate::cluster::rig::{Cluster, alone, missing};
use crate::support::eventually;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const KINDS: &str = "clusterrole,clusterrolebinding,priorityclass,role,rolebinding,serviceaccount,\
    configmap,service,deployment,pod,networkpolicy,persistentvolumeclaim";

/// Alone, because names outside of namespaces are those of every installation.
#[test]
fn the_chart_comes_changes_and_goes() {
    let Some(cluster) = alone() else { return };
    let Some(python) = env::var_os("PIPEOPS_TEST_HELM") else {
        return missing("Helm: make test installs it");
    };
    if !load_image(&cluster) {
        return;
    }
    let namespace = cluster.namespace("chart");
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    cluster.kubectl(&["label", "namespace", &namespace.name, restricted]);
    let helm = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command.arg("build/chart.py").current_dir(ROOT);
        let output = command.args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
    };
    assert_eq!(ours(&cluster), Vec::<String>::new(), "before");

    helm(&["install", &namespace.name]);
    let proxy = "services/pipeops-agent:8080/proxy/ready";
    let path = format!("/api/v1/namespaces/{}/{proxy}", namespace.name);
    let ready = cluster.kubectl(&["get", "--raw", &path]);
    assert!(ready.contains("\"ready\""), "{ready}");
    assert!(ours(&cluster).contains(&"clusterrolebinding/pipeops-agent-nodes".into()));

    let named = format!(
        r#"{{"rbac": {{"level": "minimal", "namespaces": ["{}"]}}}}"#,
        namespace.name
    );
    helm(&["upgrade", &namespace.name, &named]);
    let now = ours(&cluster);
    assert!(
        now.contains(&"rolebinding/pipeops-agent-workloads".into()),
        "{now:?}"
    );
    assert!(
        !now.contains(&"clusterrolebinding/pipeops-agent-workloads".into()),
        "{now:?}"
    );
    assert!(
        !now.contains(&"clusterrole/pipeops-agent-nodes".into()),
        "{now:?}"
    );

    helm(&["uninstall", &namespace.name]);
    // The pod has a moment to end.
    eventually("nothing of the chart", || {
        ours(&cluster).is_empty().then_some(())
    });
}

/// Every value that the chart has makes something that the API server takes.
#[test]
fn the_api_server_takes_the_chart_with_all_values_set() {
    let Some(cluster) = crate::cluster::rig::cluster() else {
        return;
    };
    let namespace = cluster.namespace("values");
    let golden = Path::new(ROOT).join("tests/chart/golden.yaml");
    let golden = std::fs::read_to_string(golden).unwrap();
    assert_eq!(objects(&golden).len(), 19);
    let mut text = golden.replace("pipeops-system", &namespace.name);
    for named in ["shop", "till"] {
        text = text.replace(
            &format!("namespace: {named}\n"),
            &format!("namespace: {}\n", namespace.name),
        );
    }
    let tried = cluster.fed(
        &["apply", "--dry-run=server", "--validate=strict", "-f", "-"],
        &text,
    );
    let errors = String::from_utf8_lossy(&tried.stderr);
    assert!(tried.status.success() && errors.is_empty(), "{errors}");
}

/// What there is of an installation, as KIND/NAME.
fn ours(cluster: &Cluster) -> Vec<String> {
    let label = "app.kubernetes.io/name=pipeops-agent";
    let list = ["get", KINDS, "-A", "-l", label, "-o", "name"];
    let text = cluster.kubectl(&list);
    let names = text.lines().map(|line| match line.split_once('/') {
        Some((kind, name)) => format!("{}/{name}", kind.split('.').next().unwrap()),
        None => line.to_owned(),
    });
    names.collect()
}
