//! 500 who look on, 20 changes a second: the agent by server-sent events and by WebSocket,
//! beside a server with a thread for each of them.
//!
//! The API server, and those who look on, are this process.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use benches::{Figures, Program, TOKEN, Table, agent, listening};

const VIEWERS: usize = 500;
const CHANGES: usize = 100;
/// Between two changes.
const PACE: Duration = Duration::from_millis(50);
const RUNS: usize = 3;
/// For everything to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// The argument that makes this program the peer.
const PEER: &str = "threads";
/// What each change is told with.
const EVENTS: &[u8] = b"event: event\n";
const SOCKET: &[u8] = b"{\"type\":\"event\"";

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    match env::args().nth(1).as_deref() {
        Some(PEER) => serve_by_threads(),
        _ => compare(),
    }
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    println!("{VIEWERS} who look on, {CHANGES} changes in 5 s, {RUNS} runs");
    let (mut events, mut sockets, mut peer) = (Seen::default(), Seen::default(), Seen::default());
    for _ in 0..RUNS {
        events.measure_agent(EVENTS)?;
        sockets.measure_agent(SOCKET)?;
        peer.measure_peer()?;
    }
    let mut table = Table::new("thread per client");
    for (name, must, ours) in [
        ("SSE", "<= 450", &events),
        ("WebSocket", "<= 1.3x SSE", &sockets),
    ] {
        table.less(
            &format!("{name}: processor, ms"),
            must,
            &ours.cpu,
            &peer.cpu,
        );
        table.less(
            &format!("{name}: more threads"),
            "<= 4",
            &ours.threads,
            &peer.threads,
        );
        table.less(
            &format!("{name}: more memory, MB"),
            "<= 2",
            &ours.memory,
            &peer.memory,
        );
        table.less(&format!("{name}: lost"), "0", &ours.lost, &peer.lost);
    }
    println!("{table}");
    Ok(())
}

#[derive(Default)]
struct Seen {
    cpu: Figures,
    threads: Figures,
    memory: Figures,
    lost: Figures,
}

impl Seen {
    fn measure_agent(&mut self, mark: &'static [u8]) -> Outcome<()> {
        let (go, api) = api_server()?;
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("kubeconfig");
        let text = format!(
            "current-context: c\nusers: [{{name: u, user: {{token: t}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'http://{api}'}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
        );
        std::fs::write(&config, text)?;
        let (mut program, address) = agent(&config, folder.path(), &[("PIPEOPS_STREAMS", "600")])?;
        program.ignore_output();
        self.measure(&program, address, mark, move || go.open())
    }

    fn measure_peer(&mut self) -> Outcome<()> {
        let mut command = Command::new(env::current_exe()?);
        let (mut program, address) = listening(command.arg(PEER))?;
        program.ignore_output();
        self.measure(&program, address, EVENTS, move || {
            let _ = TcpStream::connect(address).and_then(|mut stream| stream.write_all(b"GO\n"));
        })
    }

    fn measure(
        &mut self,
        program: &Program,
        address: SocketAddr,
        mark: &'static [u8],
        go: impl FnOnce(),
    ) -> Outcome<()> {
        let before = program.at_rest()?;
        let mut viewers = Vec::new();
        for _ in 0..VIEWERS {
            viewers.push(Viewer::open(address, mark)?);
        }
        let open = program.at_rest()?;
        go();
        let told = watch(&mut viewers)?;
        let after = program.usage()?;
        self.cpu.push(after.cpu - open.cpu);
        self.threads
            .push(count(after.threads.saturating_sub(before.threads)));
        self.memory.push(after.resident_peak - before.resident);
        self.lost
            .push(count((VIEWERS * CHANGES).saturating_sub(told)));
        Ok(())
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// One who looks on.
struct Viewer {
    stream: TcpStream,
    mark: &'static [u8],
    /// The end of what came, which a mark may begin in.
    tail: Vec<u8>,
}

impl Viewer {
    fn open(address: SocketAddr, mark: &'static [u8]) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        let token = format!("Host: a\r\nAuthorization: Bearer {TOKEN}\r\n");
        if mark == SOCKET {
            let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            write!(stream, "GET /ws HTTP/1.1\r\n{token}{upgrade}\r\n")?;
            // Masked by zeros, it is what it says.
            let said = br#"{"type":"subscribe"}"#;
            stream.write_all(&[0x81, 0x80 | 20, 0, 0, 0, 0])?;
            stream.write_all(said)?;
        } else {
            write!(stream, "GET /api/realtime/events HTTP/1.1\r\n{token}\r\n")?;
        }
        // Whoever comes faster than requests are answered is told to come again.
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        if !matches!(&head, b"HTTP/1.1 200" | b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(&head)));
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            mark,
            tail: Vec::new(),
        })
    }

    /// Marks in what is there.
    fn look(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        let mut seen = 0;
        loop {
            match self.stream.read(chunk) {
                // The peer has told all; who is let go early is seen by what it lost.
                Ok(0) => return Ok(seen),
                Ok(size) => {
                    self.tail
                        .extend_from_slice(chunk.get(..size).unwrap_or_default());
                    let found = self.tail.windows(self.mark.len());
                    seen += found.filter(|window| *window == self.mark).count();
                    let keep = self.tail.len().min(self.mark.len() - 1);
                    self.tail.drain(..self.tail.len() - keep);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(seen),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(seen),
                Err(error) => return Err(error),
            }
        }
    }
}

/// How many changes all were told, together.
fn watch(viewers: &mut [Viewer]) -> io::Result<usize> {
    let (mut told, end) = (0, Instant::now() + PATIENCE);
    let mut chunk = vec![0; 64 * 1024];
    while told < VIEWERS * CHANGES && Instant::now() < end {
        for viewer in viewers.iter_mut() {
            told += viewer.look(&mut chunk)?;
        }
        thread::park_timeout(PACE / 5);
    }
    Ok(told)
}

/// Opens once.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(open, |open| !*open));
    }
}

/// The least that an agent is content with; once the gate is open, namespaces come.
fn api_server() -> io::Result<(Gate, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let gate = Gate::default();
    let passed = gate.clone();
    thread::Builder::new().spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let gate = passed.clone();
            // How a connection ends is the agent's affair.
            let _ = thread::Builder::new().spawn(move || drop(converse(stream, &gate)));
        }
    })?;
    Ok((gate, address))
}

fn converse(mut stream: TcpStream, gate: &Gate) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while !line.trim_end().is_empty() {
            line.clear();
            reader.read_line(&mut line)?;
        }
        if target.contains("watch=") {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            )?;
            if !target.starts_with("/api/v1/namespaces") {
                // Until the agent ends.
                let _ = reader.read_line(&mut line);
                return Ok(());
            }
            gate.pass();
            pace(|number| {
                let object = namespace(number);
                let line = format!("{{\"type\":\"ADDED\",\"object\":{object}}}\n");
                write!(stream, "{:x}\r\n{line}\r\n", line.len())
            })?;
            let _ = reader.read_line(&mut line);
            return Ok(());
        }
        let body = match target.split('?').next() {
            Some("/version") => "{\"gitVersion\":\"v1.34.1\"}".to_owned(),
            Some("/api/v1/namespaces/kube-system") => namespace(0),
            _ => "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}".to_owned(),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
    }
}

fn namespace(number: usize) -> String {
    let uid = format!("0b5a1c52-7a5c-4a0f-9d6b-{number:012x}");
    format!(
        "{{\"metadata\":{{\"name\":\"space-{number}\",\"uid\":\"{uid}\",\
         \"resourceVersion\":\"{}\",\"creationTimestamp\":\"2026-11-27T08:00:00Z\"}},\
         \"status\":{{\"phase\":\"Active\"}}}}",
        number + 8
    )
}

/// Does it for each change, when it is time for it.
fn pace(mut each: impl FnMut(usize) -> io::Result<()>) -> io::Result<()> {
    let start = Instant::now();
    for (number, place) in (0_u32..).zip(0..CHANGES) {
        while let Some(rest) = (start + PACE * number).checked_duration_since(Instant::now()) {
            thread::park_timeout(rest);
        }
        each(place)?;
    }
    Ok(())
}

/// What all threads of the peer look at.
#[derive(Default)]
struct Board {
    changes: Mutex<usize>,
    changed: Condvar,
}

#[allow(
    clippy::print_stderr,
    reason = "whoever started it reads where it listens"
)]
fn serve_by_threads() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("listening on {}", listener.local_addr()?);
    let board = Arc::new(Board::default());
    for stream in listener.incoming() {
        let (stream, board) = (stream?, Arc::clone(&board));
        let thread = thread::Builder::new().stack_size(64 * 1024);
        thread.spawn(move || drop(tell(stream, &board)))?;
    }
    Ok(())
}

fn tell(mut stream: TcpStream, board: &Board) -> io::Result<()> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    reader.read_line(&mut line)?;
    let held = || board.changes.lock().unwrap_or_else(PoisonError::into_inner);
    if line.starts_with("GO") {
        return pace(|number| {
            *held() = number + 1;
            board.changed.notify_all();
            Ok(())
        });
    }
    drop(reader);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
    let mut told = 0;
    while told < CHANGES {
        let known = board.changed.wait_while(held(), |changes| *changes == told);
        let changes = *known.unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for id in told..changes {
            let data = format!(
                "{{\"id\":{id},\"at\":\"2026-11-27T08:00:00Z\",\"kind\":\"namespace\",\
                 \"what\":\"added\",\"name\":\"space-{id}\",\"summary\":\"Active\"}}"
            );
            let _ = write!(text, "id: 7-{id}\nevent: event\ndata: {data}\n\n");
        }
        stream.write_all(text.as_bytes())?;
        told = changes;
    }
    Ok(())
}
