//! Everything about the control plane, and nothing about Kubernetes.
//!
//! [`proto`] is what goes over the wire, [`Client`] sends it, [`Error`] says what
//! the caller should do next, [`diagnose`] why it does not work, [`Link`] what is
//! true about the connection, [`store`] and [`spool`] what survives a restart. When to send
//! what is the business of `work`. The protocol is published as
//! `docs/control-plane-api.yaml`.

mod address;
mod answer;
mod client;
mod date;
pub mod diagnose;
mod error;
mod intervals;
mod link;
pub mod proto;
mod proxy;
pub mod spool;
pub mod store;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

pub use crate::token::TokenSource;
pub use client::Client;
pub use error::{Call, Error, Mistake, Verdict};
pub use intervals::Intervals;
pub use link::{Alert, Link, Recovery, View};

/// How to reach the control plane.
#[derive(Clone)]
pub struct Options {
    /// `https://host[:port][/prefix]`; `http` only for loopback or by `plain_http_allowed`.
    pub url: String,
    pub token: TokenSource,
    /// PEM certificates to trust *instead of* the built-in public roots.
    pub ca_file: Option<PathBuf>,
    pub plain_http_allowed: bool,
    /// `http://[user:password@]host[:port]`, used for https control planes only.
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, as in `NO_PROXY`; loopback always is.
    pub no_proxy: Option<String>,
    /// Limit of one call, from looking up the name to the last byte of the answer.
    pub timeout: Duration,
}

impl Options {
    /// Public roots, no proxy, 30 s for a call.
    pub fn new(url: impl Into<String>, token: TokenSource) -> Self {
        Self {
            url: url.into(),
            token,
            ca_file: None,
            plain_http_allowed: false,
            proxy: None,
            no_proxy: None,
            timeout: Duration::from_secs(30),
        }
    }
}
