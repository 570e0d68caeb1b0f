//! Accepts connections, a thread for each, and brings request, fault and answer together.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use rustls::{ServerConnection, StreamOwned};
use serde_json::Value;

use crate::Options;
use crate::agents::Agents;
use crate::certificates::Certificates;
use crate::desk;
use crate::faults::{Faults, Kind};
use crate::protocol::{self, Call};
use crate::transcript::Transcript;
use crate::wire::{Reader, Request, Response};

/// More are closed at once.
const CONNECTIONS: usize = 256;
/// A connection may be silent for so long.
const IDLE: Duration = Duration::from_secs(75);
/// Longest wait of a poll for commands.
const LONGEST_POLL: u64 = 60;

/// Everything that answers share.
#[derive(Debug)]
pub(crate) struct Plane {
    token: String,
    agents: Mutex<Agents>,
    /// Something came for an agent that may be waiting for it.
    queued: Condvar,
    faults: Mutex<Faults>,
    pub(crate) transcript: Transcript,
    certificates: Option<Certificates>,
    open: Mutex<HashMap<SocketAddr, TcpStream>>,
}

/// The accepting thread.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    plane: Arc<Plane>,
    thread: Option<JoinHandle<()>>,
}

/// RFC 3339, as the protocol writes moments.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

impl Plane {
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let open = |folder| Certificates::open(folder, &options.names);
        Ok(Self {
            token: options.token.clone(),
            agents: Mutex::new(Agents::load(options.file.clone(), options.events)?),
            queued: Condvar::new(),
            faults: Mutex::default(),
            transcript: Transcript::default(),
            certificates: options.tls.as_deref().map(open).transpose()?,
            open: Mutex::default(),
        })
    }

    pub(crate) fn agents(&self) -> MutexGuard<'_, Agents> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a command for an agent; the command as it goes over the wire.
    pub(crate) fn queue(&self, agent: &str, command: &Value) -> Result<Value, String> {
        let mut agents = self.agents();
        let known = agents
            .get_mut(agent)
            .ok_or_else(|| format!("there is no agent {agent}"))?;
        let wire = known.commands.queue(command)?;
        agents.save();
        self.queued.notify_all();
        Ok(wire)
    }

    /// Waits until there is something to do for the agent.
    fn await_command(&self, agent: &str, after: u64, limit: Duration) {
        let agents = self.agents();
        let idle = |agents: &mut Agents| {
            let agent = agents.get_mut(agent);
            let idle = agent.is_some_and(|agent| agent.commands.open(after).is_empty());
            idle && !self.transcript.ended()
        };
        drop(self.queued.wait_timeout_while(agents, limit, idle));
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SocketAddr, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one connection to its end.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(IDLE))?;
        stream.set_write_timeout(Some(IDLE))?;
        stream.set_nodelay(true)?;
        let raw = stream.try_clone()?;
        let Some(certificates) = &self.certificates else {
            return self.converse(stream, &raw);
        };
        let config = certificates.config(self.faults().take_certificate());
        let config = config.ok_or_else(|| io::Error::other("no such certificate"))?;
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        self.converse(StreamOwned::new(connection, stream), &raw)
    }

    fn converse(&self, mut stream: impl Read + Write, raw: &TcpStream) -> io::Result<()> {
        let mut reader = Reader::new();
        loop {
            let request = match reader.next(&mut stream) {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let refusal = Response::problem(400, error.to_string());
                    return stream.write_all(&refusal.with("Connection", "close").bytes());
                }
                Err(error) => return Err(error),
            };
            let answer = if request.path.starts_with("/api/") {
                self.protocol(&request)
            } else {
                Answer::Whole(desk::answer(self, &request))
            };
            match answer {
                Answer::Whole(response) => stream.write_all(&self.dated(response).bytes())?,
                Answer::Garbage => return stream.write_all(b"\x16\x03garbage\0\xff\r\n\r\n"),
                Answer::Dropped => return Ok(()),
                // With no time to linger, closing sends RST.
                Answer::Reset => {
                    return Ok(rustix::net::sockopt::set_socket_linger(
                        raw,
                        Some(Duration::ZERO),
                    )?);
                }
            }
            stream.flush()?;
        }
    }

    /// Answers a call of the protocol, or does what a fault says, and records it.
    fn protocol(&self, request: &Request) -> Answer {
        let call = Call::of(&request.method, &request.path);
        let name = call.map_or("unknown", Call::name);
        let fault = self.faults().take(name, &request.path);
        let (delay, kind) = fault.unwrap_or((Duration::ZERO, Kind::Delay));
        if !delay.is_zero() && self.transcript.pause(delay) {
            return Answer::Dropped;
        }
        let (answer, fault) = match kind {
            Kind::Delay => (Answer::Whole(self.regular(call, request)), None),
            Kind::Answer {
                status,
                headers,
                body,
            } => {
                let response = Response {
                    status,
                    headers,
                    body,
                };
                (Answer::Whole(response), Some("answer"))
            }
            Kind::Drop => (Answer::Dropped, Some("drop")),
            Kind::Lose => {
                self.regular(call, request);
                (Answer::Dropped, Some("lose"))
            }
            Kind::Reset => (Answer::Reset, Some("reset")),
            Kind::Garbage => (Answer::Garbage, Some("garbage")),
        };
        let response = match &answer {
            Answer::Whole(response) => Some(response),
            _ => None,
        };
        self.transcript.record(name, request, response, fault);
        answer
    }

    fn regular(&self, call: Option<Call<'_>>, request: &Request) -> Response {
        if let Some(refusal) = protocol::authorize(call, request, &self.token) {
            return refusal;
        }
        let Some(call) = call else {
            return Response::problem(404, "there is no such call, or not with this method");
        };
        if let Call::Commands(id) = call {
            let number = |name| request.parameter(name)?.parse().ok();
            let seconds = number("wait").unwrap_or(0).min(LONGEST_POLL);
            let after = number("after").unwrap_or(0);
            self.await_command(id, after, Duration::from_secs(seconds));
        }
        protocol::answer(call, request, self.agents(), &now())
    }

    /// Adds the Date header, unless a fault has one; wrong by as much as was asked for.
    fn dated(&self, response: Response) -> Response {
        let is_date = |(name, _): &(String, String)| name.eq_ignore_ascii_case("date");
        if response.headers.iter().any(is_date) {
            return response;
        }
        let offset = self.agents().clock_offset();
        let shift = Duration::from_secs(offset.unsigned_abs());
        let now = SystemTime::now();
        let moment = if offset < 0 {
            now.checked_sub(shift)
        } else {
            now.checked_add(shift)
        };
        response.with("Date", &http_date(moment.unwrap_or(now)))
    }
}

enum Answer {
    Whole(Response),
    Dropped,
    Reset,
    Garbage,
}

impl Server {
    pub(crate) fn start(listen: SocketAddr, plane: Arc<Plane>) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)
            .map_err(|error| io::Error::new(error.kind(), format!("{listen}: {error}")))?;
        let address = listener.local_addr()?;
        let shared = Arc::clone(&plane);
        let thread = thread::Builder::new()
            .name("control-plane".to_owned())
            .spawn(move || accept(&listener, &shared))?;
        Ok(Self {
            address,
            plane,
            thread: Some(thread),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stop(&mut self) {
        self.plane.transcript.end();
        // Whoever is about to wait holds the lock, and would miss the call otherwise.
        drop(self.plane.agents());
        self.plane.queued.notify_all();
        // Wakes the accepting thread, which then cuts the connections and joins theirs.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was printed already.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: &TcpListener, plane: &Plane) {
    thread::scope(|scope| {
        for stream in listener.incoming() {
            if plane.transcript.ended() {
                break;
            }
            // A connection that was gone before it was accepted is nobody's loss.
            let Ok(stream) = stream else { continue };
            let (Ok(peer), Ok(copy)) = (stream.peer_addr(), stream.try_clone()) else {
                continue;
            };
            if plane.open().len() >= CONNECTIONS {
                continue;
            }
            plane.open().insert(peer, copy);
            let serve = move || {
                // How a connection ends is the client's affair.
                let _ = plane.serve(stream);
                plane.open().remove(&peer);
            };
            let thread = thread::Builder::new().name("connection".to_owned());
            if thread.spawn_scoped(scope, serve).is_err() {
                plane.open().remove(&peer);
            }
        }
        for stream in plane.open().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
}

/// RFC 9110, 5.6.7.
fn http_date(moment: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let since = moment
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let day = usize::try_from(since.as_secs() / 86_400 % 7).unwrap_or(0);
    let text = humantime::format_rfc3339_seconds(moment).to_string();
    let month: usize = text[5..7].parse().unwrap_or(1);
    format!(
        "{}, {} {} {} {} GMT",
        DAYS[day],
        &text[8..10],
        MONTHS[(month - 1) % 12],
        &text[..4],
        &text[11..19]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_rfc() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(http_date(moment), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
