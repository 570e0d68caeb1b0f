//! Binds the front, and adds its threads to the group.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crossbeam_channel::bounded;

use super::connection::Rules;
use super::connections::Connections;
use super::date::Clock;
use super::poll::{Parts, Poller};
use super::wake::Wake;
use super::worker::{Desk, Worker};
use super::{Handler, Options, Stats};
use crate::group::Group;
use crate::health::Beats;

/// Requests that wait for a worker; one more gets 503.
const QUEUE: usize = 64;
/// Connections that wait to be accepted. The standard library asks for 128, and
/// whoever finds that full tries again a second later.
const BACKLOG: i32 = 1024;
/// Bytes of bodies and answers that slow peers may make the front hold, unless one
/// body may be longer.
const HELD: usize = 16 << 20;
/// The poll thread's stack; virtual, a thread costs the pages it touches.
const STACK: usize = 128 * 1024;
/// A worker's: a handler may speak TLS.
const WORKER_STACK: usize = 256 * 1024;
/// Threads are named by what lives as long as the process.
const WORKERS: [&str; 16] = [
    "http-1", "http-2", "http-3", "http-4", "http-5", "http-6", "http-7", "http-8", "http-9",
    "http-10", "http-11", "http-12", "http-13", "http-14", "http-15", "http-16",
];

/// Bound and listening; requests are answered once its threads run.
#[derive(Debug)]
pub struct Front {
    listeners: Vec<TcpListener>,
    options: Options,
    stats: Arc<Stats>,
}

impl Front {
    /// Binds every address, or says which one failed and what to do.
    pub fn bind(options: Options) -> Result<Front, Error> {
        let listeners = options.listen.iter().map(|&address| bind(address));
        Ok(Front {
            listeners: listeners.collect::<Result<_, _>>()?,
            options,
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
        group: &mut Group,
        handler: Arc<dyn Handler>,
        beats: &Beats,
    ) -> Result<(), Error> {
        let limits = self.options.limits;
        let wake = Arc::new(Wake::new().map_err(|errno| Error::Poll(errno.into()))?);
        let (jobs, queue) = bounded(QUEUE);
        let (done, finished) = bounded(QUEUE + WORKERS.len());
        let desk = Desk::new(done, Arc::clone(&wake), self.stats());
        let desk = Arc::new(desk);
        for name in WORKERS.iter().take(self.options.workers.max(1)) {
            let worker = Worker {
                handler: Arc::clone(&handler),
                jobs: queue.clone(),
                desk: Arc::clone(&desk),
                beat: beats.register(name, limits.turn + limits.handler),
                turn: limits.turn,
                clock: Clock::default(),
            };
            // Ends when the poll thread does, after what is queued.
            group.add_again(name, WORKER_STACK, move || worker.clone().run());
        }
        let poller = Poller::new(Parts {
            connections: Connections::new(rules(&self.options), jobs, self.stats()),
            listeners: self.listeners,
            most: self.options.connections.max(1),
            limits,
            done: finished,
            wake: Arc::clone(&wake),
            stats: self.stats,
            beat: beats.register("http", limits.turn * 2),
        });
        let poller = poller.map_err(Error::Poll)?;
        group.add("http", STACK, move || poller.run(), move || wake.stop());
        Ok(())
    }
}

fn rules(options: &Options) -> Rules {
    Rules {
        body_limit: options.body_limit,
        held: HELD.max(options.body_limit.saturating_mul(2)),
        limits: options.limits,
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
    listen(address).map_err(|source| Error::Bind { address, source })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
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
