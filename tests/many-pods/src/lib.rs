//! An API server that has many pods and nothing else, for measuring whoever follows
//! them: TLS, pages with `limit` and `continue`, watches that stay open.
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

use serde_json::json;

/// A server that runs as long as its process.
#[derive(Debug)]
pub struct ManyPods {
    address: SocketAddr,
    ca: String,
    bytes: usize,
}

impl ManyPods {
    /// Serves so many pods on a free port of loopback.
    ///
    /// # Errors
    /// There is no port, or no certificate can be made.
    pub fn start(count: usize) -> io::Result<Self> {
        let pods: Arc<[String]> = (0..count).map(pod::text).collect();
        let bytes = pods.iter().map(String::len).sum();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (ca, config) = tls::certificates().map_err(io::Error::other)?;
        thread::Builder::new()
            .name("many-pods".to_owned())
            .spawn(move || serve::accept(&listener, &config, &pods))?;
        Ok(Self { address, ca, bytes })
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
                "server": format!("https://{}", self.address),
                "certificate-authority": authority,
            }}],
            "users": [{"name": "many", "user": {"token": "not-looked-at"}}],
            "contexts": [{"name": "many", "context": {"cluster": "many", "user": "many"}}],
        });
        fs::write(file, config.to_string())
    }
}
