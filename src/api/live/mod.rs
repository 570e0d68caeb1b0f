//! `GET /api/realtime/events`: what happens in the cluster, as it happens, as server-sent
//! events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! One thread tells all who look on, and is there only while somebody does.

mod filter;
mod viewer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::raw::{self, Seats};
use super::refusal;
use super::rights::Asking;
use crate::cluster::Published;
use crate::http::{Body, Method, Request, Response, Takeover};
use filter::Wanted;
use viewer::{Place, View, Viewer};

const STACK: usize = 128 * 1024;
/// Between tries of those who take nothing at the moment.
const AGAIN: Duration = Duration::from_millis(50);

/// Those who look on.
#[derive(Clone)]
pub(super) struct Live {
    published: Published,
    seats: Seats,
    door: Arc<Mutex<Door>>,
}

/// Where they come in.
#[derive(Default)]
struct Door {
    coming: Vec<Viewer>,
    /// Woken for each that comes and each new snapshot; none while nobody looks on.
    thread: Option<Thread>,
}

impl Live {
    pub(super) fn new(published: Published, seats: Seats) -> Self {
        Self {
            published,
            seats,
            door: Arc::default(),
        }
    }

    pub(super) fn answer(&self, request: &Request, asking: Asking<'_>) -> Response {
        let wanted = match Wanted::of(request) {
            Ok(wanted) => wanted,
            Err(problem) => return Response::problem(400, "Bad Request", &problem),
        };
        let filter = match wanted.allowed(asking, &self.published.current()) {
            Ok(filter) => filter,
            Err(refused) => return refusal::answer(refused),
        };
        if request.method == Method::Head {
            return Response::of(200, "text/event-stream", Body::Empty);
        }
        let Some(seat) = self.seats.take() else {
            return raw::full();
        };
        let resume = request.headers.get("last-event-id").and_then(Place::parse);
        let live = self.clone();
        Response::taken(Takeover::new(move |taken| {
            live.enter(Viewer {
                taken,
                _seat: seat,
                view: View::new(filter, resume, Instant::now()),
            });
        }))
    }

    /// Called on the poll thread, which must not wait.
    fn enter(&self, viewer: Viewer) {
        let mut door = self.door();
        door.coming.push(viewer);
        if let Some(thread) = &door.thread {
            return thread.unpark();
        }
        let live = self.clone();
        let thread = thread::Builder::new().name("live".to_owned());
        match thread.stack_size(STACK).spawn(move || live.run()) {
            Ok(handle) => {
                let thread = handle.thread().clone();
                door.thread = Some(thread.clone());
                self.published.listen(move || thread.unpark());
            }
            Err(error) => {
                door.coming.clear();
                log::error!("no thread for those who look on: {error}");
            }
        }
    }

    /// Until nobody looks on any more.
    fn run(&self) {
        let mut viewers = Vec::new();
        loop {
            viewers.append(&mut self.door().coming);
            self.tell(&mut viewers, Instant::now());
            if viewers.is_empty() && self.left() {
                return;
            }
            thread::park_timeout(rest(&viewers, Instant::now()));
        }
    }

    /// Whether nobody came in meanwhile: the next one finds no thread.
    fn left(&self) -> bool {
        let mut door = self.door();
        let left = door.coming.is_empty();
        if left {
            self.published.ignore();
            door.thread = None;
        }
        left
    }

    fn tell(&self, viewers: &mut Vec<Viewer>, now: Instant) {
        let snapshot = self.published.current();
        viewers.retain_mut(|viewer| {
            viewer.view.look(&snapshot, now);
            !viewer.is_gone() && viewer.view.send(viewer.taken.stream(), now)
        });
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until somebody is to be told something, whatever happens.
fn rest(viewers: &[Viewer], now: Instant) -> Duration {
    let rests = viewers.iter().map(|viewer| match viewer.view.waits() {
        true => AGAIN,
        false => viewer.view.rest(now),
    });
    rests.min().unwrap_or_default()
}
