//! Whoever speaks through a WebSocket: what they ask for that takes a while, done as they.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::errands::Errands;
use super::logs::{Admitted, Asked, Logs, Watching};
use super::socket::{Order, error, error_of, say};
use super::viewer::View;
use crate::api::refusal;
use crate::api::rights::Asking;
use crate::cluster::Published;
use crate::json::map;
use crate::security::{Caller, Gate, Refusal};
use crate::work::commands::Reception;

/// What the API server said about a wish to watch logs, once it has.
type Answer = Arc<Mutex<Option<Result<Admitted, Refusal>>>>;

/// With what the wishes of somebody are met.
#[derive(Clone)]
pub(super) struct House {
    pub(super) gate: Arc<Gate>,
    pub(super) published: Published,
    pub(super) followed: Logs,
    pub(super) reception: Arc<Reception>,
}

pub(super) struct Guest {
    house: House,
    caller: Caller,
    peer: IpAddr,
    /// The last wish to watch logs, as it was said.
    pending: Option<(Value, Answer)>,
    errands: Errands,
}

impl Guest {
    pub(super) fn new(house: House, asking: &Asking<'_>) -> Self {
        Self {
            house,
            caller: asking.caller.clone(),
            peer: asking.peer,
            pending: None,
            errands: Errands::default(),
        }
    }

    /// Begins what was asked for, and tells what has come of what was before.
    pub(super) fn turn(&mut self, orders: Vec<Order>, view: &mut View, now: Instant) {
        for order in orders {
            match order {
                Order::Logs(asked, said) => self.ask(asked, said, view),
                Order::Quiet => self.pending = None,
                Order::Command(fields) => self.begin(fields, view),
                Order::Cancel(id) => {
                    if let Err(problem) = self.errands.cancel(&id) {
                        error_of(view, &problem, "cancel", &id.into());
                    }
                }
            }
        }
        self.errands.tell(view, now);
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

    /// Whether something runs.
    pub(super) fn is_busy(&self) -> bool {
        !self.errands.is_empty()
    }

    /// Until something is to be done.
    pub(super) fn rest(&self, waiting: usize, now: Instant) -> Option<Duration> {
        self.errands.rest(waiting, now)
    }

    fn begin(&mut self, fields: Map<String, Value>, view: &mut View) {
        let id = fields.get("id").cloned().unwrap_or_default();
        let begun = self
            .errands
            .begin(&self.house, &self.caller, self.peer, fields);
        match begun {
            Ok(()) => say(view, "command", &map! {"id": id}),
            Err(problem) => error_of(view, &problem, "command", &id),
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
