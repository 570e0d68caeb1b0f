//! One who looks on: what was told, what is wanted, and what waits to be taken.
//!
//! Pure, but for what sends and receives: snapshots and the time come in, messages go out.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::feed::{self, Feed, Form, message};
use super::filter::Filter;
use super::guest::Guest;
use super::logs::Watching;
use super::queue::Queue;
use super::socket::Socket;
use crate::cluster::Snapshot;
use crate::http::Taken;
use crate::seats::Seat;

/// Between two events of type `status`: also the sign that the connection lives.
pub(super) const BEAT: Duration = Duration::from_secs(15);
/// How long somebody looks on, or up to twice that: rights are judged when a stream begins. As
/// watches of Kubernetes last (`--min-request-timeout`).
const LIFE: Duration = Duration::from_secs(30 * 60);
const END: &[u8] =
    br#"{"reason":"streams end after 30 to 60 minutes: come again, to be judged anew"}"#;
/// Who takes nothing for so long is gone.
const STALL: Duration = Duration::from_secs(10);
/// Who lets so much wait has fallen behind: it comes again and is told from there.
const BACKLOG: usize = 256 * 1024;
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
    X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nretry: 3000\n\n";
/// Bytes taken from a connection at once, and how often before others have their turn.
const CHUNK: usize = 4 * 1024;
const AT_ONCE: usize = 16;

/// Where somebody is who was here before: `EPOCH-ID`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    epoch: u64,
    id: u64,
}

impl Place {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, id) = text.split_once('-')?;
        Some(Self {
            epoch: epoch.parse().ok()?,
            id: id.parse().ok()?,
        })
    }
}

/// A connection with what it is told.
pub(super) struct Viewer {
    pub(super) taken: Taken,
    /// Held for as long as it looks on.
    pub(super) _seat: Seat,
    pub(super) view: View,
    /// Who can say something; none: server-sent events.
    pub(super) socket: Option<Socket>,
    /// The same for what takes a while.
    pub(super) guest: Option<Guest>,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl Viewer {
    /// Hears, tells and sends what can be; whether it goes on.
    pub(super) fn turn(&mut self, snapshot: &Snapshot, feed: &mut Feed, now: Instant) -> bool {
        self.view.settle(now);
        if self.readable && !self.hear(now) {
            return false;
        }
        if let (Some(socket), Some(guest)) = (&mut self.socket, &mut self.guest) {
            guest.turn(socket.take_orders(), &mut self.view, now);
        }
        self.view.look(snapshot, feed, now);
        if self.is_over(now) {
            self.part(now);
        }
        if let Some(socket) = &mut self.socket
            && !socket.due(&mut self.view, now)
        {
            return false;
        }
        if !self.writable {
            return self.view.is_patient(now);
        }
        let sent = self.view.send(self.taken.stream(), now);
        self.writable = self.view.out.len() == 0;
        let ended = self.socket.as_ref().is_some_and(Socket::has_ended);
        sent && !((ended || self.view.has_parted) && self.writable)
    }

    /// What runs as it was allowed to is not cut.
    fn is_over(&self, now: Instant) -> bool {
        self.view.is_over(now) && !self.guest.as_ref().is_some_and(Guest::is_busy)
    }

    fn part(&mut self, now: Instant) {
        match &mut self.socket {
            Some(socket) => socket.dismiss(&mut self.view, now),
            None => self.view.part(),
        }
    }

    /// What it says; false when it has left.
    fn hear(&mut self, now: Instant) -> bool {
        let mut chunk = [0; CHUNK];
        for _ in 0..AT_ONCE {
            let bytes = match receive(self.taken.stream(), &mut chunk) {
                Ok(Some([])) | Err(_) => return false,
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    self.readable = false;
                    return true;
                }
            };
            // Of others nothing is asked any more.
            if let Some(socket) = &mut self.socket {
                socket.receive(bytes, &mut self.view, now);
            }
        }
        true
    }

    /// Until something is to be done for it, whatever happens.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        if self.readable {
            return Duration::ZERO;
        }
        let view = self.view.rest(now);
        let socket = self.socket.as_ref().map(|socket| socket.rest(now));
        let waiting = self.view.out.len();
        let guest = self.guest.as_ref();
        let guest = guest.and_then(|guest| guest.rest(waiting, now));
        let all = [Some(view), socket, guest].into_iter().flatten();
        all.min().unwrap_or(view)
    }
}

/// Bytes that are there; none: not now; empty: its side is shut.
fn receive<'c>(mut from: &TcpStream, chunk: &'c mut [u8]) -> io::Result<Option<&'c [u8]>> {
    loop {
        match from.read(chunk) {
            Ok(count) => return Ok(chunk.get(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What it was told.
pub(super) struct View {
    pub(super) form: Form,
    /// None: nothing is wanted yet.
    pub(super) filter: Option<Filter>,
    /// Logs, if they are wanted.
    pub(super) logs: Option<Watching>,
    /// The last change it knows of; none before the first look.
    seen: Option<u64>,
    resume: Option<Place>,
    /// When what was last told of nodes was measured; 0: nothing.
    measured: u32,
    pub(super) out: Queue,
    next_beat: Instant,
    moved: Instant,
    until: Instant,
    /// It was told the end.
    has_parted: bool,
}

impl View {
    /// Of server-sent events, which begin at once.
    pub(super) fn of_events(filter: Filter, resume: Option<Place>, now: Instant) -> Self {
        let mut view = Self::new(Form::Events, HEAD.as_bytes(), now);
        view.begin(filter, resume, now);
        view
    }

    /// Of a stream of logs, which begins at once.
    pub(super) fn of_logs(logs: Watching, now: Instant) -> Self {
        let mut view = Self::new(Form::Events, HEAD.as_bytes(), now);
        view.logs = Some(logs);
        view
    }

    pub(super) fn new(form: Form, head: &[u8], now: Instant) -> Self {
        let mut out = Queue::default();
        out.push(Arc::from(head));
        Self {
            form,
            filter: None,
            logs: None,
            seen: None,
            resume: None,
            measured: 0,
            out,
            next_beat: now,
            moved: now,
            until: now + LIFE.mul_f64(1.0 + fastrand::f64()),
            has_parted: false,
        }
    }

    /// From now on it is told that.
    pub(super) fn begin(&mut self, filter: Filter, resume: Option<Place>, now: Instant) {
        self.filter = Some(filter);
        self.seen = None;
        self.measured = 0;
        self.resume = resume;
        self.next_beat = now;
    }

    /// Nothing is wanted any more.
    pub(super) fn quiet(&mut self) {
        self.filter = None;
        self.logs = None;
    }

    fn is_over(&self, now: Instant) -> bool {
        now >= self.until && !self.has_parted
    }

    /// Tells those who cannot be told otherwise why it ends.
    fn part(&mut self) {
        self.quiet();
        self.has_parted = true;
        self.out.push(message(self.form, "end", None, END));
    }

    /// Who took all has been patient until now.
    fn settle(&mut self, now: Instant) {
        if self.out.len() == 0 {
            self.moved = now;
        }
    }

    /// Until the next `status`, or the end of patience.
    fn rest(&self, now: Instant) -> Duration {
        let beat = self.filter.as_ref().map(|_| self.next_beat);
        let stall = (self.out.len() > 0).then_some(self.moved + STALL);
        let end = (now < self.until).then_some(self.until);
        let next = [beat, stall, end].into_iter().flatten().min();
        let rest = next.map_or(BEAT, |next| next.saturating_duration_since(now));
        let waiting = self.out.len();
        let logs = self.logs.as_ref().map(|logs| logs.rest(waiting, now));
        logs.map_or(rest, |logs| logs.min(rest))
    }

    /// Tells what is new.
    fn look(&mut self, snapshot: &Snapshot, feed: &mut Feed, now: Instant) {
        if let Some(logs) = &mut self.logs {
            logs.look(snapshot, &mut self.out, now);
        }
        self.look_around(snapshot, feed, now);
        self.look_at_usage(snapshot, feed);
    }

    fn look_at_usage(&mut self, snapshot: &Snapshot, feed: &mut Feed) {
        let wants = self.filter.as_ref().is_some_and(Filter::wants_metrics);
        if let Some(usage) = snapshot.usage.as_ref().filter(|_| wants)
            && usage.at != self.measured
        {
            self.measured = usage.at;
            self.out.push(feed.metrics(self.form, usage));
        }
    }

    fn look_around(&mut self, snapshot: &Snapshot, feed: &mut Feed, now: Instant) {
        let Some(filter) = &self.filter else { return };
        let changes = &snapshot.changes;
        let (epoch, last) = (changes.epoch(), changes.last_id());
        let seen = match (self.seen, self.resume.take()) {
            (Some(seen), _) if seen == last && now < self.next_beat => return,
            (Some(seen), _) => Some(seen),
            (None, None) => Some(last),
            (None, Some(place)) => (place.epoch == epoch).then_some(place.id),
        };
        match seen.map(|seen| changes.since(seen)) {
            Some(Ok(found)) => {
                for change in found.iter().filter(|change| filter.wants(change)) {
                    self.out.push(feed.event(self.form, epoch, change));
                }
            }
            _ => {
                let text = "changes are missing here: read the lists again, they are newer";
                let data = format!("{{\"reason\":\"{text}\",\"last_id\":{last}}}");
                let id = feed::last(snapshot);
                let told = message(self.form, "resync", Some(&id), data.as_bytes());
                self.out.push(told);
            }
        }
        self.seen = Some(last);
        if now >= self.next_beat {
            self.next_beat = now + BEAT;
            self.out.push(match filter.forbidden() {
                None => feed.status(self.form, snapshot),
                Some(forbidden) => {
                    let id = feed::last(snapshot);
                    message(self.form, "status", Some(&id), forbidden.as_bytes())
                }
            });
        }
    }

    /// Sends what is taken at once; whether it goes on.
    fn send(&mut self, to: impl Write, now: Instant) -> bool {
        match self.out.send(to) {
            Ok(0) if self.out.len() > 0 => {}
            Ok(_) => self.moved = now,
            Err(_) => return false,
        }
        self.is_patient(now)
    }

    fn is_patient(&self, now: Instant) -> bool {
        let waited = now.saturating_duration_since(self.moved);
        self.out.len() <= BACKLOG && (self.out.len() == 0 || waited < STALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Kind, Labels, Namespace, NamespacePhase, Row, Rows, State, Update};

    const EPOCH: u64 = 7;

    fn state() -> State {
        let mut state = State::new(EPOCH);
        state.apply(Update::Listed(Rows::new(Kind::Namespace)), 1);
        state
    }

    fn add(state: &mut State, name: &str) {
        let namespace = Namespace {
            name: name.into(),
            phase: NamespacePhase::Active,
            uid: None,
            labels: Labels::default(),
            created: 1,
        };
        state.apply(Update::Applied(Row::from(namespace)), 2);
    }

    fn view(resume: Option<&str>, now: Instant) -> View {
        let resume = resume.map(|text| Place::parse(text).unwrap());
        View::of_events(Filter::all(), resume, now)
    }

    fn sent(view: &mut View, state: &mut State, now: Instant) -> String {
        view.look(&state.snapshot(), &mut Feed::default(), now);
        let mut out = Vec::new();
        assert!(view.send(&mut out, now));
        String::from_utf8(out).unwrap()
    }

    /// What it was told, without the head; the data of `status` is left out.
    fn told(view: &mut View, state: &mut State, now: Instant) -> Vec<String> {
        let text = sent(view, state, now);
        let events = text.split("\n\n").filter(|event| event.contains("event: "));
        events
            .map(|event| {
                let event = event.split("retry: 3000").last().unwrap().trim();
                let plain = event.contains("event: status");
                event
                    .split(if plain { "\ndata" } else { "\0" })
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn it_begins_with_the_picture_and_goes_on_with_what_changes() {
        let mut state = state();
        add(&mut state, "before");
        let now = Instant::now();
        let mut view = view(None, now);
        let last = state.snapshot().changes.last_id();
        assert_eq!(
            told(&mut view, &mut state, now),
            [format!("id: 7-{last}\nevent: status")]
        );
        assert!(told(&mut view, &mut state, now).is_empty());
        add(&mut state, "after");
        let events = told(&mut view, &mut state, now);
        let begin = format!(
            "id: 7-{}\nevent: event\ndata: {{\"id\":{},",
            last + 1,
            last + 1
        );
        assert!(events[0].starts_with(&begin), "{events:?}");
        assert!(events[0].contains(r#""name":"after""#), "{events:?}");
        assert_eq!(events.len(), 1);
        assert_eq!(
            told(&mut view, &mut state, now + BEAT).len(),
            1,
            "a sign of life"
        );
    }

    #[test]
    fn who_has_looked_on_for_long_is_told_the_end_once() {
        let mut state = state();
        let now = Instant::now();
        let mut view = view(None, now);
        told(&mut view, &mut state, now);
        assert!(!view.is_over(now + LIFE), "at least so long");
        let end = now + 2 * LIFE;
        assert!(view.is_over(end), "at most so long");
        assert!(view.rest(view.until - Duration::from_secs(1)) <= Duration::from_secs(1));
        view.part();
        assert!(!view.is_over(end));
        add(&mut state, "later");
        let events = told(&mut view, &mut state, end);
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(
            events[0].starts_with("event: end\ndata: {\"reason\":"),
            "{events:?}"
        );
    }

    #[test]
    fn who_comes_back_is_told_what_it_missed_or_that_it_is_gone() {
        let mut state = state();
        let last = state.snapshot().changes.last_id();
        for name in ["a", "b", "c"] {
            add(&mut state, name);
        }
        let now = Instant::now();
        let events = told(
            &mut view(Some(&format!("7-{}", last + 1)), now),
            &mut state,
            now,
        );
        assert_eq!(events.len(), 3, "two changes and the picture: {events:?}");
        for gone in ["6-1", &format!("7-{}", last + 4)] {
            let events = told(&mut view(Some(gone), now), &mut state, now);
            assert_eq!(events.len(), 2, "{events:?}");
            assert!(
                events[0].contains("event: resync\ndata: {\"reason\":"),
                "{events:?}"
            );
        }
    }

    #[test]
    fn who_may_not_see_all_is_told_of_what_and_no_picture() {
        let mut state = state();
        let now = Instant::now();
        let mut view = View::of_events(Filter::of_namespaces("shop"), None, now);
        let text = sent(&mut view, &mut state, now);
        let first = text.split("event: ").nth(1).unwrap();
        assert_eq!(first, "status\ndata: {\"forbidden\":[\"pods\"]}\n\n");
        add(&mut state, "new");
        assert_eq!(sent(&mut view, &mut state, now), "");
    }

    #[test]
    fn what_all_get_is_made_once() {
        let mut state = state();
        let now = Instant::now();
        let mut views = [view(None, now), view(None, now)];
        let mut feed = Feed::default();
        for view in &mut views {
            view.look(&state.snapshot(), &mut feed, now);
        }
        add(&mut state, "new");
        feed.begin();
        let made = views.map(|mut view| {
            view.look(&state.snapshot(), &mut feed, now);
            let snapshot = state.snapshot();
            let change = snapshot.changes.iter().last().unwrap().clone();
            feed.event(Form::Events, EPOCH, &change).as_ptr()
        });
        assert_eq!(made[0], made[1]);
    }

    #[test]
    fn who_takes_nothing_is_let_go() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::WouldBlock.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let now = Instant::now();
        let mut view = view(None, now);
        view.look(&state().snapshot(), &mut Feed::default(), now);
        assert!(view.send(Full, now) && view.out.len() > 0);
        assert!(view.rest(now) <= STALL);
        assert!(!view.send(Full, now + STALL));
        view.out.push(Arc::from(vec![b' '; BACKLOG]));
        assert!(!view.send(Full, now));
    }

    #[test]
    fn places_are_an_epoch_and_an_id() {
        assert_eq!(Place::parse("7-3"), Some(Place { epoch: 7, id: 3 }));
        for text in ["", "7", "-", "7-", "7-x", "7-3-1", "-1-2"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
