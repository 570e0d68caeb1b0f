//! kubectl's work without kubectl: a command line in, its output and exit code out.
//!
//! [`run`] serves the command line of this program and commands of the control plane
//! alike. It reads and writes only through [`Io`], and finds the API server by
//! [`Context`]. Words, tables and exit codes are kubectl's: a test runs command lines with
//! both on a real cluster and compares every byte (`tests/integration/cluster/kubectl`).
//!
//! # How a verb is made
//! - A file with `pub(super) const VERB: Verb` and a function `fn(&mut Session) ->
//!   Result<(), Failure>`; its line in the table of [`verbs`]. Verbs of two or three words
//!   (`rollout status`) are verbs of their own.
//! - `flags` are groups (see [`flags`]), shared where kubectl shares them; the ones that
//!   every verb takes are added.
//! - The function decides everything it can from [`Session::flags`] and
//!   [`Session::words`] first, then asks [`Session::api`]; output goes to
//!   [`Session::out`], a failure is returned and printed by [`run`].
//! - [`resources`] turns `pods`, `deploy/web`, `-f` and `-l` into what to ask for;
//!   [`print`] has tables, YAML and JSON.
//! - Its command lines go into a `.lines` file of that test.
//! - Verbs that need a terminal, files or ports of this machine say `local: true`, and
//!   are refused to the control plane.

mod amend;
pub mod api;
mod apply;
mod auth;
mod autoscale;
pub mod change;
mod config;
mod create;
mod delete;
mod describe;
mod diff;
pub mod discovery;
pub mod duration;
mod events;
mod explain;
mod expose;
mod failure;
pub mod flags;
mod get;
pub mod jsonpath;
mod label;
mod labels;
pub mod manifest;
mod nodes;
mod patch;
mod pods;
pub mod print;
mod replace;
pub mod resources;
mod rollout;
mod run;
mod scale;
mod server;
mod session;
mod set;
pub mod sort;
mod top;
mod until;
mod verbs;
mod wait;
mod watched;

use std::io::{Read, Write};

use crate::k8s::{self, Client};
use crate::stop::Stop;

pub use failure::Failure;
pub use session::Session;
pub use verbs::{Verb, supported};

/// Where a command reads and writes. A verb that copies in both directions takes what it
/// needs to other threads.
pub struct Io<'a> {
    pub stdin: Box<dyn Read + Send>,
    pub stdout: &'a mut (dyn Write + Send),
    pub stderr: &'a mut (dyn Write + Send),
}

/// What a command works with, besides its arguments.
#[derive(Clone, Debug)]
pub struct Context {
    pub cluster: Cluster,
    /// Ends waiting and following. Whoever fires it for a command with a client of its
    /// own also calls [`Client::shutdown`], which ends a read in progress.
    pub stop: Stop,
}

/// Which cluster, and on whose behalf.
#[derive(Clone, Debug)]
pub enum Cluster {
    /// For the control plane: this one. Flags that lead to another are refused, and so
    /// are the files of this machine.
    Given { client: Client, namespace: String },
    /// For the command line: flags say where to look.
    Found(k8s::Options),
}

/// Runs one command; `arguments` come without the name of the program. The result is the
/// exit code.
pub fn run<'a>(arguments: &[String], io: Io<'a>, context: &'a Context) -> i32 {
    session::run(arguments, io, context)
}
