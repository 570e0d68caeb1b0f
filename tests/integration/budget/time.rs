//! How fast it starts, stops and answers, and how little it does when nothing happens.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Rig, Usage, median, seen, shipped};
use crate::support::{Agent, within};

/// What idle means is looked at for so long.
const WINDOW: Duration = Duration::from_secs(20);

#[test]
fn it_answers_within_50_ms_of_its_start_and_ends_within_1_s() {
    if shipped("times of start and stop").is_none() {
        return;
    }
    let rig = Rig::new(10);
    let mut starts = Vec::new();
    let mut stops = Vec::new();
    for _ in 0..7 {
        let started = Instant::now();
        let agent = Agent::start(&rig.kubeconfig, &[]);
        assert_eq!(agent.get_open("/health").status, 200);
        starts.push(started.elapsed());
        agent.wait_log("watching pods");
        let (status, took) = agent.stop();
        assert!(status.success());
        stops.push(took);
    }
    let (start, stop) = (median(starts), median(stops));
    seen("start, stop", (start, stop));
    assert!(start <= Duration::from_millis(50), "{start:?}");
    assert!(stop <= Duration::from_secs(1), "{stop:?}");
}

#[test]
fn an_idle_agent_does_next_to_nothing() {
    if shipped("idle time").is_none() {
        return;
    }
    let agent = Rig::new(100).agent();
    let (start, before) = (Instant::now(), Usage::of(&agent));
    within(2 * WINDOW, "the end of the window", || {
        (start.elapsed() >= WINDOW).then_some(())
    });
    let after = Usage::of(&agent);
    let seconds = start.elapsed().as_secs_f64();
    let share = (after.processor - before.processor).as_secs_f64() / seconds;
    assert!(share <= 0.001, "{share:.5} of a core");
    let wakeups = after.wakeups - before.wakeups;
    #[allow(clippy::cast_precision_loss, reason = "a small count")]
    let rate = wakeups as f64 / seconds;
    seen("share of a core, wake-ups a second", (share, rate));
    assert!(rate <= 4.0, "{rate:.1} wake-ups a second");
}

#[test]
fn idle_connections_cost_no_threads_and_delay_nobody() {
    if shipped("idle connections").is_none() {
        return;
    }
    let agent = Rig::new(10).agent();
    let before = Usage::of(&agent).threads;
    let idle: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(agent.address()).unwrap();
            // A request has begun: nothing can be said of it yet.
            stream.write_all(b"GET /health").unwrap();
            stream
        })
        .collect();
    let times = (0..50).map(|_| {
        let asked = Instant::now();
        assert_eq!(agent.get_open("/health").status, 200);
        asked.elapsed()
    });
    let time = median(times.collect());
    seen("/health beside 200 idle connections", time);
    assert_eq!(Usage::of(&agent).threads, before);
    assert!(time < Duration::from_millis(10), "{time:?}");
    drop(idle);
}
