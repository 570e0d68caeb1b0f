//! Tells threads to end, by closing a channel.
//!
//! Nothing is ever sent: dropping the one [`StopSource`] closes the channel and
//! wakes every thread that waits on a clone of its [`Stop`]. Loops wait here
//! instead of sleeping, so that a wait ends at shutdown.

use std::convert::Infallible;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

/// Makes a connected pair.
pub fn channel() -> (StopSource, Stop) {
    let (sender, receiver) = bounded(0);
    (StopSource { _open: sender }, Stop { closed: receiver })
}

/// Ends every thread that holds the matching [`Stop`] when it is dropped.
#[derive(Debug)]
pub struct StopSource {
    _open: Sender<Infallible>,
}

/// The waiting side; clones share one fate.
#[derive(Clone, Debug)]
pub struct Stop {
    closed: Receiver<Infallible>,
}

impl Stop {
    /// True once the source is gone.
    pub fn is_stopped(&self) -> bool {
        matches!(self.closed.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Waits for at most `time`; true when asked to stop.
    pub fn wait(&self, time: Duration) -> bool {
        matches!(
            self.closed.recv_timeout(time),
            Err(RecvTimeoutError::Disconnected)
        )
    }

    /// The channel itself, for `select!` beside others: it only ever disconnects.
    pub fn closed(&self) -> &Receiver<Infallible> {
        &self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_source_stops_every_clone() {
        let (source, stop) = channel();
        let other = stop.clone();
        assert!(!stop.is_stopped());
        assert!(!other.wait(Duration::ZERO));
        drop(source);
        assert!(stop.is_stopped());
        assert!(other.wait(Duration::from_secs(60)));
    }
}
