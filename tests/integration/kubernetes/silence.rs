//! One watch with short limits against the same server: silence and slow retries,
//! which take minutes in the agent.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pipeops_agent::health::Beats;
use pipeops_agent::json::Walk;
use pipeops_agent::k8s::watch::{Health, Limits, Resource, Sink, Stats, Watcher};
use pipeops_agent::k8s::{self, Client};
use pipeops_agent::stop;
use serde_json::Value;

use crate::support::api_server::{ApiServer, Fault, Op, object};
use crate::support::eventually;

const PODS: &str = "/api/v1/pods";

/// What was seen, in words.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, word: &str, object: &[u8]) {
        let object: Value = serde_json::from_slice(object).unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let text = format!("{word} {name}");
        self.0.lock().unwrap().push(text.trim().to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    #[track_caller]
    fn wait(&self, text: &str) {
        eventually(&format!("{text} in {:?}", self.all()), || {
            self.all().contains(&text.to_owned()).then_some(())
        });
    }
}

impl Sink for Seen {
    fn restart(&mut self) {
        self.note("list", b"");
    }
    fn listed(&mut self, text: &[u8]) -> Result<usize, serde_json::Error> {
        let mut walk = Walk::new(text);
        self.note("listed", walk.skip()?);
        Ok(text.len() - walk.rest().len())
    }
    fn broken(&mut self, _text: &[u8], error: &serde_json::Error) {
        self.note("broken", error.to_string().as_bytes());
    }
    fn complete(&mut self) {
        self.note("complete", b"");
    }
    fn applied(&mut self, object: &[u8]) {
        self.note("applied", object);
    }
    fn deleted(&mut self, object: &[u8]) {
        self.note("deleted", object);
    }
    fn health(&mut self, health: Health<'_>) {
        let word = match health {
            Health::Live => "live",
            Health::Lost { .. } => "lost",
            Health::Forbidden { .. } => "forbidden",
        };
        self.note(word, b"");
    }
}

/// Follows pods while `test` runs.
fn follow(server: &ApiServer, limits: Limits, test: impl FnOnce(&Seen, &Stats)) {
    let options = k8s::Options {
        kubeconfig: vec![server.kubeconfig()],
        ..k8s::Options::default()
    };
    let target = Arc::new(k8s::target(&options).unwrap());
    let client = Client::for_watch(target, limits.silence, false).unwrap();
    let (stats, seen) = (Arc::new(Stats::default()), Seen::default());
    let resource = Resource {
        path: PODS,
        name: "pods",
    };
    let watcher = Watcher::new(client.clone(), resource, Arc::clone(&stats), limits);
    let (source, stop) = stop::channel();
    let beat = Beats::new(Instant::now()).register("watch", Duration::from_secs(60));
    let mut sink = seen.clone();
    thread::scope(|scope| {
        let run = scope.spawn(move || watcher.run(&stop, &beat, &mut sink).is_ok());
        // However the test ends, the watch must end, too.
        let end = End(Some(source), client);
        test(&seen, &stats);
        drop(end);
        assert!(run.join().unwrap());
    });
}

struct End(Option<stop::StopSource>, Client);

impl Drop for End {
    fn drop(&mut self) {
        self.0.take();
        self.1.shutdown();
    }
}

fn short() -> Limits {
    Limits {
        silence: Duration::from_millis(300),
        slow: Duration::from_millis(50),
        ..Limits::default()
    }
}

#[test]
fn a_watch_that_went_silent_is_opened_again_and_nothing_is_lost() {
    let server = ApiServer::start();
    follow(&server, short(), |seen, stats| {
        seen.wait("live");
        server.wait_watch("pods", 1);
        let known = server.apply("pods", object("pods", "heard"));
        seen.wait("applied heard");
        // The connection stays, but nothing comes through any more.
        server.deafen("pods");
        server.apply("pods", object("pods", "unheard"));
        seen.wait("applied unheard");
        let resumed = &server.requests(PODS, Op::Watch)[1];
        assert_eq!(
            resumed.query("resourceVersion"),
            Some(known.to_string().as_str())
        );
        assert_eq!(server.requests(PODS, Op::Get).len(), 1);
        assert!(stats.reconnects.get() >= 1);
    });
}

#[test]
fn silence_in_the_middle_of_a_line_is_silence() {
    let server = ApiServer::start();
    follow(&server, short(), |seen, _| {
        seen.wait("live");
        server.wait_watch("pods", 1);
        server.inject("pods", br#"{"type":"ADDED","object":{"metadata":{"na"#);
        server.deafen("pods");
        server.apply("pods", object("pods", "later"));
        seen.wait("applied later");
        assert_eq!(server.requests(PODS, Op::Get).len(), 1);
    });
}

#[test]
fn what_was_forbidden_is_followed_once_it_is_allowed() {
    let server = ApiServer::start();
    server.always(PODS, Op::Get, Fault::status(403, "Forbidden"));
    follow(&server, short(), |seen, _| {
        server.wait_requests(PODS, Op::Get, 3);
        server.heal();
        seen.wait("live");
        let told: Vec<_> = seen
            .all()
            .into_iter()
            .filter(|word| word != "list")
            .collect();
        assert_eq!(told, ["forbidden", "listed first", "complete", "live"]);
    });
}

#[test]
fn a_right_that_is_taken_away_is_noticed_with_the_next_watch() {
    let server = ApiServer::start();
    follow(&server, short(), |seen, _| {
        seen.wait("live");
        server.wait_watch("pods", 1);
        server.always("*", Op::Watch, Fault::status(403, "Forbidden"));
        server.deafen("pods");
        // For now: a server that has just started refuses what it will allow.
        seen.wait("lost");
        server.heal();
        server.apply("pods", object("pods", "later"));
        seen.wait("applied later");
        assert_eq!(server.requests(PODS, Op::Get).len(), 1);
    });
}
