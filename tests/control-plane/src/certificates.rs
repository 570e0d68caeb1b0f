//! A CA, the certificate it gives this control plane, and some that are wrong in one
//! way each. Made once and kept in a folder, so that a restart is the same server.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Good,
    WrongName,
    Expired,
    NotYetValid,
    UnknownCa,
}

const ALL: [Which; 5] = [
    Which::Good,
    Which::WrongName,
    Which::Expired,
    Which::NotYetValid,
    Which::UnknownCa,
];

impl Which {
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|which| which.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Good => "server",
            Self::WrongName => "wrong-name",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::UnknownCa => "unknown-ca",
        }
    }
}

/// Ready for handshakes.
#[derive(Debug)]
pub(crate) struct Certificates {
    configs: Vec<(Which, Arc<ServerConfig>)>,
}

impl Certificates {
    /// Uses the folder's certificates, or makes them for these names.
    pub(crate) fn open(folder: &Path, names: &[String]) -> io::Result<Self> {
        if !ca_file(folder).exists() {
            make(folder, names)?;
        }
        let config = |which: Which| Ok((which, Arc::new(config(folder, which)?)));
        let configs = ALL.into_iter().map(config).collect::<io::Result<_>>()?;
        Ok(Self { configs })
    }

    pub(crate) fn config(&self, wanted: Which) -> Option<Arc<ServerConfig>> {
        let found = self.configs.iter().find(|(which, _)| *which == wanted);
        found.map(|(_, config)| Arc::clone(config))
    }
}

/// Where the CA's certificate is.
pub(crate) fn ca_file(folder: &Path) -> PathBuf {
    folder.join("ca.pem")
}

fn config(folder: &Path, which: Which) -> io::Result<ServerConfig> {
    let file = |ending: &str| folder.join(format!("{}.{ending}", which.name()));
    let chain = CertificateDer::pem_file_iter(file("pem"))
        .and_then(Iterator::collect)
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(file("key")).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)
}

/// The CA comes last: where it is, all is.
fn make(folder: &Path, names: &[String]) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let ca = Ca::new("reference control plane CA")?;
    let stranger = Ca::new("a CA that nobody trusts")?;
    for which in ALL {
        let issuer = if which == Which::UnknownCa {
            &stranger
        } else {
            &ca
        };
        let (pem, key) = issuer.issue(which, names).map_err(io::Error::other)?;
        write(folder, &format!("{}.pem", which.name()), &pem)?;
        write(folder, &format!("{}.key", which.name()), &key)?;
    }
    write(folder, "ca.pem", &ca.pem)
}

struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new(name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let pem = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self {
            pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// Certificate and key, as PEM.
    fn issue(&self, which: Which, names: &[String]) -> Result<(String, String), rcgen::Error> {
        let mut names = names.to_vec();
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        if which == Which::WrongName {
            names = vec!["other.example".to_owned()];
        }
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "reference control plane");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        match which {
            Which::Expired => params.not_after = date_time_ymd(2021, 1, 1),
            Which::NotYetValid => params.not_before = date_time_ymd(2999, 1, 1),
            Which::Good | Which::WrongName | Which::UnknownCa => {}
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(if name.ends_with(".key") { 0o600 } else { 0o644 })
        .open(folder.join(name))?
        .write_all(text.as_bytes())
}
