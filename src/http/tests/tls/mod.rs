//! TLS in front of the front, through real sockets.

mod files;
mod odd;
mod slow;

use std::fs;
use std::thread;

use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::*;
use crate::ciphers;
use crate::http::{Body, Files, Parts, Taken, Takeover, Tls};
use tempfile::TempDir;

type Secure = Peer<StreamOwned<ClientConnection, TcpStream>>;

/// Files that a front can use, and who believes it.
struct Keys {
    folder: TempDir,
    config: Arc<ClientConfig>,
}

impl Keys {
    fn new() -> Keys {
        let folder = tempfile::tempdir().unwrap();
        let config = write(&folder);
        Keys { folder, config }
    }

    fn files(&self) -> Files {
        Files {
            certificate: self.folder.path().join("tls.crt"),
            key: self.folder.path().join("tls.key"),
        }
    }

    fn options(&self, limits: Limits) -> Options {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        Options {
            tls: Some(Tls::new(listen, self.files())),
            ..options(limits)
        }
    }
}

/// A new certificate with its key; who believes it.
fn write(folder: &TempDir) -> Arc<ClientConfig> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    file("tls.crt", pair.cert.pem());
    file("tls.key", pair.signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let builder = ciphers::client().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::clone(config), name).unwrap()
}

impl Running {
    fn plain(&self) -> TcpStream {
        let stream = TcpStream::connect(self.tls.unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn secure(&self, config: &Arc<ClientConfig>) -> Secure {
        Peer(BufReader::new(StreamOwned::new(
            client(config),
            self.plain(),
        )))
    }
}

impl Secure {
    /// Nothing more is said.
    fn end(&mut self) {
        let stream = self.0.get_mut();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    }
}

#[test]
fn requests_are_answered_one_after_another() {
    let keys = Keys::new();
    let handler = |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        Response::text(200, format!("{} {} {body}", request.secure, request.peer))
    };
    let front = Running::new(keys.options(patient()), handler);
    let mut peer = front.secure(&keys.config);
    let own = peer.0.get_ref().sock.local_addr().unwrap();
    for body in ["one", "two", ""] {
        let reply = peer.ask(post("/", body));
        assert_eq!(
            (reply.status, reply.body),
            (200, format!("true {own} {body}"))
        );
    }
    assert_eq!(
        peer.0.get_ref().conn.alpn_protocol(),
        Some(&b"http/1.1"[..])
    );
    // Both at once, and the second in parts.
    peer.send(get("/") + &post("/", "three")[..20]);
    peer.send(&post("/", "three")[20..]);
    assert_eq!(peer.reply().body, format!("true {own} "));
    assert_eq!(peer.reply().body, format!("true {own} three"));
    // The plain port goes on beside it.
    assert!(front.connect().ask(get("/")).body.starts_with("false 127."));
    peer.end();
    assert_eq!(peer.rest(), "");
    assert_eq!(front.stats.tls_handshakes.get(), 1);
    assert_eq!(front.stats.tls_failures.get(), 0);
    eventually(|| front.stats.open.get() <= 1);
}

#[test]
fn either_version_is_spoken_and_a_client_is_known_again() {
    let keys = Keys::new();
    let front = Running::new(keys.options(patient()), echo);
    let versions: [&'static SupportedProtocolVersion; 2] =
        [&rustls::version::TLS12, &rustls::version::TLS13];
    for version in versions {
        let mut roots = RootCertStore::empty();
        let text = fs::read(keys.files().certificate).unwrap();
        for certificate in crate::pem::certificates(&text).unwrap() {
            roots.add(certificate).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(ciphers::provider())
            .with_protocol_versions(&[version])
            .unwrap();
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        let mut known = Vec::new();
        for _ in 0..2 {
            let mut peer = front.secure(&config);
            assert_eq!(peer.ask(get("/a")).body, "GET /a ");
            let connection = &peer.0.get_ref().conn;
            assert_eq!(connection.protocol_version(), Some(version.version));
            known.push(connection.handshake_kind().unwrap());
        }
        assert_eq!(known[1], rustls::HandshakeKind::Resumed, "{version:?}");
    }
}

#[test]
fn large_bodies_pass_both_ways() {
    let keys = Keys::new();
    let handler = |request: &Request| Response::json(200, request.body.repeat(8));
    let front = Running::new(keys.options(patient()), handler);
    let body = "0123456789abcdef".repeat(60_000);
    let mut peer = front.secure(&keys.config);
    for _ in 0..2 {
        assert!(peer.ask(post("/", &body)).body == body.repeat(8));
    }
}

#[test]
fn whoever_says_no_more_is_still_answered() {
    let keys = Keys::new();
    let front = Running::new(keys.options(patient()), echo);
    // In the language of TLS, in that of TCP, and in both.
    for (word, fin) in [(true, false), (false, true), (true, true)] {
        let mut peer = front.secure(&keys.config);
        peer.send(get("/last"));
        if word {
            peer.end();
        }
        if fin {
            peer.0.get_ref().sock.shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!(peer.reply().body, "GET /last ");
        assert_eq!(peer.rest(), "");
    }
    eventually(|| front.stats.open.get() == 0);
}

#[test]
fn the_end_of_a_connection_is_told() {
    let keys = Keys::new();
    let front = Running::new(keys.options(patient()), echo);
    let mut peer = front.secure(&keys.config);
    let reply = peer.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(reply.status, 200);
    // An end without close_notify would be an error.
    assert_eq!(peer.rest(), "");
    let mut peer = front.secure(&keys.config);
    assert_eq!(peer.ask("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").status, 501);
    assert_eq!(peer.rest(), "");
}

#[test]
fn answers_under_way_are_given_when_asked_to_stop() {
    let keys = Keys::new();
    let (handler, seen, open) = gate();
    let mut front = Running::new(keys.options(patient()), handler);
    let mut peer = front.secure(&keys.config);
    peer.send(get("/busy"));
    let mut idle = front.secure(&keys.config);
    idle.0.get_mut().flush().unwrap();
    seen.recv_timeout(PATIENCE).unwrap();
    front.ask_to_stop();
    open.send(()).unwrap();
    assert_eq!(peer.reply().body, "GET /busy ");
    assert_eq!(peer.rest(), "");
    assert!(front.ending().stuck.is_empty());
}

/// Says back what comes until the end, on a thread of its own.
fn raw(taken: Taken) {
    let body = move || {
        let mut stream = taken.stream();
        stream.set_nonblocking(false).unwrap();
        stream.write_all(taken.early()).unwrap();
        let mut part = [0; 5000];
        loop {
            match stream.read(&mut part).unwrap() {
                0 => return stream.write_all(b"end").unwrap(),
                count => stream.write_all(&part[..count]).unwrap(),
            }
        }
    };
    Builder::new().spawn(body).unwrap();
}

#[test]
fn a_connection_that_is_taken_over_goes_on_by_tls() {
    let keys = Keys::new();
    let handler = |_: &Request| Response::taken(Takeover::new(raw));
    let front = Running::new(
        keys.options(Limits {
            idle: SHORT,
            ..patient()
        }),
        handler,
    );
    let mut peer = front.secure(&keys.config);
    peer.send(get("/") + "early");
    let mut back = [0; 5];
    peer.0.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"early");
    let text = "x".repeat(100_000);
    for _ in 0..5 {
        // The peer takes nothing before it has said all of it.
        peer.send(&text);
        let mut back = vec![0; text.len()];
        peer.0.read_exact(&mut back).unwrap();
        assert!(back == text.as_bytes());
    }
    peer.end();
    assert_eq!(peer.rest(), "end");
    assert_eq!(front.stats.open.get(), 0);
}
