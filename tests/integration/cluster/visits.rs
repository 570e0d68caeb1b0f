//! Commands through `/ws` on a real cluster: whoever asks can do what their own rights let
//! them, however many the agent has.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::rig::{Namespace, cluster};
use crate::support::{Agent, eventually};

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: shell}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "busybox:1", imagePullPolicy: Never, command: [sleep, "3600"]}]
"#;

/// Whoever has the right may run something in a pod; the other ways in stay shut.
const POLICY: &str = "rules: [{name: inside, effect: allow, resources: [pods/exec]}]";

struct Socket(WebSocket<TcpStream>);

impl Socket {
    fn open(agent: &Agent, token: &str) -> Self {
        let url = format!("ws://{}/ws", agent.address());
        let mut request = url.into_client_request().unwrap();
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", value);
        let stream = TcpStream::connect(agent.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self(tungstenite::client(request, stream).unwrap().0)
    }

    /// All that a command printed, and its result.
    fn run(&mut self, fields: Value) -> (String, Value) {
        let id = fields["id"].clone();
        self.send(&fields);
        let mut printed = String::new();
        loop {
            let Message::Text(text) = self.0.read().unwrap() else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            let payload = &message["payload"];
            match message["type"].as_str().unwrap() {
                "output" => printed += payload["data"].as_str().unwrap(),
                "result" if payload["id"] == id => return (printed, payload.clone()),
                "error" => panic!("{message}"),
                _ => {}
            }
        }
    }

    fn send(&mut self, fields: &Value) {
        let message = json!({"type": "command", "payload": fields});
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    fn kubectl(&mut self, namespace: &Namespace<'_>, args: &[&str]) -> (String, Value) {
        self.run(json!({"id": "k", "type": "kubectl", "namespace": namespace.name, "args": args}))
    }
}

#[test]
fn a_command_has_the_rights_of_whoever_asks() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("visits");
    namespace.apply(POD);
    namespace.kubectl(&[
        "wait",
        "--for=condition=ready",
        "pod/shell",
        "--timeout=90s",
    ]);
    namespace.kubectl(&["create", "serviceaccount", "viewer"]);
    let subject = format!("--serviceaccount={}:viewer", namespace.name);
    namespace.kubectl(&[
        "create",
        "rolebinding",
        "viewer",
        "--clusterrole=view",
        &subject,
    ]);
    let user = format!("system:serviceaccount:{}:viewer", namespace.name);
    eventually("the right", || {
        let asked = ["auth", "can-i", "--as", &user, "list", "pods"];
        (namespace.try_kubectl(&asked)?.trim() == "yes").then_some(())
    });
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, POLICY).unwrap();
    let agent = cluster.agent(&[("PIPEOPS_POLICY_FILE", &policy.display().to_string())]);
    let token = namespace.kubectl(&["create", "token", "viewer"]);
    let mut socket = Socket::open(&agent, token.trim());
    let (printed, result) = socket.kubectl(&namespace, &["get", "pods"]);
    assert!(
        printed.contains("shell") && result["success"] == true,
        "{printed} {result}"
    );
    let (printed, result) = socket.kubectl(&namespace, &["auth", "whoami"]);
    assert!(
        printed.contains(&user) && result["success"] == true,
        "{printed} {result}"
    );
    // The agent itself may do all of these: nothing of that is lent, whatever the way in.
    for (args, words) in [
        (&["delete", "pod", "shell"][..], "cannot delete resource"),
        (
            &["exec", "shell", "--", "id"],
            "cannot get resource \"pods/exec\"",
        ),
        (&["get", "nodes"], "cannot list resource \"nodes\""),
        (
            &["get", "pods", "-n", "kube-system"],
            "cannot list resource \"pods\"",
        ),
    ] {
        let (printed, result) = socket.kubectl(&namespace, args);
        assert!(printed.contains(words), "{args:?}: {printed} {result}");
        assert_eq!(result["success"], false, "{args:?}");
    }
    assert!(namespace.try_kubectl(&["get", "pod", "shell"]).is_some());
    // What the policy refuses is refused to everyone, what it allows is for those who may.
    namespace.kubectl(&["create", "serviceaccount", "editor"]);
    let subject = format!("--serviceaccount={}:editor", namespace.name);
    namespace.kubectl(&[
        "create",
        "rolebinding",
        "editor",
        "--clusterrole=admin",
        &subject,
    ]);
    let user = format!("system:serviceaccount:{}:editor", namespace.name);
    eventually("the right", || {
        let asked = ["auth", "can-i", "--as", &user, "get", "pods/exec"];
        (namespace.try_kubectl(&asked)?.trim() == "yes").then_some(())
    });
    let token = namespace.kubectl(&["create", "token", "editor"]);
    let mut socket = Socket::open(&agent, token.trim());
    let exec = [
        "exec",
        "shell",
        "--",
        "sh",
        "-c",
        "echo in; echo err >&2; exit 3",
    ];
    let (printed, result) = socket.kubectl(&namespace, &exec);
    assert!(
        printed.contains("in\n") && printed.contains("err\n"),
        "{printed}"
    );
    assert_eq!(result["exit_code"], 3, "{printed} {result}");
    let (printed, result) = socket.kubectl(&namespace, &["attach", "shell"]);
    assert_eq!(result["outcome"], "refused", "{printed} {result}");
    assert!(
        result["reason"].as_str().unwrap().contains("policy"),
        "{result}"
    );
}

#[test]
fn an_api_token_is_good_for_commands_as_far_as_its_scope() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("scopes");
    namespace.kubectl(&[
        "create",
        "secret",
        "generic",
        "hidden",
        "--from-literal=a=b",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    let [read, operate, admin] =
        ["read", "operate", "admin"].map(|scope| format!("{scope}-token-of-this-test"));
    let lines = format!("read r {read}\noperate o {operate}\nadmin a {admin}\n");
    std::fs::write(&tokens, lines).unwrap();
    let agent = cluster.agent(&[("PIPEOPS_API_TOKENS_FILE", &tokens.display().to_string())]);
    let mut socket = Socket::open(&agent, &operate);
    let create = ["create", "configmap", "mine", "--from-literal=a=b"];
    let (printed, result) = socket.kubectl(&namespace, &create);
    assert_eq!(result["success"], true, "{printed} {result}");
    let (printed, result) = socket.kubectl(&namespace, &["get", "secrets"]);
    assert_eq!(result["outcome"], "refused", "{printed} {result}");
    assert!(!printed.contains("hidden"), "{printed}");
    let (printed, _) = Socket::open(&agent, &admin).kubectl(&namespace, &["get", "secrets"]);
    assert!(printed.contains("hidden"), "{printed}");
    let mut socket = Socket::open(&agent, &read);
    let asked = json!({"id": "k", "type": "kubectl", "args": ["get", "pods"]});
    socket.send(&asked);
    let told = eventually("a refusal", || {
        let Message::Text(text) = socket.0.read().unwrap() else {
            return None;
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        (message["type"] == "error").then_some(message)
    });
    let problem = told["payload"]["problem"].as_str().unwrap();
    assert!(problem.contains("scope read"), "{problem}");
}
