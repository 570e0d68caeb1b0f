//! The agent in a pod with the components `tls` and `api-tokens`: kubectl through it, the names by which it is
//! asked, and both Secrets renewed under it.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::manifests::{kustomize, objects, read, rules};
use super::pod::{Forward, load_image};
use super::rig::{Cluster, Namespace, cluster};
use crate::support::{Certified, settled};

const NAMESPACE: &str = "pipeops-system";
/// What is outside of namespaces is left to the tests of the manifests; the account has a role of this test.
const KINDS: [&str; 5] = [
    "ServiceAccount",
    "ConfigMap",
    "Deployment",
    "Service",
    "NetworkPolicy",
];
const OPERATOR: &str = "token-of-the-operator";
const SUCCESSOR: &str = "token-of-the-successor";
/// The agent looks at its certificate once a minute, and Kubernetes writes Secrets when it has looked at a pod.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn tls_and_tokens_come_from_secrets_and_are_renewed_without_a_restart() {
    let Some(cluster) = cluster() else { return };
    if !load_image(&cluster) {
        return;
    }
    let secured = Secured::new(&cluster);
    let pod = secured.pod();
    let forward = Forward::new(&cluster, &secured.namespace.name, &pod, 8443);
    let ask = |token: &str, what: &[&str]| secured.kubectl_through(&forward, token, what);

    // As somebody whom Kubernetes knows.
    let visitor = secured.visitor();
    let own = ["get", "pods", "-o", "name", "-n", &secured.namespace.name];
    assert_eq!(ask(&visitor, &own).unwrap(), format!("pod/{pod}\n"));
    let nodes = ask(&visitor, &["get", "nodes"]).unwrap_err();
    assert!(nodes.contains("cannot list resource \"nodes\""), "{nodes}");
    // As somebody whom the agent knows.
    let nodes = ask(OPERATOR, &["get", "nodes", "-o", "name"]).unwrap();
    // Other tests may have made some.
    assert!(nodes.lines().any(|node| node == "node/node-1"), "{nodes}");
    assert!(ask(SUCCESSOR, &["get", "nodes"]).is_err());

    secured.certified.renew();
    assert!(ask(OPERATOR, &["get", "nodes"]).is_err());
    secured.renew(&pod);
    settled(PATIENCE, || ask(SUCCESSOR, &["get", "nodes"]));
    assert!(ask(OPERATOR, &["get", "nodes"]).is_err());
    let restarts = "jsonpath={.status.containerStatuses[0].restartCount}";
    let get = ["get", "pod", &pod, "-o", restarts];
    assert_eq!(secured.namespace.kubectl(&get), "0");
}

/// By the name of its Service without any setting, by others when they are set.
#[test]
fn the_agent_is_asked_by_the_name_of_its_service() {
    let Some(cluster) = cluster() else { return };
    if !load_image(&cluster) {
        return;
    }
    let secured = Secured::new(&cluster);
    let name = format!("pipeops-agent.{}.svc", secured.namespace.name);
    let caller = secured.caller(&name);
    let ask = |host: &str| {
        let command = format!(
            "wget -q -O - --header 'Authorization: Bearer {OPERATOR}' --header 'Host: {host}' http://{name}:8080/api/k8s/nodes"
        );
        let exec = ["-n", &caller.name, "exec", "caller", "--", "sh", "-c"];
        let output = cluster.fed(&[&exec[..], &[&command]].concat(), "");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    for host in [
        &format!("{name}:8080"),
        &format!("{name}.cluster.local:8080"),
        &format!("pipeops-agent.{}:8080", secured.namespace.name),
        "agent.example.com",
    ] {
        let told = ask(host);
        assert!(told.contains("\"node-1\""), "{host}: {told}");
    }
    let told = ask("other.example.com");
    assert!(told.contains("421"), "{told}");
}

/// The manifests with both components, in a namespace of this test.
struct Secured<'c> {
    cluster: &'c Cluster,
    namespace: Namespace<'c>,
    certified: Certified,
}

impl<'c> Secured<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let namespace = cluster.namespace("secured");
        let restricted = "pod-security.kubernetes.io/enforce=restricted";
        cluster.kubectl(&["label", "namespace", &namespace.name, restricted]);
        let secured = Self {
            cluster,
            namespace,
            certified: Certified::new(),
        };
        secured.write_secrets(OPERATOR);
        let own = rules(&read("agent.yaml"), "pipeops-agent");
        secured.namespace.grant("pipeops-agent", &own.to_string());
        for mut object in objects(&kustomize(cluster, &["tls", "api-tokens"])) {
            if KINDS.contains(&object["kind"].as_str().unwrap()) {
                secured.own(&mut object);
                secured.namespace.apply(&object.to_string());
            }
        }
        let wait = "rollout status deployment/pipeops-agent --timeout=120s";
        let wait: Vec<_> = wait.split(' ').collect();
        secured.namespace.kubectl(&wait);
        secured
    }

    /// In this namespace, of no priority, with a name from outside.
    fn own(&self, object: &mut Value) {
        object["metadata"]["namespace"] = json!(self.namespace.name);
        if object["kind"] == "Deployment" {
            let pod = object["spec"]["template"]["spec"].as_object_mut();
            assert_eq!(
                pod.unwrap().remove("priorityClassName").unwrap(),
                "pipeops-agent"
            );
        }
        if object["metadata"]["name"] == "pipeops-agent-config" {
            object["data"]["hosts"] = json!("agent.example.com");
        }
        assert!(!object.to_string().contains(NAMESPACE), "{object}");
    }

    /// Both, as the manifests say how; those that are there are replaced.
    fn write_secrets(&self, token: &str) {
        let tokens = self.certified.folder.path().join("tokens");
        fs::write(&tokens, format!("admin somebody {token}\n")).unwrap();
        let cert = format!("--cert={}", self.certified.certificate().display());
        let key = format!("--key={}", self.certified.key().display());
        let file = format!("--from-file={}", tokens.display());
        for create in [
            &["tls", "pipeops-agent-tls", &cert, &key][..],
            &["generic", "pipeops-agent-api-tokens", &file],
        ] {
            let print = ["create", "secret", "--dry-run=client", "-o", "json"];
            let secret = self
                .namespace
                .kubectl(&[&print[..2], create, &print[2..]].concat());
            self.namespace.apply(&secret);
        }
    }

    /// Other ones, which the kubelet is brought to look at.
    fn renew(&self, pod: &str) {
        self.write_secrets(SUCCESSOR);
        let note = ["annotate", "pod", pod, "of=another-certificate"];
        self.namespace.kubectl(&note);
    }

    fn pod(&self) -> String {
        let names = self.namespace.kubectl(&["get", "pods", "-o", "name"]);
        let name = names.trim().strip_prefix("pod/");
        name.expect("one pod runs").to_owned()
    }

    /// The token of an account that may see what is in this namespace.
    fn visitor(&self) -> String {
        let kubectl = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            self.namespace.kubectl(&words)
        };
        kubectl("create serviceaccount visitor");
        let account = format!("{}:visitor", self.namespace.name);
        let bind = "create rolebinding visitor --clusterrole=view --serviceaccount";
        kubectl(&format!("{bind}={account}"));
        kubectl("create token visitor").trim().to_owned()
    }

    /// What kubectl prints that asks the agent; else its errors.
    fn kubectl_through(
        &self,
        forward: &Forward,
        token: &str,
        what: &[&str],
    ) -> Result<String, String> {
        let server = format!("https://localhost:{}/api/k8s/raw", forward.address.port());
        let certificate = self.certified.certificate();
        let way = [
            "--server",
            &server,
            "--certificate-authority",
            certificate.to_str().unwrap(),
            "--token",
            token,
        ];
        let output = self.cluster.fed(&[&way[..], what].concat(), "");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(text(output.stderr))
        }
    }

    /// A pod in another namespace, for whom that name is the address of the Service.
    fn caller(&self, name: &str) -> Namespace<'c> {
        let address = "jsonpath={.spec.clusterIP}";
        let get = ["get", "service", "pipeops-agent", "-o", address];
        let address = self.namespace.kubectl(&get);
        let caller = self.cluster.namespace("caller");
        caller.apply(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: caller}}, spec: {{\
             hostAliases: [{{ip: {address}, hostnames: [{name}]}}], terminationGracePeriodSeconds: 0, \
             containers: [{{name: main, image: 'busybox:1', imagePullPolicy: Never, command: [sleep, '600']}}]}}}}"
        ));
        let wait = "wait --for=condition=Ready --timeout=60s pod/caller";
        let wait: Vec<_> = wait.split(' ').collect();
        caller.kubectl(&wait);
        caller
    }
}
