//! `/api/k8s/proxy` does what kubectl does, as whoever asks.

use serde_json::{Value, json};

use super::rig::cluster;
use crate::support::{Agent, Answer, request_with};

const RULES: &str = r#"[{apiGroups: [""], resources: [configmaps], verbs: ["*"]}]"#;

fn post(agent: &Agent, token: &str, letter: &Value) -> Answer {
    let letter = letter.to_string();
    let fields = format!(
        "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{letter}",
        letter.len()
    );
    request_with(agent.address(), "POST", "/api/k8s/proxy", &fields).unwrap()
}

fn told(agent: &Agent, token: &str, letter: &Value) -> Value {
    let answer = post(agent, token, letter);
    assert_eq!(answer.status, 200, "{letter}: {answer:?}");
    answer.json()
}

#[test]
fn objects_are_made_changed_and_deleted_as_whoever_asks() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("envelopes");
    namespace.account(RULES);
    let token = namespace.kubectl(&["create", "token", "agent"]);
    let token = token.trim();
    let agent = cluster.agent(&[]);
    let path = format!("/api/v1/namespaces/{}/configmaps", namespace.name);
    let object =
        json!({"metadata": {"name": "a", "labels": {"made": "here"}}, "data": {"x": "\u{e9}\n"}});
    let made = told(
        &agent,
        token,
        &json!({"method": "POST", "path": path, "body": object}),
    );
    assert_eq!(
        (&made["status"], &made["body"]["kind"]),
        (&json!(201), &json!("ConfigMap"))
    );
    let read = "jsonpath={.data.x}";
    assert_eq!(
        namespace.kubectl(&["get", "configmap", "a", "-o", read]),
        "\u{e9}\n"
    );

    let one = format!("{path}/a");
    let merge = json!({"Content-Type": "application/merge-patch+json"});
    let letter =
        json!({"method": "PATCH", "path": one, "headers": merge, "body": {"data": {"x": "2"}}});
    assert_eq!(told(&agent, token, &letter)["body"]["data"]["x"], "2");
    let apply = json!({"Content-Type": "application/apply-patch+yaml"});
    let path_of = format!("{one}?fieldManager=me&force=true");
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '3'}\n";
    let letter = json!({"method": "PATCH", "path": path_of, "headers": apply, "body": text});
    assert_eq!(told(&agent, token, &letter)["body"]["data"]["x"], "3");

    let raw = format!("{path}?labelSelector=made");
    let list = told(&agent, token, &json!({"method": "GET", "path": raw}));
    let theirs: Value = serde_json::from_str(&cluster.kubectl(&["get", "--raw", &raw])).unwrap();
    assert_eq!(list["body"]["items"], theirs["items"]);
    let columns = json!({"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"});
    let table = told(
        &agent,
        token,
        &json!({"method": "GET", "path": raw, "headers": columns}),
    );
    assert_eq!(table["body"]["kind"], "Table");
    // In the coding of the server's own, which is no text.
    let coded = json!({"Accept": "application/vnd.kubernetes.protobuf"});
    let coded = told(
        &agent,
        token,
        &json!({"method": "GET", "path": raw, "headers": coded}),
    );
    assert_eq!(coded["encoding"], "base64");
    assert!(
        coded["body"].as_str().unwrap().starts_with("azhz"),
        "it begins with k8s"
    );

    let gone = told(&agent, token, &json!({"method": "DELETE", "path": one}));
    assert_eq!(gone["body"]["status"], "Success");
    let missing = told(&agent, token, &json!({"method": "GET", "path": one}));
    assert_eq!(
        (&missing["status"], &missing["body"]["reason"]),
        (&json!(404), &json!("NotFound"))
    );
}

#[test]
fn rights_are_those_of_whoever_asks() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("envelopes");
    namespace.account(RULES);
    let token = namespace.kubectl(&["create", "token", "agent"]);
    let agent = cluster.agent(&[]);
    let nodes = json!({"method": "GET", "path": "/api/v1/nodes"});
    let refused = told(&agent, token.trim(), &nodes);
    assert_eq!(refused["status"], 403);
    let message = refused["body"]["message"].as_str().unwrap();
    let who = format!("system:serviceaccount:{}:agent", namespace.name);
    assert!(message.contains(&who), "{message}");
    assert_eq!(told(&agent, "no-token", &nodes)["status"], 401);
    assert_eq!(
        told(&agent, "test-api-token", &nodes)["body"]["kind"],
        "NodeList"
    );
    let secrets = json!({"method": "GET", "path": "/api/v1/secrets"});
    assert_eq!(post(&agent, "test-api-token", &secrets).status, 403);
}
