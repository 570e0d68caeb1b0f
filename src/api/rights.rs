//! What somebody must have a right to, to be told something.
//!
//! What is in the cluster is told to whoever may list it there. The agent itself is a path, for
//! which a role can give the right (`nonResourceURLs`).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use super::route::Action;
use crate::cluster::{Kind, Snapshot};
use crate::http::{Method, Request};
use crate::k8s::calls::Wish;
use crate::report::Visible;
use crate::security::{Caller, Gate, Means, Refusal, Scope, shown};

/// Namespaces that somebody is asked for one by one.
const MOST: usize = 64;

/// Somebody with what is to judge them.
pub(super) struct Asking<'a> {
    pub(super) gate: &'a Gate,
    pub(super) caller: Caller,
    pub(super) peer: IpAddr,
    pub(super) now: Instant,
}

impl Asking<'_> {
    /// Whether a route may be answered at all; lists and streams look further.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn may(&mut self, action: Action, path: &str) -> Result<(), Refusal> {
        match action {
            Action::Cluster | Action::Changes => Kind::ALL
                .iter()
                .try_for_each(|kind| self.must(list(*kind, ""))),
            Action::List(_)
            | Action::Events
            | Action::Socket
            | Action::Tickets
            | Action::Proxy
            | Action::Raw
            | Action::Logs => Ok(()),
            Action::Audit => match self.caller.means {
                Means::Key(scope) if scope < Scope::Admin => {
                    let detail = "the audit is read with an API token of the scope admin";
                    Err(Refusal::Forbidden(detail.to_owned()))
                }
                _ => self.must(Wish::Path(&place(path))),
            },
            _ => self.must(Wish::Path(&place(path))),
        }
    }

    /// Has the API server say who it is.
    ///
    /// # Errors
    /// It does not know the token, or does not say.
    pub(super) fn identify(&mut self) -> Result<(), Refusal> {
        self.gate.identify(&mut self.caller, self.peer, self.now)
    }

    /// Notes what is passed on, but for what only reads.
    ///
    /// # Errors
    /// It is more than reading, and nobody has that token.
    pub(super) fn note(
        &mut self,
        request: &Request,
        switches: bool,
        allowed: bool,
    ) -> Result<(), Refusal> {
        let reads = matches!(request.method, Method::Get | Method::Head) && !switches;
        if reads && allowed {
            return Ok(());
        }
        if let Err(refused @ (Refusal::Wrong | Refusal::TooManyFailures(_))) = self.identify() {
            return Err(refused);
        }
        // Where the API server does not say who it is, it is noted all the same.
        let what = format!("{} {}", request.method, request.path);
        self.gate.note(&self.caller.name, self.peer, &what, allowed);
        Ok(())
    }

    fn must(&mut self, wish: Wish<'_>) -> Result<(), Refusal> {
        match self.wish(wish)? {
            true => Ok(()),
            false => Err(self.forbidden(wish)),
        }
    }

    fn wish(&mut self, wish: Wish<'_>) -> Result<bool, Refusal> {
        self.gate.may(&mut self.caller, self.peer, wish, self.now)
    }

    fn forbidden(&mut self, wish: Wish<'_>) -> Refusal {
        // The name is for the reader only.
        let _ = self.identify();
        let (who, what) = (&self.caller.name, shown(wish));
        Refusal::Forbidden(format!("{who} has no right in Kubernetes to {what}"))
    }

    /// Whether everything of a kind may be told.
    ///
    /// # Errors
    /// The API server does not know the token, or does not say.
    pub(super) fn sees_all(&mut self, kind: Kind) -> Result<bool, Refusal> {
        self.wish(list(kind, ""))
    }

    /// What of a kind may be told: all, or of which namespaces.
    ///
    /// # Errors
    /// Nothing of it.
    pub(super) fn seen(
        &mut self,
        kind: Kind,
        namespace: Option<&str>,
        snapshot: &Snapshot,
    ) -> Result<Visible, Refusal> {
        if self.sees_all(kind)? {
            return Ok(Visible::All);
        }
        if matches!(kind, Kind::Node | Kind::Namespace) {
            return Err(self.forbidden(list(kind, "")));
        }
        if let Some(namespace) = namespace {
            self.must(list(kind, namespace))?;
            return Ok(Visible::Namespaces(BTreeSet::from([namespace.to_owned()])));
        }
        let all = &snapshot.namespaces;
        if all.len() > MOST {
            let detail = format!(
                "say which namespace (namespace=NAME): there are {}",
                all.len()
            );
            return Err(Refusal::Forbidden(detail));
        }
        let mut seen = BTreeSet::new();
        for namespace in all.iter() {
            if self.wish(list(kind, &namespace.name))? {
                seen.insert(namespace.name.to_string());
            }
        }
        match seen.is_empty() {
            true => Err(self.forbidden(list(kind, ""))),
            false => Ok(Visible::Namespaces(seen)),
        }
    }
}

/// Under which path a role gives the right to a route about the agent. All below `/api` is
/// given to every user of Kubernetes (`system:discovery`), so that is `/agent` there.
fn place(path: &str) -> Cow<'_, str> {
    match path.strip_prefix("/api/") {
        Some(rest) => Cow::Owned(format!("/agent/{rest}")),
        None => Cow::Borrowed(path),
    }
}

fn list(kind: Kind, namespace: &str) -> Wish<'_> {
    let group = match kind {
        Kind::Deployment => "apps",
        _ => "",
    };
    Wish::Object {
        verb: "list",
        group,
        resource: kind.plural(),
        namespace,
        name: "",
    }
}
