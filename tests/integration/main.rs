//! Everything that is tested through files, processes and sockets, in one binary.

mod agent;
mod api;
mod attacks;
mod budget;
mod cluster;
mod commands;
mod config;
mod control;
mod endurance;
mod http;
mod image;
mod kubernetes;
mod release;
mod support;
mod tidy;
