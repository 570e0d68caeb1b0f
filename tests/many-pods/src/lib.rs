//! An API server that has many pods and nothing else, for measuring whoever follows
//! them: TLS, pages with `limit` and `continue`, watches that stay open and tell what changes.
//!
//! It answers from memory, so that little of what is measured is its own time. It
//! looks at no token and at no field selector.

mod pod;
mod serve;
mod tls;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use serve::Served;

/// A server that runs as long as its process.
#[derive(Debug)]
pub struct ManyPods {
    address: SocketAddr,
    ca: String,
    bytes: usize,
    served: Arc<Served>,
}

impl ManyPods {
    /// Serves so many pods on a free port of loopback.
    ///
    /// # Errors
    /// There is no port, or no certificate can be made.
    pub fn start(count: usize) -> io::Result<Self> {
        let served = Arc::new(Served::new(count));
        let bytes = served.pods.iter().map(String::len).sum();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (ca, config) = tls::certificates().map_err(io::Error::other)?;
        thread::Builder::new().name("many-pods".to_owned()).spawn({
            let served = Arc::clone(&served);
            move || serve::accept(&listener, &config, &served)
        })?;
        Ok(Self {
            address,
            ca,
            bytes,
            served,
        })
    }

    /// So many pods change, each to another state; whoever watches pods is told.
    pub fn change(&self, count: usize) {
        self.served.change(count);
    }

    /// The processor time in which `serde_json` reads the same pods into its values: what
    /// others are measured by, on this machine and at this moment.
    ///
    /// # Errors
    /// The kernel does not say what time a thread has had.
    pub fn yardstick(&self) -> io::Result<Duration> {
        let before = spent()?;
        for pod in &self.served.pods {
            serde_json::from_str::<Value>(pod)?;
        }
        Ok(spent()?.saturating_sub(before))
    }

    /// `https://ADDRESS:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The length of all pods as JSON.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes a kubeconfig that leads here.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_kubeconfig(&self, file: &Path) -> io::Result<()> {
        let authority = file.with_extension("ca.pem");
        fs::write(&authority, &self.ca)?;
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "many",
            "clusters": [{"name": "many", "cluster": {
                "server": self.url(),
                "certificate-authority": authority,
            }}],
            "users": [{"name": "many", "user": {"token": "not-looked-at"}}],
            "contexts": [{"name": "many", "context": {"cluster": "many", "user": "many"}}],
        });
        fs::write(file, config.to_string())
    }
}

/// What this thread has had of a processor, in nanoseconds:
/// <https://docs.kernel.org/scheduler/sched-stats.html>.
fn spent() -> io::Result<Duration> {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = schedstat.split(' ').next().and_then(|ns| ns.parse().ok());
    spent
        .map(Duration::from_nanos)
        .ok_or_else(|| io::Error::other("there is no time in /proc/thread-self/schedstat"))
}
