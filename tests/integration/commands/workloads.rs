//! The types of commands that change workloads, and what is judged and left of them.

use std::fs;

use serde_json::{Value, json};

use super::{Op, Rig};

const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";

/// A deployment of that name.
fn with_web(rig: &Rig) {
    let version = json!({"groupVersion": "apps/v1", "version": "v1"});
    let group = json!({"name": "apps", "versions": [version], "preferredVersion": version});
    rig.api.set_answer("/apis", json!({"groups": [group]}));
    let kind = |name: &str, kind: &str| {
        json!({"name": name, "singularName": "", "kind": kind, "namespaced": true,
            "shortNames": ["deploy"], "verbs": ["get", "patch"]})
    };
    let kinds = [
        kind("deployments", "Deployment"),
        kind("deployments/scale", "Scale"),
    ];
    rig.api
        .set_answer("/apis/apps/v1", json!({"resources": kinds}));
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 1, "template": {"metadata": {}}}});
    rig.api.set_answer(WEB, web);
    rig.api.set_answer(
        &format!("{WEB}/scale"),
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "web", "namespace": "default", "resourceVersion": "7"},
            "spec": {"replicas": 3}, "status": {"replicas": 3}}),
    );
}

fn scale() -> Value {
    json!({"type": "scale", "payload": {"resource": "deploy/web", "replicas": 3}})
}

fn restart() -> Value {
    json!({"type": "restart", "payload": {"resource": "deployment/web"}})
}

/// The changes that were sent to a path, with whether they were dry runs.
fn patches(rig: &Rig, path: &str) -> Vec<bool> {
    let asked = rig.api.requests(path, Op::Get);
    let patches = asked.iter().filter(|request| request.method == "PATCH");
    patches
        .map(|request| request.query("dryRun") == Some("All"))
        .collect()
}

#[test]
fn scale_and_restart_change_workloads_and_leave_a_line_each() {
    let rig = Rig::new();
    with_web(&rig);
    let _agent = rig.agent();
    let scaled = rig.outcome(&scale());
    assert_eq!(scaled["output"], "deployment.apps/web scaled\n", "{scaled}");
    assert_eq!(patches(&rig, &format!("{WEB}/scale")), [false]);
    let restarted = rig.outcome(&restart());
    assert_eq!(
        restarted["output"], "deployment.apps/web restarted\n",
        "{restarted}"
    );
    assert_eq!(patches(&rig, WEB), [false]);
    let nowhere = json!({"type": "scale", "payload": {"resource": "deploy/none", "replicas": 1}});
    let failed = rig.outcome(&nowhere);
    assert_eq!(failed["exit_code"], 1, "{failed}");

    let capabilities = &rig.plane.agents()[0]["registration"]["capabilities"];
    let capabilities = capabilities.as_array().unwrap();
    for name in ["scale", "restart"] {
        assert!(capabilities.contains(&json!(name)), "{capabilities:?}");
    }
    let audit = fs::read_to_string(rig.state().join("audit.log")).unwrap();
    for told in [
        "patch deployments.apps/scale web in default",
        "patch deployments.apps web in default",
    ] {
        assert_eq!(audit.matches(told).count(), 1, "{audit}");
    }
}

#[test]
fn a_policy_that_wants_dry_runs_has_them() {
    let rig = Rig::new();
    with_web(&rig);
    let path = rig.folder.path().join("policy.yaml");
    let rule = "rules: [{name: try, effect: dry_run, resources: [deployments]}]\n";
    fs::write(&path, rule).unwrap();
    let set = [("PIPEOPS_POLICY_FILE", path.to_str().unwrap())];
    let _agent = rig.agent_with(&rig.state(), &set);
    for command in [scale(), restart()] {
        let refused = rig.outcome(&command);
        assert_eq!(refused["metadata"]["outcome"], "refused", "{refused}");
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains("asks for a dry run"), "{error}");
    }
    let part = format!("{WEB}/scale");
    assert!(patches(&rig, &part).is_empty() && patches(&rig, WEB).is_empty());
    let args = ["scale", "deploy/web", "--replicas=3", "--dry-run=server"];
    let tried = rig.outcome(&json!({"type": "kubectl", "payload": {"args": args}}));
    assert_eq!(
        tried["output"], "deployment.apps/web scaled (server dry run)\n",
        "{tried}"
    );
    assert_eq!(patches(&rig, &part), [true]);
}
