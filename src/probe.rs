//! `pipeops-agent probe live|ready|started`: asks the agent that runs here for its health,
//! so that an image without curl or shell can still be checked from inside.
//!
//! It reads the same settings as the agent does, to know where that listens.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::config::{Probe, Settings};

/// For the whole exchange; a probe of Kubernetes waits 1 s unless told otherwise.
const LIMIT: Duration = Duration::from_secs(2);
/// The answers are far smaller.
const MOST_BYTES: usize = 16 * 1024;

/// One line that says what was asked and answered; an error unless the answer is 200.
pub fn ask(settings: &Settings, probe: Probe) -> Result<String, String> {
    let path = match probe {
        // Who answers has started; the kubelet's two probes ask the same path too.
        Probe::Live | Probe::Started => "/health",
        Probe::Ready => "/ready",
    };
    let address = match settings.listen.first() {
        Some(address) if address.port() != 0 => near(*address),
        _ => return Err("no port to ask: set PIPEOPS_PORT to the one that the agent has".into()),
    };
    let answer = exchange(address, path)
        .map_err(|error| format!("http://{address}{path}: {error}; does the agent run?"))?;
    let (status, body) = parse(&answer)
        .ok_or_else(|| format!("http://{address}{path}: whoever answers speaks no HTTP"))?;
    let line = format!("http://{address}{path}: {status} {body}");
    if status == 200 { Ok(line) } else { Err(line) }
}

/// Where an agent that listens on `address` can be reached from here.
fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        // Linux gives a listener on [::] the IPv4 connections too.
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn exchange(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let end = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || answer.len() > MOST_BYTES {
            return Err(io::Error::other("no whole answer in time"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part) {
            Ok(0) => return Ok(answer),
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The name of a read that took too long.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// The status, and the body on one line.
fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let words: Vec<&str> = body.split_whitespace().collect();
    Some((status, words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_listens_everywhere_is_asked_on_the_loopback() {
        for (listens, asked) in [
            ("[::]:8080", "127.0.0.1:8080"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::1]:9", "[::1]:9"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            assert_eq!(near(listens.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn only_http_is_an_answer() {
        let parsed = |text: &str| parse(text.as_bytes());
        let ready = parsed("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\n  \"a\": 1\n}\n");
        assert_eq!(ready, Some((200, "{ \"a\": 1 }".to_owned())));
        for text in [
            "",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 20",
            "HTTP/1.1 2é0\r\n\r\n",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
