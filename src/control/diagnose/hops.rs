//! Walks the way to the control plane stage by stage and times each: name, connection,
//! TLS, answer, clock. Stops at the first stage that fails; bounded in time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::{Hop, tls, transport};
use crate::chain::Chain;
use crate::control::address::authority;
use crate::control::client::{Client, Way};
use crate::control::{Error, Options};
use crate::resolver;

/// Of each stage; at most five follow each other.
const LIMIT: Duration = Duration::from_secs(5);

/// Tries every stage up to the first failure. Takes 5 s for a stage at most, or less if
/// the options have a shorter timeout.
pub fn hops(options: &Options) -> Vec<Hop> {
    let mut walk = Walk {
        limit: options.timeout.min(LIMIT),
        hops: Vec::new(),
    };
    // The first failure ends the walk and is its last hop already.
    let _ = walk.all(options);
    walk.hops
}

struct Walk {
    limit: Duration,
    hops: Vec<Hop>,
}

/// The hop that failed is on the list.
struct Stopped;

impl Walk {
    fn all(&mut self, options: &Options) -> Result<(), Stopped> {
        let options = Options {
            timeout: self.limit,
            ..options.clone()
        };
        let ready = Way::new(&options)
            .map_err(Error::Options)
            .and_then(|way| Ok((way, Client::new(&options)?)));
        let (way, client) = match ready {
            Ok(ready) => ready,
            Err(error) => {
                return self.note("options", String::new(), Err(error.explanation().text));
            }
        };
        let stream = self.reach(&way)?;
        if way.address.https && way.proxy.is_none() {
            self.tls(&way, stream)?;
        }
        let answered = client.ping().map_err(|error| error.explanation().text);
        self.note("http", way.address.join("/api/v1/health"), answered)?;
        self.clock(&client)
    }

    /// Name and connection: of the proxy, where there is one.
    fn reach(&mut self, way: &Way) -> Result<TcpStream, Stopped> {
        let (host, port, via) = match &way.proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port, " (proxy)"),
            None => (way.address.host.as_str(), way.address.port, ""),
        };
        let started = Instant::now();
        let found = resolver::lookup(host, port, self.limit);
        let addresses = match found {
            Ok(addresses) => {
                let list: Vec<_> = addresses.iter().map(|a| a.ip().to_string()).collect();
                let detail = format!("{host}{via} is {}", list.join(", "));
                self.note("dns", detail, Ok(started.elapsed()))?;
                addresses
            }
            Err(error) => {
                let problem = Chain(&error).to_string();
                self.note("dns", format!("{host}{via}"), Err(problem))?;
                return Err(Stopped);
            }
        };
        let started = Instant::now();
        match connect(&addresses, self.limit) {
            Ok((stream, address)) => {
                self.note("tcp", format!("{address}{via}"), Ok(started.elapsed()))?;
                Ok(stream)
            }
            Err(error) => {
                let detail = format!("{}{via}", authority(host, port));
                self.note("tcp", detail, Err(error.to_string()))?;
                Err(Stopped)
            }
        }
    }

    fn tls(&mut self, way: &Way, stream: TcpStream) -> Result<(), Stopped> {
        let started = Instant::now();
        let outcome = handshake(way, stream, started + self.limit);
        let detail = match &outcome {
            Ok(version) => format!("{version}, trusting {}", way.roots.describe()),
            Err(_) => format!("trusting {}", way.roots.describe()),
        };
        let outcome = outcome
            .map(|_| started.elapsed())
            .map_err(|error| problem(&error, &way.address.authority()));
        self.note("tls", detail, outcome)
    }

    fn clock(&mut self, client: &Client) -> Result<(), Stopped> {
        let Some(ahead) = client.clock_skew() else {
            return Ok(());
        };
        let detail = format!("{} s from the control plane's", ahead.unsigned_abs());
        let outcome = match super::skew(ahead) {
            Some(explanation) => Err(explanation.text),
            None => Ok(Duration::ZERO),
        };
        self.note("clock", detail, outcome)
    }

    fn note(
        &mut self,
        name: &'static str,
        detail: String,
        outcome: Result<Duration, String>,
    ) -> Result<(), Stopped> {
        let passed = outcome.is_ok();
        self.hops.push(Hop {
            name,
            detail,
            outcome,
        });
        if passed { Ok(()) } else { Err(Stopped) }
    }
}

/// Tries the addresses in turn, all together within `limit`.
fn connect(addresses: &[SocketAddr], limit: Duration) -> io::Result<(TcpStream, SocketAddr)> {
    let deadline = Instant::now() + limit;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        if share.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok((stream, *address)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Shakes hands, hangs up and says the version.
fn handshake(way: &Way, stream: TcpStream, deadline: Instant) -> io::Result<&'static str> {
    let name = ServerName::try_from(way.address.host.clone()).map_err(io::Error::other)?;
    let mut connection =
        ClientConnection::new(way.roots.config(), name).map_err(io::Error::other)?;
    let mut stream = Timed { stream, deadline };
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    })
}

fn problem(error: &io::Error, authority: &str) -> String {
    match tls::cause(error) {
        Some(cause) => tls::explain(cause, authority).text,
        None => transport::connection(error, authority).text,
    }
}

/// A stream with one deadline for all reads and writes, however slowly they trickle.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        self.stream.set_write_timeout(Some(left))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
