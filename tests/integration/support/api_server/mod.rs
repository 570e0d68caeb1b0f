//! A small Kubernetes API on loopback that misbehaves as a test says.
//!
//! It speaks as much HTTP as the agent needs, has objects with versions, and
//! records every request. Each server has an address of its own in 127.0.0.0/8,
//! so that nobody takes its port while it is stopped.

mod fault;
mod logs;
mod object;
mod serve;
mod store;
mod tls;

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use fault::{Fault, Gate, Op, status};
pub(crate) use object::{object, path};
pub(crate) use store::{Cut, KINDS, expired_line};

use fault::Faults;
use object::named;
use serve::{Answers, Next};
use store::Store;
use tls::{Certificates, Stream};

use super::{SOON, eventually};

/// The token that is accepted at first.
pub(crate) const TOKEN: &str = "first-token";

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    pub(crate) method: String,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
    /// The request line and all fields.
    pub(crate) head: String,
}

/// The server; dropping it stops it.
pub(crate) struct ApiServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
    folder: TempDir,
}

struct Shared {
    store: Mutex<Store>,
    faults: Faults,
    answers: Mutex<Answers>,
    /// None: nobody needs one.
    token: Mutex<String>,
    /// Others that are accepted.
    known: Mutex<Vec<String>>,
    /// Tokens, and a word of what they are no good for.
    denied: Mutex<Vec<(String, String)>>,
    logs: logs::Logs,
    tls: Mutex<Option<Certificates>>,
    requests: Mutex<Vec<Request>>,
    grown: Condvar,
    running: Mutex<bool>,
    /// To be ended when the server stops.
    open: Mutex<HashMap<u64, TcpStream>>,
    connections: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address that no other test uses.
fn fresh_ip() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = process::id().to_be_bytes();
    Ipv4Addr::new(127, high, low, NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

impl ApiServer {
    /// Runs on plain HTTP.
    pub(crate) fn start() -> Self {
        let server = Self::stopped(false);
        server.started()
    }

    /// Runs on TLS; the kubeconfig trusts its CA.
    pub(crate) fn start_tls() -> Self {
        let server = Self::stopped(true);
        server.started()
    }

    /// Has an address, and nobody listens there yet.
    pub(crate) fn stopped(tls: bool) -> Self {
        let ip = fresh_ip();
        let listener = TcpListener::bind((ip, 0)).expect("loopback has addresses");
        let address = listener.local_addr().expect("it is bound");
        let shared = Shared {
            store: Mutex::default(),
            faults: Faults::default(),
            answers: Mutex::default(),
            token: Mutex::new(TOKEN.to_owned()),
            known: Mutex::default(),
            denied: Mutex::default(),
            logs: logs::Logs::default(),
            tls: Mutex::new(tls.then(|| Certificates::new(ip))),
            requests: Mutex::default(),
            grown: Condvar::new(),
            running: Mutex::new(false),
            open: Mutex::default(),
            connections: AtomicU64::new(0),
        };
        let server = Self {
            address,
            shared: Arc::new(shared),
            accepting: None,
            folder: tempfile::tempdir().expect("a folder can be made"),
        };
        server.write_token(TOKEN);
        server.write_ca();
        server.seed();
        server
    }

    fn started(mut self) -> Self {
        self.listen();
        self
    }

    /// Listens again where it did.
    pub(crate) fn listen(&mut self) {
        // A child that another test is just starting may still hold the old socket.
        let listener = eventually("the server's own address", || {
            TcpListener::bind(self.address).ok()
        });
        *lock(&self.shared.running) = true;
        let shared = Arc::clone(&self.shared);
        self.accepting = Some(spawn(move || accept(&listener, &shared)));
    }

    /// Ends every connection, and refuses new ones.
    pub(crate) fn stop(&mut self) {
        let Some(accepting) = self.accepting.take() else {
            return;
        };
        *lock(&self.shared.running) = false;
        // Wakes it up.
        let _ = TcpStream::connect(self.address);
        accepting.join().expect("accepting does not panic");
        self.shared.store().cut_all();
        for (_, socket) in lock(&self.shared.open).drain() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// One object of each kind.
    fn seed(&self) {
        for (kind, _) in KINDS {
            self.apply(kind, object(kind, "first"));
        }
    }

    pub(crate) fn apply(&self, kind: &str, object: Value) -> u64 {
        self.shared.store().apply(named(kind), object)
    }

    pub(crate) fn apply_half(&self, kind: &str, object: Value, how: Cut) -> u64 {
        self.shared.store().apply_half(named(kind), object, how)
    }

    pub(crate) fn delete(&self, kind: &str, name: &str) -> u64 {
        let namespace = object(kind, name)["metadata"]["namespace"].clone();
        let namespace = namespace.as_str().unwrap_or_default();
        self.shared.store().delete(named(kind), namespace, name)
    }

    pub(crate) fn objects(&self, kind: &str) -> Vec<Value> {
        self.shared.store().objects(kind)
    }

    pub(crate) fn version(&self) -> u64 {
        self.shared.store().version()
    }

    pub(crate) fn compact(&self) {
        self.shared.store().compact();
    }

    pub(crate) fn bookmark(&self, kind: &str) -> u64 {
        self.shared.store().bookmark(named(kind))
    }

    /// Raw bytes into the open watches of a kind.
    pub(crate) fn inject(&self, kind: &str, bytes: &[u8]) {
        self.shared.store().inject(named(kind), bytes);
    }

    /// Waits until that many watches of a kind were opened: what happens from now on
    /// is heard by the last of them.
    #[track_caller]
    pub(crate) fn wait_watch(&self, kind: &str, count: usize) {
        eventually(&format!("watch {count} of {kind}"), || {
            (self.shared.store().opened(kind) >= count).then_some(())
        });
    }

    /// Open watches stay open and hear nothing more, as behind a dead gateway.
    pub(crate) fn deafen(&self, kind: &str) {
        self.shared.store().deafen(named(kind));
    }

    pub(crate) fn cut(&self, kind: &str, how: Cut) {
        self.shared.store().cut(named(kind), how);
    }

    /// The next request of that path (`*` is any) and operation goes wrong.
    pub(crate) fn fault(&self, path: &str, op: Op, fault: Fault) {
        self.shared.faults.push(path, op, fault);
    }

    /// Every request goes wrong until [`Self::heal`].
    pub(crate) fn always(&self, path: &str, op: Op, fault: Fault) {
        self.shared.faults.always(path, op, fault);
    }

    pub(crate) fn heal(&self) {
        self.shared.faults.clear();
    }

    /// The answer of a path that is unknown otherwise.
    pub(crate) fn set_answer(&self, path: &str, answer: Value) {
        lock(&self.shared.answers).insert(path.to_owned(), answer);
    }

    /// The only token that is accepted from now on.
    pub(crate) fn accept_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.shared.token));
    }

    /// What the agent finds in its token file.
    pub(crate) fn write_token(&self, token: &str) {
        self.write_file("token", token);
    }

    /// New connections see another certificate of another CA.
    pub(crate) fn rotate_certificates(&self) {
        *lock(&self.shared.tls) = Some(Certificates::new(self.address.ip()));
    }

    /// The agent finds the CA of the present certificate.
    pub(crate) fn write_ca(&self) {
        if let Some(certificates) = &*lock(&self.shared.tls) {
            self.write_file("ca.crt", &certificates.ca);
        }
    }

    /// Whatever else the agent may find beside its kubeconfig.
    pub(crate) fn write_file(&self, name: &str, text: &str) {
        replace(&self.folder.path().join(name), text);
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        let tls = lock(&self.shared.tls).is_some();
        let scheme = if tls { "https" } else { "http" };
        let mut cluster = json!({"server": format!("{scheme}://{}", self.address)});
        if tls {
            cluster["certificate-authority"] = "ca.crt".into();
        }
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "scripted",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"tokenFile": "token"}}],
            "contexts": [{"name": "scripted", "context": {"cluster": "c", "user": "u"}}],
        });
        self.write_file("kubeconfig", &config.to_string());
        self.folder.path().join("kubeconfig")
    }

    /// Requests of that path and operation so far.
    pub(crate) fn requests(&self, path: &str, op: Op) -> Vec<Request> {
        fitting(&lock(&self.shared.requests), path, op)
    }

    /// All requests so far.
    pub(crate) fn heard(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Waits until there are at least `count` of them.
    #[track_caller]
    pub(crate) fn wait_requests(&self, path: &str, op: Op, count: usize) -> Vec<Request> {
        let end = Instant::now() + SOON;
        let mut requests = lock(&self.shared.requests);
        loop {
            let found = fitting(&requests, path, op);
            if found.len() >= count {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} {op:?} {path}", found.len());
            let waited = self.shared.grown.wait_timeout(requests, left);
            requests = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn fitting(requests: &[Request], path: &str, op: Op) -> Vec<Request> {
    let fits = |request: &&Request| request.path == path && request.op() == op;
    requests.iter().filter(fits).cloned().collect()
}

fn spawn(body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let thread = thread::Builder::new().name("api-server".to_owned());
    thread.spawn(body).expect("there are threads")
}

/// As a kubelet does it: whoever reads sees the old or the new text.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).expect("the folder is ours");
    fs::rename(&fresh, path).expect("the folder is ours");
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming().filter_map(Result::ok) {
        if !*lock(&shared.running) {
            return;
        }
        let shared = Arc::clone(shared);
        spawn(move || shared.converse(socket));
    }
}

impl Shared {
    fn converse(&self, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        if let Ok(clone) = socket.try_clone() {
            lock(&self.open).insert(number, clone);
        }
        let tls = lock(&self.tls).as_ref().map(|tls| Arc::clone(&tls.config));
        let mut stream = Stream::new(socket, tls);
        let mut pending = Vec::new();
        while let Ok(Some(request)) = serve::request(&mut stream, &mut pending) {
            lock(&self.requests).push(request.clone());
            self.grown.notify_all();
            stream = match serve::answer(stream, &request, self) {
                Ok(Next::Stay(_)) if request.is_last() => break,
                Ok(Next::Stay(stream)) => stream,
                Ok(Next::Reset(stream)) => {
                    lock(&self.open).remove(&number);
                    return stream.reset();
                }
                Ok(Next::End) | Err(_) => break,
            };
        }
        lock(&self.open).remove(&number);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        lock(&self.answers)
    }

    fn admits(&self, request: &Request) -> bool {
        let is = |token: &str| request.token() == Some(token);
        is(&lock(&self.token)) || lock(&self.known).iter().any(|token| is(token))
    }

    /// Whether the request is about something that its token is no good for.
    fn denies(&self, request: &Request) -> bool {
        let about = format!("{} {}", request.path, request.body);
        lock(&self.denied)
            .iter()
            .any(|(token, what)| request.token() == Some(token) && about.contains(what.as_str()))
    }
}
