//! Lines of logs on their way out, each with the name of its log where that is wished for.

use std::io::{self, Write};

use super::Log;
use crate::k8s::logs::Question;
use crate::kubectl::failure::Failure;
use crate::kubectl::pods::run::broken;
use crate::kubectl::session::Session;

/// `[pod/NAME/CONTAINER] ` in front of each line, where that is wished for.
pub(super) struct Prefix {
    text: String,
    /// Whether a line is under way.
    begun: bool,
}

impl Prefix {
    pub(super) fn of(session: &Session<'_>, log: &Log) -> Prefix {
        let wanted = session.flags.on("prefix") || session.flags.on("all-pods");
        let Question { pod, container, .. } = &log.question;
        Prefix {
            text: match wanted {
                true => format!("[pod/{pod}/{container}] "),
                false => String::new(),
            },
            begun: false,
        }
    }

    pub(super) fn write(&mut self, out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
        if self.text.is_empty() {
            return out.write_all(bytes);
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.begun {
                out.write_all(self.text.as_bytes())?;
            }
            out.write_all(line)?;
            self.begun = !line.ends_with(b"\n");
        }
        Ok(())
    }
}

/// The output of logs that are read one after the other.
pub(super) struct Lines<'a> {
    out: &'a mut dyn Write,
    prefix: Prefix,
    tolerant: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(session: &'a mut Session<'_>, log: &Log) -> Lines<'a> {
        Lines {
            prefix: Prefix::of(session, log),
            tolerant: session.flags.on("ignore-errors"),
            out: session.out(),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.prefix.write(self.out, bytes)
    }

    /// Prints a failure instead of ending with it, where that is wished for.
    pub(super) fn tolerate(self, outcome: Result<(), crate::k8s::Error>) -> Result<(), Failure> {
        match outcome.map_err(broken) {
            Err(failure) if self.tolerant && !failure.text().is_empty() => {
                Ok(writeln!(self.out, "error: {}", failure.message())?)
            }
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_gets_its_prefix_once() {
        let mut prefix = Prefix {
            text: "[p] ".to_owned(),
            begun: false,
        };
        let mut out = Vec::new();
        for part in ["a\nb", "b\n", "\nc"] {
            prefix.write(&mut out, part.as_bytes()).unwrap();
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "[p] a\n[p] bb\n[p] \n[p] c"
        );
    }
}
