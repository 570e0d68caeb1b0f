//! The thread that tells all who look on.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::{self, Errno};

use super::feed::Feed;
use super::viewer::Viewer;
use crate::cluster::Snapshot;

/// Events taken from epoll at once.
const EVENTS: usize = 64;
/// The mark of what wakes; viewers are marked by their place.
const WAKE: u64 = u64::MAX;
/// Longest sleep.
const TURN: Duration = Duration::from_secs(15);

/// Wakes the thread, from any other.
#[derive(Clone, Debug)]
pub(super) struct Wake(Arc<OwnedFd>);

impl Wake {
    pub(super) fn wake(&self) {
        // A counter that is full wakes, too.
        let _ = io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// All who look on, each in a place of its own.
pub(super) struct Hub {
    epoll: OwnedFd,
    wake: Wake,
    places: Vec<Option<Viewer>>,
    feed: Feed,
}

impl Hub {
    /// # Errors
    /// The kernel gives no poller.
    pub(super) fn new() -> Result<Self, Errno> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let mark = EventData::new_u64(WAKE);
        // For edges: it is never read.
        epoll::add(&epoll, &wake, mark, EventFlags::IN | EventFlags::ET)?;
        Ok(Self {
            epoll,
            wake: Wake(wake),
            places: Vec::new(),
            feed: Feed::default(),
        })
    }

    pub(super) fn wake(&self) -> Wake {
        self.wake.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }

    pub(super) fn enter(&mut self, viewer: Viewer) {
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let mark = EventData::new_u64(place as u64);
        match epoll::add(&self.epoll, viewer.taken.stream().as_fd(), mark, flags) {
            Ok(()) => self.places[place] = Some(viewer),
            Err(error) => log::error!("nobody can look on: {error}"),
        }
    }

    /// Tells what is new; whoever is gone leaves its place.
    pub(super) fn tell(&mut self, snapshot: &Snapshot, now: Instant) {
        self.feed.begin();
        for place in &mut self.places {
            if let Some(viewer) = place
                && !viewer.turn(snapshot, &mut self.feed, now)
            {
                // Closing its socket takes it out of the poller.
                *place = None;
            }
        }
    }

    /// Sleeps until somebody can be told something, or says something.
    ///
    /// # Errors
    /// The poller failed.
    pub(super) fn wait(&mut self) -> Result<(), Errno> {
        let now = Instant::now();
        let rests = self.places.iter().flatten().map(|viewer| viewer.rest(now));
        let rest = rests.min().unwrap_or(TURN).min(TURN);
        let empty = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(WAKE),
        };
        let mut events = [empty; EVENTS];
        let timeout = Timespec::try_from(rest).ok();
        let count = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Err(Errno::INTR) => 0,
            other => other?,
        };
        for event in events.iter().take(count) {
            let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            if let Some(Some(viewer)) = self.places.get_mut(place) {
                let flags = event.flags;
                let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
                viewer.readable |= flags.intersects(EventFlags::IN | over);
                viewer.writable |= flags.intersects(EventFlags::OUT | over);
            }
        }
        Ok(())
    }
}
