//! Certificates and private keys in PEM text (RFC 7468).
//!
//! What is wrong is told without the reason of the reader of PEM: that may quote a line,
//! and the line may be of a key.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

/// A bundle of all public roots has about 200 KiB, a key 4.
const LIMIT: u64 = 4 * 1024 * 1024;

/// The text of a file.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    File::open(path)?.take(LIMIT).read_to_end(&mut text)?;
    Ok(text)
}

/// All certificates, at least one.
///
/// # Errors
/// What is wrong, to stand behind the name of the place.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| "is not valid PEM")?;
    if certificates.is_empty() {
        return Err("holds no PEM certificate (-----BEGIN CERTIFICATE-----)");
    }
    Ok(certificates)
}

/// The first private key.
///
/// # Errors
/// What is wrong, to stand behind the name of the place.
pub fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        Error::NoItemsFound => "holds no PEM private key; a key with a passphrase is not supported",
        _ => "is not valid PEM",
    })
}
