//! Tests that stop, restart or count parts of the cluster: nobody else may be on it meanwhile.
//! `make test` gives them one of their own, beside the others.

mod chart;
mod faults;
mod lists;
mod logs;
mod plane;
mod policies;
mod tokens;
mod usage;
