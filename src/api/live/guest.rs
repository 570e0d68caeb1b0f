//! Whoever speaks through a WebSocket: what they ask for that takes a while, done as they.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::logs::{Admitted, Asked, Logs, Watching};
use super::socket::{Order, error, say};
use super::viewer::View;
use crate::api::refusal;
use crate::api::rights::Asking;
use crate::cluster::Published;
use crate::security::{Caller, Gate, Refusal};

/// What the API server said about a wish to watch logs, once it has.
type Answer = Arc<Mutex<Option<Result<Admitted, Refusal>>>>;

/// With what the wishes of somebody are met.
#[derive(Clone)]
pub(super) struct House {
    pub(super) gate: Arc<Gate>,
    pub(super) published: Published,
    pub(super) followed: Logs,
}

pub(super) struct Guest {
    house: House,
    caller: Caller,
    peer: IpAddr,
    /// The last wish to watch logs, as it was said.
    pending: Option<(Value, Answer)>,
}

impl Guest {
    pub(super) fn new(house: House, asking: &Asking<'_>) -> Self {
        Self {
            house,
            caller: asking.caller.clone(),
            peer: asking.peer,
            pending: None,
        }
    }

    /// Begins what was asked for, and tells what has come of what was before.
    pub(super) fn turn(&mut self, orders: Vec<Order>, view: &mut View, now: Instant) {
        for order in orders {
            match order {
                Order::Logs(asked, said) => self.ask(asked, said, view),
                Order::Quiet => self.pending = None,
            }
        }
        let Some((said, answer)) = self.pending.take() else {
            return;
        };
        let answered = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answered {
            None => self.pending = Some((said, answer)),
            Some(Ok(admitted)) => {
                say(view, "subscribe", &said);
                let followed = self.house.followed.clone();
                view.logs = Some(Watching::new(admitted, followed, view.form, now));
            }
            Some(Err(refused)) => error(view, &refusal::told(&refused).2, Some("subscribe")),
        }
    }

    fn ask(&mut self, asked: Asked, said: Value, view: &mut View) {
        let answer = Answer::default();
        let (house, caller, peer) = (self.house.clone(), self.caller.clone(), self.peer);
        let slot = Arc::clone(&answer);
        let sent = self.house.followed.errand(Box::new(move |_| {
            let asking = Asking {
                gate: &house.gate,
                caller,
                peer,
                now: Instant::now(),
            };
            let admitted = Admitted::of(asked, asking, &house.published.current());
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(admitted);
        }));
        match sent {
            Ok(()) => self.pending = Some((said, answer)),
            Err(_) => error(
                view,
                "too much is asked at once; try again",
                Some("subscribe"),
            ),
        }
    }
}
