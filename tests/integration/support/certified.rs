//! A certificate for an agent that speaks TLS.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// A certificate for `localhost` and its key, in files.
#[derive(Debug)]
pub(crate) struct Certified {
    pub(crate) folder: TempDir,
}

impl Certified {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let certified = Self { folder };
        certified.renew();
        certified
    }

    /// Another pair in their place.
    pub(crate) fn renew(&self) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let pair = pair.expect("a certificate can be made");
        let text = [pair.cert.pem(), pair.signing_key.serialize_pem()];
        for (path, text) in [self.certificate(), self.key()].iter().zip(text) {
            fs::write(path, text).expect("the folder is ours");
        }
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("tls.crt")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("tls.key")
    }

    /// What an agent on a free port needs to be told.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        [
            (
                "PIPEOPS_TLS_CERT_FILE",
                self.certificate().display().to_string(),
            ),
            ("PIPEOPS_TLS_KEY_FILE", self.key().display().to_string()),
            ("PIPEOPS_TLS_LISTEN", "127.0.0.1:0".to_owned()),
        ]
    }
}
