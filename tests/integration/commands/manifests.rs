//! Manifests that the control plane sends: what reaches the API server, and what the
//! policy lets through.

use std::fs;

use serde_json::{Value, json};

use super::{Fault, Op, Rig};
use crate::support::api_server::Request;

const SETTINGS: &str = "/api/v1/namespaces/shop/configmaps/settings";
const MANIFEST: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n";

/// An API server that has config maps.
fn rig() -> Rig {
    let rig = Rig::new();
    let kind = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": []});
    let kinds = [kind("configmaps", "ConfigMap"), kind("secrets", "Secret")];
    rig.api.set_answer("/api/v1", json!({"resources": kinds}));
    let settings = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"},
        "metadata": {"name": "settings", "namespace": "shop", "uid": "u-1"}});
    rig.api.set_answer(SETTINGS, settings);
    rig
}

fn apply(more: &Value) -> Value {
    let mut payload = json!({"manifest": MANIFEST, "namespace": "shop"});
    let more = more.as_object().unwrap().clone();
    payload.as_object_mut().unwrap().extend(more);
    json!({"type": "apply", "payload": payload})
}

fn kubectl(args: &[&str], stdin: &str) -> Value {
    let payload = json!({"args": args, "stdin": stdin, "namespace": "shop"});
    json!({"type": "kubectl", "payload": payload})
}

fn changes(rig: &Rig, path: &str) -> Vec<Request> {
    let mut requests = rig.api.requests(path, Op::Get);
    requests.retain(|request| request.method != "GET");
    requests
}

#[test]
fn a_manifest_is_applied_by_the_server() {
    let rig = rig();
    let _agent = rig.agent();
    let applied = rig.outcome(&apply(&json!({})));
    assert_eq!(applied["output"], "configmap/settings serverside-applied\n");
    let tried = rig.outcome(&apply(&json!({"dry_run": true, "force_conflicts": true})));
    let expected = "configmap/settings serverside-applied (server dry run)\n";
    assert_eq!(tried["output"], expected, "{tried}");
    let requests = changes(&rig, SETTINGS);
    let [first, second] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(
        (first.method.as_str(), first.query("force")),
        ("PATCH", Some("false"))
    );
    assert_eq!(
        (first.query("dryRun"), first.query("fieldManager")),
        (None, Some("kubectl"))
    );
    assert_eq!(
        (second.query("dryRun"), second.query("force")),
        (Some("All"), Some("true"))
    );
    let body: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(
        (&body["data"]["a"], &body["metadata"]["namespace"]),
        (&json!("1"), &json!("shop"))
    );

    let conflict = Fault::status(409, "Conflict");
    rig.api.fault(SETTINGS, Op::Get, conflict);
    let refused = rig.outcome(&apply(&json!({})));
    assert_eq!(
        (&refused["exit_code"], &refused["success"]),
        (&json!(1), &json!(false))
    );
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("--force-conflicts"), "{error}");
    let file = kubectl(&["apply", "-f", "/etc/passwd"], "");
    let error = rig.outcome(&file)["error"].to_string();
    assert!(error.contains("use standard input"), "{error}");
}

#[test]
fn a_policy_asks_for_a_dry_run_first() {
    let rig = rig();
    let path = rig.folder.path().join("policy.yaml");
    let rule = "rules: [{name: careful, effect: dry_run, resources: ['*']}]\n";
    fs::write(&path, rule).unwrap();
    let set = [("PIPEOPS_POLICY_FILE", path.to_str().unwrap())];
    let _agent = rig.agent_with(&rig.state(), &set);
    let list = "/api/v1/namespaces/shop/configmaps";
    rig.api.set_answer(
        list,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}),
    );
    let patch = ["patch", "configmap", "settings", "-p", "{}"];
    for words in [
        &["apply", "-f", "-"][..],
        &["create", "-f", "-"],
        &["replace", "-f", "-"],
        &["delete", "-f", "-", "--wait=false"],
        &patch,
    ] {
        let stdin = if words.contains(&"-") { MANIFEST } else { "" };
        let refused = rig.outcome(&kubectl(words, stdin));
        assert_eq!(
            refused["metadata"]["outcome"], "refused",
            "{words:?} {refused}"
        );
        let error = refused["error"].as_str().unwrap();
        assert!(
            error.contains("rule \"careful\" asks for a dry run"),
            "{error}"
        );
        assert!(changes(&rig, SETTINGS).is_empty() && changes(&rig, list).is_empty());
    }
    for words in [
        &["apply", "-f", "-"][..],
        &["create", "-f", "-"],
        &["replace", "-f", "-"],
        &["delete", "-f", "-"],
        &["diff", "-f", "-"],
        &patch,
    ] {
        let stdin = if words.contains(&"-") { MANIFEST } else { "" };
        let mut words = words.to_vec();
        if words[0] != "diff" {
            words.push("--dry-run=server");
        }
        let tried = rig.outcome(&kubectl(&words, stdin));
        assert_eq!(
            tried["metadata"]["outcome"], "completed",
            "{words:?} {tried}"
        );
        assert_eq!(tried["success"], true, "{words:?} {tried}");
    }
    let requests = [changes(&rig, SETTINGS), changes(&rig, list)].concat();
    assert_eq!(requests.len(), 6, "{requests:?}");
    for request in &requests {
        assert_eq!(request.query("dryRun"), Some("All"), "{request:?}");
        // The server reads the options of a deletion in the body alone.
        let is_dry = request.method != "DELETE" || request.body.contains("\"dryRun\":[\"All\"]");
        assert!(is_dry, "{request:?}");
    }
}

#[test]
fn a_manifest_does_not_lead_around_namespaces_and_secrets() {
    let rig = rig();
    let path = rig.folder.path().join("policy.yaml");
    let rule = "rules: [{name: hands-off, effect: deny, namespaces: [billing]}]\n";
    fs::write(&path, rule).unwrap();
    let set = [("PIPEOPS_POLICY_FILE", path.to_str().unwrap())];
    let agent = rig.agent_with(&rig.state(), &set);
    let two = format!(
        "{MANIFEST}---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: settings, namespace: billing}}\n"
    );
    let mut command = apply(&json!({"manifest": two}));
    command["payload"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    rig.api.set_answer(
        "/api/v1/namespaces/default/configmaps/settings",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}),
    );
    let refused = rig.outcome(&command);
    assert_eq!(refused["metadata"]["outcome"], "refused", "{refused}");
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("rule \"hands-off\""), "{error}");
    assert!(changes(&rig, "/api/v1/namespaces/billing/configmaps/settings").is_empty());

    let secret = MANIFEST
        .replace("ConfigMap", "Secret")
        .replace("data: {a: '1'}", "stringData: {a: aHVudGVyMg}");
    let refused = rig.outcome(&apply(&json!({"manifest": secret})));
    assert_eq!(refused["metadata"]["outcome"], "refused", "{refused}");
    assert!(changes(&rig, "/api/v1/namespaces/shop/secrets/settings").is_empty());
    let audit = fs::read_to_string(rig.state().join("audit.log")).unwrap();
    let lines: Vec<Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let requests = json!([
        "patch configmaps settings in default",
        "patch configmaps settings in billing"
    ]);
    assert_eq!(
        (&lines[0]["verb"], &lines[0]["requests"]),
        (&json!("apply"), &requests)
    );
    assert_eq!(lines[1]["decision"], "refused");
    assert!(
        !audit.contains("aHVudGVyMg") && !agent.log().contains("aHVudGVyMg"),
        "{audit}"
    );
}

#[test]
fn what_a_manifest_would_change_is_shown() {
    let rig = rig();
    let _agent = rig.agent();
    let live = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "0"},
        "metadata": {"name": "settings", "namespace": "shop", "uid": "u-1"}});
    rig.api
        .fault(SETTINGS, Op::Get, Fault::Body(live.to_string().into()));
    let shown = rig.outcome(&kubectl(&["diff", "-f", "-"], MANIFEST));
    assert_eq!(shown["exit_code"], 1, "{shown}");
    let name = "v1.ConfigMap.shop.settings";
    let expected = format!(
        "diff -u -N LIVE/{name} MERGED/{name}\n--- LIVE/{name}\n+++ MERGED/{name}\n\
         @@ -1,6 +1,6 @@\n apiVersion: v1\n data:\n-  a: \"0\"\n+  a: \"1\"\n kind: ConfigMap\n \
         metadata:\n   name: settings\n"
    );
    assert_eq!(shown["output"], expected);
    let failed = rig.outcome(&kubectl(&["diff", "-f", "-", "--nothing"], MANIFEST));
    assert_eq!(failed["exit_code"], 2, "{failed}");
}

#[test]
fn what_is_gone_at_once_is_not_looked_for_and_what_is_not_is() {
    let rig = rig();
    let _agent = rig.agent();
    let path = "/api/v1/namespaces/shop/secrets/key";
    rig.api.set_answer(
        path,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
    );
    let deleted = rig.outcome(&kubectl(&["delete", "secret", "key"], ""));
    let expected = "secret \"key\" deleted from shop namespace\n";
    assert_eq!(deleted["output"], expected, "{deleted}");
    // Without a rule Secrets are not read: looking for it would have been refused.
    assert_eq!(deleted["metadata"]["outcome"], "completed", "{deleted}");
    assert_eq!(rig.api.requests(path, Op::Get).len(), 1);

    let going = json!({"kind": "ConfigMap", "metadata": {"uid": "u-1"}}).to_string();
    rig.api.fault(SETTINGS, Op::Get, Fault::Body(going.into()));
    rig.api
        .fault(SETTINGS, Op::Get, Fault::status(404, "NotFound"));
    let deleted = rig.outcome(&kubectl(&["delete", "configmap", "settings"], ""));
    assert_eq!(deleted["success"], true, "{deleted}");
    let methods = rig.api.requests(SETTINGS, Op::Get);
    let methods: Vec<_> = methods.iter().map(|it| it.method.as_str()).collect();
    assert_eq!(methods, ["DELETE", "GET"]);
}
