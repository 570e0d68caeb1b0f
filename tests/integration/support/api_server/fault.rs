//! What the server does wrong, and when: a queue for each path and operation.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Everything but a watch.
    Get,
    Watch,
}

/// Instead of the right answer to one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A status with further header lines (each ends in CRLF) and a body.
    Status(u16, &'static str, String),
    /// 200 with that body.
    Body(Vec<u8>),
    /// Those bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// The right answer, cut in the middle of its body.
    Half,
    /// The end of the connection by RST.
    Reset,
    /// No answer until the client gives up or the server stops.
    Silence,
    /// The right answer, once the gate opens.
    Delay(Gate),
}

impl Fault {
    /// A status with a `Status` object that says as much.
    pub(crate) fn status(code: u16, reason: &str) -> Self {
        Self::Status(code, "", status(code, reason))
    }
}

/// A `Status` object.
pub(crate) fn status(code: u16, reason: &str) -> String {
    serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": format!("scripted: {reason}"),
    })
    .to_string()
}

/// Holds answers back until it is opened, or dropped by the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    pub(super) fn pass(&self) {
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _open = self.0.1.wait_while(open, |open| !*open);
    }
}

/// Faults still to come.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Queue>>);

#[derive(Debug)]
struct Queue {
    path: String,
    op: Op,
    next: VecDeque<Fault>,
    /// After the queue, for as long as it is not healed.
    always: Option<Fault>,
}

impl Faults {
    pub(super) fn push(&self, path: &str, op: Op, fault: Fault) {
        self.with(path, op, |queue| queue.next.push_back(fault));
    }

    pub(super) fn always(&self, path: &str, op: Op, fault: Fault) {
        self.with(path, op, |queue| queue.always = Some(fault));
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn take(&self, path: &str, op: Op) -> Option<Fault> {
        let mut queues = self.lock();
        let mut fits = queues
            .iter_mut()
            .filter(|queue| queue.op == op && (queue.path == path || queue.path == "*"));
        fits.find_map(|queue| queue.next.pop_front().or_else(|| queue.always.clone()))
    }

    fn with(&self, path: &str, op: Op, change: impl FnOnce(&mut Queue)) {
        let mut queues = self.lock();
        let at = queues
            .iter()
            .position(|queue| queue.path == path && queue.op == op);
        let at = at.unwrap_or_else(|| {
            queues.push(Queue {
                path: path.to_owned(),
                op,
                next: VecDeque::new(),
                always: None,
            });
            queues.len() - 1
        });
        change(&mut queues[at]);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
