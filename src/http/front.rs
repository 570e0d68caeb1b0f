//! Binds the front, and adds its threads to the group.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::bounded;

use super::accept::Listener;
use super::connection::Rules;
use super::connections::Connections;
use super::date::Clock;
use super::poll::{Parts, Poller};
use super::tls::{Certificate, Entrance, Terminator};
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
/// A worker's: a handler may speak TLS. And that of who ends TLS.
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
    tls_listeners: Vec<TcpListener>,
    certificate: Option<Certificate>,
    options: Options,
    stats: Arc<Stats>,
}

impl Front {
    /// Binds every address, or says which one failed and what to do.
    pub fn bind(options: Options) -> Result<Front, Error> {
        let certificate = options.tls.as_ref().map(|tls| {
            let certificate = Certificate::load(tls.files.clone(), tls.every, Instant::now());
            certificate.map_err(Error::Certificate)
        });
        let certificate = certificate.transpose()?;
        let secure = options.tls.as_ref().map(|tls| &*tls.listen);
        Ok(Front {
            listeners: bind(&options.listen)?,
            tls_listeners: bind(secure.unwrap_or_default())?,
            certificate,
            options,
            stats: Arc::default(),
        })
    }

    /// The addresses really bound.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.listeners)
    }

    /// Those where TLS is spoken.
    pub fn tls_addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.tls_listeners)
    }

    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Adds the actors "http" (poll thread) and "http-1" to "http-N" (workers), and
    /// "tls" where that is spoken.
    pub fn add_to(
        mut self,
        group: &mut Group,
        handler: Arc<dyn Handler>,
        beats: &Beats,
    ) -> Result<(), Error> {
        let limits = self.options.limits;
        let entrance = self.speak_tls(group, beats).map_err(Error::Poll)?;
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
            listeners: listeners(self.listeners, self.tls_listeners),
            entrance,
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

    /// Where there is a certificate. It ends by itself, when the poll thread has.
    fn speak_tls(&mut self, group: &mut Group, beats: &Beats) -> io::Result<Option<Entrance>> {
        let Some(certificate) = self.certificate.take() else {
            return Ok(None);
        };
        let limits = self.options.limits;
        let beat = beats.register("tls", limits.turn * 2);
        let (terminator, entrance) = Terminator::new(certificate, limits, self.stats(), beat)?;
        group.add("tls", WORKER_STACK, move || terminator.run(), || {});
        Ok(Some(entrance))
    }
}

fn listeners(plain: Vec<TcpListener>, secure: Vec<TcpListener>) -> Vec<Listener> {
    let plain = plain.into_iter().map(|socket| Listener::new(socket, false));
    let secure = secure.into_iter().map(|socket| Listener::new(socket, true));
    plain.chain(secure).collect()
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
    /// Certificate or key are of no use; says which, and what to do.
    Certificate(String),
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
            Error::Certificate(problem) => write!(f, "no TLS: {problem}"),
            Error::Poll(_) => f.write_str("cannot watch sockets"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Bind { source, .. } | Error::Poll(source) => Some(source),
            Error::Certificate(_) => None,
        }
    }
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Error> {
    let bound = addresses
        .iter()
        .map(|&address| listen(address).map_err(|source| Error::Bind { address, source }));
    bound.collect()
}

fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    let addresses = listeners.iter().map(TcpListener::local_addr);
    addresses.filter_map(Result::ok).collect()
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
