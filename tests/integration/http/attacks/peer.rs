//! `tiny_http` under the same attacks: what `docs/adr/0002-http-front.md` says of it.
//!
//! When a test here fails, a reason of that decision is gone, and the decision is due
//! again.

use std::env;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use super::requests::{HANGS, bodies, heads};
use super::{freeze, limited, thaw, vitals};
use crate::support::peer::{End, Peer};
use crate::support::{Agent, eventually};

/// Makes [`serve_when_told`] a server.
const TOLD: &str = "SERVE_TINY_HTTP";
/// Long enough to say that there will be no answer.
const SILENCE: Duration = Duration::from_secs(2);
const GET: &str = "GET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// This test binary again, as a `tiny_http` server.
fn command() -> Command {
    let mut command = Command::new(env::current_exe().expect("it runs"));
    let test = module_path!().split_once("::").expect("it is in a crate").1;
    command.args([
        "--exact",
        &format!("{test}::serve_when_told"),
        "--nocapture",
    ]);
    command.env_clear().env(TOLD, "1");
    command
}

fn peer() -> Agent {
    Agent::spawn(&mut command())
}

/// The server of the other tests; among them it does nothing.
#[test]
#[allow(
    clippy::print_stderr,
    reason = "whoever started it waits for these lines"
)]
fn serve_when_told() {
    if env::var_os(TOLD).is_none() {
        return;
    }
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    eprintln!("listening on {}", server.server_addr());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    match server.recv() {
                        Ok(request) => answer(request),
                        Err(error) => eprintln!("no request: {error}"),
                    }
                }
            });
        }
    });
}

/// Reads the body, as a handler does, unless told not to.
fn answer(mut request: tiny_http::Request) {
    if request.url() != "/unread" {
        let _ = std::io::copy(request.as_reader(), &mut std::io::sink());
    }
    let _ = request.respond(tiny_http::Response::from_string("served"));
}

#[test]
fn the_table_is_answered_as_it_says() {
    let peer = peer();
    let mut wrong = Vec::new();
    for attack in heads().iter().chain(&bodies()) {
        let mut client = Peer::connect(peer.address());
        client.send(&attack.bytes);
        client.shut();
        let heard = client.rest_within(SILENCE);
        let hangs = attack.tiny_http == HANGS;
        if heard.statuses() != attack.tiny_http || (heard.end == End::None) != hangs {
            wrong.push(format!("{}: {heard:?}", attack.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_field_of_an_answer_may_end_its_line() {
    let header = tiny_http::Header::from_bytes("A", "b\r\nSet-Cookie: c");
    assert!(header.is_ok());
}

#[test]
fn a_length_of_two_to_the_63_aborts_the_process() {
    let peer = peer();
    let fields = "Host: a\r\nContent-Length: 9223372036854775807";
    Peer::connect(peer.address()).tell(format!("POST /unread HTTP/1.1\r\n{fields}\r\n\r\n"));
    let (status, log) = peer.wait();
    assert_eq!(status.signal(), Some(6), "{status}: {log}");
    assert!(
        log.contains("memory allocation of 9223372036854775807 bytes failed"),
        "{log}"
    );
}

#[test]
fn the_memory_grows_with_one_header() {
    const HEADER: usize = 16 << 20;
    let peer = peer();
    let before = vitals(peer.pid());
    let block = "a".repeat(HEADER);
    let heard = Peer::connect(peer.address()).tell(format!("GET / HTTP/1.1\r\nA: {block}\r\n\r\n"));
    assert_eq!(heard.statuses(), [200]);
    let peak = vitals(peer.pid()).peak;
    assert!(
        peak > before.peak + HEADER as u64,
        "{before:?}, then {peak}"
    );
}

#[test]
fn a_reset_in_the_backlog_panics() {
    let peer = peer();
    freeze(&peer);
    for _ in 0..20 {
        let mut client = Peer::connect(peer.address());
        client.send(GET);
        client.reset();
    }
    thaw(&peer);
    peer.wait_log("panicked at");
}

/// Its accepting thread ends, and with it the socket that listens.
#[test]
fn without_descriptors_it_stops_listening_for_good() {
    let peer = Agent::spawn(&mut limited(&command(), 64));
    let idle: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(peer.address()))
        .collect();
    eventually("refused", || TcpStream::connect(peer.address()).err());
    drop(idle);
    assert!(TcpStream::connect(peer.address()).is_err());
    assert!(vitals(peer.pid()).threads > 1, "it still runs");
}

/// More are accepted than its threads are awake to take, and none is added for those.
#[test]
fn a_request_behind_idle_connections_waits_until_one_of_them_ends() {
    let stalls = || {
        let peer = peer();
        freeze(&peer);
        let mut idle: Vec<Peer> = (0..8).map(|_| Peer::connect(peer.address())).collect();
        let mut client = Peer::connect(peer.address());
        client.send(GET);
        thaw(&peer);
        let silent = !client.hears_within(SILENCE);
        idle.clear();
        assert_eq!(client.answer().statuses(), [200]);
        silent
    };
    // A race: nine times of ten.
    assert!((0..20).any(|_| stalls()));
}
