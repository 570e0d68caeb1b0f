//! Attacks on the local API of the built agent: tables of what is tried on every route, each with
//! the answer that is expected and what must not happen.
//!
//! How requests are framed is attacked in `http::attacks`, in more ways and on one route; what
//! needs rights of a real cluster in `cluster::callers`.

#![cfg(test)]

mod everywhere;
mod logins;
mod logs;
mod places;
pub(crate) mod routes;
mod smuggled;
mod tokens;
mod websocket;

use std::fs;

use tempfile::TempDir;

use super::support::api_server::{ApiServer, TOKEN};
use super::support::peer::{Heard, Peer};
use super::support::{Agent, eventually};
use routes::{ADMIN, Ask, Kind, ROUTES, Route};

/// What stands in whatever must not reach the API server.
const SMUGGLED: &str = "smuggled";

/// An agent before a scripted API server, which hears everything.
struct Rig {
    agent: Agent,
    api: ApiServer,
    folder: TempDir,
}

/// One way in that must be shut.
struct Attack {
    name: &'static str,
    /// What is changed of a request that would be answered well.
    change: fn(&Route, &mut Ask),
    /// The status of the only answer.
    expects: fn(&Route) -> u16,
}

impl Rig {
    fn start(set: &[(&str, &str)]) -> Self {
        let api = ApiServer::start();
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        fs::write(&tokens, format!("admin ada {ADMIN}\n")).unwrap();
        let tokens = ("PIPEOPS_API_TOKENS_FILE", tokens.to_str().unwrap());
        let agent = Agent::start(&api.kubeconfig(), &[&[tokens], set].concat());
        eventually("ready", || {
            (agent.get_open("/ready").status == 200).then_some(())
        });
        Self { agent, api, folder }
    }

    /// What somebody is told who never asked before.
    fn tell(&self, route: &Route, ask: &Ask, status: u16) -> Heard {
        let mut peer = Peer::stranger(self.agent.address());
        peer.send(ask.bytes());
        let mut heard = peer.answer();
        if status == route.well && route.kind.is_endless() {
            return heard;
        }
        peer.shut();
        let rest = peer.rest();
        heard.bytes.extend(rest.bytes);
        heard.end = rest.end;
        heard
    }

    /// Why the answer is not just what was expected.
    fn problem(&self, route: &Route, ask: &Ask, status: u16) -> Option<String> {
        let heard = self.tell(route, ask, status);
        let text = heard.text();
        let answers = text.matches("HTTP/1.1 ").count();
        let injected = text.contains("\r\nInjected:");
        let wrong = heard.statuses().first() != Some(&status) || answers != 1 || injected;
        wrong.then(|| format!("not {status}: {heard:?}"))
    }

    /// Every attack on every route.
    fn all(&self, attacks: &[Attack]) {
        let mut wrong = Vec::new();
        for attack in attacks {
            for route in ROUTES {
                let mut ask = route.ask();
                (attack.change)(route, &mut ask);
                let problem = self.problem(route, &ask, (attack.expects)(route));
                wrong.extend(
                    problem.map(|text| format!("{} {}: {text}", attack.name, route.listed)),
                );
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        self.unharmed();
    }

    /// Nothing reached the API server but what the agent itself asks and what is passed on, no
    /// token is in the log, and the agent lives.
    #[track_caller]
    fn unharmed(&self) {
        let own = format!("Bearer {TOKEN}");
        for request in self.api.heard() {
            assert!(!request.head.contains(SMUGGLED), "{request:?}");
            assert!(!request.head.contains(ADMIN), "{request:?}");
            let named = request.head.to_ascii_lowercase();
            assert_eq!(named.matches("\nauthorization:").count(), 1, "{request:?}");
            assert!(!named.contains("\nx-remote-"), "{request:?}");
            let is_own = request.authorization.as_ref() == Some(&own);
            assert!(is_own || !named.contains("impersonate-"), "{request:?}");
        }
        let log = self.agent.log();
        assert!(!log.contains(ADMIN) && !log.contains("panic"), "{log}");
        assert_eq!(self.agent.get_open("/health").status, 200);
    }
}

/// Anything but what probes ask, which is open to all.
fn gated(route: &Route, status: u16) -> u16 {
    match route.kind {
        Kind::Probe => route.well,
        _ => status,
    }
}
