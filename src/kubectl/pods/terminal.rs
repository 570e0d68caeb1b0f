//! The terminal of this process, handed to a command in a container.

use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::SigId;
use signal_hook::consts::SIGWINCH;
use signal_hook::low_level::{pipe, unregister};

use crate::k8s::exec::Terminal;

/// A terminal that passes every key on, until this is dropped.
pub(super) struct Raw {
    input: OwnedFd,
    before: Termios,
    changed: UnixStream,
    signal: SigId,
    size: Box<dyn FnMut() -> Option<(u16, u16)>>,
}

impl Raw {
    /// None if standard input is no terminal.
    pub(super) fn start() -> io::Result<Option<Raw>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let input = stdin.as_fd().try_clone_to_owned()?;
        let before = tcgetattr(&input)?;
        let (changed, told) = UnixStream::pair()?;
        changed.set_nonblocking(true)?;
        told.set_nonblocking(true)?;
        let signal = pipe::register(SIGWINCH, told)?;
        let (window, drain) = (input.try_clone()?, changed.try_clone()?);
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Now, &raw)?;
        Ok(Some(Raw {
            input,
            before,
            changed,
            signal,
            size: Box::new(move || size(&window, &drain)),
        }))
    }

    pub(super) fn terminal(&mut self) -> Terminal<'_> {
        Terminal {
            changed: self.changed.as_fd(),
            size: &mut *self.size,
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        unregister(self.signal);
        // The terminal may be gone.
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}

fn size(window: &OwnedFd, mut drain: &UnixStream) -> Option<(u16, u16)> {
    // Signals that came together are one change.
    while drain.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    let size = tcgetwinsize(window).ok()?;
    Some((size.ws_col, size.ws_row))
}
