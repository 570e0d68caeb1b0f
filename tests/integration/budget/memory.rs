//! How much memory it takes to follow a cluster, and how much processor time.

use std::env;
use std::iter;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pipeops_agent::cluster::Kind;

use super::{Rig, Usage, at_rest, seen, shipped, skip};
use crate::support::{Agent, within};

const MB: u64 = 1_000_000;
const PODS: usize = 5_000;
const RUNS: usize = 10;
const PROCESSOR: Duration = Duration::from_millis(150);

/// Two rounds of measuring usage have passed by then.
const SETTLED: Duration = Duration::from_secs(60);
/// Some 1.4 MB of it are pages of the binary: those that run, when build/cold.ld still names the others.
/// On a node that has just started: what others did there since, events above all, is kept, too.
const NODE_RESIDENT: u64 = 5 * MB / 2;
const NODE_ANONYMOUS: u64 = 6 * MB / 5;

#[test]
fn five_thousand_pods_are_followed_in_6_mb_and_150_ms() {
    if shipped("5,000 pods").is_none() {
        return;
    }
    let rig = Rig::new(PODS);
    let both = || (at_rest(&rig.agent()), rig.server.yardstick().unwrap());
    let (runs, yardsticks): (Vec<Usage>, Vec<Duration>) =
        iter::repeat_with(both).take(RUNS).unzip();
    seen("5,000 pods", &runs);
    seen("5,000 pods, read by serde_json", &yardsticks);
    for usage in &runs {
        assert!(usage.resident <= 6 * MB, "{usage:?}");
        assert!(usage.resident_peak <= 9 * MB, "{usage:?}");
    }
    // The least: what others do to the caches meanwhile is not the agent's. A machine that
    // is slow today is so for both.
    let processor = runs.iter().map(|usage| usage.processor).min().unwrap();
    let yardstick = yardsticks.into_iter().min().unwrap();
    let limit = PROCESSOR.max(yardstick * 2 / 3);
    assert!(processor <= limit, "{processor:?}, at most {limit:?}");
}

#[test]
fn a_new_local_node_is_followed_in_2_5_mb() {
    let what = "memory on the local node";
    let (Some(_), Some(kubeconfig)) = (shipped(what), env::var_os("KUBECONFIG")) else {
        return;
    };
    if env::var_os("PIPEOPS_TEST_CLUSTER").is_none() {
        return skip(what, "no local Kubernetes");
    }
    let started = Instant::now();
    let agent = Agent::start(&PathBuf::from(kubeconfig), &[]);
    for kind in Kind::ALL {
        agent.wait_log(&format!("watching {}", kind.plural()));
    }
    // It is left alone meanwhile: asking it would be work.
    within(2 * SETTLED, "the time to settle", || {
        (started.elapsed() >= SETTLED).then_some(())
    });
    let usage = Usage::of(&agent);
    seen("the local node", usage);
    assert!(usage.resident <= NODE_RESIDENT, "{usage:?}");
    assert!(usage.anonymous <= NODE_ANONYMOUS, "{usage:?}");
}
