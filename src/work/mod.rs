//! Thread bodies: each a struct with `run`, and a `step` where a turn is worth
//! testing by itself.
//!
//! They connect the edges to the core. What is decided is decided elsewhere:
//! how to watch in `k8s`, what a change is in `cluster`, what a report says in
//! `report`.

mod heartbeat;
mod keep;
mod reflect;
pub mod rows;
mod session;
mod status;
mod survey;

use std::time::{Duration, Instant};

use crate::health::Beat;
use crate::stop::Stop;

pub use heartbeat::Heartbeat;
pub use keep::Keeper;
pub use reflect::{Feed, resource};
pub use session::{Identity, Session};
pub use status::Status;
pub use survey::Survey;

/// Longest silence of a loop that only waits; their beats allow some multiple.
pub const TURN: Duration = Duration::from_secs(30);
/// No wish of a control plane keeps a loop silent for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Waits for `time` in turns short enough for the beat; true when asked to stop.
fn rest(stop: &Stop, beat: &Beat, time: Duration) -> bool {
    let end = Instant::now() + time;
    loop {
        let now = Instant::now();
        beat.stamp(now);
        let left = end.saturating_duration_since(now);
        if left.is_zero() {
            return stop.is_stopped();
        }
        if stop.wait(left.min(TURN)) {
            return true;
        }
    }
}
