//! The routes: what is asked, who may ask, and the answer.
//!
//! Every figure comes from its owner at the moment of the request; what is not
//! known is absent. Nothing here changes anything.

mod access;
mod changes;
mod connectivity;
mod features;
mod health;
mod readiness;
mod route;
mod runtime;
mod view;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::cluster::{Kind, Page, Published};
use crate::control::{self, Link};
use crate::health::Beats;
use crate::http::{self, Handler, Method, Request, Response};
use crate::k8s;
use crate::token::TokenSource;
use crate::{report, version};

use access::{Access, Refusal};
use connectivity::Connectivity;
use route::{Action, Route};

/// Where the answers come from.
pub struct Sources {
    pub published: Published,
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
}

/// Answers every request.
pub struct Api {
    sources: Sources,
    access: Access,
    connectivity: Connectivity,
}

impl Api {
    /// Without a token the routes below `/api` are closed.
    pub fn new(sources: Sources, token: Option<TokenSource>) -> Self {
        Self {
            access: Access::new(token),
            connectivity: Connectivity::default(),
            sources,
        }
    }

    fn act(&self, action: Action, request: &Request) -> Response {
        match action {
            Action::Index => json(200, &Index::default()),
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
        }
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
        let (action, guarded) = match route::find(&request.path) {
            Route::Open(action) => (action, false),
            Route::Guarded(action) => (action, true),
            Route::Unknown => {
                return Response::problem(404, "Not Found", "GET / lists what is here");
            }
        };
        match request.method {
            Method::Get | Method::Head => {}
            Method::Options => return Response::new(204).with("Allow", route::ALLOW),
            _ => {
                let detail = format!("{} has {}", request.path, route::ALLOW);
                return Response::problem(405, "Method Not Allowed", &detail)
                    .with("Allow", route::ALLOW);
            }
        }
        if !access::takes_json(request.headers.get("accept")) {
            let detail = "answers here are application/json; ask for that or */*";
            return Response::problem(406, "Not Acceptable", detail);
        }
        if guarded && let Err(refusal) = self.access.check(request.headers.get("authorization")) {
            return refused(refusal);
        }
        self.act(action, request)
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
    open: &'static [&'static str],
    with_token: &'static [&'static str],
}

impl Default for Index {
    fn default() -> Self {
        Self {
            name: "pipeops-agent",
            version: version::VERSION,
            open: route::OPEN,
            with_token: route::GUARDED,
        }
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
