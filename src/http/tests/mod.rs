//! The front through real sockets, in this process.
//!
//! Limits are short where a test waits for one, and long where it must not come
//! into play. Nothing here depends on how fast the machine is.

mod attack;
mod exchange;
mod overload;
mod slow;
mod tls;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Front, Handler, Limits, Options, Request, Response, Stats};
use crate::group::{Ending, Group};
use crate::health::Beats;
use crate::stop::{self, StopSource};

/// Until a test gives up on something that must come.
const PATIENCE: Duration = Duration::from_secs(30);
/// For limits that must come into play.
const SHORT: Duration = Duration::from_millis(50);

/// A front that runs until it is dropped.
struct Running {
    address: SocketAddr,
    tls: Option<SocketAddr>,
    stats: Arc<Stats>,
    beats: Beats,
    stop: Option<StopSource>,
    thread: Option<JoinHandle<Ending>>,
}

impl Running {
    fn new(options: Options, handler: impl Handler + 'static) -> Running {
        start(bind(options), handler)
    }

    fn with_limits(limits: Limits) -> Running {
        Running::new(options(limits), echo)
    }

    /// A new connection.
    fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// Asks to stop, as a signal would, and does not wait.
    fn ask_to_stop(&mut self) {
        self.stop = None;
    }

    fn ending(&mut self) -> Ending {
        self.ask_to_stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            let ending = thread.join().unwrap();
            if !std::thread::panicking() {
                assert!(ending.outcome.is_ok(), "{ending:?}");
                assert!(ending.stuck.is_empty(), "{ending:?}");
            }
        }
    }
}

fn options(limits: Limits) -> Options {
    Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        limits,
        ..Options::default()
    }
}

/// Long enough for any test that is not about limits.
fn patient() -> Limits {
    Limits {
        first_byte: PATIENCE,
        head: PATIENCE,
        body: PATIENCE,
        idle: PATIENCE,
        write: PATIENCE,
        answer: PATIENCE,
        ..Limits::default()
    }
}

fn bind(options: Options) -> Front {
    Front::bind(options).unwrap()
}

fn start(front: Front, handler: impl Handler + 'static) -> Running {
    let (address, stats) = (front.addresses()[0], front.stats());
    let tls = front.tls_addresses().first().copied();
    let beats = Beats::new(Instant::now());
    let (source, stop) = stop::channel();
    let mut group = Group::default();
    let wait = move || {
        while !stop.wait(PATIENCE) {}
        Ok(())
    };
    group.add("test", 64 * 1024, wait, || {});
    front.add_to(&mut group, Arc::new(handler), &beats).unwrap();
    let thread = Builder::new().spawn(move || group.run(PATIENCE)).unwrap();
    Running {
        address,
        tls,
        stats,
        beats,
        stop: Some(source),
        thread: Some(thread),
    }
}

/// Method, target and body back.
fn echo(request: &Request) -> Response {
    let body = String::from_utf8_lossy(&request.body);
    Response::text(200, format!("{} {} {body}", request.method, request.path))
}

/// A handler that says which request it has and goes on when told to.
fn gate() -> (impl Handler + 'static, Receiver<String>, Sender<()>) {
    let (entered, seen) = bounded(1000);
    let (open, opened) = bounded::<()>(1000);
    let handler = move |request: &Request| {
        entered.send(request.path.clone()).unwrap();
        let _ = opened.recv_timeout(PATIENCE);
        echo(request)
    };
    (handler, seen, open)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Waits for what another thread must bring about.
#[track_caller]
fn eventually(condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "it did not come");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// The client's side of a connection.
struct Peer<S = TcpStream>(BufReader<S>);

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Peer {
    fn connect(address: SocketAddr) -> Peer {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Peer(BufReader::new(stream))
    }

    fn socket(&self) -> &TcpStream {
        self.0.get_ref()
    }

    fn shut(&self) {
        self.socket().shutdown(Shutdown::Write).unwrap();
    }
}

impl<S: Read + Write> Peer<S> {
    #[track_caller]
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// One answer, read exactly.
    #[track_caller]
    fn reply(&mut self) -> Reply {
        let mut reply = self.reply_without_body();
        let length = reply.field("Content-Length").map(str::to_owned);
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        reply.body = String::from_utf8(body).unwrap();
        reply
    }

    #[track_caller]
    fn reply_without_body(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(
                self.0.read_line(&mut head).unwrap(),
                0,
                "end after {head:?}"
            );
        }
        Reply {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::new(),
        }
    }

    #[track_caller]
    fn ask(&mut self, request: impl AsRef<[u8]>) -> Reply {
        self.send(request);
        self.reply()
    }

    /// What comes until the orderly end.
    #[track_caller]
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Reply {
    fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| *own == name).map(|(_, value)| value)
    }
}
