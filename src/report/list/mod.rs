//! The lists of the API: the rows of a kind as JSON or as columns, all of them or some.
//!
//! Whole lists are rendered once per change, and the same for all; what is left of them by
//! a query, or by what whoever asks may see, is rendered for each.

mod place;
mod query;
mod rows;
mod selector;
mod table;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;

use super::view;
use crate::cluster::{Availability, Kind, Page, Snapshot};
use place::Place;
pub use query::{Query, Visible, is_namespace};
use rows::Listed;
pub use selector::Selector;

/// `{"kind":"pods","version":7,"availability":{...},"count":2,"items":[...]}`, or columns of
/// text; `now` is in seconds since 1970, for ages.
///
/// `version` is that of the snapshot in which the list last differed. `count` is how many rows
/// fit, on all pages; it and `items` are absent when the kind was never listed or may not be
/// seen. Where a limit leaves rows out, `continue` is how to ask for them and `remaining` how
/// many they are; `moved` says that the list differs from the one that was begun. Whoever asks
/// for all of a list shares one body.
pub fn list(
    snapshot: &Snapshot,
    kind: Kind,
    query: &Query,
    visible: &Visible,
    now: u32,
) -> Arc<[u8]> {
    let render = |snapshot: &Snapshot| {
        let found = find(snapshot, kind, query, visible);
        match query.table {
            true => table::write(kind, query, &found, now),
            false => write(snapshot, kind, query, &found),
        }
    };
    if *query == Query::default() && *visible == Visible::All {
        return snapshot.rendered(Page::List(kind), render);
    }
    Arc::from(render(snapshot))
}

/// What identifies the answer to a query (RFC 9110, section 8.8.3): another process, another
/// list, another query or another view have another one. None for columns, whose ages grow.
pub fn tag(snapshot: &Snapshot, kind: Kind, query: &Query, visible: &Visible) -> Option<String> {
    let mut hasher = DefaultHasher::new();
    (kind, query, visible).hash(&mut hasher);
    let asked = hasher.finish();
    let (epoch, version) = (snapshot.changes.epoch(), snapshot.version_of(kind));
    (!query.table).then(|| format!("\"{epoch:016x}-{version}-{asked:016x}\""))
}

/// For how many seconds the list has not been followed: 0 while it is. None when there is none.
pub fn age(snapshot: &Snapshot, kind: Kind, now: u32) -> Option<u32> {
    match snapshot.availability(kind) {
        Availability::Current { .. } => Some(0),
        Availability::Stale { since, .. } => Some(now.saturating_sub(*since)),
        Availability::Pending | Availability::Forbidden { .. } => None,
    }
}

/// The rows that fit.
struct Found<'s> {
    availability: Cow<'s, Availability>,
    /// Of this page, each with its place in the order; None: not known or not to be seen.
    rows: Option<Vec<(u32, &'s dyn Listed)>>,
    /// Of all pages.
    count: usize,
    /// How many come after this page.
    left: usize,
    next: Option<Place>,
}

fn find<'s>(snapshot: &'s Snapshot, kind: Kind, query: &Query, visible: &Visible) -> Found<'s> {
    let mut found = Found {
        availability: Cow::Borrowed(snapshot.availability(kind)),
        rows: None,
        count: 0,
        left: 0,
        next: None,
    };
    if !visible.shows(kind) {
        let message = format!(
            "you may only see namespaces, and {} are in none",
            kind.plural()
        );
        found.availability = Cow::Owned(Availability::Forbidden { since: 0, message });
        return found;
    }
    if snapshot.count(kind).is_none() {
        return found;
    }
    let limit = query.limit.unwrap_or(usize::MAX);
    let mut page = Vec::new();
    rows::each(snapshot, kind, &mut |at, row| {
        if !visible.shows_row(kind, row) || !query.fits(row) {
            return;
        }
        found.count += 1;
        let is_later = |place: &Place| place.is_before(at, row);
        match query.after.as_ref().is_none_or(is_later) {
            true if page.len() < limit => page.push((at, row)),
            later => found.left += usize::from(later),
        }
    });
    if let Some((at, row)) = page.last().filter(|_| found.left > 0) {
        found.next = Some(Place::behind(snapshot, kind, *at, *row));
    }
    found.rows = Some(page);
    found
}

fn write(snapshot: &Snapshot, kind: Kind, query: &Query, found: &Found<'_>) -> Vec<u8> {
    let head = Head {
        kind: kind.plural(),
        version: snapshot.version_of(kind),
        availability: view::availability(&found.availability),
        count: found.rows.as_ref().map(|_| found.count),
        next: found.next.as_ref().map(|place| place.text(kind)),
        remaining: found.next.as_ref().map(|_| found.left),
        moved: query
            .after
            .as_ref()
            .map(|place| place.is_old(snapshot, kind)),
    };
    // Neither the types nor a vector can fail.
    let mut out = serde_json::to_vec(&head).unwrap_or_default();
    let Some(rows) = &found.rows else {
        return out;
    };
    out.pop();
    out.extend_from_slice(b",\"items\":[");
    // Written one by one, so that no second table is built.
    for (index, (_, row)) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        row.write(snapshot.usage.as_deref(), &mut out);
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
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<bool>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::{
        Event, EventType, InvolvedObject, Key, Labels, Name, Row, Rows, Service, ServiceType,
        State, Update,
    };
    use crate::report::fixture::{self, THEN};

    fn whole(snapshot: &Snapshot, kind: Kind) -> Arc<[u8]> {
        list(snapshot, kind, &Query::default(), &Visible::All, THEN)
    }

    fn told(snapshot: &Snapshot, kind: Kind) -> Value {
        serde_json::from_slice(&whole(snapshot, kind)).unwrap()
    }

    fn event(name: &str, last: u32) -> Event {
        Event {
            namespace: Name::from("default"),
            name: Name::from(name),
            uid: None,
            labels: Labels::default(),
            event_type: EventType::Warning,
            reason: Name::from("BackOff"),
            message: "Back-off".into(),
            object: InvolvedObject {
                kind: Name::from("Pod"),
                namespace: None,
                name: Name::from("web-2"),
            },
            count: 7,
            first: THEN,
            last,
        }
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
        fixture::list(&mut state, Kind::Event, [event("web-2.18a2", THEN + 60)]);
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
        let before = whole(&state.snapshot(), Kind::Pod);
        let nodes = whole(&state.snapshot(), Kind::Node);
        let new = fixture::node("node-3");
        state.apply(Update::Applied(Row::from(new)), THEN);
        assert!(Arc::ptr_eq(&before, &whole(&state.snapshot(), Kind::Pod)));
        assert!(!Arc::ptr_eq(&nodes, &whole(&state.snapshot(), Kind::Node)));
        let gone = Update::Deleted(Kind::Pod, Key::namespaced("default", "web-1"));
        state.apply(gone, THEN);
        let snapshot = state.snapshot();
        assert_eq!(told(&snapshot, Kind::Pod)["version"], snapshot.version);
        assert_eq!(told(&snapshot, Kind::Pod)["count"], 1);
    }

    fn pods(names: &[&str]) -> State {
        let mut state = fixture::empty();
        let mut rows = Rows::new(Kind::Pod);
        for (at, name) in names.iter().enumerate() {
            let mut pod = fixture::pod(name, "Running");
            pod.namespace = Name::from(["default", "shop"][at % 2]);
            rows.push(Row::from(pod));
        }
        state.apply(Update::Listed(rows), THEN);
        state
    }

    fn query(kind: Kind, pairs: &[(&str, &str)]) -> Query {
        Query::read(kind, pairs.iter().copied()).unwrap()
    }

    fn asked(snapshot: &Snapshot, pairs: &[(&str, &str)]) -> Value {
        let query = query(Kind::Pod, pairs);
        let body = list(snapshot, Kind::Pod, &query, &Visible::All, THEN);
        serde_json::from_slice(&body).unwrap()
    }

    fn names(told: &Value) -> Vec<&str> {
        let items = told["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_query_leaves_rows_out_and_counts_the_others() {
        let snapshot = pods(&["a", "b", "c", "d"]).snapshot();
        let told = asked(&snapshot, &[("namespace", "shop")]);
        assert_eq!((names(&told), &told["count"]), (vec!["b", "d"], &json!(2)));
        let told = asked(&snapshot, &[("namespace", "nowhere")]);
        assert_eq!((names(&told), &told["count"]), (vec![], &json!(0)));
        let told = asked(
            &snapshot,
            &[("fieldSelector", "metadata.name!=a"), ("limit", "9")],
        );
        assert_eq!(names(&told), ["c", "b", "d"]);
        assert_eq!((told.get("continue"), told.get("moved")), (None, None));
    }

    #[test]
    fn pages_have_every_row_once() {
        let snapshot = pods(&["a", "b", "c", "d", "e"]).snapshot();
        let mut seen = Vec::new();
        let mut place = None;
        loop {
            let mut pairs = vec![("limit", "2")];
            pairs.extend(place.as_deref().map(|place| ("continue", place)));
            let told = asked(&snapshot, &pairs);
            assert_eq!(told["count"], 5);
            assert_eq!(told.get("moved"), place.as_ref().map(|_| &json!(false)));
            seen.extend(names(&told).into_iter().map(str::to_owned));
            let left = told["remaining"].as_u64().unwrap_or_default();
            assert_eq!(seen.len() + usize::try_from(left).unwrap(), 5);
            place = told["continue"].as_str().map(str::to_owned);
            if place.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "c", "e", "b", "d"]);
    }

    #[test]
    fn a_list_that_moved_on_is_gone_on_with_behind_the_last_key() {
        let mut state = pods(&["a", "x", "c", "y", "e"]);
        let told = asked(&state.snapshot(), &[("limit", "2")]);
        let place = told["continue"].as_str().unwrap().to_owned();
        state.apply(
            Update::Deleted(Kind::Pod, Key::namespaced("default", "c")),
            THEN,
        );
        for name in ["b", "d"] {
            let row = Row::from(fixture::pod(name, "Running"));
            state.apply(Update::Applied(row), THEN);
        }
        let told = asked(&state.snapshot(), &[("continue", &place)]);
        assert_eq!(names(&told), ["d", "e", "x", "y"]);
        assert_eq!(told["moved"], true);
    }

    #[test]
    fn events_are_paged_from_the_most_recent() {
        let mut state = fixture::empty();
        fixture::list(&mut state, Kind::Event, [] as [Row; 0]);
        for (name, last) in [("a", 5), ("c", 9), ("b", 9), ("d", 7)] {
            state.apply(Update::Applied(Row::from(event(name, last))), THEN);
        }
        let snapshot = state.snapshot();
        let page = |pairs: &[(&str, &str)]| -> Value {
            let query = query(Kind::Event, pairs);
            let body = list(&snapshot, Kind::Event, &query, &Visible::All, THEN);
            serde_json::from_slice(&body).unwrap()
        };
        let first = page(&[("limit", "2")]);
        assert_eq!(names(&first), ["b", "c"]);
        let place = first["continue"].as_str().unwrap();
        assert_eq!(names(&page(&[("continue", place)])), ["d", "a"]);
        assert_eq!(
            names(&page(&[("fieldSelector", "type=Normal")])),
            [] as [&str; 0]
        );
    }

    #[test]
    fn of_some_namespaces_nothing_else_is_seen() {
        let mut state = fixture::cluster();
        state.apply(Update::Applied(Row::from(fixture::node("node-3"))), THEN);
        let mut other = fixture::pod("db-1", "Running");
        other.namespace = Name::from("secret");
        state.apply(Update::Applied(Row::from(other)), THEN);
        let snapshot = state.snapshot();
        let seen = |kind, visible: &Visible| -> Value {
            let body = list(&snapshot, kind, &Query::default(), visible, THEN);
            serde_json::from_slice(&body).unwrap()
        };
        let some = Visible::Namespaces(["default".to_owned()].into());
        assert_eq!(names(&seen(Kind::Pod, &some)), ["web-1", "web-2"]);
        assert_eq!(seen(Kind::Pod, &some)["count"], 2);
        assert_eq!(names(&seen(Kind::Namespace, &some)), ["default"]);
        let nodes = seen(Kind::Node, &some);
        assert_eq!((nodes.get("items"), nodes.get("count")), (None, None));
        let reason = "you may only see namespaces, and nodes are in none";
        assert_eq!(
            nodes["availability"],
            json!({"state": "forbidden", "reason": reason})
        );
        let none = Visible::Namespaces([].into());
        for kind in [Kind::Pod, Kind::Namespace, Kind::Deployment, Kind::Event] {
            assert_eq!(seen(kind, &none)["count"], 0, "{kind:?}");
        }
    }

    #[test]
    fn a_tag_is_that_of_one_answer() {
        let mut state = fixture::cluster();
        let before = state.snapshot();
        let all = Query::default();
        let tag_of = |snapshot: &Snapshot, query: &Query, visible: &Visible| {
            tag(snapshot, Kind::Pod, query, visible).unwrap()
        };
        let first = tag_of(&before, &all, &Visible::All);
        assert!(first.starts_with('"') && first.ends_with('"'), "{first}");
        assert_eq!(first, tag_of(&state.snapshot(), &all, &Visible::All));
        state.apply(Update::Applied(Row::from(fixture::node("node-3"))), THEN);
        assert_eq!(first, tag_of(&state.snapshot(), &all, &Visible::All));
        let some = Visible::Namespaces([].into());
        assert_ne!(first, tag_of(&before, &all, &some));
        assert_ne!(
            first,
            tag_of(&before, &query(Kind::Pod, &[("limit", "1")]), &Visible::All)
        );
        state.apply(fixture::stale(Kind::Pod, THEN), THEN);
        assert_ne!(first, tag_of(&state.snapshot(), &all, &Visible::All));
        let table = query(Kind::Pod, &[("as", "table")]);
        assert_eq!(tag(&before, Kind::Pod, &table, &Visible::All), None);
    }

    #[test]
    fn a_list_is_as_old_as_its_watch_is_lost() {
        let mut state = fixture::cluster();
        assert_eq!(age(&state.snapshot(), Kind::Pod, THEN + 9), Some(0));
        assert_eq!(age(&state.snapshot(), Kind::Service, THEN + 9), None);
        state.apply(fixture::stale(Kind::Pod, THEN), THEN);
        assert_eq!(age(&state.snapshot(), Kind::Pod, THEN + 9), Some(9));
    }

    #[test]
    fn a_table_is_what_kubectl_shows() {
        let mut state = fixture::cluster();
        let table = |snapshot: &Snapshot, kind, pairs: &[(&str, &str)]| {
            let query = query(kind, &[&[("as", "table")], pairs].concat());
            let body = list(snapshot, kind, &query, &Visible::All, THEN + 125);
            String::from_utf8(body.to_vec()).unwrap()
        };
        let snapshot = state.snapshot();
        assert_eq!(
            table(&snapshot, Kind::Pod, &[]),
            "NAMESPACE   NAME    READY   STATUS             RESTARTS   AGE\n\
             default     web-1   1/1     Running            0          2m5s\n\
             default     web-2   0/1     CrashLoopBackOff   7          2m5s\n"
        );
        let page = table(
            &snapshot,
            Kind::Pod,
            &[("namespace", "default"), ("limit", "1")],
        );
        let (rows, more) = page.split_once("# ").unwrap();
        let expected = "NAME    READY   STATUS    RESTARTS   AGE\n\
                        web-1   1/1     Running   0          2m5s\n";
        assert_eq!(rows, expected);
        assert!(more.starts_with("1 more: continue="), "{more}");
        assert_eq!(
            table(&snapshot, Kind::Service, &[]),
            "# services are pending\n"
        );
        assert_eq!(table(&snapshot, Kind::Event, &[]), "# no events fit\n");
        let nodes = table(
            &snapshot,
            Kind::Node,
            &[("fieldSelector", "metadata.name=node-1")],
        );
        let expected = "NAME     STATUS   ROLES    AGE    VERSION\n\
                        node-1   Ready    <none>   2m5s   v1.34.1+k3s1\n";
        assert_eq!(nodes, expected);
        state.apply(fixture::stale(Kind::Namespace, THEN), THEN);
        assert_eq!(
            table(&state.snapshot(), Kind::Namespace, &[]),
            "# namespaces are stale since 2023-11-14T22:13:20Z: connection reset\n\
             NAME      STATUS   AGE\ndefault   Active   2m5s\n"
        );
    }
}
