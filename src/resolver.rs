//! Looks up names within a time limit, remembers the last for 30 s, and says when it
//! was the lookup that failed.
//!
//! The client's own resolver asks for every call, before it looks for an open
//! connection, and reports a failed lookup like any other I/O error.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

const FRESH: Duration = Duration::from_secs(30);
/// As many addresses as the client tries.
const MOST: usize = 16;
/// Enough for the resolver of the C library.
const STACK: usize = 128 * 1024;

/// Remembers one host: a client speaks to the control plane, or to its proxy.
#[derive(Debug, Default)]
pub struct Names {
    last: Mutex<Option<Known>>,
}

/// A name that could not be looked up.
#[derive(Debug)]
pub struct LookupFailed {
    pub host: String,
    source: io::Error,
}

#[derive(Debug)]
struct Known {
    host: String,
    port: u16,
    addresses: Vec<SocketAddr>,
    at: Instant,
}

/// The addresses of a host, found within `limit`.
pub fn lookup(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, LookupFailed> {
    let failed = |source| LookupFailed {
        host: host.to_owned(),
        source,
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    // The C library cannot be interrupted: an overdue lookup is left behind on its own
    // thread, which ends when the library gives up.
    let (sender, receiver) = bounded(1);
    let name = host.to_owned();
    thread::Builder::new()
        .name("lookup".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            // Nobody waits any more: the answer is of no use.
            let _ = sender.send(found.map(|all| all.take(MOST).collect::<Vec<_>>()));
        })
        .map_err(failed)?;
    match receiver.recv_timeout(limit) {
        Ok(Ok(addresses)) if addresses.is_empty() => {
            Err(failed(io::Error::other("the name has no address")))
        }
        Ok(found) => found.map_err(failed),
        Err(RecvTimeoutError::Timeout) => Err(failed(io::ErrorKind::TimedOut.into())),
        Err(RecvTimeoutError::Disconnected) => Err(failed(io::Error::other("the lookup died"))),
    }
}

impl Names {
    fn find(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, LookupFailed> {
        let now = Instant::now();
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*last()
            && known.host == host
            && known.port == port
            && now.saturating_duration_since(known.at) < FRESH
        {
            return Ok(known.addresses.clone());
        }
        let addresses = lookup(host, port, limit)?;
        *last() = Some(Known {
            host: host.to_owned(),
            port,
            addresses: addresses.clone(),
            at: now,
        });
        Ok(addresses)
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let found = self
            .find(host, port, *timeout.after)
            .map_err(|error| ureq::Error::Other(Box::new(error)))?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(MOST) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

impl fmt::Display for LookupFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {} cannot be looked up", self.host)
    }
}

impl std::error::Error for LookupFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_lookup_and_no_time() {
        let found = lookup("::1", 80, Duration::ZERO).unwrap();
        assert_eq!(found, ["[::1]:80".parse().unwrap()]);
    }

    #[test]
    fn a_name_that_does_not_exist_is_named() {
        let error = lookup("nowhere.invalid", 443, Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains("nowhere.invalid"));
    }

    #[test]
    fn the_last_name_is_remembered_for_a_while() {
        let names = Names::default();
        let limit = Duration::from_secs(20);
        assert!(!names.find("localhost", 1, limit).unwrap().is_empty());
        // No time at all is enough now, for the same port only.
        assert!(names.find("localhost", 1, Duration::ZERO).is_ok());
        assert!(names.find("localhost", 2, limit).unwrap()[0].port() == 2);
    }
}
