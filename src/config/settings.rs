//! The settings of a run, and how they are made of what the sources give.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::control_plane::{self, ControlPlane};
use super::environment::Environment;
use super::layers::{Given, Layer, Source};
use super::listen::{self, Tls};
use super::mistake::Mistake;
use super::secrets::{self, Keys};
use super::table::Key;
use super::value;
use crate::logger;
use crate::sorted::Sorted;
use crate::token::TokenSource;

const STATE_DIR: &str = "/var/lib/pipeops-agent";

/// Everything that is set, checked as far as that needs no network.
#[derive(Debug)]
pub struct Settings {
    /// None: standalone.
    pub control_plane: Option<ControlPlane>,
    pub cluster_name: String,
    /// None: assigned by the control plane.
    pub agent_id: Option<String>,
    pub heartbeat_interval: Duration,
    pub status_interval: Duration,
    /// What the control plane may do.
    pub policy_file: Option<PathBuf>,
    /// Public keys that its commands must be signed by.
    pub command_keys_file: Option<PathBuf>,
    /// What may be sent to the control plane from midnight to midnight.
    pub bytes_per_day: Option<u64>,
    pub kubernetes: Kubernetes,
    pub listen: Vec<SocketAddr>,
    /// None: plain HTTP only.
    pub tls: Option<Tls>,
    pub api: Api,
    /// None: nothing is kept across restarts.
    pub state_dir: Option<PathBuf>,
    /// Bytes that what is kept may take.
    pub state_size: u64,
    pub log_level: LevelFilter,
    pub log_format: logger::Format,
    /// `NO_COLOR` (<https://no-color.org>).
    pub no_color: bool,
    /// What is no mistake, but likely not meant.
    pub warnings: Vec<String>,
    sources: Sorted<Key, Source>,
}

/// Who may ask the local API.
#[derive(Debug)]
pub struct Api {
    /// Good for reading.
    pub token: Option<TokenSource>,
    /// Lines of `SCOPE NAME TOKEN`, checked.
    pub tokens_file: Option<PathBuf>,
    /// More names of the agent.
    pub hosts: Vec<String>,
    /// Streams and passed on requests at once.
    pub streams: usize,
    /// Whether metrics need no token.
    pub metrics_open: bool,
}

/// How to find the API server; what is empty or none is looked for.
#[derive(Debug)]
pub struct Kubernetes {
    pub kubeconfig: Vec<PathBuf>,
    pub context: Option<String>,
    /// What Kubernetes says to a process in a pod.
    pub in_cluster: Option<InCluster>,
    pub home: Option<PathBuf>,
}

/// The API server as a pod sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InCluster {
    pub host: String,
    pub port: u16,
}

impl Settings {
    /// Where a setting comes from.
    pub fn source(&self, key: Key) -> &Source {
        self.sources.get(&key).unwrap_or(&Source::Default)
    }
}

/// Makes settings, or tells everything that is wrong.
pub(super) fn assemble(
    mut layer: Layer,
    environment: &Environment,
) -> Result<Settings, Vec<Mistake>> {
    // Each is evaluated whatever became of the others, so that no mistake hides another.
    let control_plane = control_plane::read(&mut layer, environment);
    let api = api(&mut layer, environment);
    let [cluster_name, agent_id] = names(&mut layer);
    let [heartbeat_interval, status_interval] = intervals(&mut layer);
    let [policy_file, command_keys_file] = files(&mut layer);
    let bytes_per_day = layer.take(Key::BytesPerDay, value::size);
    let kubernetes = kubernetes(&mut layer, environment);
    let (listen, tls) = listen::read(&mut layer, environment);
    let (log_level, log_format) = logging(&mut layer);
    let (state_dir, state_size) = state(&mut layer, environment);
    let layer = layer.right()?;
    Ok(Settings {
        control_plane,
        cluster_name: cluster_name.unwrap_or_default(),
        agent_id,
        heartbeat_interval,
        status_interval,
        policy_file,
        command_keys_file,
        bytes_per_day,
        kubernetes,
        listen,
        tls,
        api,
        state_dir,
        state_size,
        log_level,
        log_format,
        no_color: environment.get("NO_COLOR").is_some(),
        warnings: layer.warnings,
        sources: sources(layer.values),
    })
}

fn names(layer: &mut Layer) -> [Option<String>; 2] {
    [Key::ClusterName, Key::AgentId].map(|key| layer.take(key, value::name))
}

fn intervals(layer: &mut Layer) -> [Duration; 2] {
    let keys = [Key::HeartbeatInterval, Key::StatusInterval];
    keys.map(|key| layer.take(key, value::interval).unwrap_or_default())
}

/// Those about commands.
fn files(layer: &mut Layer) -> [Option<PathBuf>; 2] {
    [Key::PolicyFile, Key::CommandKeysFile].map(|key| layer.take(key, value::path))
}

fn api(layer: &mut Layer, environment: &Environment) -> Api {
    Api {
        token: secrets::read(layer, API_TOKEN, environment),
        tokens_file: layer.take(Key::ApiTokensFile, secrets::tokens_file),
        streams: layer.take(Key::Streams, value::streams).unwrap_or_default(),
        hosts: layer.take(Key::Hosts, value::hosts).unwrap_or_default(),
        metrics_open: layer.take(Key::MetricsOpen, value::switch).unwrap_or(false),
    }
}

fn logging(layer: &mut Layer) -> (LevelFilter, logger::Format) {
    let level = layer.take(Key::LogLevel, value::level);
    let format = layer.take(Key::LogFormat, value::format);
    let format = format.unwrap_or(logger::Format::Text);
    (level.unwrap_or(LevelFilter::Info), format)
}

fn sources(values: Sorted<Key, Given>) -> Sorted<Key, Source> {
    let mut sources = Sorted::default();
    for (key, given) in values {
        sources.insert(key, given.source);
    }
    sources
}

const API_TOKEN: Keys = Keys {
    text: Key::ApiToken,
    file: Key::ApiTokenFile,
};

pub(super) fn kubernetes(layer: &mut Layer, environment: &Environment) -> Kubernetes {
    Kubernetes {
        kubeconfig: layer
            .take(Key::Kubeconfig, value::paths)
            .unwrap_or_default(),
        context: layer.take(Key::Context, value::text),
        in_cluster: in_cluster(layer, environment),
        home: environment.get("HOME").map(PathBuf::from),
    }
}

/// What Kubernetes tells every pod
/// (<https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>).
fn in_cluster(layer: &mut Layer, environment: &Environment) -> Option<InCluster> {
    const PORT: &str = "KUBERNETES_SERVICE_PORT";
    let host = environment.get("KUBERNETES_SERVICE_HOST")?;
    let port = environment.get(PORT)?;
    match value::port(port) {
        Ok(port) => Some(InCluster {
            host: host.to_owned(),
            port,
        }),
        Err(fault) => {
            layer.mistakes.push(Mistake::of(PORT, port, fault));
            None
        }
    }
}

fn state(layer: &mut Layer, environment: &Environment) -> (Option<PathBuf>, u64) {
    let size = layer.take(Key::StateSize, value::state_size);
    (state_dir(layer, environment), size.unwrap_or_default())
}

/// The folder that is set, else the system's for root, else the user's
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>).
fn state_dir(layer: &mut Layer, environment: &Environment) -> Option<PathBuf> {
    if let Some(path) = layer.take(Key::StateDir, value::path) {
        return Some(path);
    }
    if environment.superuser {
        return Some(PathBuf::from(STATE_DIR));
    }
    let absolute = |name| {
        environment
            .get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    if folder.is_none() {
        layer.warnings.push(
            "no folder for state: neither --state-dir nor HOME is set; \
             a restart registers the agent anew"
                .to_owned(),
        );
    }
    Some(folder?.join("pipeops-agent"))
}
