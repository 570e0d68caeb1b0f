//! Everything that is tested through files, processes and sockets, in one binary.

mod config;
mod control;
mod kubernetes;
mod support;
mod tidy;
