//! SIGTERM and SIGINT end the process in order, a second one at once; SIGHUP makes it read
//! files again.
//!
//! As process 1 the kernel delivers only signals that have a handler, so
//! [`Signals::install`] must come before anything slow.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals as Pending};

/// Exit status when a second signal cuts the orderly end short: 128 + SIGINT.
const CUT_SHORT: i32 = 130;

/// Installed handlers, not yet waited on.
pub struct Signals {
    pending: Pending,
}

impl Signals {
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            pending: Pending::new([SIGTERM, SIGINT, SIGHUP])?,
        })
    }

    /// Makes [`Signals::wait`] return.
    pub fn handle(&self) -> Handle {
        self.pending.handle()
    }

    /// Waits for the first signal to end, and names it; `None` when the handle was closed.
    /// Calls `hangup` for each SIGHUP meanwhile.
    ///
    /// From then on a further signal ends the process at once.
    pub fn wait(&mut self, hangup: impl Fn()) -> io::Result<Option<&'static str>> {
        let mut signals = self.pending.forever();
        let signal = loop {
            match signals.next() {
                None => return Ok(None),
                Some(SIGHUP) => hangup(),
                Some(signal) => break signal,
            }
        };
        for again in [SIGTERM, SIGINT] {
            signal_hook::flag::register_conditional_shutdown(
                again,
                CUT_SHORT,
                std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true)),
            )?;
        }
        Ok(Some(if signal == SIGTERM {
            "SIGTERM"
        } else {
            "SIGINT"
        }))
    }
}
