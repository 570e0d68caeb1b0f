//! The pipeops agent: a small Kubernetes agent on OS threads.
//!
//! Data moves one way. Modules below are in reading order: each may use the
//! ones above it that `docs/architecture.md` lists, and a test holds that table.

// Leaves: std plus at most one crate each.
pub mod age;
pub mod backoff;
pub mod boundary;
pub mod chain;
pub mod ciphers;
pub mod frames;
pub mod group;
pub mod health;
pub use json;
pub mod metrics;
pub mod pem;
pub mod pour;
pub mod process;
pub mod resolver;
pub mod seats;
pub mod secret;
pub mod signals;
pub mod sorted;
pub mod stop;
pub mod tls;
pub mod token;
pub mod version;
pub mod websocket;
pub mod yaml;

// Edges: one speaks to the API server, one to the control plane, one listens.
pub mod control;
pub mod http;
pub mod k8s;

// Core: the owner of cluster state, what is said about it, what is to be done.
pub mod cluster;
pub mod commands;
pub mod kubectl;
pub mod report;
pub mod security;

// Shell: configuration, thread bodies, routes, wiring.
pub mod agent;
pub mod api;
pub mod check;
pub mod config;
pub mod logger;
pub mod probe;
pub mod work;
