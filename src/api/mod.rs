//! The routes: what is asked, who may ask, and the answer.
//!
//! Every figure comes from its owner at the moment of the request; what is not
//! known is absent. Nothing here changes anything in the cluster, but what is passed on to the
//! API server as whoever asks.

mod accept;
mod audit;
mod changes;
mod connectivity;
mod description;
mod envelope;
mod features;
mod health;
mod lists;
mod live;
mod logs;
mod metrics;
mod page;
mod proxy;
mod raw;
mod readiness;
mod refusal;
mod rights;
mod route;
mod runtime;
mod session;
mod tag;
mod traffic;
mod view;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crossbeam_channel::Sender;
use serde::Serialize;

use crate::cluster::{Kind, Published, Update};
use crate::commands;
use crate::commands::audit::{Audit, Visit};
use crate::commands::policy::PolicyFile;
use crate::control::{self, Link};
use crate::health::Beats;
use crate::http::{self, Body, Handler, Method, Parts, Request, Response};
use crate::k8s;
use crate::metrics::Gauge;
use crate::seats::Seats;
use crate::security::{self, Gate};
use crate::work::commands::Reception;
use crate::{report, version};

use connectivity::Connectivity;
pub use envelope::open as open_envelope;
pub use metrics::{METRICS, Metric, Of, Sort};
use rights::Asking;
use route::Action;
use traffic::Traffic;

/// Where the answers come from.
pub struct Sources {
    pub published: Published,
    /// On their way to the state.
    pub updates: Sender<Update>,
    pub beats: Beats,
    pub http: Arc<http::Stats>,
    pub kubernetes: Kubernetes,
    /// None when no control plane is configured.
    pub control: Option<ControlPlane>,
    pub started: Instant,
    /// Whether the agent's identity outlives a restart; None without a control plane.
    pub state_kept: Option<bool>,
    /// What the scope `operate` is good for.
    pub policy: Arc<PolicyFile>,
    pub audit: Arc<Audit>,
    /// Where commands of those who are here are done.
    pub reception: Arc<Reception>,
}

pub struct Kubernetes {
    pub client: k8s::Client,
    /// The server's URL and where the credentials came from.
    pub description: String,
    pub watches: Vec<(Kind, Arc<k8s::watch::Stats>)>,
}

pub struct ControlPlane {
    pub link: Arc<Link>,
    pub client: Arc<control::Client>,
    pub options: control::Options,
    pub commands: Arc<commands::Stats>,
    /// Bytes in the journal of commands.
    pub journal: Arc<Gauge>,
}

/// What the site decides about the routes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Streams and passed on requests at once.
    pub streams: usize,
    /// Whether metrics need no token.
    pub metrics_open: bool,
}

/// Answers every request.
pub struct Api {
    sources: Arc<Sources>,
    gate: Arc<Gate>,
    /// Whether metrics need no token.
    metrics_open: bool,
    traffic: Arc<Traffic>,
    connectivity: Connectivity,
    seats: Seats,
    room: proxy::Room,
    live: live::Live,
}

impl Api {
    pub fn new(sources: Sources, security: security::Options, limits: Limits) -> Self {
        let seats = Seats::new(limits.streams);
        let audit = Arc::clone(&sources.audit);
        let note = move |decision: &security::Decision<'_>| {
            audit.note_visit(&Visit {
                who: decision.who,
                peer: &decision.peer.to_string(),
                what: decision.what,
                allowed: decision.allowed,
            });
        };
        let client = sources.kubernetes.client.clone();
        let gate = Arc::new(Gate::new(security, client, Box::new(note)));
        Self {
            live: live::Live::new(
                sources.published.clone(),
                seats.clone(),
                Arc::clone(&gate),
                sources.kubernetes.client.clone(),
                Arc::clone(&sources.reception),
            ),
            gate,
            connectivity: Connectivity::default(),
            sources: Arc::new(sources),
            metrics_open: limits.metrics_open,
            traffic: Arc::default(),
            seats,
            room: proxy::Room::default(),
        }
    }

    /// What needs no token.
    fn open(&self, action: Action, request: &Request, now: Instant) -> Option<Response> {
        Some(match action {
            Action::Index if page::wanted(request.headers.get("accept")) => page::answer(request),
            Action::Index => json(200, &index(self.metrics_open)),
            Action::Health => health::basic(&self.sources),
            Action::Ready => readiness::answer(&self.sources),
            Action::Version => json(200, &Version::default()),
            Action::Description => description::answer(request),
            Action::Session => self.session(request, now),
            Action::Pairing => self.pairing(request, now),
            Action::Metrics if self.metrics_open => self.metrics(request),
            _ => return None,
        })
    }

    fn act(&self, action: Action, request: &Request, asking: Asking<'_>) -> Response {
        match action {
            Action::DetailedHealth => json(200, &health::detailed(&self.sources)),
            Action::Features => json(200, &features::all(&self.sources)),
            Action::Runtime => json(200, &runtime::read(&self.sources)),
            Action::Connectivity => self.connectivity.answer(&self.sources),
            Action::Cluster => {
                Response::json(200, report::summary(&self.sources.published.current()))
            }
            Action::List(kind) => lists::answer(&self.sources, kind, request, asking),
            Action::History => history(&self.sources),
            Action::Changes => changes::answer(&self.sources, request),
            Action::Audit => audit::answer(&self.sources.audit, request),
            Action::Tickets => self.ticket(request, asking),
            Action::Events => self.live.events(request, asking),
            Action::LogStream => self.live.logs(request, asking),
            Action::Socket => self.live.socket(request, asking),
            Action::Logs | Action::Proxy | Action::Raw => self
                .pass(action, request, asking)
                .unwrap_or_else(|refusal| refusal),
            _ => self.metrics(request),
        }
    }

    fn metrics(&self, request: &Request) -> Response {
        let accept = request.headers.get("accept");
        metrics::answer(&self.sources, &self.traffic, accept)
    }

    /// To the API server, which judges every token but the agent's own.
    fn pass(
        &self,
        action: Action,
        request: &Request,
        mut asking: Asking<'_>,
    ) -> Result<Response, Response> {
        let client = &self.sources.kubernetes.client;
        let policy = self.sources.policy.current();
        let opened;
        let (inner, path) = match action {
            Action::Proxy => {
                opened = proxy::open(request)?;
                (&opened, raw::path(&opened))
            }
            Action::Logs => {
                let wrong = |problem: String| Response::problem(400, "Bad Request", &problem);
                (request, logs::path(request).map_err(wrong)?)
            }
            _ => (request, raw::path(request)),
        };
        let relayed = raw::relayed(inner, path, &asking.caller, &policy);
        let noted = asking.note(inner, raw::upgrade(inner).is_some(), relayed.is_ok());
        noted.map_err(refusal::answer)?;
        let relayed = relayed?;
        Ok(match action {
            Action::Proxy => proxy::answer(client, &self.seats, &self.room, relayed),
            _ => raw::answer(client, &self.seats, relayed),
        })
    }

    fn answer(&self, action: Action, request: &Request) -> Response {
        let now = Instant::now();
        if !action.is_probe()
            && let Err(refused) = self.gate.admit(request, now)
        {
            return refusal::answer(refused);
        }
        if let Some(problem) = unfit(action, request) {
            return problem;
        }
        if let Some(response) = self.open(action, request, now) {
            return response;
        }
        let known = match action {
            Action::Events | Action::LogStream | Action::Socket => {
                self.gate.caller_of_stream(request, now)
            }
            _ => self.gate.caller(request, now),
        };
        let caller = match known {
            Ok(caller) => caller,
            Err(refused) => return refusal::answer(refused),
        };
        let mut asking = Asking {
            gate: &self.gate,
            caller,
            peer: request.peer.ip(),
            now,
        };
        match asking.may(action, &request.path) {
            Ok(()) => self.act(action, request, asking),
            Err(refused) => refusal::answer(refused),
        }
    }
}

impl Handler for Api {
    fn handle(&self, request: &Request) -> Response {
        let began = Instant::now();
        let action = route::find(&request.path);
        let response = match action {
            Some(action) => self.answer(action, request),
            None => Response::problem(404, "Not Found", "GET / lists what is here"),
        };
        // What is passed on and streams are answered later, by others.
        if !matches!(response.body, Body::Taken(_)) {
            self.traffic
                .answered(action, response.status, began.elapsed());
        }
        response
    }
}

/// A node at a time: a day of all of them is half a megabyte of text.
fn history(sources: &Sources) -> Response {
    let mut history = report::HistoryText::new(&sources.published.current());
    let parts = Parts::new(move |text| history.write(text));
    Response::json(200, Body::Parts(parts))
}

/// What is wrong with method or form, whoever asks.
fn unfit(action: Action, request: &Request) -> Option<Response> {
    let allow = action.methods()?;
    if request.method == Method::Options {
        return Some(Response::new(204).with("Allow", allow));
    }
    if !allow
        .split(", ")
        .any(|known| known == request.method.as_str())
    {
        let detail = format!("{} has {allow}", request.path);
        let response = Response::problem(405, "Method Not Allowed", &detail);
        return Some(response.with("Allow", allow));
    }
    let own = action.media_type(request)?;
    let accept = request.headers.get("accept");
    (accept::quality(accept, own) <= 0.0).then(|| {
        let detail = format!("answers here are {own}; ask for that or */*");
        Response::problem(406, "Not Acceptable", &detail)
    })
}

/// Own structures always serialise; if one does not, that is a bug and is said.
fn json(status: u16, body: &impl Serialize) -> Response {
    written(status, serde_json::to_vec(body))
}

/// Apart, so that only the writing is made again for each type.
#[inline(never)]
fn written(status: u16, body: serde_json::Result<Vec<u8>>) -> Response {
    match body {
        Ok(body) => Response::json(status, body),
        Err(error) => Response::problem(500, "Internal Server Error", &error.to_string()),
    }
}

/// RFC 3339, whole seconds.
fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[derive(Serialize)]
struct Index {
    name: &'static str,
    version: &'static str,
    open: Vec<&'static str>,
    with_token: &'static [&'static str],
    streams: &'static [&'static str],
    passed_on: &'static [&'static str],
    sessions: &'static [&'static str],
}

fn index(metrics_open: bool) -> Index {
    // They are the first of those.
    let (metrics, with_token) = route::GUARDED.split_at(usize::from(metrics_open));
    Index {
        name: "pipeops-agent",
        version: version::VERSION,
        open: [route::OPEN, metrics].concat(),
        with_token,
        streams: route::STREAMS,
        passed_on: route::PASSED,
        sessions: route::SESSIONS,
    }
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    commit: &'static str,
    build_time: String,
    rustc: &'static str,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            version: version::VERSION,
            commit: version::COMMIT,
            build_time: version::build_time(),
            rustc: version::RUSTC,
        }
    }
}
