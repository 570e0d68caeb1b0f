//! Logs that are followed: all at once, a thread each.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Log;
use super::output::Prefix;
use crate::boundary::Around;
use crate::k8s::Client;
use crate::k8s::logs;
use crate::kubectl::failure::Failure;
use crate::kubectl::pods::run::{NO_LIMIT, broken, until_stopped};
use crate::kubectl::session::Session;
use crate::stop::{self, Stop, StopSource};

/// The first that fails ends them.
pub(super) fn follow_all(session: &mut Session<'_>, logs: &[Log]) -> Result<(), Failure> {
    let client = session.api()?.client.for_logs()?;
    let (source, stop) = stop::channel();
    let outputs: Vec<_> = logs.iter().map(|log| Prefix::of(session, log)).collect();
    let followers = Followers {
        tolerant: session.flags.on("ignore-errors"),
        source: Mutex::new(Some(source)),
        out: Mutex::new(&mut *session.io.stdout),
        failed: Mutex::new(None),
        client,
        stop,
    };
    until_stopped(&session.context.stop, NO_LIMIT, &|| followers.end(), || {
        thread::scope(|scope| {
            for (log, prefix) in logs.iter().zip(outputs) {
                let followers = &followers;
                let around = Around::here();
                scope.spawn(|| around.run(|| followers.follow(log, prefix)));
            }
        });
    });
    match held(&followers.failed).take() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// What the threads that follow share.
struct Followers<'a> {
    client: Client,
    stop: Stop,
    /// Gone when all are to end.
    source: Mutex<Option<StopSource>>,
    out: Mutex<&'a mut (dyn Write + Send)>,
    failed: Mutex<Option<Failure>>,
    tolerant: bool,
}

impl Followers<'_> {
    fn end(&self) {
        drop(held(&self.source).take());
        self.client.shutdown();
    }

    fn follow(&self, log: &Log, mut prefix: Prefix) {
        let mut sink = |bytes: &[u8]| {
            let mut out = held(&self.out);
            prefix.write(&mut **out, bytes).and_then(|()| out.flush())
        };
        let Log { question, instance } = log;
        let outcome = logs::follow(&self.client, question, instance, &self.stop, &mut sink);
        match outcome {
            Ok(()) => {}
            Err(error) if self.tolerant && !error.is_output() => {
                let failure = Failure::from(error);
                // If that cannot be written, the next line cannot, and ends it.
                let _ = writeln!(held(&self.out), "error: {}", failure.message());
            }
            Err(error) => {
                held(&self.failed).get_or_insert_with(|| broken(error));
                self.end();
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
