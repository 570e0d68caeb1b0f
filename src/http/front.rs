//! Binds the front, and adds its threads to the group.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use super::{Handler, Options, Stats};
use crate::group::Group;
use crate::health::Beats;

/// Bound and listening; requests are answered once its threads run.
#[derive(Debug)]
pub struct Front {
    listeners: Vec<TcpListener>,
    stats: Arc<Stats>,
}

impl Front {
    /// Binds every address, or says which one failed and what to do.
    pub fn bind(options: Options) -> Result<Front, Error> {
        let listeners = options.listen.iter().map(|&address| bind(address));
        Ok(Front {
            listeners: listeners.collect::<Result<_, _>>()?,
            stats: Arc::default(),
        })
    }

    /// The addresses really bound.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.listeners.iter().map(TcpListener::local_addr);
        addresses.filter_map(Result::ok).collect()
    }

    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Adds the actors "http" (poll thread) and "http-1" to "http-N" (workers).
    pub fn add_to(
        self,
        _group: &mut Group,
        _handler: Arc<dyn Handler>,
        _beats: &Beats,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// Why the front cannot listen.
#[derive(Debug)]
pub enum Error {
    /// The address cannot be bound.
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
    /// The kernel gave no poller.
    Poll(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Bind { address, source } => {
                write!(f, "cannot listen on {address}; {}", remedy(source.kind()))
            }
            Error::Poll(_) => f.write_str("cannot watch sockets"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Bind { source, .. } | Error::Poll(source) => Some(source),
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| Error::Bind { address, source })
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "another program has this port: stop it or choose another port",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need the NET_BIND_SERVICE capability: choose another port"
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ => "choose another address",
    }
}
