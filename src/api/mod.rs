//! The routes: what is asked, who may ask, and the answer.
//!
//! Every figure comes from its owner at the moment of the request; what is not
//! known is absent. Nothing here changes anything, but what is passed on to the API server
//! as whoever asks.

mod access;
mod changes;
mod connectivity;
mod features;
mod health;
mod live;
mod logs;
mod metrics;
mod page;
mod raw;
mod readiness;
mod route;
mod runtime;
mod traffic;
mod view;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crossbeam_channel::Sender;
use serde::Serialize;

use crate::cluster::{Kind, Page, Published, Update};
use crate::commands;
use crate::control::{self, Link};
use crate::health::Beats;
use crate::http::{self, Body, Handler, Method, Request, Response};
use crate::k8s;
use crate::metrics::Gauge;
use crate::token::TokenSource;
use crate::{report, version};

use access::{Access, Refusal};
use connectivity::Connectivity;
pub use metrics::{METRICS, Metric, Of, Sort};
use route::{Action, Route};
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

/// Answers every request.
pub struct Api {
    sources: Arc<Sources>,
    access: Access,
    /// Whether metrics need no token.
    metrics_open: bool,
    traffic: Arc<Traffic>,
    connectivity: Connectivity,
    seats: raw::Seats,
    live: live::Live,
}

impl Api {
    /// Without a token the routes below `/api` are closed, and so are metrics unless they
    /// are open to all.
    pub fn new(sources: Sources, token: Option<TokenSource>, metrics_open: bool) -> Self {
        let seats = raw::Seats::default();
        Self {
            live: live::Live::new(sources.published.clone(), seats.clone()),
            access: Access::new(token),
            connectivity: Connectivity::default(),
            sources: Arc::new(sources),
            metrics_open,
            traffic: Arc::default(),
            seats,
        }
    }

    fn act(&self, action: Action, request: &Request) -> Response {
        match action {
            Action::Index => json(200, &index(self.metrics_open)),
            Action::Health => health::basic(&self.sources),
            Action::Ready => readiness::answer(&self.sources),
            Action::Version => json(200, &Version::default()),
            Action::DetailedHealth => json(200, &health::detailed(&self.sources)),
            Action::Features => json(200, &features::all(&self.sources)),
            Action::Runtime => json(200, &runtime::read(&self.sources)),
            Action::Connectivity => self.connectivity.answer(&self.sources),
            Action::Cluster => self.page(Page::Summary),
            Action::List(kind) => self.page(Page::List(kind)),
            Action::Changes => changes::answer(&self.sources, request),
            Action::Metrics => {
                let accept = request.headers.get("accept");
                metrics::answer(&self.sources, &self.traffic, accept)
            }
            Action::Events => self.live.answer(request),
            Action::Logs => match logs::path(request) {
                Ok(path) => self.pass(request, path),
                Err(problem) => Response::problem(400, "Bad Request", &problem),
            },
            Action::Raw => {
                let path = request.path.strip_prefix(raw::PREFIX).unwrap_or_default();
                match request.query.as_str() {
                    "" => self.pass(request, path.to_owned()),
                    query => self.pass(request, format!("{path}?{query}")),
                }
            }
        }
    }

    /// To the API server, which judges every token but the agent's own.
    fn pass(&self, request: &Request, path: String) -> Response {
        let own = match self.access.check(request.headers.get("authorization")) {
            Ok(()) => true,
            Err(Refusal::NoToken | Refusal::Wrong) => false,
            Err(Refusal::Missing) => {
                return unauthorized(
                    "send a token of Kubernetes (kubectl create token NAME), or to read the \
                     API token, as Authorization: Bearer TOKEN",
                );
            }
        };
        let client = &self.sources.kubernetes.client;
        raw::answer(client, &self.seats, request, path, own)
    }

    fn answer(&self, action: Option<Action>, guarded: bool, request: &Request) -> Response {
        let Some(action) = action else {
            return Response::problem(404, "Not Found", "GET / lists what is here");
        };
        if action == Action::Raw {
            return self.act(action, request);
        }
        match request.method {
            Method::Get | Method::Head => {}
            Method::Options => return Response::new(204).with("Allow", route::ALLOW),
            _ => {
                let detail = format!("{} has {}", request.path, route::ALLOW);
                return Response::problem(405, "Method Not Allowed", &detail)
                    .with("Allow", route::ALLOW);
            }
        }
        let accept = request.headers.get("accept");
        if action == Action::Index && page::wanted(accept) {
            return page::answer(request);
        }
        let media_type = match action {
            Action::Metrics | Action::Logs => None,
            Action::Events => Some("text/event-stream"),
            _ => Some("application/json"),
        };
        if let Some(media_type) = media_type.filter(|own| access::quality(accept, own) <= 0.0) {
            let detail = format!("answers here are {media_type}; ask for that or */*");
            return Response::problem(406, "Not Acceptable", &detail);
        }
        if guarded && let Err(refusal) = self.access.check(request.headers.get("authorization")) {
            return refused(refusal);
        }
        self.act(action, request)
    }

    fn page(&self, page: Page) -> Response {
        let snapshot = self.sources.published.current();
        let body = match page {
            Page::Summary => report::summary(&snapshot),
            Page::List(kind) => report::list(&snapshot, kind),
        };
        Response::json(200, body)
    }
}

impl Handler for Api {
    fn handle(&self, request: &Request) -> Response {
        let began = Instant::now();
        let (action, guarded) = match route::find(&request.path) {
            Route::Open(action) => (Some(action), false),
            Route::Guarded(Action::Metrics) => (Some(Action::Metrics), !self.metrics_open),
            Route::Guarded(action) => (Some(action), true),
            Route::Passed(action) => (Some(action), false),
            Route::Unknown => (None, false),
        };
        let response = self.answer(action, guarded, request);
        // What is passed on and streams are answered later, by others.
        if !matches!(response.body, Body::Taken(_)) {
            self.traffic
                .answered(action, response.status, began.elapsed());
        }
        response
    }
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::NoToken => Response::problem(
            403,
            "Forbidden",
            "no API token is configured; set PIPEOPS_API_TOKEN_FILE (or PIPEOPS_API_TOKEN) and restart",
        ),
        Refusal::Missing => unauthorized("send the API token as Authorization: Bearer TOKEN"),
        Refusal::Wrong => unauthorized("the API token is not the configured one"),
    }
}

fn unauthorized(detail: &str) -> Response {
    Response::problem(401, "Unauthorized", detail)
        .with("WWW-Authenticate", "Bearer realm=\"pipeops-agent\"")
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
