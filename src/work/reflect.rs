//! Turns what a watch sees into updates of the state.

use std::sync::Arc;
use std::time::SystemTime;

use crossbeam_channel::Sender;

use super::rows;
use crate::age::since_1970;
use crate::cluster::{Availability, Kind, Names, Rows, Update};
use crate::k8s::watch::{Health, Resource, Sink, Stats};

/// Where each kind is listed and watched.
pub fn resource(kind: Kind) -> Resource {
    let path = match kind {
        Kind::Node => "/api/v1/nodes",
        Kind::Pod => "/api/v1/pods",
        Kind::Namespace => "/api/v1/namespaces",
        Kind::Deployment => "/apis/apps/v1/deployments",
        Kind::Service => "/api/v1/services",
        Kind::Event => "/api/v1/events",
    };
    Resource {
        path,
        name: kind.plural(),
    }
}

/// The receiving end of one watch.
pub struct Feed {
    kind: Kind,
    names: Names,
    /// Collected until the list is complete: readers never see half of one.
    rows: Rows,
    updates: Sender<Update>,
    stats: Arc<Stats>,
}

impl Feed {
    pub fn new(kind: Kind, updates: Sender<Update>, stats: Arc<Stats>) -> Self {
        Self {
            kind,
            names: Names::new(),
            rows: Rows::new(kind),
            updates,
            stats,
        }
    }

    /// Blocks while the queue is full. When the state thread is gone the group is
    /// ending, and this watch with it.
    fn send(&self, update: Update) {
        let _ = self.updates.send(update);
    }
}

impl Sink for Feed {
    fn restart(&mut self) {
        self.rows = Rows::new(self.kind);
    }

    fn listed(&mut self, text: &[u8]) -> Result<usize, serde_json::Error> {
        let (row, length) = rows::row(self.kind, text, &mut self.names)?;
        self.rows.push(row);
        Ok(length)
    }

    /// One broken object fails alone. The first is told aloud; that there are more
    /// is in the counter.
    fn broken(&mut self, text: &[u8], error: &serde_json::Error) {
        let level = match self.stats.decode_errors.get() {
            0 => log::Level::Warn,
            _ => log::Level::Debug,
        };
        self.stats.decode_errors.increment();
        let kind = self.kind.singular();
        let name = match rows::key(text, &mut self.names) {
            Ok(key) => key.to_string(),
            Err(_) => "without a name".to_owned(),
        };
        log::log!(
            level,
            "left out the {kind} {name}: its JSON is not as expected: {error}"
        );
    }

    fn complete(&mut self) {
        let rows = std::mem::replace(&mut self.rows, Rows::new(self.kind));
        log::debug!("listed {} {}", rows.len(), self.kind.plural());
        self.send(Update::Listed(rows));
    }

    fn applied(&mut self, object: &[u8]) {
        match rows::row(self.kind, object, &mut self.names) {
            Ok((row, _)) => self.send(Update::Applied(row)),
            Err(error) => self.broken(object, &error),
        }
    }

    fn deleted(&mut self, object: &[u8]) {
        match rows::key(object, &mut self.names) {
            Ok(key) => self.send(Update::Deleted(self.kind, key)),
            Err(error) => self.broken(object, &error),
        }
    }

    fn health(&mut self, health: Health<'_>) {
        let since = since_1970(SystemTime::now());
        let kind = self.kind.plural();
        let availability = match health {
            Health::Live => {
                log::info!("watching {kind}");
                Availability::Current { since }
            }
            Health::Lost { reason } => {
                log::warn!("{kind} are not followed: {reason}");
                let reason = reason.to_owned();
                Availability::Stale { since, reason }
            }
            Health::Forbidden { message } => {
                log::warn!("{kind} may not be watched: {message}");
                let message = message.to_owned();
                Availability::Forbidden { since, message }
            }
        };
        self.send(Update::Available(self.kind, availability));
    }
}
