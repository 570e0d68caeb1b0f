//! How requests travel: time limits, buffers, and a thread of their own.

use std::time::Duration;
use std::{panic, thread};

use ureq::Agent;

use super::Target;
use super::error::{Cause, Error};
use crate::boundary::Around;
use crate::tls;

/// Bytes received at once. Smaller ones cost more system calls while lists are read.
pub(super) const INPUT: usize = 8 * 1024;
/// The same where lists are long: a whole TLS record. rustls moves the parts of one that is
/// not whole at each read, which was a sixth of the time that a long list takes.
pub(super) const RECORD: usize = 17 * 1024;
/// Bytes sent at once, and least room for the head of a request.
pub(super) const OUTPUT: usize = 4 * 1024;
pub(super) const USER_AGENT: &str = concat!("pipeops-agent/", env!("CARGO_PKG_VERSION"));
const STACK: usize = 256 * 1024;

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Longest silence while an answer is read.
    pub(super) silence: Option<Duration>,
    /// Longest wait for its head.
    pub(super) answer: Option<Duration>,
    /// Bytes received at once.
    pub(super) input: usize,
}

/// A client of its own connections, whose requests have heads of at most `output` bytes;
/// `for_other` without a certificate of ours.
///
/// # Errors
/// A file of the credentials cannot be used.
pub(super) fn agent(
    target: &Target,
    for_other: bool,
    limits: Limits,
    output: usize,
) -> Result<Agent, Error> {
    let tls = match for_other {
        true => target.tls_of_nobody(),
        false => target.tls(),
    };
    let tls =
        tls.map_err(|error| Error::new("connecting to", target.server(), Cause::Target(error)))?;
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // A proxy for the outside does not lead to the API server.
        .proxy(None)
        .user_agent(USER_AGENT)
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_recv_response(limits.answer)
        .timeout_per_read(limits.silence)
        .timeout_per_write(Some(Duration::from_secs(10)))
        // Each connection has two of either, all touched. The defaults cost ten
        // times the memory.
        .input_buffer_size(limits.input)
        .output_buffer_size(output)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .build();
    Ok(Agent::with_parts(
        config,
        tls::connector(tls),
        target.names(),
    ))
}

/// Runs it on a thread that ends with it. A handshake takes 40 KB of stack, which a
/// watch would otherwise keep for the hours in which it only waits.
///
/// # Errors
/// Those of `run`, and that no thread could be started.
pub(super) fn apart<T: Send>(
    run: impl FnOnce() -> Result<T, ureq::Error> + Send,
) -> Result<T, ureq::Error> {
    let around = Around::here();
    thread::scope(|scope| {
        thread::Builder::new()
            .name("request".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || around.run(run))
            .map_err(ureq::Error::Io)?
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}
