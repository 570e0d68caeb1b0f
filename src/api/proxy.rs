//! `POST /api/k8s/proxy`: a request to the API server in a JSON object, for those who cannot
//! write a path of `/api/k8s/raw`; who may do what is the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::envelope::{self, Closing};
use super::raw;
use super::session;
use crate::chain::Chain;
use crate::http::{Body, Parts, Request, Response, Taken};
use crate::k8s::{Client, Flaw, Relayed, Unfetched, Whole};
use crate::seats::Seats;

pub(super) const ALLOW: &str = "POST, OPTIONS";
/// Bytes of one answer.
const MOST: usize = 16 << 20;
/// Bytes of all answers that are held at once.
const ALL: usize = 32 << 20;

/// What is left of [`ALL`] for answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// A part of it, until it is dropped.
struct Share {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Room {
    fn share(&self) -> Share {
        Share {
            all: Arc::clone(&self.0),
            own: 0,
        }
    }
}

impl Share {
    /// Takes as much more as is missing; false when there is not so much.
    fn grow(&mut self, size: usize) -> bool {
        let missing = size.saturating_sub(self.own);
        self.own += missing;
        self.all.fetch_add(missing, Ordering::Relaxed) + missing <= ALL
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

/// The request in the envelope.
///
/// # Errors
/// The answer to what is none.
pub(super) fn open(request: &Request) -> Result<Request, Response> {
    if let Some(problem) = session::not_json(request) {
        return Err(problem);
    }
    let wrong = |problem: String| Response::problem(400, "Bad Request", &problem);
    envelope::open(request).map_err(wrong)
}

/// Sends what was in an envelope.
pub(super) fn answer(client: &Client, seats: &Seats, room: &Room, relayed: Relayed) -> Response {
    let (client, room) = (client.clone(), room.clone());
    raw::seated(seats, move |taken| {
        let mut share = room.share();
        let answer = fetch(&client, &relayed, &taken, &mut share);
        if let Some(answer) = answer {
            // Whoever asked may be gone.
            let _ = taken.answer(answer);
        }
        // Until then it is held.
        drop(share);
    })
}

/// None when nobody waits for it any more.
fn fetch(client: &Client, relayed: &Relayed, taken: &Taken, share: &mut Share) -> Option<Response> {
    let mut grows = |size| share.grow(size);
    let problem = match relayed.fetch(client, taken.stream(), MOST, &mut grows) {
        Ok(whole) => return Some(closed(whole)),
        Err(Unfetched::Gone) => return None,
        Err(Unfetched::Full) => {
            let detail = "other large answers are under way; try again, or ask for less by limit=";
            let answer = Response::problem(503, "Service Unavailable", detail);
            return Some(answer.with("Retry-After", "1"));
        }
        Err(Unfetched::Flawed(Flaw::TooLarge)) => {
            "the answer of the API server is larger than 16 MiB: ask for less by limit= and \
             selectors, or below /api/k8s/raw, where there is no limit"
                .to_owned()
        }
        Err(Unfetched::Flawed(flaw)) => format!("the API server does not answer: {flaw}"),
        Err(Unfetched::Broken(error)) => format!("the API server does not answer: {error}"),
        Err(Unfetched::Unreachable(error)) => {
            format!("the API server does not answer: {}", Chain(&error))
        }
    };
    Some(Response::problem(502, "Bad Gateway", &problem))
}

/// The status of the server is inside: some have no body, and the agent's own are told apart.
fn closed(whole: Whole) -> Response {
    let mut closing = Closing::new(whole);
    let parts = Parts::new(move |text| closing.write(text));
    Response::json(200, Body::Parts(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_so_much_room_for_all() {
        let room = Room::default();
        let (mut one, mut other) = (room.share(), room.share());
        assert!(one.grow(MOST) && one.grow(MOST) && other.grow(MOST));
        let mut third = room.share();
        assert!(!third.grow(1));
        drop(third);
        drop(one);
        assert!(room.share().grow(MOST));
    }
}
