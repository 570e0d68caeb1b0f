//! `/api/status/changes` tells what happened, and not what a person would call noise.

use serde_json::Value;

use super::rig::{NODE, cluster};
use crate::support::{Agent, eventually};

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "busybox:1", command: [sleep, 1d]}]
"#;

#[test]
fn the_life_of_a_deployment_is_told() {
    let Some(cluster) = cluster() else { return };
    let agent = cluster.agent(&[]);
    let namespace = cluster.namespace("changes");
    let story = Story::new(&agent, &namespace.name);
    namespace.apply(WEB);
    assert_eq!(story.wait("deployment", "added", "")["name"], "web");
    story.wait("deployment", "modified", "1/1 ready");
    let pod = story.wait("pod", "added", "Pending");
    let pod = pod["name"].as_str().unwrap();
    story.wait("pod", "modified", "-> Running");

    namespace.kubectl(&["scale", "deployment/web", "--replicas=2"]);
    story.wait("deployment", "modified", "scaled 1 -> 2");
    story.wait("deployment", "modified", "2/2 ready");

    namespace.kubectl(&["delete", "deployment", "web", "--wait=false"]);
    story.wait("deployment", "deleted", "was 2/2 ready");
    story.wait("pod", "modified", "Running -> Terminating");
    // Two pods went; the first one's life is whole and in order.
    eventually("two deleted pods", || {
        (story.all("pod", "deleted").len() == 2).then_some(())
    });
    let life: Vec<_> = story.of(pod);
    let first = life.first().unwrap();
    let last = life.last().unwrap();
    assert_eq!(
        (&first["what"], &last["what"]),
        (&"added".into(), &"deleted".into())
    );
}

#[test]
fn heartbeats_labels_and_annotations_are_no_changes() {
    let Some(cluster) = cluster() else { return };
    let agent = cluster.agent(&[]);
    let namespace = cluster.namespace("noise");
    let run = ["run", "quiet", "--image=busybox:1", "--", "sleep", "1d"];
    namespace.kubectl(&run);
    namespace.kubectl(&["wait", "--for=condition=Ready", "pod/quiet"]);
    let story = Story::new(&agent, &namespace.name);
    story.wait("pod", "modified", "1/1 ready");

    let (since, events) = (last_id(&agent), node_events(&agent));
    let key = format!("example.com/{}", namespace.name);
    for round in 0..4 {
        let value = format!("{key}={round}");
        namespace.kubectl(&["label", "--overwrite", "node", NODE, &value]);
        namespace.kubectl(&["annotate", "--overwrite", "node", NODE, &value]);
        namespace.kubectl(&["annotate", "--overwrite", "pod", "quiet", &value]);
        let time = format!("2026-01-01T00:00:0{round}Z");
        let beat = format!(
            r#"{{"status":{{"conditions":[{{"type":"Ready","lastHeartbeatTime":"{time}"}}]}}}}"#
        );
        namespace.kubectl(&["patch", "node", NODE, "--subresource=status", "-p", &beat]);
    }
    namespace.kubectl(&["label", "node", NODE, &format!("{key}-")]);
    namespace.kubectl(&["annotate", "node", NODE, &format!("{key}-")]);
    // What comes after them on the same watches is told: they have been seen by then.
    namespace.apply("{apiVersion: v1, kind: Node, metadata: {name: '@NAME@'}}");
    namespace.kubectl(&["delete", "pod", "quiet", "--grace-period=1", "--wait=false"]);
    eventually("the new node", || {
        let told = changes(&agent, since);
        told.into_iter()
            .find(|told| told["name"] == *namespace.name && told["kind"] == "node")
    });
    assert!(node_events(&agent) >= events + 14, "the agent saw them");
    let gone = story.wait("pod", "modified", "Terminating");
    let told = changes(&agent, since);
    let told = told
        .iter()
        .filter(|told| told["id"].as_u64() < gone["id"].as_u64());
    let noise: Vec<_> = told
        .filter(|told| told["name"] == NODE || told["name"] == "quiet")
        .collect();
    assert!(noise.is_empty(), "{noise:?}");
}

/// The changes of one namespace since its test began.
struct Story<'a> {
    agent: &'a Agent,
    namespace: &'a str,
}

impl<'a> Story<'a> {
    fn new(agent: &'a Agent, namespace: &'a str) -> Self {
        Self { agent, namespace }
    }

    /// Waits for a change with these words in its summary.
    #[track_caller]
    fn wait(&self, kind: &str, what: &str, words: &str) -> Value {
        let sought = format!("{kind} {what}: {words}");
        eventually(&sought, || {
            let mut all = self.all(kind, what).into_iter();
            all.find(|change| {
                change["summary"]
                    .as_str()
                    .is_some_and(|told| told.contains(words))
            })
        })
    }

    fn all(&self, kind: &str, what: &str) -> Vec<Value> {
        let wanted = |change: &Value| change["kind"] == kind && change["what"] == what;
        let own = changes(self.agent, 0).into_iter();
        own.filter(|change| change["namespace"] == *self.namespace && wanted(change))
            .collect()
    }

    /// All of one name, oldest first.
    fn of(&self, name: &str) -> Vec<Value> {
        let own = changes(self.agent, 0).into_iter();
        own.filter(|change| change["namespace"] == *self.namespace && change["name"] == name)
            .collect()
    }
}

/// The changes after that id.
fn changes(agent: &Agent, since: u64) -> Vec<Value> {
    let told = agent.json(&format!("/api/status/changes?since={since}"));
    told["changes"].as_array().cloned().unwrap_or_default()
}

fn last_id(agent: &Agent) -> u64 {
    agent.json("/api/status/changes")["last_id"]
        .as_u64()
        .unwrap()
}

/// How many events of nodes the agent has seen.
fn node_events(agent: &Agent) -> u64 {
    let health = agent.json("/api/health/detailed");
    let watches = health["kubernetes"]["watches"].as_array().unwrap().iter();
    let nodes = watches.filter(|watch| watch["kind"] == "nodes");
    nodes.filter_map(|watch| watch["events"].as_u64()).sum()
}
