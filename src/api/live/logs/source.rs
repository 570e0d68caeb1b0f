//! One container's log as it is fetched, once for all who watch it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::desk::Logs;
use super::ring::{MOST, Ring};
use crate::chain::Chain;
use crate::k8s::logs::{Question, follow};
use crate::k8s::{Client, Error, Speaker};
use crate::stop::{self, Stop, StopSource};

/// One life of a container, as somebody may read it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// Whose right it is fetched by.
    pub(super) speaker: Speaker,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) instance: String,
}

/// What its thread and those who watch it share.
pub(super) struct Source {
    pub(super) key: Key,
    /// `"namespace":"...","pod":"...","container":"..."`
    pub(super) origin: String,
    ring: Mutex<Ring>,
    ending: Mutex<Ending>,
    stop: Stop,
}

struct Ending {
    source: Option<StopSource>,
    client: Option<Client>,
}

/// Held by all who watch; the thread ends with the last of them.
pub(super) struct Held {
    pub(super) source: Arc<Source>,
    pub(super) desk: Logs,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.source.end();
        self.desk.forget();
    }
}

impl Source {
    pub(super) fn new(key: Key) -> Self {
        let (source, stop) = stop::channel();
        Self {
            origin: origin(&key.namespace, &key.pod, Some(&key.container)),
            key,
            ring: Mutex::default(),
            ending: Mutex::new(Ending {
                source: Some(source),
                client: None,
            }),
            stop,
        }
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body of its thread: until the container ends, or nobody watches any more.
    pub(super) fn run(&self, desk: &Logs) {
        let outcome = self.follow(desk);
        self.ring()
            .end(outcome.map_err(|error| Chain(&error).to_string()));
        desk.wake();
    }

    fn follow(&self, desk: &Logs) -> Result<(), Error> {
        let client = desk.client().speaking_as(&self.key.speaker)?.for_logs()?;
        self.uses(&client);
        let question = Question {
            namespace: self.key.namespace.clone(),
            pod: self.key.pod.clone(),
            container: self.key.container.clone(),
            timestamps: true,
            tail: Some(MOST as u64),
            ..Question::default()
        };
        let mut sink = |bytes: &[u8]| {
            self.ring().feed(bytes, Instant::now());
            desk.wake();
            Ok(())
        };
        follow(
            &client,
            &question,
            &self.key.instance,
            &self.stop,
            &mut sink,
        )
    }

    fn uses(&self, client: &Client) {
        let mut ending = self.ending();
        if ending.source.is_none() {
            client.shutdown();
        }
        ending.client = Some(client.clone());
    }

    /// Ends its thread, without waiting for it.
    fn end(&self) {
        let mut ending = self.ending();
        ending.source = None;
        if let Some(client) = ending.client.take() {
            client.shutdown();
        }
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fields that say where a line is from.
pub(super) fn origin(namespace: &str, pod: &str, container: Option<&str>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (namespace, pod) = (quoted(namespace), quoted(pod));
    let container = container.map_or(String::new(), |name| {
        format!(",\"container\":{}", quoted(name))
    });
    format!("\"namespace\":{namespace},\"pod\":{pod}{container}")
}
