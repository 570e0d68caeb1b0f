//! Wakes the poll thread out of epoll.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io;

/// An eventfd that is written only when the poll thread sleeps or is about to.
///
/// Who wakes publishes first, then looks at `asleep`; who sleeps sets `asleep`
/// first, then looks at what was published. Both are sequentially consistent, so
/// one of them sees the other.
#[derive(Debug)]
pub(super) struct Wake {
    event: OwnedFd,
    asleep: AtomicBool,
    stopping: AtomicBool,
}

impl Wake {
    pub(super) fn new() -> io::Result<Wake> {
        Ok(Wake {
            event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            asleep: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })
    }

    /// Something was published for the poll thread.
    pub(super) fn wake(&self) {
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            // A full counter has woken it already; it is watched for edges and
            // never read.
            let _ = io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }

    /// The poll thread is about to sleep and must look once more.
    pub(super) fn before_sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    pub(super) fn after_sleep(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// No new request is to be taken.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
