//! The lists of the API: every row of a kind as JSON, rendered once per change.

use std::sync::Arc;

use serde::Serialize;

use super::view;
use crate::cluster::{Kind, Page, Snapshot};

/// `{"kind":"pods","version":7,"availability":{...},"count":2,"items":[...]}`.
///
/// `version` is that of the snapshot in which the list last differed. `count` and
/// `items` are absent when the kind was never listed or may not be seen. Equal
/// calls share one body.
pub fn list(snapshot: &Snapshot, kind: Kind) -> Arc<[u8]> {
    snapshot.rendered(Page::List(kind), |snapshot| render(snapshot, kind))
}

fn render(snapshot: &Snapshot, kind: Kind) -> Vec<u8> {
    let s = snapshot;
    let usage = s.usage.as_deref();
    let count = s.count(kind);
    let head = Head {
        kind: kind.plural(),
        version: s.version_of(kind),
        availability: view::availability(s.availability(kind)),
        count,
    };
    // Neither the types nor a vector can fail.
    let mut out = serde_json::to_vec(&head).unwrap_or_default();
    if count.is_none() {
        return out;
    }
    out.pop();
    out.extend_from_slice(b",\"items\":[");
    match kind {
        Kind::Node => write(&mut out, s.nodes.iter().map(|row| view::node(row, usage))),
        Kind::Pod => write(&mut out, s.pods.iter().map(|row| view::pod(row))),
        Kind::Namespace => write(
            &mut out,
            s.namespaces.iter().map(|row| view::namespace(row)),
        ),
        Kind::Deployment => write(
            &mut out,
            s.deployments.iter().map(|row| view::deployment(row)),
        ),
        Kind::Service => write(&mut out, s.services.iter().map(|row| view::service(row))),
        Kind::Event => write(&mut out, s.events.iter().map(|row| view::event(row))),
    }
    out.extend_from_slice(b"]}");
    out
}

/// All but the items, which only differ by kind.
#[derive(Serialize)]
struct Head<'a> {
    kind: &'static str,
    version: u64,
    availability: view::Availability<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

/// Written one by one, so that no second table is built.
fn write<T: Serialize>(out: &mut Vec<u8>, rows: impl Iterator<Item = T>) {
    for (index, row) in rows.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let _ = serde_json::to_writer(&mut *out, &row);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::{
        Event, EventType, InvolvedObject, Key, Labels, Name, Row, Service, ServiceType, Update,
    };
    use crate::report::fixture::{self, THEN};

    fn told(snapshot: &Snapshot, kind: Kind) -> Value {
        serde_json::from_slice(&list(snapshot, kind)).unwrap()
    }

    #[test]
    fn nodes_come_with_what_they_use() {
        let mut state = fixture::cluster();
        let told = told(&state.snapshot(), Kind::Node);
        assert_eq!(told["kind"], "nodes");
        assert_eq!(told["count"], 2);
        assert_eq!(
            told["items"][0],
            json!({
                "name": "node-1", "status": "Ready", "roles": [], "schedulable": true,
                "pressures": [], "version": "v1.34.1+k3s1", "os": "Debian GNU/Linux 13",
                "kernel": "6.12.0", "architecture": "amd64", "runtime": "containerd://2.1.4",
                "internal_ip": "10.0.0.1", "created": "2023-11-14T22:13:20Z",
                "capacity": {"cpu_millis": 4000, "memory_bytes": 8_589_934_592_u64, "pods": 110},
                "allocatable": {"cpu_millis": 4000, "memory_bytes": 8_589_934_592_u64, "pods": 110},
                "usage": {"cpu_millis": 1000, "memory_bytes": 2_147_483_648_u64,
                          "source": "metrics-api", "at": "2023-11-14T22:13:20Z"},
            })
        );
        assert_eq!(told["items"][1].get("usage"), None);
    }

    #[test]
    fn pods_look_as_in_kubectl() {
        let mut state = fixture::cluster();
        let told = told(&state.snapshot(), Kind::Pod);
        assert_eq!(
            told["items"][1],
            json!({
                "namespace": "default", "name": "web-2", "status": "CrashLoopBackOff",
                "phase": "Running", "ready": "0/1", "restarts": 7, "node": "node-1",
                "ip": "10.42.0.7", "owner": "ReplicaSet/web-7d9f",
                "created": "2023-11-14T22:13:20Z",
                "requests": {"cpu_millis": 100, "memory_bytes": 134_217_728},
            })
        );
        let availability = json!({"state": "current", "since": "2023-11-14T22:13:20Z"});
        assert_eq!(told["availability"], availability);
    }

    #[test]
    fn other_kinds_have_their_columns() {
        let mut state = fixture::cluster();
        let text = Name::from;
        fixture::list(
            &mut state,
            Kind::Service,
            [Service {
                namespace: text("default"),
                name: text("web"),
                uid: None,
                labels: Labels::default(),
                created: 0,
                service_type: ServiceType::NodePort,
                cluster_ip: Some(text("10.43.0.7")),
                external: text("<none>"),
                ports: text("80:30080/TCP"),
            }],
        );
        fixture::list(
            &mut state,
            Kind::Event,
            [Event {
                namespace: text("default"),
                name: text("web-2.18a2"),
                uid: None,
                labels: Labels::default(),
                event_type: EventType::Warning,
                reason: text("BackOff"),
                message: "Back-off".into(),
                object: InvolvedObject {
                    kind: text("Pod"),
                    namespace: None,
                    name: text("web-2"),
                },
                count: 7,
                first: THEN,
                last: THEN + 60,
            }],
        );
        let snapshot = state.snapshot();
        let first = |kind| told(&snapshot, kind)["items"][0].clone();
        assert_eq!(
            first(Kind::Service),
            json!({"namespace": "default", "name": "web", "type": "NodePort",
                   "cluster_ip": "10.43.0.7", "external": "<none>", "ports": "80:30080/TCP"})
        );
        assert_eq!(
            first(Kind::Deployment),
            json!({"namespace": "default", "name": "web", "ready": "1/2", "desired": 2,
                   "updated": 2, "available": 1, "created": "2023-11-14T22:13:20Z"})
        );
        let created = "2023-11-14T22:13:20Z";
        let namespace = json!({"name": "default", "status": "Active", "created": created});
        assert_eq!(first(Kind::Namespace), namespace);
        assert_eq!(
            first(Kind::Event),
            json!({"namespace": "default", "name": "web-2.18a2", "type": "Warning",
                   "reason": "BackOff", "object": "Pod/web-2", "count": 7,
                   "message": "Back-off", "first": created, "last": "2023-11-14T22:14:20Z"})
        );
    }

    #[test]
    fn what_is_unknown_has_no_items() {
        let mut state = fixture::cluster();
        let told = told(&state.snapshot(), Kind::Service);
        let expected =
            json!({"kind": "services", "version": 0, "availability": {"state": "pending"}});
        assert_eq!(told, expected);
    }

    #[test]
    fn a_lost_watch_is_told_with_the_last_known_rows() {
        let mut state = fixture::cluster();
        state.apply(fixture::stale(Kind::Pod, THEN), THEN);
        let told = told(&state.snapshot(), Kind::Pod);
        assert_eq!(told["count"], 2);
        let since = "2023-11-14T22:13:20Z";
        let expected = json!({"state": "stale", "since": since, "reason": "connection reset"});
        assert_eq!(told["availability"], expected);
    }

    #[test]
    fn a_body_is_rendered_again_only_when_it_differs() {
        let mut state = fixture::cluster();
        let before = list(&state.snapshot(), Kind::Pod);
        let nodes = list(&state.snapshot(), Kind::Node);
        let new = fixture::node("node-3");
        state.apply(Update::Applied(Row::from(new)), THEN);
        assert!(Arc::ptr_eq(&before, &list(&state.snapshot(), Kind::Pod)));
        assert!(!Arc::ptr_eq(&nodes, &list(&state.snapshot(), Kind::Node)));
        let gone = Update::Deleted(Kind::Pod, Key::namespaced("default", "web-1"));
        state.apply(gone, THEN);
        let snapshot = state.snapshot();
        assert_eq!(told(&snapshot, Kind::Pod)["version"], snapshot.version);
        assert_eq!(told(&snapshot, Kind::Pod)["count"], 1);
    }
}
