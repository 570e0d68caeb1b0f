//! One who looks on: what was told, what is wanted, and what waits to be taken.
//!
//! Pure, but for [`Viewer::send`]: snapshots and the time come in, text goes out.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::api::changes;
use crate::api::raw::Seat;
use crate::cluster::{Change, Kind, Snapshot};
use crate::http::{Request, Taken};
use crate::pour::pour;
use crate::report;

/// Between two events of type `status`: also the sign that the connection lives.
const BEAT: Duration = Duration::from_secs(15);
/// Who takes nothing for so long is gone.
const STALL: Duration = Duration::from_secs(10);
/// Who lets so much wait has fallen behind: it comes again and is told from there.
const BACKLOG: usize = 256 * 1024;
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
    X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nretry: 3000\n\n";

/// Which changes are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    kinds: Vec<Kind>,
    namespace: Option<String>,
}

impl Filter {
    /// From `kind=pod,node` and `namespace=NAME`.
    ///
    /// # Errors
    /// What is wrong with the question.
    pub(super) fn of(request: &Request) -> Result<Self, String> {
        for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if !matches!(name, "kind" | "namespace") {
                return Err(format!("there is no {name}: kind and namespace are known"));
            }
        }
        let mut kinds = Vec::new();
        for name in request
            .query_value("kind")
            .iter()
            .flat_map(|all| all.split(','))
        {
            let mut known = Kind::ALL.into_iter();
            let kind = known.find(|kind| kind.singular() == name || kind.plural() == name);
            kinds.push(kind.ok_or_else(|| format!("there is no kind {name}: write pod, node"))?);
        }
        let namespace = request.query_value("namespace");
        Ok(Self {
            kinds,
            namespace: namespace.map(|name| name.into_owned()),
        })
    }

    fn wants(&self, change: &Change) -> bool {
        let namespace = self.namespace.as_deref();
        let kind = self.kinds.is_empty() || self.kinds.contains(&change.kind);
        kind && namespace.is_none_or(|name| change.namespace.as_deref() == Some(name))
    }
}

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

pub(super) struct Viewer {
    pub(super) taken: Taken,
    /// Held for as long as it looks on.
    pub(super) _seat: Seat,
    pub(super) view: View,
}

impl Viewer {
    /// Whether it has closed its side: it has nothing to say, so that means that it left.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.taken.stream().peek(&mut [0]), Ok(0))
    }
}

/// What it was told.
#[derive(Debug)]
pub(super) struct View {
    filter: Filter,
    /// The last change it knows of; none before the first look.
    seen: Option<u64>,
    resume: Option<Place>,
    out: Vec<u8>,
    next_beat: Instant,
    moved: Instant,
}

impl View {
    pub(super) fn new(filter: Filter, resume: Option<Place>, now: Instant) -> Self {
        Self {
            filter,
            seen: None,
            resume,
            out: HEAD.as_bytes().to_vec(),
            next_beat: now,
            moved: now,
        }
    }

    pub(super) fn waits(&self) -> bool {
        !self.out.is_empty()
    }

    /// How long until the next `status`.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        self.next_beat.saturating_duration_since(now)
    }

    /// Tells what is new.
    pub(super) fn look(&mut self, snapshot: &Snapshot, now: Instant) {
        let changes = &snapshot.changes;
        let seen = match (self.seen, self.resume.take()) {
            (Some(seen), _) => Some(seen),
            (None, None) => Some(changes.last_id()),
            (None, Some(place)) => (place.epoch == changes.epoch()).then_some(place.id),
        };
        match seen.map(|seen| changes.since(seen)) {
            Some(Ok(found)) => {
                for change in found.iter().filter(|change| self.filter.wants(change)) {
                    event(&mut self.out, changes.epoch(), change);
                }
            }
            _ => {
                let id = changes.last_id();
                let text = "changes are missing here: read the lists again, they are newer";
                let data = format!("{{\"reason\":\"{text}\",\"last_id\":{id}}}");
                frame(
                    &mut self.out,
                    changes.epoch(),
                    id,
                    "resync",
                    data.as_bytes(),
                );
            }
        }
        self.seen = Some(changes.last_id());
        if now >= self.next_beat {
            self.next_beat = now + BEAT;
            let data = report::summary(snapshot);
            frame(
                &mut self.out,
                changes.epoch(),
                changes.last_id(),
                "status",
                &data,
            );
        }
    }

    /// Sends what is taken at once; whether it goes on.
    pub(super) fn send(&mut self, to: impl Write, now: Instant) -> bool {
        if self.out.is_empty() {
            self.moved = now;
            return true;
        }
        match pour(to, &mut self.out) {
            Ok(0) => {}
            Ok(_) => self.moved = now,
            Err(_) => return false,
        }
        let fits = self.out.len() <= BACKLOG;
        fits && now.saturating_duration_since(self.moved) < STALL
    }
}

fn event(out: &mut Vec<u8>, epoch: u64, change: &Change) {
    let data = changes::line(change);
    frame(out, epoch, change.id, "event", &data);
}

/// JSON has no line ends of its own, so the data is one line.
fn frame(out: &mut Vec<u8>, epoch: u64, id: u64, kind: &str, data: &[u8]) {
    out.extend_from_slice(format!("id: {epoch}-{id}\nevent: {kind}\ndata: ").as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;
    use crate::cluster::{Labels, Namespace, NamespacePhase, Row, Rows, State, Update};
    use crate::http::Method;

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

    fn filter(query: &str) -> Result<Filter, String> {
        Filter::of(&Request::new(Method::Get, &format!("/?{query}")))
    }

    fn view(resume: Option<&str>, now: Instant) -> View {
        let resume = resume.map(|text| Place::parse(text).unwrap());
        View::new(Filter::default(), resume, now)
    }

    /// What it was told, without the head; the data of `status` is left out.
    fn told(view: &mut View, state: &mut State, now: Instant) -> Vec<String> {
        view.look(&state.snapshot(), now);
        let mut out = Vec::new();
        assert!(view.send(&mut out, now));
        let text = String::from_utf8(out).unwrap();
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
    fn only_what_is_wanted_is_told() {
        let mut state = state();
        let wanted = |query: &str, state: &mut State| {
            let mut view = View::new(filter(query).unwrap(), None, Instant::now());
            told(&mut view, state, Instant::now());
            add(state, &query.replace(['=', ','], "-"));
            told(&mut view, state, Instant::now()).len()
        };
        assert_eq!(wanted("kind=pod,namespaces", &mut state), 1);
        assert_eq!(wanted("kind=pod", &mut state), 0);
        assert_eq!(
            wanted("namespace=a", &mut state),
            0,
            "a namespace is in none"
        );
        assert!(
            filter("kind=secret")
                .unwrap_err()
                .starts_with("there is no kind secret")
        );
        assert!(
            filter("label=x")
                .unwrap_err()
                .starts_with("there is no label")
        );
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
        view.look(&state().snapshot(), now);
        assert!(view.send(Full, now) && view.waits());
        assert!(!view.send(Full, now + STALL));
        view.out.resize(BACKLOG + 1, b' ');
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
