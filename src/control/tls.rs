//! Whom to trust: the public roots built in, or exactly the certificates of one file.
//!
//! A CA file *replaces* the public roots, as `SSL_CERT_FILE` does elsewhere: whoever
//! names a private CA does not want a public one to vouch for the same host. Put
//! both into the file where both are wanted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::{ciphers, pem};

/// The trusted roots.
#[derive(Clone, Debug)]
pub(super) enum Roots {
    Public,
    File {
        path: PathBuf,
        certificates: Vec<CertificateDer<'static>>,
    },
}

impl Roots {
    /// # Errors
    /// The file cannot be read or has no usable certificate; the text says which.
    pub(super) fn load(ca_file: Option<&Path>) -> Result<Self, String> {
        let Some(path) = ca_file else {
            return Ok(Self::Public);
        };
        let text = pem::read(path).map_err(|error| format!("cannot be read: {error}"))?;
        let certificates = parse(&text)?;
        Ok(Self::File {
            path: path.to_owned(),
            certificates,
        })
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Public => "the public roots built into the agent".to_owned(),
            Self::File { path, .. } => format!("the CA file {}", path.display()),
        }
    }

    /// For all connections of a client.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Public => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::File { certificates, .. } => {
                store.add_parsable_certificates(certificates.iter().cloned());
            }
        }
        let config = ciphers::client().with_root_certificates(store);
        Arc::new(config.with_no_client_auth())
    }
}

fn parse(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = pem::certificates(text)?;
    for (index, certificate) in certificates.iter().enumerate() {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| format!("has an unusable certificate (no. {}): {error}", index + 1))?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load(text: &str) -> Result<Roots, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        fs::write(&path, text).unwrap();
        Roots::load(Some(&path))
    }

    #[test]
    fn certificates_are_read_with_text_around_them() {
        let key = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
        let pem = key.cert.pem();
        let Roots::File { certificates, .. } = load(&format!("# mine\n{pem}\n{pem}")).unwrap()
        else {
            panic!("the file is used");
        };
        assert_eq!(certificates.len(), 2);
    }

    #[test]
    fn files_without_certificates_say_so() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (text, words) in [
            ("", "no PEM certificate"),
            ("hello", "no PEM certificate"),
            (cut, "not valid PEM"),
            (broken, "no. 1"),
        ] {
            let problem = load(text).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
        let problem = Roots::load(Some(Path::new("/nowhere/ca.pem"))).unwrap_err();
        assert!(problem.contains("cannot be read"), "{problem}");
    }
}
