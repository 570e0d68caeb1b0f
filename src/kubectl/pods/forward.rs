//! `kubectl port-forward`: ports of this machine that lead to ports of a pod.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::Value;

use super::ports::{Pair, pairs};
use super::{RUNNING, field, name};
use crate::boundary::Around;
use crate::chain::Chain;
use crate::k8s::forward::{Place, forward};
use crate::k8s::{Client, Verdict};
use crate::kubectl::failure::Failure;
use crate::kubectl::flags::{Group, Kind, flag};
use crate::kubectl::session::Session;
use crate::kubectl::verbs::Verb;

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "port-forward",
    aliases: &[],
    usage: "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
    about: "Forward one or more local ports to a pod",
    flags: &[RUNNING, FLAGS],
    local: true,
    run,
};

const FLAGS: Group = &[flag("address", "", Kind::List, "localhost")];
/// Connections at once, each a thread; more wait to be accepted.
const MOST: usize = 64;

/// An open port of this machine.
struct Front {
    listener: TcpListener,
    local: u16,
    remote: u16,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let Some((target, ports)) = session
        .words
        .split_first()
        .filter(|(_, ports)| !ports.is_empty())
    else {
        return Err(Failure::usage(
            "port-forward",
            "TYPE/NAME and list of ports are required for port-forward",
        ));
    };
    let object = super::object(session, target)?;
    let pod = super::attachable(session, object.clone())?;
    let pairs = pairs(ports, &object, &pod).map_err(Failure::new)?;
    let phase = field(&pod, "/status/phase");
    if phase != "Running" {
        return Err(Failure::new(format!(
            "unable to forward port because pod is not running. Current status={phase}"
        )));
    }
    let addresses = addresses(&session.flags.all("address"))?;
    let fronts = listen(session, &addresses, &pairs)?;
    serve(session, &fronts, &pod)
}

/// Addresses, and whether one of them that cannot be had matters.
fn addresses(texts: &[&str]) -> Result<Vec<(IpAddr, bool)>, Failure> {
    let mut addresses: Vec<(IpAddr, bool)> = Vec::new();
    for text in texts {
        match (*text, text.parse()) {
            ("localhost", _) => addresses.extend([
                (Ipv4Addr::LOCALHOST.into(), false),
                (Ipv6Addr::LOCALHOST.into(), false),
            ]),
            (_, Ok(address)) => addresses.push((address, true)),
            _ => return Err(Failure::new(format!("{text} is not a valid IP"))),
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// Opens every port that can be opened, and tells of each.
fn listen(
    session: &mut Session<'_>,
    addresses: &[(IpAddr, bool)],
    pairs: &[Pair],
) -> Result<Vec<Front>, Failure> {
    let mut fronts = Vec::new();
    for pair in pairs {
        match open(session, addresses, *pair)? {
            Ok(opened) => fronts.extend(opened),
            Err(problem) => session.io.stderr.write_all(problem.as_bytes())?,
        }
    }
    session.out().flush()?;
    if fronts.is_empty() {
        let pairs = pairs
            .iter()
            .map(|pair| format!("{{{} {}}}", pair.local, pair.remote));
        let pairs = pairs.collect::<Vec<_>>().join(" ");
        return Err(Failure::new(format!(
            "unable to listen on any of the requested ports: [{pairs}]"
        )));
    }
    Ok(fronts)
}

/// Opens one port on all addresses; the inner error is that it cannot be had.
fn open(
    session: &mut Session<'_>,
    addresses: &[(IpAddr, bool)],
    pair: Pair,
) -> Result<Result<Vec<Front>, String>, Failure> {
    let (mut fronts, mut failed) = (Vec::new(), Vec::new());
    let (mut port, mut needed, remote) = (pair.local, false, pair.remote);
    for (address, must) in addresses {
        let address = SocketAddr::new(*address, port);
        match bind(address) {
            Ok((listener, local)) => {
                port = local;
                let shown = SocketAddr::new(address.ip(), local);
                writeln!(session.out(), "Forwarding from {shown} -> {remote}")?;
                fronts.push(Front {
                    listener,
                    local,
                    remote,
                });
            }
            Err(error) => {
                needed |= must;
                failed.push(not_bound(address, &error));
            }
        }
    }
    if !needed && !fronts.is_empty() {
        return Ok(Ok(fronts));
    }
    let problem = failed.join(" ");
    Ok(Err(format!(
        "Unable to listen on port {port}: Listeners failed to create with the following errors: \
         [{problem}]\n"
    )))
}

/// In the words of Go.
fn not_bound(address: SocketAddr, error: &io::Error) -> String {
    let version = if address.is_ipv4() { "tcp4" } else { "tcp6" };
    // The C library has words of its own.
    let told = error.to_string().to_lowercase();
    let problem = match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use",
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address",
        _ => told.split(" (os error").next().unwrap_or_default(),
    };
    format!("unable to create listener: Error listen {version} {address}: bind: {problem}")
}

fn bind(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(address)?;
    // Somebody may be gone before accept: never wait there.
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// What the threads of connections share.
struct Shared<'a> {
    client: Client,
    pod: &'a Value,
    /// Standard output and error.
    told: Mutex<(&'a mut (dyn Write + Send), &'a mut (dyn Write + Send))>,
    /// Tells that the pod is gone.
    lost: Sender<()>,
}

fn serve(session: &mut Session<'_>, fronts: &[Front], pod: &Value) -> Result<(), Failure> {
    let (lost, is_lost) = bounded(1);
    let shared = Shared {
        client: session.api()?.client.clone(),
        pod,
        told: Mutex::new((&mut *session.io.stdout, &mut *session.io.stderr)),
        lost,
    };
    // A place for each connection; taking one waits while there is none.
    let (take, give) = bounded(MOST);
    thread::scope(|scope| {
        while is_lost.is_empty() {
            for front in ready(fronts)? {
                let Ok((local, _)) = front.listener.accept() else {
                    continue;
                };
                if take.send(()).is_err() {
                    break;
                }
                let (shared, give): (_, Receiver<()>) = (&shared, give.clone());
                let around = Around::here();
                scope.spawn(move || {
                    around.run(|| carry(shared, front, &local));
                    let _ = give.recv();
                });
            }
        }
        Err(Failure::new("lost connection to pod"))
    })
}

/// Waits for somebody who wants to connect, for a second at most: the pod may be lost.
fn ready(fronts: &[Front]) -> io::Result<Vec<&Front>> {
    let fds = fronts
        .iter()
        .map(|front| PollFd::new(&front.listener, PollFlags::IN));
    let mut fds: Vec<_> = fds.collect();
    let limit = rustix::event::Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    match poll(&mut fds, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready = fronts.iter().zip(&fds);
    let ready = ready.filter(|(_, fd)| !fd.revents().is_empty());
    Ok(ready.map(|(front, _)| front).collect())
}

fn carry(shared: &Shared<'_>, front: &Front, local: &TcpStream) {
    let tell = |problem: Option<&str>| {
        let mut told = shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Front { local, remote, .. } = front;
        // Nobody may listen to it; the connection works all the same.
        let _ = match problem {
            None => {
                writeln!(told.0, "Handling connection for {local}").and_then(|()| told.0.flush())
            }
            Some(problem) => writeln!(
                told.1,
                "an error occurred forwarding {local} -> {remote}: {problem}"
            ),
        };
    };
    tell(None);
    let place = Place {
        namespace: field(shared.pod, "/metadata/namespace"),
        pod: name(shared.pod),
        port: front.remote,
    };
    // An accepted connection may have inherited that accept does not wait.
    let outcome = local
        .set_nonblocking(false)
        .map_err(|error| error.to_string())
        .and_then(|()| {
            forward(&shared.client, place, local).map_err(|error| {
                if error.verdict() == Verdict::Absent {
                    let _ = shared.lost.try_send(());
                }
                Chain(&error).to_string()
            })
        });
    match outcome {
        Ok(problem) if problem.is_empty() => {}
        Ok(problem) | Err(problem) => tell(Some(problem.trim_end())),
    }
}
