//! What the rows weigh: counted, not timed, so that it is the same everywhere.

use std::collections::HashSet;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::event::tests::event;
use super::{
    Change, Changes, Kind, Name, Names, Pod, PodPhase, Recent, Requests, Row, Rows, Snapshot,
    State, Uid, Update,
};

const PODS: usize = 5_000;
/// Of everything kept for so many pods, with full rings.
const BUDGET: usize = 2_000_000;
const ROW_BUDGET: usize = 300;

#[test]
fn five_thousand_pods_fit_in_two_megabytes() {
    let (mut state, names) = filled();
    let snapshot = state.snapshot();
    let (per_pod, all) = weigh(&snapshot, &names);
    let row = size_of::<Pod>();
    let report = format!(
        "a pod is {row} bytes, {per_pod} with its names; {PODS} pods with full rings {all}"
    );
    assert_eq!(snapshot.changes.iter().count(), Changes::LIMIT);
    assert_eq!(snapshot.events.len(), Recent::LIMIT);
    assert!(per_pod <= ROW_BUDGET, "{report}");
    assert!(all <= BUDGET, "{report}");
    // Shown with --nocapture.
    drop(std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("{report}\n").as_bytes(),
    ));
}

/// Pods, and rings that are full.
fn filled() -> (State, Names) {
    let mut state = State::new(1);
    let mut names = Names::new();
    let mut rows = Rows::new(Kind::Pod);
    for i in 0..PODS {
        rows.push(Row::from(pod(&mut names, i)));
    }
    state.apply(Update::Listed(rows), 1);
    for i in 0..300 {
        let mut event = event(&format!("web-{i}.18a2b3c4d5e6f708"), i);
        event.message = "x".repeat(200).into();
        state.apply(Update::Applied(Row::from(event)), 1_000);
    }
    for i in 0..Changes::LIMIT {
        let mut changed = pod(&mut names, i);
        changed.status = Name::from("CrashLoopBackOff");
        changed.restarts += 1;
        state.apply(Update::Applied(Row::from(changed)), 1_000);
    }
    (state, names)
}

/// Bytes of a pod with its names, and of everything.
fn weigh(snapshot: &Snapshot, names: &Names) -> (usize, usize) {
    let mut heap = Heap::default();
    for pod in snapshot.pods.iter() {
        heap.pod(pod);
    }
    let per_pod = heap.bytes / PODS;
    // The working table and the published one, as large as they grow.
    heap.bytes += 2 * block(PODS.next_power_of_two() * size_of::<Arc<Pod>>());
    for change in snapshot.changes.iter() {
        heap.bytes += shared(size_of::<Change>()) + block(change.summary.len());
        heap.name(&change.name);
    }
    heap.bytes += snapshot.events.len() * shared(size_of::<super::Event>());
    for event in snapshot.events.iter() {
        heap.bytes += block(event.message.len());
        heap.name(&event.name);
    }
    // One byte of control for each slot of a hash set that is 7/8 full at most.
    heap.bytes += block((names.len() * 8 / 7).next_power_of_two() * (size_of::<Name>() + 1));
    (per_pod, heap.bytes)
}

#[test]
fn an_update_in_a_queue_is_small() {
    assert!(size_of::<Update>() <= 48, "{}", size_of::<Update>());
}

/// Every block that is reachable, each shared one once.
#[derive(Default)]
struct Heap {
    bytes: usize,
    counted: HashSet<*const u8>,
}

impl Heap {
    fn pod(&mut self, pod: &Arc<Pod>) {
        self.bytes += shared(size_of::<Pod>());
        for name in [&pod.namespace, &pod.name, &pod.status] {
            self.name(name);
        }
        for name in [&pod.node, &pod.owner, &pod.labels.0].into_iter().flatten() {
            self.name(name);
        }
    }

    fn name(&mut self, name: &Name) {
        if self.counted.insert(name.as_ptr()) {
            self.bytes += shared(name.len());
        }
    }
}

/// What an `Arc` takes: two counts and the value.
fn shared(bytes: usize) -> usize {
    block(16 + bytes)
}

/// What musl's allocator takes for a block: a multiple of 16 bytes from its list
/// of sizes, four bytes of it for itself.
fn block(bytes: usize) -> usize {
    const UNITS: [usize; 20] = [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 31, 36, 42, 50, 63,
    ];
    let fitting = UNITS.iter().find(|units| **units * 16 - 4 >= bytes);
    fitting.map_or((bytes + 4).next_multiple_of(1024), |units| units * 16)
}

fn pod(names: &mut Names, i: usize) -> Pod {
    let number = u32::try_from(i).unwrap();
    let app = i / 10;
    let phases = [PodPhase::Running, PodPhase::Pending, PodPhase::Failed];
    let statuses = ["Running", "ContainerCreating", "Error"];
    Pod {
        namespace: names.intern(&format!("team-{}-production", i % 50)),
        name: Name::from(format!("service-with-a-name-{app}-7c9d8f6b5-{i:05}")),
        uid: Uid::parse(&format!("7c0b8a5e-1f3d-4c6a-9b2e-0123456{i:05x}")),
        labels: names.labels(|each| {
            each("app.kubernetes.io/managed-by", "Helm");
            each(
                "app.kubernetes.io/name",
                &format!("service-with-a-name-{app}"),
            );
            each("app.kubernetes.io/part-of", "shop");
            each("pod-template-hash", "7c9d8f6b5");
        }),
        created: 1_700_000_000 + number,
        node: Some(names.intern(&format!("node-{}.example.internal", i % 100))),
        owner: Some(names.intern(&format!("ReplicaSet/service-with-a-name-{app}-7c9d8f6b5"))),
        phase: phases[i % 3],
        status: names.intern(statuses[i % 3]),
        ready: i.is_multiple_of(3),
        containers_ready: 1,
        containers: 2,
        restarts: number % 7,
        ip: Some(IpAddr::V4(Ipv4Addr::from_bits(number))),
        requests: Requests {
            cpu_millis: 100,
            memory_bytes: 128 << 20,
        },
    }
}
