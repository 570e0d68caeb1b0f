//! Everything that is tested through files, processes and sockets, in one binary.

mod cluster;
mod config;
mod control;
mod support;
mod tidy;
