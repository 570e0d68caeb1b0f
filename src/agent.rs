//! Wiring only: builds the parts, makes the channels, fills the group, runs it.

mod error;
mod kept;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

use self::error::{failed, mistaken, unbound, wrong};
use crate::api::{self, Api};
use crate::chain::Chain;
use crate::cluster::{Kind, Published, State, Update, publication};
use crate::commands::audit::Audit;
use crate::commands::journal::Journal;
use crate::commands::policy::PolicyFile;
use crate::commands::{self, Keys, Sealed};
use crate::config::Settings;
use crate::control::{self, Link};
use crate::group::{Group, Outcome};
use crate::health::{Beat, Beats, TURN};
use crate::http::Front;
use crate::k8s;
use crate::metrics::Gauge;
use crate::signals::Signals;
use crate::stop::{self, Stop};
use crate::work::commands::{Commands, Reception, Tools};
use crate::work::{Feed, Heartbeat, Identity, Keeper, Limits, Session, Status, Survey, resource};
use crate::{process, version};
use kept::{Kept, policy, recall};

pub use self::error::Error;

/// Virtual; a thread costs the pages it touches.
const STACK: usize = 512 * 1024;
/// From the first interrupt to the end of the process.
const DEADLINE: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(2);
/// Updates on their way to the state; full means that watches wait.
const UPDATES: usize = 256;
/// A loop that blocks in the network is bounded by its own time limits; three
/// minutes without a turn is a bug.
const SILENCE: Duration = Duration::from_secs(180);

/// Runs until a signal comes or a thread ends.
pub fn run(settings: &Settings, signals: Signals) -> Result<(), Error> {
    let started = Instant::now();
    process::raise_open_files();
    let front = Front::bind(settings.http()).map_err(unbound)?;
    let target = k8s::target(&settings.kubernetes()).map_err(mistaken)?;
    announce(&front, &target);
    let mut agent = Agent::new(settings, Arc::new(target), started)?;
    agent.watch_signals(signals);
    agent.follow_cluster()?;
    agent.report(settings)?;
    agent.serve(front, settings)?;
    let ending = agent.group.run(DEADLINE);
    if !ending.stuck.is_empty() {
        log::error!("threads that did not end: {}", ending.stuck.join(", "));
    }
    match ending.outcome {
        Ok(()) => Ok(()),
        Err(failure) => {
            let text = format!("the thread {} ended: {}", ending.first, Chain(&failure));
            Err(Error::Failed(text.into()))
        }
    }
}

fn announce(front: &Front, target: &k8s::Target) {
    let texts = |addresses: Vec<SocketAddr>| -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    };
    let (addresses, secure) = (texts(front.addresses()), texts(front.tls_addresses()));
    if !secure.is_empty() {
        log::info!("speaking TLS on {}", secure.join(", "));
    }
    log::info!(
        "pipeops-agent {} ({}), Kubernetes at {}, listening on {}",
        version::VERSION,
        version::COMMIT,
        target.describe(),
        addresses.join(", ")
    );
}

/// The parts while they are put together.
struct Agent {
    group: Group,
    beats: Beats,
    target: Arc<k8s::Target>,
    calls: k8s::Client,
    published: Published,
    keeper: Option<Keeper>,
    updates: Sender<Update>,
    watches: Vec<(Kind, Arc<k8s::watch::Stats>)>,
    identity: Identity,
    control: Option<api::ControlPlane>,
    commands: Arc<commands::Stats>,
    state_kept: Option<bool>,
    policy: Arc<PolicyFile>,
    audit: Arc<Audit>,
}

impl Agent {
    fn new(settings: &Settings, target: Arc<k8s::Target>, started: Instant) -> Result<Self, Error> {
        let calls = k8s::Client::for_calls(Arc::clone(&target)).map_err(mistaken)?;
        let (updates, receiver) = bounded(UPDATES);
        let mut state = State::new(fastrand::u64(..));
        let (publisher, published) = publication(state.snapshot());
        let control = settings.control();
        let policy = Arc::new(policy(settings, &target)?);
        let audit = Audit::new(settings.state_dir.clone(), settings.state_size / 4);
        Ok(Self {
            group: Group::default(),
            beats: Beats::new(started),
            target,
            calls,
            published,
            keeper: Some(Keeper::new(receiver, state, publisher)),
            updates,
            watches: Vec::new(),
            identity: Identity {
                agent_name: rustix::system::uname()
                    .nodename()
                    .to_string_lossy()
                    .into_owned(),
                cluster_name: settings.cluster_name.clone(),
                control_plane_url: control.map(|control| control.url).unwrap_or_default(),
                started,
                instance: String::new(),
            },
            control: None,
            commands: Arc::default(),
            state_kept: None,
            policy,
            audit: Arc::new(audit),
        })
    }

    fn watch_signals(&mut self, mut signals: Signals) {
        let handle = signals.handle();
        let policy = Arc::clone(&self.policy);
        let wait = move || {
            if let Some(signal) = signals.wait(|| policy.reload())? {
                log::info!("{signal}: stopping");
            }
            Ok(())
        };
        self.group
            .add("signals", STACK, wait, move || handle.close());
    }

    /// State, one watch for each kind, and the survey.
    fn follow_cluster(&mut self) -> Result<(), Error> {
        if let Some(keeper) = self.keeper.take() {
            let body = move |stop: &Stop, beat: &Beat| keeper.run(stop, beat);
            self.add("state", 3 * TURN, body, || {});
        }
        for kind in Kind::ALL {
            self.watch(kind)?;
        }
        let survey = Survey::new(
            self.calls.clone(),
            self.published.clone(),
            self.updates.clone(),
        );
        let client = self.calls.clone();
        let body = move |stop: &Stop, beat: &Beat| survey.run(stop, beat);
        self.add("survey", SILENCE, body, move || client.shutdown());
        Ok(())
    }

    fn watch(&mut self, kind: Kind) -> Result<(), Error> {
        let limits = k8s::watch::Limits::default();
        let long = kind == Kind::Pod;
        let client = k8s::Client::for_watch(Arc::clone(&self.target), limits.silence, long)
            .map_err(mistaken)?;
        let stats = Arc::new(k8s::watch::Stats::default());
        self.watches.push((kind, Arc::clone(&stats)));
        let mut feed = Feed::new(kind, self.updates.clone(), Arc::clone(&stats));
        let watcher = k8s::watch::Watcher::new(client.clone(), resource(kind), stats, limits);
        let body = move |stop: &Stop, beat: &Beat| watcher.run(stop, beat, &mut feed);
        self.add(thread_name(kind), SILENCE, body, move || client.shutdown());
        Ok(())
    }

    /// Registration, heartbeat and status, where a control plane is configured.
    fn report(&mut self, settings: &Settings) -> Result<(), Error> {
        let Some(options) = settings.control() else {
            log::info!("no control plane is configured: standalone");
            return Ok(());
        };
        let client = Arc::new(control::Client::new(&options).map_err(mistaken)?);
        let (kept, instance) = recall(settings);
        self.identity.instance = instance;
        let link = Arc::new(Link::new(settings.intervals().heartbeat));
        let session = Arc::new(Session::new(
            Arc::clone(&client),
            Arc::clone(&link),
            self.identity.clone(),
            settings.intervals(),
        ));
        let farewell = control::Options {
            timeout: FAREWELL,
            ..options.clone()
        };
        let farewell = control::Client::new(&farewell).map_err(mistaken)?;
        self.state_kept = Some(kept.0.is_some());
        let farewell = Arc::new(farewell);
        // Before those whose interrupt cuts the calls that all of them share.
        let journal = self.take_commands(&session, settings, Arc::clone(&farewell))?;
        let limits = Limits {
            folder: settings.state_dir.clone(),
            kept: settings.state_size / 4,
            bytes_per_day: settings.bytes_per_day,
        };
        self.speak(session, kept, farewell, limits);
        self.control = Some(api::ControlPlane {
            link,
            client,
            options,
            commands: Arc::clone(&self.commands),
            journal,
        });
        Ok(())
    }

    /// The loop that does what the control plane asks for; the size of its journal.
    fn take_commands(
        &mut self,
        session: &Arc<Session>,
        settings: &Settings,
        farewell: Arc<control::Client>,
    ) -> Result<Arc<Gauge>, Error> {
        let keys = settings.command_keys_file.clone().map(Keys::open);
        let keys = keys.transpose().map_err(wrong)?;
        let folder = settings.state_dir.clone();
        let tools = Tools {
            session: Arc::clone(session),
            published: self.published.clone(),
            target: Arc::clone(&self.target),
            namespace: self.target.namespace().to_owned(),
            policy: Arc::clone(&self.policy),
            keys,
            sealed: Sealed::new(folder.clone(), settings.state_size / 4),
            audit: Arc::clone(&self.audit),
            stats: Arc::clone(&self.commands),
            is_fleeting: folder
                .as_ref()
                .is_some_and(|folder| commands::is_fleeting(folder)),
        };
        // While it is compacted there are two, and a damaged one may lie beside it.
        let journal = Journal::new(folder, settings.state_size / 8);
        let size = journal.size();
        let commands = Commands::new(tools, journal, farewell);
        let body = move |stop: &Stop, beat: &Beat| commands.run(stop, beat);
        self.add("commands", SILENCE, body, || {});
        Ok(size)
    }

    /// The two loops that share a session.
    fn speak(
        &mut self,
        session: Arc<Session>,
        kept: Kept,
        farewell: Arc<control::Client>,
        limits: Limits,
    ) {
        // Full means that the status loop already knows.
        let (due, asked) = bounded(1);
        let calls = Arc::clone(&session.client);
        let status = Status::new(Arc::clone(&session), self.published.clone(), asked, limits);
        let published = self.published.clone();
        let heartbeat = Heartbeat::new(session, published, kept, due, farewell);
        // In this order: status must know that the end has come before its call is cut.
        let body = move |stop: &Stop, beat: &Beat| status.run(stop, beat);
        self.add("status", SILENCE, body, || {});
        let body = move |stop: &Stop, beat: &Beat| heartbeat.run(stop, beat);
        self.add("heartbeat", SILENCE, body, move || calls.shutdown());
    }

    /// Where commands of those who are here are done.
    fn reception(&self) -> Reception {
        Reception {
            target: Arc::clone(&self.target),
            namespace: self.target.namespace().to_owned(),
            policy: Arc::clone(&self.policy),
            audit: Arc::clone(&self.audit),
            seats: Reception::seats(),
        }
    }

    fn serve(&mut self, front: Front, settings: &Settings) -> Result<(), Error> {
        let sources = api::Sources {
            published: self.published.clone(),
            updates: self.updates.clone(),
            beats: self.beats.clone(),
            http: front.stats(),
            kubernetes: api::Kubernetes {
                client: self.calls.clone(),
                description: self.target.describe(),
                watches: std::mem::take(&mut self.watches),
            },
            control: self.control.take(),
            started: self.identity.started,
            state_kept: self.state_kept,
            policy: Arc::clone(&self.policy),
            audit: Arc::clone(&self.audit),
            reception: Arc::new(self.reception()),
        };
        let security = settings.security(self.target.namespace());
        let api = Api::new(sources, security, settings.routes());
        let api = Arc::new(api);
        front
            .add_to(&mut self.group, api, &self.beats)
            .map_err(failed)
    }

    /// A loop with a stop and a beat of its own; `unblock` ends a blocking call.
    fn add(
        &mut self,
        name: &'static str,
        silence: Duration,
        body: impl FnOnce(&Stop, &Beat) -> Outcome + Send + 'static,
        unblock: impl FnOnce() + Send + 'static,
    ) {
        let (source, stop) = stop::channel();
        let beat = self.beats.register(name, silence);
        let execute = move || body(&stop, &beat);
        self.group.add(name, STACK, execute, move || {
            drop(source);
            unblock();
        });
    }
}

fn thread_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "watch-nodes",
        Kind::Pod => "watch-pods",
        Kind::Namespace => "watch-ns",
        Kind::Deployment => "watch-deploys",
        Kind::Service => "watch-services",
        Kind::Event => "watch-events",
    }
}
