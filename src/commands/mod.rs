//! What the control plane asks for, once and safely: everything but the threads.
//!
//! Data moves one way: poll, journal, execute, outbox. Here is what those steps decide;
//! the threads that take them are in `work`. [`Outcome`] and [`End`] say how a command
//! ended, [`journal`] remembers that across a crash.

pub mod journal;
mod outcome;

pub use outcome::{End, Outcome};
