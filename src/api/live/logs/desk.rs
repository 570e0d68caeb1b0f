//! What is followed, by whom it is shared, and who asks the API server about it.
//!
//! A thread `log` for each container that somebody watches, and one `log-pods` for short
//! questions: both are there only for as long as there is something to do.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use super::source::{Held, Key, Source};
use crate::api::live::hub::Wake;
use crate::boundary;
use crate::chain::Chain;
use crate::k8s::logs::{Container, containers};
use crate::k8s::{Client, Speaker};

/// Containers that are followed at once, by all.
pub(in crate::api::live) const PLACES: usize = 32;
/// Questions that wait; each viewer has few.
const QUEUE: usize = 1024;
/// A handshake takes 40 KB of it.
const STACK: usize = 256 * 1024;

/// A question that takes as long as the API server does.
type Errand = Box<dyn FnOnce(&Logs) + Send>;

#[derive(Clone)]
pub(in crate::api::live) struct Logs(Arc<Desk>);

struct Desk {
    client: Client,
    house: Mutex<House>,
    wake: Mutex<Option<Wake>>,
    /// Grows when a place is free again, or a question answered.
    turns: AtomicU64,
}

#[derive(Default)]
struct House {
    followed: Vec<(Key, Weak<Held>)>,
    asked: Vec<(Pod, Weak<Found>)>,
    errands: VecDeque<Errand>,
    /// There is a thread for them.
    works: bool,
}

/// A pod as it was when it was asked about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pod {
    pub(super) speaker: Speaker,
    pub(super) namespace: String,
    pub(super) name: String,
    /// What differs once its containers may.
    pub(super) state: String,
}

/// The containers of a pod, once they are known.
#[derive(Default)]
pub(super) struct Found(Mutex<Option<Answer>>);

type Answer = Result<Arc<[Container]>, String>;

impl Found {
    pub(super) fn get(&self) -> Option<Answer> {
        held(&self.0).clone()
    }
}

/// Why somebody has to wait.
pub(in crate::api::live) struct Full;

impl Logs {
    pub(in crate::api::live) fn new(client: Client) -> Self {
        Self(Arc::new(Desk {
            client,
            house: Mutex::default(),
            wake: Mutex::default(),
            turns: AtomicU64::new(0),
        }))
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    /// Who is woken when there is something new.
    pub(in crate::api::live) fn tell(&self, wake: Option<Wake>) {
        *held(&self.0.wake) = wake;
    }

    pub(in crate::api::live) fn wake(&self) {
        if let Some(wake) = &*held(&self.0.wake) {
            wake.wake();
        }
    }

    pub(super) fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }

    fn turn(&self) {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    /// The log of a container, which others may be watching already.
    pub(super) fn follow(&self, key: &Key) -> Result<Arc<Held>, Full> {
        let mut house = held(&self.0.house);
        let mut known = house.followed.iter().filter(|(own, _)| own == key);
        if let Some(known) = known.find_map(|(_, held)| held.upgrade()) {
            return Ok(known);
        }
        let count = |(_, held): &(Key, Weak<Held>)| held.strong_count() > 0;
        house.followed.retain(count);
        if house.followed.len() >= PLACES {
            return Err(Full);
        }
        let source = Arc::new(Source::new(key.clone()));
        let (desk, followed) = (self.clone(), Arc::clone(&source));
        let fallen = {
            let (desk, source) = (self.clone(), Arc::clone(&source));
            move |why: &str| {
                source.ring().end(Err(format!("internal error: {why}")));
                desk.wake();
            }
        };
        let body = move || boundary::within(fallen, || followed.run(&desk));
        let thread = thread::Builder::new().name("log".to_owned());
        if let Err(error) = thread.stack_size(STACK).spawn(body) {
            log::error!("no thread to follow a log: {error}");
            return Err(Full);
        }
        let watched = Arc::new(Held {
            source,
            desk: self.clone(),
        });
        house.followed.push((key.clone(), Arc::downgrade(&watched)));
        Ok(watched)
    }

    /// Somebody was the last to watch something.
    pub(super) fn forget(&self) {
        let mut house = held(&self.0.house);
        house.followed.retain(|(_, held)| held.strong_count() > 0);
        drop(house);
        self.turn();
    }

    /// Which containers a pod has; the answer comes by and by, for all who ask the same.
    pub(super) fn ask(&self, pod: &Pod) -> Result<Arc<Found>, Full> {
        let mut house = held(&self.0.house);
        house.asked.retain(|(_, found)| found.strong_count() > 0);
        let mut known = house.asked.iter().filter(|(own, _)| own == pod);
        if let Some(found) = known.find_map(|(_, found)| found.upgrade()) {
            return Ok(found);
        }
        let found = Arc::new(Found::default());
        house.asked.push((pod.clone(), Arc::downgrade(&found)));
        drop(house);
        let (pod, answer) = (pod.clone(), Arc::downgrade(&found));
        self.errand(Box::new(move |desk| {
            // Nobody wants to know any more.
            let Some(answer) = answer.upgrade() else {
                return;
            };
            let client = desk.client().speaking_as(&pod.speaker);
            let asked = client.and_then(|client| containers(&client, &pod.namespace, &pod.name));
            let found = asked.map(Arc::from);
            *held(&answer.0) = Some(found.map_err(|error| Chain(&error).to_string()));
        }))?;
        Ok(found)
    }

    /// Has the thread for questions do that.
    pub(in crate::api::live) fn errand(&self, errand: Errand) -> Result<(), Full> {
        let mut house = held(&self.0.house);
        if house.errands.len() >= QUEUE {
            return Err(Full);
        }
        house.errands.push_back(errand);
        match house.works || self.work(&mut house) {
            true => Ok(()),
            false => Err(Full),
        }
    }

    fn work(&self, house: &mut House) -> bool {
        let desk = self.clone();
        let thread = thread::Builder::new().name("log-pods".to_owned());
        let body = move || {
            let fallen = {
                let desk = desk.clone();
                move |_: &str| desk.go_on()
            };
            boundary::within(fallen, || {
                while let Some(errand) = desk.next() {
                    errand(&desk);
                    desk.turn();
                }
            });
        };
        let started = thread.stack_size(STACK).spawn(body);
        if let Err(error) = &started {
            // They wait for whoever asks next.
            log::error!("no thread to ask for pods: {error}");
        }
        house.works = started.is_ok();
        house.works
    }

    /// Another thread goes on where one fell.
    fn go_on(&self) {
        let mut house = held(&self.0.house);
        house.works = false;
        if !house.errands.is_empty() {
            self.work(&mut house);
        }
    }

    fn next(&self) -> Option<Errand> {
        let mut house = held(&self.0.house);
        let next = house.errands.pop_front();
        house.works = next.is_some();
        next
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
