//! The agent's own certificate and key, looked at again when their files may have changed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use rustls::ServerConfig;
use rustls::server::ServerSessionMemoryCache;
use zeroize::Zeroizing;

use crate::{ciphers, pem};

/// Clients that are known again by a ticket, which spares them a signature.
const SESSIONS: usize = 32;

/// Where certificate and key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate of the server first, then those that vouch for it; PEM.
    pub certificate: PathBuf,
    /// Without a passphrase; PEM.
    pub key: PathBuf,
}

/// What is shown to peers, by what the files held when they were last good.
pub(in crate::http) struct Certificate {
    files: Files,
    config: Arc<ServerConfig>,
    /// Of the contents that were looked at last, good or not.
    digest: Vec<u8>,
    verdict: Result<(), String>,
    /// When the files are looked at again, at the earliest.
    due: Instant,
    every: Duration,
    /// What was logged last, unless all was good since.
    complaint: String,
}

impl Files {
    /// Whether a server can be made of them.
    ///
    /// # Errors
    /// Which file is wrong, how, and what to do.
    pub fn check(&self) -> Result<(), String> {
        self.read()?.config(self).map(drop)
    }

    fn read(&self) -> Result<Texts, String> {
        let text = |path: &Path, what| {
            pem::read(path).map_err(|error| {
                let path = path.display();
                format!("{path} cannot be read: {error}; give {what} as a PEM file that the agent may read")
            })
        };
        Ok(Texts {
            certificate: text(&self.certificate, "the certificate")?,
            key: text(&self.key, "the private key")?,
        })
    }
}

impl Certificate {
    /// # Errors
    /// See [`Files::check`].
    pub(in crate::http) fn load(
        files: Files,
        every: Duration,
        now: Instant,
    ) -> Result<Self, String> {
        let texts = files.read()?;
        Ok(Self {
            config: Arc::new(texts.config(&files)?),
            digest: texts.digest(),
            verdict: Ok(()),
            files,
            due: now + every,
            every,
            complaint: String::new(),
        })
    }

    /// For a connection that begins now. Files that have become unusable are logged once;
    /// what was good goes on.
    pub(in crate::http) fn current(&mut self, now: Instant) -> Arc<ServerConfig> {
        if now >= self.due {
            self.due = now + self.every;
            match self.renewed() {
                Ok(()) => self.complaint.clear(),
                Err(problem) if problem == self.complaint => {}
                Err(problem) => {
                    log::error!("the TLS certificate stays as it is: {problem}");
                    self.complaint = problem;
                }
            }
        }
        Arc::clone(&self.config)
    }

    fn renewed(&mut self) -> Result<(), String> {
        let texts = self.files.read()?;
        let digest = texts.digest();
        if digest != self.digest {
            self.digest = digest;
            self.verdict = texts.config(&self.files).map(|config| {
                log::info!("the TLS certificate is renewed from its file");
                self.config = Arc::new(config);
            });
        }
        self.verdict.clone()
    }
}

/// What the files hold.
struct Texts {
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

impl Texts {
    fn digest(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        // Where one ends and the other begins counts, too.
        context.update(&self.certificate.len().to_le_bytes());
        context.update(&self.certificate);
        context.update(&self.key);
        context.finish().as_ref().to_vec()
    }

    fn config(&self, files: &Files) -> Result<ServerConfig, String> {
        let certificate = files.certificate.display();
        let key = files.key.display();
        let chain = pem::certificates(&self.certificate).map_err(|problem| {
            format!("{certificate} {problem}; put the server's certificate first")
        })?;
        let secret = pem::key(&self.key)
            .map_err(|problem| format!("{key} {problem}; give the key of {certificate}"))?;
        let config = ciphers::server().with_no_client_auth();
        let mut config = config
            .with_single_cert(chain, secret)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => format!(
                    "{key} does not belong to {certificate}; give the key that the first certificate in it was made for"
                ),
                error => format!(
                    "{certificate} or {key} is unusable: {error}; make both anew (docs/API.md)"
                ),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.send_tls13_tickets = 1;
        Ok(config)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.files.certificate.display())
    }
}
