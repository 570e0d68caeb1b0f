//! One run of a program that prints, read as fast as it writes.

use std::fs;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::resident_peak;

/// Between two looks at its memory: so seldom that looking costs nothing.
const LOOK: u64 = 100_000;

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Printed {
    /// From its start to its end.
    pub milliseconds: f64,
    /// The largest that the kernel had seen when it was looked last, in megabytes.
    pub resident: f64,
    /// Of standard output.
    pub bytes: u64,
}

/// Runs it to its end.
///
/// # Errors
/// It cannot be run, or fails.
pub fn printed(mut command: Command, words: &[&str]) -> io::Result<Printed> {
    let begun = Instant::now();
    let mut child = command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let out = child.stdout.take();
    let mut out = out.ok_or_else(|| io::Error::other("it is not piped"))?;
    let (mut chunk, mut bytes, mut resident) = (vec![0; 1 << 16], 0, 0.0_f64);
    loop {
        let count = out.read(&mut chunk)? as u64;
        if count == 0 {
            break;
        }
        if bytes / LOOK != (bytes + count) / LOOK {
            let text = fs::read_to_string(&status).unwrap_or_default();
            resident = resident.max(resident_peak(&text));
        }
        bytes += count;
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("{command:?} failed: {status}")));
    }
    Ok(Printed {
        milliseconds: begun.elapsed().as_secs_f64() * 1e3,
        resident,
        bytes,
    })
}
