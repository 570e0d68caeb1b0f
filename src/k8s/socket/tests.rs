//! Commands and forwarded connections against a server that misbehaves.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::chain::Chain;
use crate::k8s::Verdict;
use crate::k8s::error::Error;
use crate::k8s::exec::{Command, Input, Outcome, Session, Streams};
use crate::k8s::fixture::client_of;
use crate::k8s::forward::{Place, forward};

const DONE: &[u8] = b"\x82\x15\x03{\"status\":\"Success\"}";
const GOODBYE: &[u8] = b"\x88\x02\x03\xe8";
/// Nothing here takes long; a test that fails must not hang.
const SOON: Duration = Duration::from_secs(20);

/// The side of the server once it agreed.
struct Server(TcpStream);

impl Server {
    /// Takes one connection and agrees on `protocol`.
    fn agree(listener: &TcpListener, protocol: &str) -> Server {
        let (mut server, head) = Server::accept(listener);
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let proof = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let proof = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, proof.as_bytes()));
        server.say(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {proof}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
            )
            .as_bytes(),
        );
        server
    }

    /// Takes one connection and reads the head of its request.
    fn accept(listener: &TcpListener) -> (Server, String) {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut server = Server(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(server.take(1)[0]);
        }
        (server, String::from_utf8(head).unwrap())
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Kind and payload of the next frame, which is short.
    fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        assert_eq!(head[1] & 0x80, 0x80, "masked");
        let mask = self.take(4);
        let payload = self.take(usize::from(head[1] & 0x7f));
        let bytes = payload.iter().zip(mask.iter().cycle());
        (head[0], bytes.map(|(byte, key)| byte ^ key).collect())
    }
}

#[derive(Debug)]
struct Ran {
    outcome: Result<Outcome, Error>,
    out: String,
    err: String,
}

/// Runs a command with that input while `script` plays the server.
fn run(input: Option<&str>, script: impl FnOnce(&TcpListener) + Send) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&listener);
    thread::scope(|scope| {
        scope.spawn(|| script(&listener));
        let words = ["cat".to_owned()];
        let command = Command {
            namespace: "n",
            pod: "p",
            container: "c",
            command: &words,
            stdin: input.is_some(),
            stderr: true,
            tty: false,
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut bytes = input.unwrap_or_default().as_bytes();
        let outcome = Session::start(&client, &command).and_then(|session| {
            session.run(Streams {
                input: input.map(|_| Input {
                    from: &mut bytes,
                    wait: None,
                }),
                terminal: None,
                out: &mut out,
                err: &mut err,
            })
        });
        Ran {
            outcome,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    })
}

/// The error of a session that `bytes` after the agreement break.
fn broken(bytes: &[u8]) -> String {
    let ran = run(None, |listener| {
        Server::agree(listener, "v5.channel.k8s.io").say(bytes);
    });
    let error = ran.outcome.unwrap_err();
    Chain(&error).to_string()
}

#[test]
fn input_and_its_end_go_out_and_both_outputs_come_in() {
    let ran = run(Some("hello"), |listener| {
        let mut server = Server::agree(listener, "v5.channel.k8s.io");
        assert_eq!(server.frame(), (0x82, b"\0hello".to_vec()));
        assert_eq!(server.frame(), (0x82, b"\xff\0".to_vec()));
        // Empty messages only open the channels.
        server.say(b"\x82\x01\x01\x82\x01\x02\x82\x03\x01hi\x82\x04\x02bad");
        server.say(DONE);
        server.say(GOODBYE);
        assert_eq!(server.frame(), (0x88, b"\x03\xe8".to_vec()));
    });
    assert_eq!(ran.outcome.unwrap(), Outcome::Success);
    assert_eq!((&*ran.out, &*ran.err), ("hi", "bad"));
}

#[test]
fn an_older_server_is_not_told_of_the_end_of_the_input() {
    let ran = run(Some("hello"), |listener| {
        let mut server = Server::agree(listener, "v4.channel.k8s.io");
        assert_eq!(server.frame(), (0x82, b"\0hello".to_vec()));
        server.say(b"\x89\x01p");
        assert_eq!(server.frame(), (0x8a, b"p".to_vec()));
        server.say(DONE);
        server.say(GOODBYE);
    });
    assert_eq!(ran.outcome.unwrap(), Outcome::Success);
}

#[test]
fn messages_come_in_parts_with_pings_between_and_byte_by_byte() {
    let ran = run(None, |listener| {
        let mut server = Server::agree(listener, "v5.channel.k8s.io");
        let parts = b"\x02\x00\x00\x02\x01a\x89\x00\x00\x01b\x80\x01c";
        for byte in parts.iter().chain(DONE).chain(GOODBYE) {
            server.say(&[*byte]);
        }
        assert_eq!(server.frame(), (0x8a, Vec::new()));
    });
    assert_eq!(ran.outcome.unwrap(), Outcome::Success);
    assert_eq!(ran.out, "abc");
}

#[test]
fn the_outcome_counts_even_if_nobody_says_goodbye() {
    let ran = run(None, |listener| {
        Server::agree(listener, "v5.channel.k8s.io").say(DONE);
    });
    assert_eq!(ran.outcome.unwrap(), Outcome::Success);
}

#[test]
fn whatever_breaks_is_told_as_what_it_is() {
    let cut =
        "GET /api/v1/namespaces/n/pods/p/exec failed: the connection ended before the command did";
    let table: [(&[u8], &str); 6] = [
        (b"", cut),
        (b"\x82\x05\x01half", cut),
        (
            b"\x82\x7f\0\0\0\0\x10\0\0\0",
            ": a frame is larger than 1 MiB",
        ),
        (b"\xf2\x00", ": a frame has reserved bits"),
        (
            b"\x88\x06\x03\xf3oops",
            ": the server closed with code 1011: oops",
        ),
        (b"\x81\x02hi", ": a frame is of an unknown kind"),
    ];
    for (bytes, expected) in table {
        let told = broken(bytes);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_reset_in_the_middle_is_a_cut() {
    let ran = run(None, |listener| {
        let mut server = Server::agree(listener, "v5.channel.k8s.io");
        server.say(b"\x82\x03\x01hi");
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&server.0, linger).unwrap();
    });
    let told = ran.outcome.unwrap_err().to_string();
    assert!(told.contains("ended before the command did"), "{told}");
}

#[test]
fn a_protocol_that_was_not_offered_is_not_spoken() {
    let ran = run(None, |listener| {
        Server::agree(listener, "v3.channel.k8s.io");
    });
    let told = ran.outcome.unwrap_err().to_string();
    assert!(
        told.contains("the server chose a protocol that was not offered"),
        "{told}"
    );
}

#[test]
fn a_refusal_is_the_one_of_the_server() {
    let ran = run(None, |listener| {
        let (mut server, head) = Server::accept(listener);
        assert!(head.contains("\r\nAuthorization: Bearer t\r\n"), "{head}");
        let body = r#"{"reason":"Forbidden","message":"no"}"#;
        let size = body.len();
        server.say(
            format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {size}\r\n\r\n{body}").as_bytes(),
        );
    });
    let error = ran.outcome.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Forbidden);
    assert!(
        error.to_string().ends_with("status 403, Forbidden, no"),
        "{error}"
    );
}

#[test]
fn another_thread_can_end_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&listener);
    thread::scope(|scope| {
        let server = scope.spawn(|| Server::agree(&listener, "v5.channel.k8s.io"));
        let command = Command {
            namespace: "n",
            pod: "p",
            container: "c",
            command: &[],
            stdin: false,
            stderr: true,
            tty: false,
        };
        let session = Session::start(&client, &command).unwrap();
        let _open = server.join().unwrap();
        let closer = session.closer().unwrap();
        scope.spawn(move || closer.close());
        let outcome = session.run(Streams {
            input: None,
            terminal: None,
            out: &mut Vec::new(),
            err: &mut Vec::new(),
        });
        assert!(outcome.is_err());
    });
}

/// Forwards one connection; returns what the node said, and what `client` made of its end.
fn forwarded<T: Send>(
    script: impl FnOnce(&mut Server) + Send,
    local: impl FnOnce(TcpStream) -> T + Send,
) -> (String, T) {
    let (listener, front) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let client = client_of(&listener);
    thread::scope(|scope| {
        scope.spawn(|| script(&mut Server::agree(&listener, "v4.channel.k8s.io")));
        let address = front.local_addr().unwrap();
        let local = scope.spawn(move || local(TcpStream::connect(address).unwrap()));
        let (accepted, _) = front.accept().unwrap();
        let place = Place {
            namespace: "n",
            pod: "p",
            port: 80,
        };
        let told = forward(&client, place, &accepted).unwrap();
        (told, local.join().unwrap())
    })
}

fn read_all(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn bytes_are_carried_both_ways_until_the_pod_ends() {
    let (told, answer) = forwarded(
        |server| {
            // The number of the port comes first, on both channels.
            server.say(b"\x82\x03\0\x50\0\x82\x03\x01\x50\0");
            assert_eq!(server.frame(), (0x82, b"\0GET".to_vec()));
            server.say(b"\x82\x06\0hello");
            server.say(GOODBYE);
        },
        |mut local| {
            local.write_all(b"GET").unwrap();
            read_all(local)
        },
    );
    assert_eq!((&*told, &*answer), ("", "hello"));
}

#[test]
fn the_pod_may_go_on_once_the_local_side_ended() {
    let (told, answer) = forwarded(
        |server| {
            assert_eq!(server.frame(), (0x82, b"\0all".to_vec()));
            server.say(b"\x82\x03\0\x50\0\x82\x02\0a");
            server.say(b"\x82\x02\0b");
            server.say(GOODBYE);
        },
        |mut local| {
            local.write_all(b"all").unwrap();
            local.shutdown(Shutdown::Write).unwrap();
            read_all(local)
        },
    );
    assert_eq!((&*told, &*answer), ("", "ab"));
}

#[test]
fn what_the_node_says_of_a_failure_is_told() {
    let (told, answer) = forwarded(
        |server| {
            server.say(b"\x82\x03\0\x50\0\x82\x05\x01\x50\0no");
            server.say(GOODBYE);
        },
        read_all,
    );
    assert_eq!((&*told, &*answer), ("no", ""));
}
