//! The API server goes and comes back, and so does the agent: after healing the
//! lists are right within seconds, in the same process.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::rig::{Cluster, Namespace, alone, missing};
use crate::cluster::rights::{ALL, Login};
use crate::cluster::shown::assert_equal_to_kubectl;
use crate::cluster::wait_ready;
use crate::support::{Agent, eventually, within};

/// So soon after the API server answers again.
const HEALED: Duration = Duration::from_secs(5);
/// Between two looks of the observer.
const LOOK: Duration = Duration::from_millis(20);
const OUTAGE: Duration = Duration::from_secs(120);

#[test]
fn a_restarted_api_server_is_followed_again() {
    let Some(cluster) = alone() else { return };
    let agent = cluster.agent(&[]);
    let namespace = cluster.namespace("restart");
    // It may be down for too short a time to be worth telling.
    survive(&cluster, &agent, || cluster.api_server("restart"));
    assert_told(&agent, &namespace);
    let opened = |watch: &Value| watch["reconnects"].as_u64() >= Some(1);
    eventually("every watch opened again", || {
        watches(&agent).iter().all(opened).then_some(())
    });
}

/// With rights by RBAC, which a starting API server does not know yet.
#[test]
fn a_killed_api_server_is_followed_again_by_a_service_account() {
    let Some(cluster) = alone() else { return };
    let namespace = cluster.namespace("kill");
    namespace.account(ALL);
    let login = Login::new(&cluster, &namespace);
    let agent = login.agent(&[]);
    survive(&cluster, &agent, || {
        cluster.api_server("kill");
        wait_ready(&agent, 503);
        cluster.api_server("start");
    });
    assert_told(&agent, &namespace);
}

#[test]
fn two_minutes_without_an_api_server_heal_as_fast() {
    if env::var_os("PIPEOPS_TEST_LONG").is_none() && env::var_os("CI").is_none() {
        return missing("two minutes: set PIPEOPS_TEST_LONG or CI");
    }
    let Some(cluster) = alone() else { return };
    let agent = cluster.agent(&[]);
    let namespace = cluster.namespace("long");
    survive(&cluster, &agent, || {
        cluster.api_server("stop");
        wait_ready(&agent, 503);
        within(2 * OUTAGE, "two minutes of it", || {
            watches(&agent).iter().all(long_lost).then_some(())
        });
        cluster.api_server("start");
    });
    assert_told(&agent, &namespace);
}

#[test]
fn what_happened_while_the_agent_was_frozen_is_noticed() {
    let Some(cluster) = alone() else { return };
    let agent = cluster.agent(&[]);
    let namespace = cluster.namespace("frozen");
    for name in ["first", "second"] {
        namespace.apply(&POD.replace("@POD@", name));
    }
    wait_told(&agent, &namespace, "added", "second");

    // It reads what the watch has kept for it.
    agent.signal(Signal::STOP);
    namespace.kubectl(&["delete", "pod", "first"]);
    agent.signal(Signal::CONT);
    wait_told(&agent, &namespace, "deleted", "first");

    // The new process of the API server knows nothing of that time: the version is
    // too old, and all is listed again.
    agent.signal(Signal::STOP);
    cluster.api_server("restart");
    namespace.kubectl(&["delete", "pod", "second"]);
    agent.signal(Signal::CONT);
    assert_equal_to_kubectl(&cluster, &agent);
    wait_told(&agent, &namespace, "deleted", "second");
    eventually("another list of pods", || {
        let mut watches = watches(&agent).into_iter();
        let pods = watches.find(|watch| watch["kind"] == "pods")?;
        (pods["relists"].as_u64()? >= 1).then_some(())
    });
}

/// Not scheduled anywhere: it goes as soon as it is deleted.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: "@POD@"}
spec:
  nodeSelector: {nowhere: "true"}
  containers: [{name: main, image: "busybox:1"}]
"#;

/// Does the damage, which ends with an API server that answers, while looking at the
/// agent: it was always alive, in one process, ready before and after.
fn survive(cluster: &Cluster, agent: &Agent, damage: impl FnOnce()) {
    let epoch = agent.json("/api/status/changes")["epoch"].clone();
    let healed = AtomicBool::new(false);
    let (health, ready) = thread::scope(|scope| {
        let looks = scope.spawn(|| observe(agent, &healed));
        let stop = Stop(&healed);
        damage();
        assert_equal_to_kubectl(cluster, agent);
        within(HEALED, "/ready with 200", || {
            (agent.get_open("/ready").status == 200).then_some(())
        });
        drop(stop);
        looks.join().expect("the observer does not panic")
    });
    assert_eq!(health, [200], "of /health");
    assert_eq!((ready.first(), ready.last()), (Some(&200), Some(&200)));
    assert_eq!(agent.json("/api/status/changes")["epoch"], epoch);
}

/// Whether the agent has missed it for that long, by its own account.
fn long_lost(watch: &Value) -> bool {
    let since = watch["since"].as_str().unwrap_or_default();
    let since = humantime::parse_rfc3339(since).ok();
    let lost = since.and_then(|since| since.elapsed().ok());
    watch["availability"] == "stale" && lost >= Some(OUTAGE)
}

/// The states of `/health` and `/ready`, each as often as it changed.
fn observe(agent: &Agent, healed: &AtomicBool) -> (Vec<u16>, Vec<u16>) {
    let (mut health, mut ready) = (Vec::new(), Vec::new());
    while !healed.load(Ordering::Relaxed) {
        health.push(agent.get_open("/health").status);
        ready.push(agent.get_open("/ready").status);
        thread::park_timeout(LOOK);
    }
    ready.push(agent.get_open("/ready").status);
    health.dedup();
    ready.dedup();
    (health, ready)
}

/// Ends the observer also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What happens after the healing is told.
fn assert_told(agent: &Agent, namespace: &Namespace<'_>) {
    namespace.apply(&POD.replace("@POD@", "after"));
    wait_told(agent, namespace, "added", "after");
}

fn wait_told(agent: &Agent, namespace: &Namespace<'_>, what: &str, pod: &str) {
    eventually(&format!("pod {pod} {what}"), || {
        let changes = agent.json("/api/status/changes");
        let mut changes = changes["changes"].as_array()?.iter();
        let own = changes.find(|told| {
            told["namespace"] == *namespace.name && told["name"] == pod && told["what"] == what
        });
        own.map(|_| ())
    });
}

fn watches(agent: &Agent) -> Vec<Value> {
    let health = agent.json("/api/health/detailed");
    let watches = health["kubernetes"]["watches"].as_array();
    watches.cloned().unwrap_or_default()
}
