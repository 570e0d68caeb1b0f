//! Whatever updates come, in whatever order: the state equals a naive model, and
//! its changes tell what happened, no more and no less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::event::tests::event;
use super::node::tests::node;
use super::pod::tests::pod;
use super::{
    Availability, Changes, Deployment, Key, Kind, Labels, Name, Namespace, NamespacePhase,
    Readiness, Recent, Row, Rows, Service, ServiceType, Snapshot, State, Uid, Update, What,
};

type Id = (Kind, Key);

/// Kinds that are kept whole.
const TABLES: [Kind; 5] = [
    Kind::Node,
    Kind::Pod,
    Kind::Namespace,
    Kind::Deployment,
    Kind::Service,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_snapshot_equals_a_naive_model(first in vec(any_list(), 5), updates in vec(any_update(), 0..60)) {
        let mut state = State::new(1);
        let mut model = BTreeMap::new();
        for (kind, list) in TABLES.into_iter().zip(first) {
            step(&mut state, &mut model, listed(kind, &list));
        }
        let base = state.snapshot();
        prop_assert_eq!(base.changes.last_id(), 0);
        for update in updates {
            let before = state.snapshot();
            let model_before = model.clone();
            step(&mut state, &mut model, update);
            let after = state.snapshot();
            check_tables(&after, &model);
            let differs = model != model_before;
            prop_assert!(!differs || after.version == before.version + 1);
            prop_assert!(differs || after.changes.last_id() == before.changes.last_id());
            prop_assert!(Arc::ptr_eq(&after, &state.snapshot()));
        }
        replay(&base, &state.snapshot());
    }

    #[test]
    fn the_same_again_leaves_no_trace(list in any_list(), row in any_row()) {
        let mut state = State::new(1);
        let again = |state: &mut State, update: Update| {
            state.apply(update.clone(), 1);
            let before = state.snapshot();
            state.apply(update, 2);
            Arc::ptr_eq(&before, &state.snapshot())
        };
        for kind in TABLES {
            prop_assert!(again(&mut state, listed(kind, &list)));
        }
        let gone = Update::Deleted(row.kind(), row.key());
        prop_assert!(again(&mut state, Update::Applied(row)));
        prop_assert!(again(&mut state, gone));
        prop_assert!(again(&mut state, Update::Usage(None)));
    }

    #[test]
    fn each_event_is_told_once_each_time(told in vec((0..400_u32, 0..10_000_u32, 1..4_u32), 1..600)) {
        let mut state = State::new(1);
        let mut seen: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        for (name, last, count) in told {
            let mut row = event(&name.to_string(), last);
            row.count = count;
            let before = state.snapshot();
            let kept = before.events.iter().any(|event| event.name == row.name);
            let (count_before, last_before) = seen.insert(name, (count, last)).unwrap_or_default();
            let news = !kept || count > count_before || last > last_before;
            state.apply(Update::Applied(Row::from(row)), 5_000);
            let after = state.snapshot();
            let told = after.changes.last_id() - before.changes.last_id();
            prop_assert_eq!(told, u64::from(news));
            prop_assert!(after.events.len() <= Recent::LIMIT);
            let names: BTreeSet<&Name> = after.events.iter().map(|event| &event.name).collect();
            prop_assert_eq!(names.len(), after.events.len());
        }
        prop_assert!(state.snapshot().changes.iter().count() <= Changes::LIMIT);
    }
}

/// Applies the update to both; only then are they to be equal.
fn step(state: &mut State, model: &mut BTreeMap<Id, Row>, update: Update) {
    match update.clone() {
        Update::Listed(rows) => {
            model.retain(|(kind, _), _| *kind != rows.kind());
            model.extend(
                each(rows)
                    .into_iter()
                    .map(|row| ((row.kind(), row.key()), row)),
            );
        }
        Update::Applied(row) => {
            model.insert((row.kind(), row.key()), row);
        }
        Update::Deleted(kind, key) => {
            model.remove(&(kind, key));
        }
        Update::Available(..) | Update::Usage(_) | Update::Server(_) => {}
    }
    state.apply(update, 9);
}

/// Sorted, each key once, and equal to the model.
fn check_tables(snapshot: &Snapshot, model: &BTreeMap<Id, Row>) {
    let rows: Vec<(Id, Row)> = all(snapshot)
        .into_iter()
        .map(|row| ((row.kind(), row.key()), row))
        .collect();
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(rows, model.clone().into_iter().collect::<Vec<_>>());
}

/// The changes lead from the first set of keys to the last, each making sense
/// where it stands.
fn replay(first: &Snapshot, last: &Snapshot) {
    let keys = |snapshot: &Snapshot| -> BTreeSet<Id> {
        let rows = all(snapshot);
        rows.iter().map(|row| (row.kind(), row.key())).collect()
    };
    let mut set = keys(first);
    let changes = last.changes.since(0).unwrap();
    for (at, change) in changes.iter().enumerate() {
        assert_eq!(change.id, at as u64 + 1);
        let key = Key {
            namespace: change.namespace.clone(),
            name: change.name.clone(),
        };
        let id = (change.kind, key);
        let sensible = match change.what {
            What::Added => set.insert(id),
            What::Modified => set.contains(&id),
            What::Deleted => set.remove(&id),
        };
        assert!(sensible, "{change:?}");
        assert!(!change.summary.is_empty());
    }
    assert_eq!(set, keys(last));
}

fn all(snapshot: &Snapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(snapshot.nodes.iter().cloned().map(Row::Node));
    rows.extend(snapshot.pods.iter().cloned().map(Row::Pod));
    rows.extend(snapshot.namespaces.iter().cloned().map(Row::Namespace));
    rows.extend(snapshot.deployments.iter().cloned().map(Row::Deployment));
    rows.extend(snapshot.services.iter().cloned().map(Row::Service));
    rows
}

fn each(rows: Rows) -> Vec<Row> {
    match rows {
        Rows::Nodes(rows) => rows.into_iter().map(Row::Node).collect(),
        Rows::Pods(rows) => rows.into_iter().map(Row::Pod).collect(),
        Rows::Namespaces(rows) => rows.into_iter().map(Row::Namespace).collect(),
        Rows::Deployments(rows) => rows.into_iter().map(Row::Deployment).collect(),
        Rows::Services(rows) => rows.into_iter().map(Row::Service).collect(),
        Rows::Events(rows) => rows.into_iter().map(Row::Event).collect(),
    }
}

/// Few names and few values, so that updates meet.
#[derive(Clone, Debug)]
struct Seed {
    namespace: u8,
    name: u8,
    value: u8,
    uid: u8,
}

fn any_seed() -> impl Strategy<Value = Seed> {
    (0..2_u8, 0..4_u8, 0..3_u8, 0..2_u8).prop_map(|(namespace, name, value, uid)| Seed {
        namespace,
        name,
        value,
        uid,
    })
}

fn any_kind() -> impl Strategy<Value = Kind> {
    (0..TABLES.len()).prop_map(|at| TABLES[at])
}

fn any_list() -> impl Strategy<Value = Vec<Seed>> {
    vec(any_seed(), 0..8)
}

fn any_row() -> impl Strategy<Value = Row> {
    (any_kind(), any_seed()).prop_map(|(kind, seed)| row(kind, &seed))
}

fn any_update() -> impl Strategy<Value = Update> {
    let gone = any_row().prop_map(|row| Update::Deleted(row.kind(), row.key()));
    let stale = Availability::Stale {
        since: 1,
        reason: "gone".to_owned(),
    };
    let available = (any_kind(), any::<bool>()).prop_map(move |(kind, live)| {
        let current = Availability::Current { since: 2 };
        Update::Available(kind, if live { current } else { stale.clone() })
    });
    prop_oneof![
        4 => any_row().prop_map(Update::Applied),
        2 => gone,
        1 => (any_kind(), any_list()).prop_map(|(kind, list)| listed(kind, &list)),
        1 => available,
        1 => Just(Update::Usage(None)),
    ]
}

fn listed(kind: Kind, seeds: &[Seed]) -> Update {
    let mut rows = Rows::new(kind);
    for seed in seeds {
        rows.push(row(kind, seed));
    }
    Update::Listed(rows)
}

fn row(kind: Kind, seed: &Seed) -> Row {
    let namespace = Name::from(format!("namespace-{}", seed.namespace));
    let name = Name::from(format!("name-{}", seed.name));
    let uid = Uid::parse(&format!("00000000-0000-0000-0000-00000000000{}", seed.uid));
    let number = u32::from(seed.value);
    match kind {
        Kind::Node => {
            let mut row = node(&name);
            row.uid = uid;
            row.readiness = [Readiness::Ready, Readiness::NotReady, Readiness::Unknown]
                [usize::from(seed.value)];
            Row::from(row)
        }
        Kind::Pod => {
            let mut row = pod(&namespace, &name);
            row.uid = uid;
            row.status = Name::from(["Running", "Error", "Pending"][usize::from(seed.value)]);
            row.restarts = number;
            Row::from(row)
        }
        Kind::Namespace => Row::from(Namespace {
            name,
            uid,
            labels: Labels::default(),
            created: number,
            phase: NamespacePhase::Active,
        }),
        Kind::Deployment => Row::from(deployment(namespace, name, uid, number)),
        Kind::Service => Row::from(service(namespace, name, uid, number)),
        Kind::Event => Row::from(event(&name, number)),
    }
}

fn deployment(namespace: Name, name: Name, uid: Option<Uid>, number: u32) -> Deployment {
    Deployment {
        namespace,
        name,
        uid,
        labels: Labels::default(),
        created: 0,
        desired: 2,
        updated: number,
        ready: number,
        available: number,
    }
}

fn service(namespace: Name, name: Name, uid: Option<Uid>, number: u32) -> Service {
    Service {
        namespace,
        name,
        uid,
        labels: Labels::default(),
        created: number,
        service_type: ServiceType::ClusterIp,
        cluster_ip: None,
        external: Name::from("<none>"),
        ports: Name::from("80/TCP"),
    }
}
