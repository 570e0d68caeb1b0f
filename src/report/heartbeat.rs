//! The heartbeat: the agent lives, and how the cluster is.

use super::{Facts, figures, health};
use crate::cluster::Snapshot;
use crate::control::proto::{Heartbeat, Metadata, Timestamp};

/// The beat of the agent with that id.
pub fn heartbeat(snapshot: &Snapshot, agent_id: &str, facts: &Facts<'_>) -> Heartbeat {
    let health = health(snapshot, facts.now);
    Heartbeat {
        agent_id: agent_id.to_owned(),
        cluster_name: facts.cluster_name.to_owned(),
        status: facts.status,
        proxy_status: facts.proxy_status,
        timestamp: Timestamp(facts.now),
        metadata: Metadata {
            version: facts.version.to_owned(),
            health: health.state,
            reasons: health.reasons,
            usage: figures::fresh_usage(snapshot, facts.now).map(figures::total),
            counts: figures::counts(snapshot),
            uptime: Some(facts.uptime.as_secs()),
            commands: facts.commands,
            changes: facts.changes.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::fixture;

    #[test]
    fn it_tells_how_the_cluster_is() {
        let mut state = fixture::cluster();
        let told = heartbeat(&state.snapshot(), "agent-1", &fixture::facts());
        assert_eq!(
            serde_json::to_value(told).unwrap(),
            json!({
                "agent_id": "agent-1", "cluster_name": "edge-1", "status": "connected",
                "proxy_status": "disabled", "timestamp": "2023-11-14T22:15:00Z",
                "metadata": {
                    "version": "0.1.0", "health": "degraded",
                    "reasons": ["deployment default/web has 1/2 available", "1 pod in CrashLoopBackOff"],
                    "usage": {"cpu_millis": 1000, "memory_bytes": 2_147_483_648_u64, "source": "metrics-api"},
                    "counts": {"nodes": 2, "nodes_ready": 2, "namespaces": 1, "deployments": 1,
                               "pods": 2, "pods_running": 2},
                    "uptime": 90,
                },
            })
        );
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        let mut state = fixture::empty();
        let told = heartbeat(&state.snapshot(), "agent-1", &fixture::facts());
        let told = serde_json::to_value(told).unwrap();
        assert_eq!(told["metadata"]["health"], "unknown");
        assert_eq!(told["metadata"]["counts"], json!({}));
        assert_eq!(told["metadata"].get("usage"), None);
    }
}
