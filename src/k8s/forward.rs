//! Carries one connection to a port of a pod.
//!
//! Each has a WebSocket of its own, in version 4 of the channel protocol, which every
//! node speaks. It has no word for "I send no more": when the local side ends, the other
//! may go on for as long as it says something.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::client::Client;
use super::error::Error;
use super::socket::{Socket, State};
use super::watch::escape;

const PROTOCOL: &str = "v4.channel.k8s.io";
const DATA: u8 = 0;
/// Either channel begins with the number of the port.
const PORT: usize = 2;
const CHUNK: usize = 16 * 1024;
/// What goes wrong is told in one line.
const LARGEST: usize = 16 * 1024;
/// Time for the pod to go on once the local side ended.
const GRACE: Duration = Duration::from_secs(10);

/// A port of a pod.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub namespace: &'a str,
    pub pod: &'a str,
    pub port: u16,
}

/// What came on one of the two channels.
#[derive(Debug, Default)]
struct Channel {
    /// Bytes of the port's number that came.
    begun: usize,
}

impl Channel {
    /// The bytes behind the number of the port.
    fn strip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let left = (PORT - self.begun).min(bytes.len());
        self.begun += left;
        bytes.get(left..).unwrap_or_default()
    }
}

/// Copies between `local` and the port until either side ends. Tells what the node has
/// to say about it: nothing, if all went well.
///
/// # Errors
/// No answer, a refusal, or a connection that broke.
pub fn forward(client: &Client, place: Place<'_>, local: &TcpStream) -> Result<String, Error> {
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}/portforward?ports={}",
        escape(place.namespace),
        escape(place.pod),
        place.port
    );
    let mut socket = Socket::open(client, &path, &[PROTOCOL])?;
    let outcome = copy(&mut socket, local);
    socket.close();
    // It may be gone already.
    let _ = local.shutdown(Shutdown::Both);
    outcome
}

fn copy(socket: &mut Socket, local: &TcpStream) -> Result<String, Error> {
    let mut chunk = vec![0; CHUNK];
    let mut channels = [Channel::default(), Channel::default()];
    let (mut problem, mut gone) = (Vec::new(), false);
    let (mut sending, mut heard) = (true, Instant::now());
    while socket.state() == State::Open && !gone {
        let mut each = |channel: u8, bytes: &[u8]| {
            let Some(state) = channels.get_mut(usize::from(channel)) else {
                return Ok(());
            };
            let bytes = state.strip(bytes);
            heard = Instant::now();
            if channel == DATA {
                // If nobody wants it any more, that is the end of both sides.
                gone |= (&*local).write_all(bytes).is_err();
            } else if problem.len() + bytes.len() <= LARGEST {
                problem.extend_from_slice(bytes);
            }
            Ok(())
        };
        let source = local.as_fd();
        let sources = Some(source).filter(|_| sending && socket.has_room());
        let limit = if sending { Duration::MAX } else { GRACE };
        let ready = socket.turn(sources.as_slice(), limit, &mut each)?;
        if !sending && heard.elapsed() >= GRACE {
            break;
        }
        if ready == 0 {
            continue;
        }
        match (&*local).read(&mut chunk) {
            Ok(0) => (sending, heard) = (false, Instant::now()),
            Ok(count) => socket.send(DATA, chunk.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => gone = true,
        }
    }
    Ok(String::from_utf8_lossy(&problem).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_port_is_taken_off_however_it_comes() {
        for parts in [
            &["\x50\0data"][..],
            &["\x50", "\0da", "ta"],
            &["", "\x50\0", "data"],
        ] {
            let mut channel = Channel::default();
            let rest: Vec<u8> = parts
                .iter()
                .flat_map(|part| channel.strip(part.as_bytes()).to_vec())
                .collect();
            assert_eq!(rest, b"data");
        }
    }
}
