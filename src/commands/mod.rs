//! What the control plane asks for, once and safely: everything but the threads.
//!
//! Data moves one way: poll, journal, execute, outbox. Here is what those steps decide;
//! the threads that take them are in `work`. A [`Command`] is what came, [`Printed`] what
//! it prints, [`Outcome`] and [`End`] how it ended; [`journal`] remembers that across a
//! crash, and a [`Letter`] tells it. [`policy`] and [`Keys`] say who may do what, [`audit`] who
//! did.

pub mod audit;
mod command;
pub mod journal;
mod letter;
mod outcome;
pub mod policy;
mod printed;
mod signature;
mod stats;
mod volume;

pub use command::{Command, Config, Invalid, Kubectl, Task};
pub use letter::Letter;
pub use outcome::{End, Outcome};
pub use printed::{Batch, Printed, Stream};
pub use signature::{Keys, canonical};
pub use stats::Stats;
pub use volume::is_fleeting;
