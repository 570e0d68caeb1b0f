//! The registration: who this agent is and what cluster it stands in.

use super::{Facts, figures};
use crate::cluster::{Kind, Node, Resources, Snapshot};
use crate::control::proto::{Agent, Capacity, Cluster, Registration, Timestamp};

/// None until the API server has told the cluster's identity: an agent that
/// cannot say where it is must not register.
pub fn registration(snapshot: &Snapshot, facts: &Facts<'_>) -> Option<Registration> {
    let server = snapshot.server.as_ref()?;
    let agent = Agent {
        id: facts.agent_id.map(str::to_owned),
        name: facts.agent_name.to_owned(),
        cluster_name: facts.cluster_name.to_owned(),
        version: facts.version.to_owned(),
        labels: facts.labels.clone(),
        status: facts.status,
        last_seen: Timestamp(facts.now),
        control_plane_url: facts.control_plane_url.to_owned(),
    };
    let cluster = Cluster {
        name: facts.cluster_name.to_owned(),
        uid: server.uid.to_string(),
        provider: provider(snapshot, &server.version),
        region: agreed(snapshot, |node| node.region.as_deref()),
        version: (!server.version.is_empty()).then(|| server.version.to_string()),
        node_count: figures::count(snapshot, Kind::Node),
        capacity: capacity(snapshot),
    };
    Some(Registration {
        agent,
        cluster,
        capabilities: facts.capabilities.iter().map(|&name| name.into()).collect(),
    })
}

/// The scheme of the nodes' provider ids (`aws`, `k3s`), else the distribution
/// that the version names: `v1.34.1+k3s1`.
fn provider(snapshot: &Snapshot, version: &str) -> Option<String> {
    let distribution = || {
        let (_, suffix) = version.split_once('+')?;
        let known = ["k3s", "rke2", "k0s"];
        known.into_iter().find(|name| suffix.starts_with(name))
    };
    agreed(snapshot, scheme).or_else(|| distribution().map(str::to_owned))
}

fn scheme(node: &Node) -> Option<&str> {
    let (scheme, _) = node.provider_id.as_deref()?.split_once("://")?;
    (!scheme.is_empty()).then_some(scheme)
}

/// What all nodes say that say anything; none when they differ.
fn agreed<'a>(
    snapshot: &'a Snapshot,
    says: impl Fn(&'a Node) -> Option<&'a str>,
) -> Option<String> {
    let mut said = snapshot.nodes.iter().filter_map(|node| says(node));
    let first = said.next()?;
    said.all(|other| other == first).then(|| first.to_owned())
}

/// Sums over all nodes; a figure that one node keeps to itself is not known.
fn capacity(snapshot: &Snapshot) -> Option<Capacity> {
    snapshot.count(Kind::Node).filter(|count| *count > 0)?;
    let sum = |part: fn(&Resources) -> Option<u64>| {
        figures::sum_of_all(snapshot.nodes.iter().map(|node| part(&node.capacity)))
    };
    Some(Capacity {
        cpu_millis: sum(|size| size.cpu_millis),
        memory_bytes: sum(|size| size.memory_bytes),
        pods: sum(|size| size.pods),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Name, Row, Update};
    use crate::report::fixture;

    #[test]
    fn there_is_none_before_the_cluster_is_known() {
        let mut state = fixture::empty();
        assert_eq!(registration(&state.snapshot(), &fixture::facts()), None);
    }

    #[test]
    fn it_tells_the_cluster() {
        let mut state = fixture::cluster();
        let told = registration(&state.snapshot(), &fixture::facts()).unwrap();
        assert_eq!(
            serde_json::to_value(told).unwrap(),
            serde_json::json!({
                "agent": {
                    "name": "pipeops-agent", "cluster_name": "edge-1", "version": "0.1.0",
                    "labels": {}, "status": "connected", "last_seen": "2023-11-14T22:15:00Z",
                    "control_plane_url": "https://api.example.com",
                },
                "cluster": {
                    "name": "edge-1", "uid": "7c0b8a5e-1f3d-4c6a-9b2e-0123456789ab",
                    "provider": "k3s", "version": "v1.34.1+k3s1", "node_count": 2,
                    "capacity": {"cpu_millis": 8000, "memory_bytes": 17_179_869_184_u64, "pods": 220},
                },
                "capabilities": ["heartbeat", "status"],
            })
        );
    }

    #[test]
    fn provider_and_region_are_what_all_nodes_say() {
        let mut state = fixture::cluster();
        let mut at = |name: &str, provider: &str, region: &str| {
            let mut node = fixture::node(name);
            node.provider_id = Some(Name::from(provider));
            node.region = Some(Name::from(region));
            state.apply(Update::Applied(Row::from(node)), 1);
            let told = registration(&state.snapshot(), &fixture::facts()).unwrap();
            (told.cluster.provider, told.cluster.region)
        };
        let one = at("node-1", "aws:///eu-central-1a/i-1", "eu-central-1");
        assert_eq!(
            one,
            (Some("aws".to_owned()), Some("eu-central-1".to_owned()))
        );
        let other = at("node-2", "gce://project/zone/name", "europe-west3");
        assert_eq!(other, (Some("k3s".to_owned()), None));
    }

    #[test]
    fn a_figure_that_one_node_keeps_to_itself_is_absent() {
        let mut state = fixture::cluster();
        let mut node = fixture::node("node-2");
        node.capacity.memory_bytes = None;
        state.apply(Update::Applied(Row::from(node)), 1);
        let told = registration(&state.snapshot(), &fixture::facts()).unwrap();
        let capacity = told.cluster.capacity.unwrap();
        assert_eq!(capacity.cpu_millis, Some(8_000));
        assert_eq!(capacity.memory_bytes, None);
    }
}
