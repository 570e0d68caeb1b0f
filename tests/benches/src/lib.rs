//! What benchmarks share: programs that are measured from outside, and tables.
//!
//! A number alone says little about a machine that others use too. So each is
//! printed as the median of several runs, with the lowest and the highest, beside
//! a peer's from the same run, and with the ratio of both.

mod figures;
mod load;
mod peer;
mod printed;
mod program;

pub use figures::{Figures, Table};
pub use load::{Connection, PATIENCE, throughput};
pub use peer::serve_tiny_http;
pub use printed::{Printed, printed};
pub use program::{
    Program, TOKEN, Usage, agent, has_cluster, kubectl, listening, ours, resident_peak,
};
