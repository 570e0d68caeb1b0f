//! Asks the API server what no watch tells: who the cluster is, and what its
//! nodes use.

use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::Sender;

use crate::age::since_1970;
use crate::backoff::{Backoff, Policy};
use crate::chain::Chain;
use crate::cluster::{
    Name, NodeUsage, Published, Readiness, ServerFacts, Update, Usage, UsageSource,
};
use crate::group::Outcome;
use crate::health::Beat;
use crate::k8s::{self, Client, calls, usage};
use crate::stop::Stop;

/// Metrics servers measure every 15 s or less often.
const USAGE_EVERY: Duration = Duration::from_secs(30);
/// The server may be upgraded under us.
const FACTS_EVERY: Duration = Duration::from_secs(600);
const BACKOFF: Policy = Policy {
    first: Duration::from_millis(500),
    limit: Duration::from_secs(15),
    calm: Duration::from_secs(25),
};

/// The loop's own state.
pub struct Survey {
    client: Client,
    published: Published,
    updates: Sender<Update>,
    probe: usage::Probe,
    facts_due: Instant,
    backoff: Backoff,
    told: Option<String>,
}

impl Survey {
    pub fn new(client: Client, published: Published, updates: Sender<Update>) -> Self {
        Self {
            client,
            published,
            updates,
            probe: usage::Probe::default(),
            facts_due: Instant::now(),
            backoff: Backoff::new(BACKOFF),
            told: None,
        }
    }

    pub fn run(mut self, stop: &Stop, beat: &Beat) -> Outcome {
        loop {
            beat.stamp(Instant::now());
            let outcome = self.step(beat);
            if stop.is_stopped() {
                return Ok(());
            }
            let wait = self.judge(outcome);
            if beat.rest(stop, wait) {
                return Ok(());
            }
        }
    }

    /// What is due now; true when usage was measured. Who may not know the one may
    /// still know the other.
    fn step(&mut self, beat: &Beat) -> Result<bool, k8s::Error> {
        let now = Instant::now();
        let mut facts = Ok(());
        if now >= self.facts_due {
            facts = self.ask_facts();
            if facts.is_ok() {
                self.facts_due = now + FACTS_EVERY;
            }
        }
        let measured = self.measure(beat);
        facts.and(measured)
    }

    /// Takes back figures that can no longer be measured.
    fn measure(&mut self, beat: &Beat) -> Result<bool, k8s::Error> {
        let snapshot = self.published.current();
        if snapshot.nodes.is_empty() {
            return Ok(false);
        }
        // The API server waits long for a kubelet that is gone.
        let ready = snapshot.nodes.iter();
        let ready = ready.filter(|node| node.readiness == Readiness::Ready);
        let nodes: Vec<&str> = ready.map(|node| &*node.name).collect();
        let turn = || beat.stamp(Instant::now());
        let (usage, outcome) = match self.probe.fetch(&self.client, &nodes, &turn) {
            Ok(None) => (None, Ok(false)),
            Ok(Some(usage)) => (Some(self.usage(usage)), Ok(true)),
            Err(error) => (None, Err(error)),
        };
        let _ = self.updates.send(Update::Usage(usage));
        outcome
    }

    fn ask_facts(&self) -> Result<(), k8s::Error> {
        let version = calls::version(&self.client)?;
        let uid = calls::cluster_uid(&self.client)?;
        let facts = ServerFacts {
            version: Name::from(version.git_version),
            uid: Name::from(uid),
        };
        let _ = self.updates.send(Update::Server(facts));
        Ok(())
    }

    fn usage(&self, measured: usage::Usage) -> Usage {
        let nodes = measured.nodes.into_iter().map(|node| NodeUsage {
            name: Name::from(node.name),
            cpu_millis: node.cpu_millis,
            memory_bytes: node.memory_bytes,
        });
        Usage {
            source: match measured.source {
                usage::Source::MetricsApi => UsageSource::MetricsApi,
                usage::Source::KubeletSummary => UsageSource::KubeletSummary,
            },
            at: since_1970(SystemTime::now()),
            nodes: nodes.collect(),
        }
    }

    /// How long to wait; tells each new problem once.
    fn judge(&mut self, outcome: Result<bool, k8s::Error>) -> Duration {
        let now = Instant::now();
        match outcome {
            Ok(true) => {
                self.backoff.succeeded(now);
                self.told = None;
                USAGE_EVERY
            }
            // A metrics server needs a while after a start; so does the first list.
            Ok(false) => self.backoff.failed(now, 1.0),
            Err(error) => {
                self.tell(&error);
                self.backoff.failed(now, fastrand::f64())
            }
        }
    }

    fn tell(&mut self, error: &k8s::Error) {
        let text = Chain(error).to_string();
        if self.told.as_ref() != Some(&text) {
            log::warn!("cannot ask the API server {}: {text}", self.client.server());
            self.told = Some(text);
        }
    }
}
