//! Thread bodies: each a struct with `run`, and a `step` where a turn is worth
//! testing by itself.
//!
//! They connect the edges to the core. What is decided is decided elsewhere:
//! how to watch in `k8s`, what a change is in `cluster`, what a report says in
//! `report`.

pub mod commands;
mod forward;
mod heartbeat;
mod keep;
mod reflect;
pub mod rows;
mod session;
mod status;
mod survey;

use std::time::Duration;

pub use forward::Limits;
pub use heartbeat::Heartbeat;
pub use keep::Keeper;
pub use reflect::{Feed, resource};
pub use session::{Identity, Session};
pub use status::Status;
pub use survey::Survey;

/// No wish of a control plane keeps a loop silent for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
