//! Everything about the API server, and nothing about the control plane.
//!
//! [`target`] finds the server and the credentials, [`Client`] asks it,
//! [`watch`] follows one kind, [`usage`] measures nodes, [`types`] are the
//! narrow shapes that are read. When to do what is the business of `work`.

mod body;
mod call;
pub mod calls;
mod client;
mod credentials;
mod error;
pub mod exec;
mod fetch;
mod fields;
#[cfg(test)]
pub(crate) mod fixture;
pub mod forward;
mod incluster;
mod kubeconfig;
pub mod logs;
mod names;
pub mod quantity;
mod reading;
mod relay;
pub mod rights;
mod socket;
mod target;
mod travel;
pub mod types;
pub mod usage;
pub mod watch;

use std::path::PathBuf;

pub use call::{Answer, Call, JSON};
pub use client::{Client, Guard, Speaker};
pub use error::{Details, Error, FieldCause, Status, Verdict};
pub use fetch::Unfetched;
pub use reading::{Flaw, Whole};
pub use relay::{Relay, Relayed};
pub use socket::Closer;
pub use target::{Target, TargetError, target};

/// How to find the API server; what is empty or none is looked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Files of `KUBECONFIG` or a flag, merged in their order.
    pub kubeconfig: Vec<PathBuf>,
    /// Instead of the current context.
    pub context: Option<String>,
    /// What Kubernetes says to a process in a pod.
    pub in_cluster: Option<InCluster>,
    /// Where `.kube/config` may be.
    pub home: Option<PathBuf>,
}

/// The API server as a pod sees it.
#[derive(Clone, Debug)]
pub struct InCluster {
    pub host: String,
    pub port: u16,
    /// Holds `token` and `ca.crt` of the service account.
    pub folder: PathBuf,
}
