//! The network policies where they are enforced: what the table of `docs/network.md`
//! allows works, and nothing else does.

use std::time::Duration;

use serde_json::json;

use crate::cluster::manifests::{objects, read};
use crate::cluster::pod::load_image;
use crate::cluster::rig::{Cluster, Enforced, Namespace, alone};
use crate::support::{settled, within};

/// Who asks whom, on which port, and whether the policies let it.
type Connection = (&'static str, &'static str, &'static str, bool);

/// `agent` has the agent's labels, `neighbour` shares its namespace, `friend` is in a
/// namespace that is allowed, `stranger` in another, `dns` is the cluster's.
const CONNECTIONS: [Connection; 18] = [
    ("friend", "agent", "8080", true),
    ("friend", "agent", "8443", false),
    ("friend", "agent", "9090", false),
    ("stranger", "agent", "8080", false),
    ("neighbour", "agent", "8080", false),
    ("friend", "neighbour", "8080", false),
    ("agent", "dns", "53", true),
    ("agent", "dns", "53/udp", true),
    ("agent", "dns", "8080", false),
    ("neighbour", "dns", "53", false),
    ("neighbour", "dns", "53/udp", false),
    ("agent", "stranger", "53", false),
    ("agent", "stranger", "53/udp", false),
    ("agent", "stranger", "443", true),
    ("agent", "stranger", "6443", true),
    ("agent", "stranger", "8080", false),
    ("neighbour", "stranger", "443", false),
    // Others are nobody's business.
    ("stranger", "friend", "8080", true),
];

/// Each look takes seconds, and the enforcer gathers changes.
const PATIENCE: Duration = Duration::from_secs(90);

/// Listens on every port of the table.
const LISTEN: &str =
    "for port in 53 443 6443 8080 8443 9090; do nc -ll -p $port -e true & done; wait";
const AGENT: &str = "app.kubernetes.io/name=pipeops-agent,app.kubernetes.io/instance=pipeops-agent";

#[test]
fn only_what_the_table_allows_is_let_through() {
    let Some(cluster) = alone() else { return };
    let Some(enforced) = Enforced::new(&cluster) else {
        return;
    };
    let rig = Rig::new(&cluster);
    // Everybody reaches everybody: what is refused below is refused by the policies.
    let open = CONNECTIONS.map(|(from, to, port, _)| (from, to, port, true));
    rig.settle(&open);
    within(PATIENCE, "the API server by its Service", || {
        rig.reaches("agent", "10.96.0.1", "443").then_some(())
    });
    rig.apply_policies("network-policies.yaml");
    rig.settle(&CONNECTIONS);

    // The API server, by its Service and where it listens, and nothing else of its machine.
    let server = cluster.server();
    for (address, port, let_through) in [
        ("10.96.0.1", "443", true),
        (server.as_str(), "6443", true),
        (server.as_str(), "10250", false),
    ] {
        assert_eq!(
            rig.reaches("agent", address, port),
            let_through,
            "{address}:{port}"
        );
    }
    rig.probes_come_through();
    // With the component tls.
    rig.apply_policies("components/tls/network-policy.yaml");
    rig.settle(&[
        ("friend", "agent", "8443", true),
        ("stranger", "agent", "8443", false),
        ("neighbour", "agent", "8443", false),
    ]);
    // With the component monitoring; of its namespace, Prometheus alone.
    rig.apply_policies("monitoring/network-policy.yaml");
    rig.settle(&[
        ("prometheus", "agent", "8080", true),
        ("prometheus", "agent", "8443", false),
        ("grafana", "agent", "8080", false),
        ("stranger", "agent", "8080", false),
    ]);
    drop(enforced);
}

/// The agent itself, with its policies: it lists and watches, and is ready.
#[test]
fn the_agent_works_behind_its_policies() {
    let Some(cluster) = alone() else { return };
    let Some(_enforced) = Enforced::new(&cluster) else {
        return;
    };
    if !load_image(&cluster) {
        return;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deployments");
    let _deployed = Applied(&cluster, folder);
    cluster.kubectl(&["apply", "-k", folder]);
    let wait = "rollout status deployment/pipeops-agent --timeout=120s -n pipeops-system";
    cluster.kubectl(&wait.split(' ').collect::<Vec<_>>());
}

/// Pods who are asked and ask.
struct Rig<'c> {
    own: Namespace<'c>,
    friends: Namespace<'c>,
    strangers: Namespace<'c>,
    watchers: Namespace<'c>,
    cluster: &'c Cluster,
}

impl<'c> Rig<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let rig = Self {
            own: cluster.namespace("own"),
            friends: cluster.namespace("friends"),
            strangers: cluster.namespace("strangers"),
            watchers: cluster.namespace("watchers"),
            cluster,
        };
        let label = "pipeops.io/agent-access=allowed";
        cluster.kubectl(&["label", "namespace", &rig.friends.name, label]);
        let pods = [
            ("agent", AGENT),
            ("neighbour", "of=nobody"),
            ("friend", "of=nobody"),
            ("stranger", "of=nobody"),
            ("dns", "k8s-app=kube-dns"),
            ("prometheus", "app.kubernetes.io/name=prometheus"),
            ("grafana", "app.kubernetes.io/name=grafana"),
        ];
        for (name, labels) in pods {
            let inside = rig.namespace(name);
            let run = [
                "run",
                name,
                "--image=busybox:1",
                "--labels",
                labels,
                "-n",
                inside,
            ];
            cluster.kubectl(&[&run[..], &["--", "sh", "-c", LISTEN]].concat());
        }
        for (name, _) in pods {
            let wait = "wait --for=condition=Ready --timeout=60s pod";
            let wait: Vec<_> = wait
                .split(' ')
                .chain([name, "-n", rig.namespace(name)])
                .collect();
            cluster.kubectl(&wait);
        }
        rig
    }

    fn namespace(&self, pod: &str) -> &str {
        match pod {
            "dns" => "kube-system",
            "friend" => &self.friends.name,
            "stranger" => &self.strangers.name,
            "prometheus" | "grafana" => &self.watchers.name,
            _ => &self.own.name,
        }
    }

    fn apply_policies(&self, file: &str) {
        // Another namespace is named there, as the file says.
        let watchers = format!("metadata.name: {}}}", self.watchers.name);
        let text = read(file).replace("metadata.name: monitoring}", &watchers);
        for mut policy in objects(&text) {
            policy["metadata"]["namespace"] = json!(self.own.name);
            self.own.apply(&policy.to_string());
        }
    }

    /// Until the enforcer has heard of what is there now.
    #[track_caller]
    fn settle(&self, connections: &[Connection]) {
        settled(PATIENCE, || {
            let mut wrong = connections.to_vec();
            wrong.retain(|(from, to, port, let_through)| {
                self.reaches(from, &self.address(to), port) != *let_through
            });
            let problem = format!("{wrong:?}");
            wrong.is_empty().then_some(()).ok_or(problem)
        });
    }

    fn address(&self, pod: &str) -> String {
        let get = [
            "-n",
            self.namespace(pod),
            "get",
            "pod",
            pod,
            "-o",
            "jsonpath={.status.podIP}",
        ];
        self.cluster.kubectl(&get)
    }

    fn reaches(&self, from: &str, address: &str, port: &str) -> bool {
        if let Some(port) = port.strip_suffix("/udp") {
            return self.reaches_by_udp(from, address, port);
        }
        let connect = format!("nc -w 2 {address} {port} </dev/null");
        self.run(from, &connect).is_some()
    }

    /// Nobody listens: a datagram that comes through is counted by the kernel of the pod.
    fn reaches_by_udp(&self, from: &str, address: &str, port: &str) -> bool {
        let to = if address == self.address("dns") {
            "dns"
        } else {
            "stranger"
        };
        let arrived = || self.run(to, "cat /proc/net/snmp").expect("the pod runs");
        let count = |snmp: &str| {
            let udp = snmp.lines().filter(|line| line.starts_with("Udp: ")).nth(1);
            let no_port = udp.and_then(|line| line.split(' ').nth(2));
            no_port
                .and_then(|number| number.parse::<u64>().ok())
                .expect("it is counted")
        };
        let before = count(&arrived());
        let ask = format!("timeout 2 nslookup -type=a {from}.example {address}:{port}");
        self.run(from, &ask);
        count(&arrived()) > before
    }

    fn run(&self, pod: &str, command: &str) -> Option<String> {
        let exec = [
            "-n",
            self.namespace(pod),
            "exec",
            pod,
            "--",
            "sh",
            "-c",
            command,
        ];
        self.cluster.try_kubectl(&exec)
    }

    /// The kubelet of the node is let in, whatever the policies say.
    fn probes_come_through(&self) {
        self.own.apply(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: probed, labels: {{{}}}}}, spec: {{\
             containers: [{{name: main, image: 'busybox:1', command: [sh, -c, '{LISTEN}'],\
             readinessProbe: {{tcpSocket: {{port: 8080}}}}}}]}}}}",
            AGENT.replace('=', ": ").replace(',', ", ")
        ));
        let wait = "wait --for=condition=Ready --timeout=30s pod/probed";
        self.own.kubectl(&wait.split(' ').collect::<Vec<_>>());
    }
}

impl Drop for Rig<'_> {
    fn drop(&mut self) {
        let delete = "delete pod dns -n kube-system --now --ignore-not-found";
        let _ = self
            .cluster
            .try_kubectl(&delete.split(' ').collect::<Vec<_>>());
    }
}

/// A folder of manifests, gone with the test.
struct Applied<'c>(&'c Cluster, &'static str);

impl Drop for Applied<'_> {
    fn drop(&mut self) {
        let _ = self
            .0
            .try_kubectl(&["delete", "--ignore-not-found", "-k", self.1]);
    }
}
