//! What the threads of commands share: what waits, what runs, what is to be told.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::job::Job;
use super::state::State;
use super::{Tools, deliver, now, perform};
use crate::age::since_1970;
use crate::commands::audit::{CONTROL_PLANE, Operation};
use crate::commands::journal::{Journal, Ledger, State as Known};
use crate::commands::{Command, End, Letter, Outcome, Task};
use crate::control::Client;

/// At once; each has connections and buffers of its own.
const WORKERS: usize = 4;
/// Commands that wait for a worker; full means that the control plane asks again later.
const QUEUE: usize = 32;
/// Results that wait for the link hold so much output; more of it is left out.
const OUTBOX: usize = 4 * 1024 * 1024;
/// How long a control plane keeps a command back that found the queue full.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Virtual; a thread costs the pages it touches.
const STACK: usize = 512 * 1024;

pub(super) struct Desk {
    pub(super) tools: Tools,
    journal: Mutex<Journal>,
    state: Mutex<State>,
    changed: Condvar,
}

/// The queue is full.
pub(super) struct Busy;

impl Desk {
    pub(super) fn new(tools: Tools, journal: Journal) -> Self {
        Self {
            tools,
            journal: Mutex::new(journal),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The id to speak under; none while the link is down.
    pub(super) fn agent_id(&self) -> Option<String> {
        let view = self.tools.session.link.view();
        let connected = view.ever_connected && view.missed == 0;
        view.agent_id.filter(|_| connected)
    }

    pub(super) fn instance(&self) -> &str {
        &self.tools.session.identity.instance
    }

    /// Takes over what an earlier agent left, if that is still to be done.
    pub(super) fn recover(self: &Arc<Self>) {
        if self.journal().is_recovered() {
            return;
        }
        let mut state = self.state();
        let recovered = self.journal().recover(&mut state.ledger, now());
        match recovered {
            Ok(recovered) => {
                state.unusable = false;
                recovered
                    .warnings
                    .iter()
                    .for_each(|told| log::error!("{told}"));
                let ids: Vec<&str> = recovered.open.iter().map(|(id, _)| id.as_str()).collect();
                self.tools.sealed.keep_only(&ids);
                for (id, end) in recovered.open {
                    log::info!("command {id} of an earlier agent: {}", end.outcome.as_str());
                    state
                        .outbox
                        .push_back(self.unsealed(Letter::of_record(&id, end, true)));
                }
            }
            Err(error) => {
                if !state.unusable {
                    log::error!("commands that change something are refused: {error}");
                }
                state.unusable = true;
            }
        }
        self.staff(&mut state);
        self.tell_counts(&state);
    }

    /// For the next heartbeat.
    fn tell_counts(&self, state: &State) {
        let in_hand = state.in_hand(self.tools.is_fleeting);
        let stats = &self.tools.stats;
        stats.waiting.set(in_hand.waiting);
        stats.running.set(in_hand.running);
        stats.untold.set(in_hand.untold);
        self.tools.session.set_in_hand(in_hand);
    }

    /// Takes a command in, or answers it; true when it was not known.
    pub(super) fn receive(self: &Arc<Self>, command: Command) -> Result<bool, Busy> {
        let mut state = self.state();
        if state.outbox.iter().any(|letter| letter.id == command.id) {
            return Ok(false);
        }
        match state.ledger.state(&command.id) {
            Some(Known::InHand) => return Ok(false),
            Some(Known::Settled(end)) => {
                self.post(&mut state, Letter::of_record(&command.id, end, false));
                return Ok(true);
            }
            None => {}
        }
        if let Some(reason) = self.put_off(&state, &command) {
            let letter = Letter::busy(&command.id, &reason, PAUSE.as_secs());
            self.post(&mut state, letter);
            return Err(Busy);
        }
        state.ledger.take(&command.id, now());
        let refused = refusal(&command, &state.ledger, self.instance());
        if let Some((outcome, reason)) = refused {
            let end = End::without_run(outcome);
            self.audit(&command.id, &command.kind, end, reason);
            self.post(&mut state, Letter::without_run(&command.id, end, reason));
        } else if let Task::Cancel(id) = &command.task {
            let letter = self.cancel(&mut state, &command.id, id);
            self.tools.stats.end(letter.end.outcome);
            self.post(&mut state, letter);
        } else {
            log::info!("command {}: {}", command.id, command.kind);
            state.queue.push_back(Arc::new(Job::new(command)));
            self.staff(&mut state);
        }
        Ok(true)
    }

    /// Why a command has to wait outside, if so.
    fn put_off(&self, state: &State, command: &Command) -> Option<String> {
        // It may be the very command that the other agent runs.
        if !command.idempotent && self.journal().is_in_use() {
            return Some("an earlier agent is yet to end".to_owned());
        }
        let is_full = state.queue.len() >= QUEUE && !matches!(command.task, Task::Cancel(_));
        is_full.then(|| format!("{QUEUE} commands are waiting already"))
    }

    /// Answers what must not be run; true when it was not known.
    pub(super) fn refuse(self: &Arc<Self>, id: &str, outcome: Outcome, reason: &str) -> bool {
        let mut state = self.state();
        if state.ledger.state(id).is_some() {
            return false;
        }
        state.ledger.take(id, now());
        let end = End::without_run(outcome);
        self.audit(id, "", end, reason);
        self.post(&mut state, Letter::without_run(id, end, reason));
        true
    }

    /// Notes what did not even begin.
    fn audit(&self, id: &str, kind: &str, end: End, reason: &str) {
        self.tools.stats.end(end.outcome);
        self.tools.audit.note(&Operation {
            who: CONTROL_PLANE,
            peer: None,
            id,
            kind,
            verb: None,
            requests: &[],
            end,
            refused: Some(reason),
        });
    }

    /// Ends what runs, drops what waits; the letter of the cancelling command.
    fn cancel(&self, state: &mut State, own: &str, id: &str) -> Letter {
        let is_meant = |job: &Arc<Job>| job.command.id == id;
        let ended = |code| End {
            outcome: Outcome::Completed,
            exit_code: Some(code),
            duration_ms: 0,
        };
        if let Some(job) = state.running.iter().find(|job| is_meant(job)) {
            job.end(Outcome::Cancelled);
        } else if let Some(place) = state.queue.iter().position(is_meant) {
            state.queue.remove(place);
            let end = End::without_run(Outcome::Cancelled);
            self.tools.stats.end(end.outcome);
            let letter = Letter::without_run(id, end, "cancelled before it began");
            state.outbox.push_back(letter);
        } else {
            return Letter::without_run(own, ended(1), "there is no such command in hand");
        }
        Letter::without_run(own, ended(0), "")
    }

    /// A command for a worker; none: there is no more, and one worker less.
    pub(super) fn next_job(&self) -> Option<Arc<Job>> {
        let mut state = self.state();
        match state.queue.pop_front().filter(|_| !state.closed) {
            Some(job) => {
                state.running.push(Arc::clone(&job));
                self.tell_counts(&state);
                Some(job)
            }
            None => {
                state.workers -= 1;
                self.changed.notify_all();
                None
            }
        }
    }

    /// A worker fell with what it did; whoever has work next may start another.
    pub(super) fn lose_worker(&self) {
        self.state().workers -= 1;
    }

    pub(super) fn finish(self: &Arc<Self>, job: &Arc<Job>, letter: Letter) {
        self.tools.stats.end(letter.end.outcome);
        let mut state = self.state();
        state.running.retain(|other| !Arc::ptr_eq(other, job));
        self.post(&mut state, letter);
    }

    fn post(self: &Arc<Self>, state: &mut State, mut letter: Letter) {
        let weight: usize = state.outbox.iter().map(Letter::weight).sum();
        if weight + letter.weight() > OUTBOX {
            letter.lighten("the output is left out: too much waits for the control plane");
        }
        match letter.end.outcome {
            Outcome::Unrecorded => state.unusable = true,
            Outcome::Completed if letter.recorded => state.unusable = false,
            _ => {}
        }
        state.outbox.push_back(letter);
        self.staff(state);
        self.changed.notify_all();
    }

    /// Starts the threads that there is something to do for.
    fn staff(self: &Arc<Self>, state: &mut State) {
        self.tell_counts(state);
        if state.closed {
            return;
        }
        state.threads.retain(|thread| !thread.is_finished());
        let idle = state.workers - state.running.len().min(state.workers);
        if state.workers < WORKERS && idle < state.queue.len() {
            state.workers += usize::from(self.start(state, "command", perform::work));
        }
        if !state.keeps_time && state.workers > 0 {
            state.keeps_time = self.start(state, "command-limits", deliver::keep_time);
        }
        if !state.delivers && (state.workers > 0 || !state.outbox.is_empty()) {
            state.delivers = self.start(state, "command-outbox", deliver::deliver);
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, name: &str, body: fn(&Arc<Desk>)) -> bool {
        let desk = Arc::clone(self);
        let thread = Builder::new().name(name.to_owned()).stack_size(STACK);
        match thread.spawn(move || body(&desk)) {
            Ok(thread) => {
                state.threads.push(thread);
                true
            }
            Err(error) => {
                log::error!("the thread {name} cannot be started: {error}");
                false
            }
        }
    }

    /// Ends what runs, as far as it ends in time. What waits is handed out again to the
    /// next agent.
    pub(super) fn close(&self, limit: Duration) {
        let mut state = self.state();
        state.closed = true;
        // Another one may have them at once: nothing of them has begun.
        for job in std::mem::take(&mut state.queue) {
            let letter = Letter::busy(&job.command.id, "the agent ends", 1);
            state.outbox.push_back(letter);
        }
        state
            .running
            .iter()
            .for_each(|job| job.end(Outcome::Interrupted));
        self.changed.notify_all();
        let busy = |state: &mut State| state.workers > 0 || state.delivers || state.keeps_time;
        let waited = self.changed.wait_timeout_while(state, limit, busy);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for job in &state.running {
            log::error!("command {} does not end", job.command.id);
        }
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        // The others end with the process.
        for thread in threads.into_iter().filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
    }

    /// One try for each result that is left.
    pub(super) fn last_delivery(&self, client: &Client) {
        let end = Instant::now() + super::SOON * 2;
        loop {
            let letter = self.state().first_letter();
            let Some(letter) = letter.filter(|_| Instant::now() < end) else {
                return;
            };
            if !deliver::tell(self, client, &letter) {
                return;
            }
        }
    }

    /// The control plane has it, or will never take it.
    pub(super) fn told(&self, letter: &Letter) {
        let mut state = self.state();
        let place = state.outbox.iter().position(|one| one.id == letter.id);
        if let Some(place) = place {
            state.outbox.remove(place);
        }
        self.tell_counts(&state);
        if !letter.is_final() {
            return;
        }
        state.ledger.settle(&letter.id, now(), letter.end);
        drop(state);
        if letter.recorded
            && let Err(error) = self.journal().settled(&letter.id, now(), letter.end)
        {
            log::warn!("command {}: told, but not recorded: {error}", letter.id);
        }
        if letter.recorded {
            self.tools.sealed.remove(&letter.id);
        }
    }

    /// What the control plane found too large loses its output; false when it has none.
    pub(super) fn lighten(&self, id: &str) -> bool {
        let mut state = self.state();
        let letter = state.outbox.iter_mut().find(|letter| letter.id == id);
        let reason = "the control plane did not take the output";
        letter.is_some_and(|letter| letter.lighten(reason))
    }

    pub(super) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, for so long at most.
    pub(super) fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        limit: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn changed(&self) {
        self.changed.notify_all();
    }
}

/// Why a command is not run, if so.
fn refusal(command: &Command, ledger: &Ledger, own: &str) -> Option<(Outcome, &'static str)> {
    if command.expires < SystemTime::now() {
        return Some((Outcome::Expired, "it has expired"));
    }
    if !command.idempotent && ledger.doubts(since_1970(command.created)) {
        let reason = "the journal was damaged after it was made: it may have run already";
        return Some((Outcome::Unknown, reason));
    }
    let holder = command.instance.as_deref();
    if !command.idempotent && holder.is_some_and(|holder| holder != own) {
        let reason = "it was handed out to an agent whose records are not here: it may have run";
        return Some((Outcome::Unknown, reason));
    }
    None
}
