//! Passes a request of somebody else on, and the answer back as it comes.
//!
//! Each request has a connection of its own, which the server closes after the answer. What
//! comes back is not looked at but for its first bytes: watches, logs that are followed and
//! protocols that are switched to pass as they are. Only after the server switched is
//! anything more taken from the caller, so nothing hides behind a request.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_keepalive;

use super::client::{Client, Speaker};
use super::error::{Cause, Error};
use super::socket::{Wire, connect};
use crate::pour::pour;
use crate::secret::Secret;

/// Bytes that may wait for either side before the other has to.
const ROOM: usize = 128 * 1024;
const CHUNK: usize = 16 * 1024;
/// Until the answer begins; the server itself gives up after a minute.
const ANSWER: Duration = Duration::from_secs(65);
/// Longest time in which the caller takes nothing.
const STALL: Duration = Duration::from_secs(30);
const SWITCHED: &[u8] = b"HTTP/1.1 101";

/// What to pass on.
#[derive(Debug)]
pub struct Relayed {
    pub method: &'static str,
    /// The caller speaks HTTP/1.0 and knows no chunks.
    pub old: bool,
    /// With its query.
    pub path: String,
    /// None of them is about the connection, nor says who asks.
    pub fields: Vec<(String, String)>,
    /// The protocol to switch to, if the server wants.
    pub upgrade: Option<String>,
    pub body: Vec<u8>,
    pub speaker: Speaker,
}

/// A request on its way.
pub struct Relay {
    wire: Wire,
    /// The caller asked for another protocol.
    switches: bool,
    /// The server agreed: everything passes both ways.
    passes: bool,
    /// As much of the answer as tells that.
    first: Vec<u8>,
    /// What the caller has not taken yet.
    back: Vec<u8>,
    /// More of the answer may come.
    open: bool,
    /// When the caller took something, or nothing waited for it.
    moved: Instant,
}

impl Relayed {
    /// Connects and gives the request to the connection.
    ///
    /// # Errors
    /// No connection, or a file of the credentials cannot be used.
    pub fn open(&self, client: &Client) -> Result<Relay, Error> {
        let failed = |cause| Error::new(self.method, &self.path, cause);
        let target = client.target();
        let url = format!("{}{}", target.server(), self.path);
        let uri = url
            .parse()
            .map_err(|_| failed(Cause::Garbage("the path is not a URL".to_owned())))?;
        let (authorization, tls) = match &self.speaker {
            Speaker::Other(secret) => (Some(secret.clone()), target.tls_of_nobody()),
            Speaker::Agent => {
                let own = target.authorization(Instant::now());
                (
                    own.map_err(|error| failed(Cause::Token(error)))?,
                    target.tls(),
                )
            }
        };
        let mut wire = connect(target, &uri, tls).map_err(failed)?;
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let head = self.head(host, path, authorization.as_ref());
        wire.out().extend_from_slice(head.expose().as_bytes());
        wire.out().extend_from_slice(&self.body);
        Ok(Relay {
            wire,
            switches: self.upgrade.is_some(),
            passes: false,
            first: Vec::new(),
            back: Vec::new(),
            open: true,
            moved: Instant::now(),
        })
    }

    fn head(&self, host: &str, path: &str, authorization: Option<&Secret>) -> Secret {
        let minor = if self.old { 0 } else { 1 };
        let mut head = format!("{} {path} HTTP/1.{minor}\r\nHost: {host}\r\n", self.method);
        let mut field = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        };
        for (name, value) in &self.fields {
            field(name, value);
        }
        if let Some(authorization) = authorization {
            field("Authorization", authorization.expose());
        }
        match &self.upgrade {
            Some(protocol) => {
                field("Connection", "Upgrade");
                field("Upgrade", protocol);
            }
            None => field("Connection", "close"),
        }
        if !self.body.is_empty() || matches!(self.method, "POST" | "PUT" | "PATCH") {
            field("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        Secret::new(head)
    }
}

impl Relay {
    /// The connection, for those who take the answer themselves.
    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }

    /// Whether anything of the answer came.
    pub fn begun(&self) -> bool {
        !self.first.is_empty()
    }

    /// Copies until the server ends the answer or the caller is gone. The caller's
    /// connection does not block; `early` came behind its request.
    ///
    /// # Errors
    /// Either side broke, or was silent for too long.
    pub fn run(&mut self, caller: &TcpStream, early: &[u8]) -> io::Result<()> {
        set_socket_keepalive(caller, true)?;
        set_socket_keepalive(&self.wire, true)?;
        loop {
            self.wire.flush()?;
            if pour(caller, &mut self.back)? > 0 {
                self.moved = Instant::now();
            }
            if !self.open && self.back.is_empty() {
                return match self.begun() {
                    true => caller.shutdown(Shutdown::Write),
                    false => Err(ErrorKind::UnexpectedEof.into()),
                };
            }
            let ready = self.wait(caller)?;
            if ready.answer {
                self.fill(early)?;
            }
            if ready.over || (ready.more && !receive(caller, self.wire.out())?) {
                return Ok(());
            }
        }
    }

    /// Takes what came from the server.
    fn fill(&mut self, early: &[u8]) -> io::Result<()> {
        let before = self.back.len();
        if before == 0 {
            self.moved = Instant::now();
        }
        // As much as there is: looking again costs more than reading.
        let mut length = None;
        while self.open && self.back.len() < ROOM && length != Some(self.back.len()) {
            length = Some(self.back.len());
            self.open = self.wire.fill(&mut self.back)?;
        }
        let missing = SWITCHED.len() - self.first.len();
        let news = self.back.get(before..).unwrap_or_default();
        self.first.extend(news.iter().take(missing));
        if self.switches && self.first == SWITCHED {
            self.switches = false;
            self.passes = true;
            self.wire.out().extend_from_slice(early);
        }
        Ok(())
    }

    /// How long it may wait.
    fn limit(&self) -> Option<Duration> {
        match (self.begun(), self.back.is_empty()) {
            (false, _) => Some(ANSWER),
            (true, false) => Some(STALL),
            (true, true) => None,
        }
    }

    /// Sleeps until one of the two has something or takes something.
    fn wait(&self, caller: &TcpStream) -> io::Result<Ready> {
        let left = self
            .limit()
            .map(|limit| limit.saturating_sub(self.moved.elapsed()));
        if left == Some(Duration::ZERO) {
            return Err(ErrorKind::TimedOut.into());
        }
        let flag = |wanted: bool, flag| if wanted { flag } else { PollFlags::empty() };
        let answers = self.open && self.back.len() < ROOM;
        let upstream = flag(answers, PollFlags::IN) | flag(self.wire.is_full(), PollFlags::OUT);
        let takes = self.passes && self.wire.unsent() < ROOM;
        // Who asks for something else has all of the answer, whatever the server thinks; and who
        // has no more to say is gone, unless it speaks another protocol by now.
        let asks = !self.passes && self.begun() && self.back.is_empty();
        let local = flag(takes || asks, PollFlags::IN)
            | flag(!self.passes, PollFlags::RDHUP)
            | flag(!self.back.is_empty(), PollFlags::OUT);
        let mut fds = [
            PollFd::new(caller, local),
            PollFd::from_borrowed_fd(self.wire.as_fd(), upstream),
        ];
        // One that nothing is wanted of would still tell its end, again and again.
        let count = if upstream.is_empty() { 1 } else { 2 };
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds[..count], timeout.as_ref()) {
            Err(Errno::INTR) => return Ok(Ready::default()),
            outcome => outcome?,
        };
        let [local, upstream] = fds.map(|fd| fd.revents());
        let gone = PollFlags::HUP | PollFlags::ERR;
        let answer = answers && upstream.intersects(PollFlags::IN | gone);
        let more = local.contains(PollFlags::IN);
        Ok(Ready {
            answer,
            more: takes && more,
            over: local.intersects(PollFlags::RDHUP | gone) || (asks && more && !answer),
        })
    }
}

#[derive(Debug, Default)]
struct Ready {
    /// Something came from the server, or its end.
    answer: bool,
    /// Something came from the caller.
    more: bool,
    /// The caller is gone, or done.
    over: bool,
}

/// Appends what came; false at the end.
fn receive(mut from: &TcpStream, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; CHUNK];
    match from.read(&mut chunk) {
        Ok(count) => {
            out.extend_from_slice(chunk.get(..count).unwrap_or_default());
            Ok(count > 0)
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::k8s::fixture::client_of;

    fn relayed(method: &'static str, upgrade: Option<&str>, body: &[u8]) -> Relayed {
        Relayed {
            method,
            old: false,
            path: "/api/v1/pods?limit=1".to_owned(),
            fields: vec![("Accept".to_owned(), "text/plain".to_owned())],
            upgrade: upgrade.map(ToOwned::to_owned),
            body: body.to_vec(),
            speaker: Speaker::Other(Secret::new("Bearer theirs")),
        }
    }

    /// The caller's end, and the agent's of the same connection.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        (theirs, ours)
    }

    fn read(mut from: &TcpStream, count: usize) -> String {
        let mut bytes = vec![0; count];
        from.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn all(mut from: &TcpStream) -> String {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    }

    /// Runs the relay against a server; how it ended, and whether an answer began.
    fn run(
        request: &Relayed,
        early: &[u8],
        server: impl FnOnce(TcpStream) + Send,
        caller: impl FnOnce(TcpStream),
    ) -> (io::Result<()>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client_of(&listener);
        let (theirs, ours) = connection();
        thread::scope(|scope| {
            scope.spawn(|| server(listener.accept().unwrap().0));
            let relaying = scope.spawn(move || {
                let mut relay = request.open(&client).unwrap();
                let outcome = relay.run(&ours, early);
                // What is unread would reset the connection, were it closed before all has been taken.
                let _ = ours.shutdown(Shutdown::Write);
                (outcome, relay.begun(), ours)
            });
            caller(theirs);
            let (outcome, begun, _) = relaying.join().unwrap();
            (outcome, begun)
        })
    }

    #[test]
    fn a_request_and_its_answer_pass_as_they_are() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
        let server = |mut stream: TcpStream| {
            let head = "POST /api/v1/pods?limit=1 HTTP/1.1\r\nHost: ADDRESS\r\nAccept: text/plain\r\n\
                        Authorization: Bearer theirs\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";
            let address = stream.local_addr().unwrap().to_string();
            let expected = head.replace("ADDRESS", &address);
            assert_eq!(read(&stream, expected.len()), expected);
            stream.write_all(answer.as_bytes()).unwrap();
        };
        let request = relayed("POST", None, b"body");
        let (outcome, begun) = run(&request, b"", server, |caller| {
            assert_eq!(all(&caller), answer);
        });
        assert!(outcome.is_ok() && begun);
    }

    #[test]
    fn an_old_caller_is_an_old_one_for_the_server() {
        let request = Relayed {
            old: true,
            ..relayed("GET", None, b"")
        };
        let head = request.head("h", "/x", None);
        let head = head.expose();
        assert!(head.starts_with("GET /x HTTP/1.0\r\nHost: h\r\n"), "{head}");
        assert!(!head.contains("Content-Length"), "{head}");
        assert!(!head.contains("Authorization"), "{head}");
    }

    #[test]
    fn nothing_hides_behind_a_request() {
        for upgrade in [None, Some("websocket")] {
            let server = |mut stream: TcpStream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let came = all(&stream);
                assert!(came.ends_with("\r\n\r\n"), "{came}");
                assert!(!came.contains("secrets"), "{came}");
            };
            let second = b"GET /api/v1/secrets HTTP/1.1\r\n\r\n";
            let request = relayed("GET", upgrade, b"");
            let (outcome, _) = run(&request, second, server, |mut caller| {
                caller.write_all(second).unwrap();
                assert_eq!(all(&caller), "HTTP/1.1 200 OK\r\n\r\n");
            });
            assert!(outcome.is_ok());
        }
    }

    #[test]
    fn after_the_switch_everything_passes_both_ways() {
        let server = |mut stream: TcpStream| {
            stream.write_all(b"HTTP/1.1 1").unwrap();
            stream
                .write_all(b"01 Switching Protocols\r\n\r\nhello")
                .unwrap();
            let mut came = String::new();
            while !came.ends_with("early, later") {
                came += &read(&stream, 1);
            }
            assert!(came.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
            stream.write_all(b" again").unwrap();
            assert_eq!(all(&stream), "");
        };
        let request = relayed("GET", Some("websocket"), b"");
        let (outcome, _) = run(&request, b"early, ", server, |mut caller| {
            let answer = "HTTP/1.1 101 Switching Protocols\r\n\r\nhello";
            assert_eq!(read(&caller, answer.len()), answer);
            caller.write_all(b"later").unwrap();
            assert_eq!(read(&caller, 6), " again");
        });
        assert!(outcome.is_ok());
    }

    /// A server ought to end the connection, as it is asked to; this one leaves it open.
    #[test]
    fn who_asks_again_has_all_of_the_answer() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let server = |mut stream: TcpStream| {
            stream.write_all(answer.as_bytes()).unwrap();
            assert!(all(&stream).ends_with("\r\n\r\n"));
        };
        let (outcome, _) = run(&relayed("GET", None, b""), b"", server, |mut caller| {
            assert_eq!(read(&caller, answer.len()), answer);
            caller.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            // An end or a reset, but no answer.
            let _ = caller.read_to_end(&mut Vec::new());
        });
        assert!(outcome.is_ok());
    }

    #[test]
    fn who_is_gone_is_not_waited_for() {
        let server = |stream: TcpStream| {
            assert!(all(&stream).ends_with("\r\n\r\n"));
        };
        let (outcome, begun) = run(&relayed("GET", None, b""), b"", server, drop);
        assert!(outcome.is_ok() && !begun);
    }

    #[test]
    fn more_than_fits_waits_for_the_caller() {
        let long = "x".repeat(8 << 20);
        let server = |mut stream: TcpStream| {
            // What is left unread would make the end a reset.
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                head += &read(&stream, 1);
            }
            stream.write_all(long.as_bytes()).unwrap();
        };
        let (outcome, begun) = run(&relayed("GET", None, b""), b"", server, |caller| {
            assert_eq!(all(&caller).len(), long.len());
        });
        assert!(outcome.is_ok() && begun);
    }

    #[test]
    fn a_server_without_an_answer_is_told() {
        for whole in [false, true] {
            let server = |stream: TcpStream| {
                // What is left unread makes the end a reset.
                let least = if whole { 60 } else { 4 };
                let mut head = read(&stream, least);
                while whole && !head.ends_with("\r\n\r\n") {
                    head += &read(&stream, 1);
                }
            };
            let request = relayed("GET", None, b"");
            let (outcome, begun) = run(&request, b"", server, |caller| {
                assert_eq!(all(&caller), "", "nothing is sent to it");
            });
            assert!(outcome.is_err() && !begun, "{outcome:?}");
        }
    }
}
