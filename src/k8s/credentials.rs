//! Whom to trust, and what proves who asks: certificates, keys, tokens.
//!
//! Files are read at each use, so that what is rotated on disk is taken by the
//! next connection. Messages name the place and never quote what stands there.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use zeroize::Zeroizing;

use crate::ciphers;
use crate::pem;
use crate::secret::Secret;
use crate::token::{Token, Unreadable};

/// PEM text in a file, or given directly.
pub(super) enum Pem {
    File(PathBuf),
    Given {
        /// For messages: which field of which file.
        place: String,
        text: Zeroizing<Vec<u8>>,
    },
}

/// How the API server proves who it is.
#[derive(Debug)]
pub(super) enum Trust {
    /// By a public authority.
    Public,
    Authority(Pem),
    /// Not at all: the operator wants no check.
    Anything,
}

/// A client certificate with its key.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
}

/// What goes into the `Authorization` header.
#[derive(Debug)]
pub(super) enum Login {
    Nothing,
    Bearer(Token),
    /// The whole value of the header.
    Basic(Secret),
}

/// The TLS side of connections, shared by all of them until a file has another content.
#[derive(Debug, Default)]
pub(super) struct Tls {
    made: Mutex<Option<(Vec<u8>, Arc<ClientConfig>)>>,
}

impl Tls {
    /// Of what the files hold by now.
    pub(super) fn of(
        &self,
        trust: &Trust,
        identity: Option<&Identity>,
    ) -> Result<Arc<ClientConfig>, String> {
        let texts = Texts::read(trust, identity)?;
        let digest = texts.digest();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, config)) = made.as_ref()
            && *of == digest
        {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(texts.config(trust, identity)?);
        *made = Some((digest, Arc::clone(&config)));
        Ok(config)
    }
}

/// What the files of credentials hold.
struct Texts {
    authority: Zeroizing<Vec<u8>>,
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

impl Texts {
    fn read(trust: &Trust, identity: Option<&Identity>) -> Result<Self, String> {
        let text = |pem: Option<&Pem>| pem.map(Pem::read).transpose();
        Ok(Self {
            authority: text(trust.authority())?.unwrap_or_default(),
            certificate: text(identity.map(|identity| &identity.certificate))?.unwrap_or_default(),
            key: text(identity.map(|identity| &identity.key))?.unwrap_or_default(),
        })
    }

    fn digest(&self) -> Vec<u8> {
        [&self.authority, &self.certificate, &self.key]
            .iter()
            .flat_map(|text| digest(&SHA256, text).as_ref().to_vec())
            .collect()
    }

    fn config(&self, trust: &Trust, identity: Option<&Identity>) -> Result<ClientConfig, String> {
        let builder = ciphers::client();
        let builder = match trust {
            Trust::Anything => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unchecked)),
            Trust::Authority(pem) => {
                builder.with_root_certificates(authority(pem, &self.authority)?)
            }
            Trust::Public => builder.with_root_certificates(RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            }),
        };
        let Some(identity) = identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = identity.certificate.certificates(&self.certificate)?;
        let (certificate, key) = (&identity.certificate, &identity.key);
        let secret = pem::key(&self.key).map_err(|problem| format!("{key} {problem}"))?;
        builder
            .with_client_auth_cert(chain, secret)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("{key} does not belong to {certificate}")
                }
                error => format!("{key} or {certificate} is unusable: {error}"),
            })
    }
}

/// The certificates that may vouch for the API server.
fn authority(pem: &Pem, text: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in pem.certificates(text)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| {
            let number = index + 1;
            format!("{pem} has an unusable certificate (no. {number}): {error}")
        })?;
    }
    Ok(roots)
}

impl Trust {
    fn authority(&self) -> Option<&Pem> {
        match self {
            Trust::Authority(pem) => Some(pem),
            Trust::Public | Trust::Anything => None,
        }
    }
}

/// Believes every server, as the operator wants it; only its signature has to be sound.
#[derive(Debug)]
struct Unchecked;

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &ciphers::provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &ciphers::provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ciphers::provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl Pem {
    /// The text behind base64, as kubeconfig fields named `...-data` hold it.
    pub(super) fn decode(place: String, base64: &str) -> Result<Pem, String> {
        // Hand-made files have line ends in it; kubectl skips them, too.
        let plain: Zeroizing<String> = Zeroizing::new(
            base64
                .chars()
                .filter(|c| !matches!(c, '\n' | '\r'))
                .collect(),
        );
        match STANDARD.decode(plain.as_bytes()) {
            Ok(text) => Ok(Pem::Given {
                place,
                text: Zeroizing::new(text),
            }),
            Err(_) => Err(format!(
                "{place} is not base64; encode the PEM file with base64 -w0"
            )),
        }
    }

    fn read(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let path = match self {
            Pem::Given { text, .. } => return Ok(text.clone()),
            Pem::File(path) => path,
        };
        pem::read(path).map_err(|error| format!("{self} cannot be read: {error}"))
    }

    /// In its text.
    fn certificates(&self, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
        pem::certificates(text).map_err(|problem| format!("{self} {problem}"))
    }
}

impl Login {
    /// HTTP basic authentication (RFC 7617).
    pub(super) fn basic(user: &str, password: &str) -> Login {
        let pair = Zeroizing::new(format!("{user}:{password}"));
        Login::Basic(Secret::new(format!("Basic {}", STANDARD.encode(&*pair))))
    }

    /// The value of the `Authorization` header.
    pub(super) fn header(&self, now: Instant) -> Result<Option<Secret>, Unreadable> {
        match self {
            Login::Nothing => Ok(None),
            Login::Bearer(token) => token.current(now).map(|token| Some(bearer(&token))),
            Login::Basic(header) => Ok(Some(header.clone())),
        }
    }

    /// Another value than the refused one, if a token file has another token by now.
    pub(super) fn other_header(&self, refused: &Secret, now: Instant) -> Option<Secret> {
        let Login::Bearer(token) = self else {
            return None;
        };
        let refused = refused.expose().strip_prefix(BEARER)?;
        token
            .other_than(&Secret::new(refused), now)
            .map(|token| bearer(&token))
    }
}

const BEARER: &str = "Bearer ";

fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("{BEARER}{}", token.expose()))
}

/// For messages: where it is.
impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pem::File(path) => write!(f, "{}", path.display()),
            Pem::Given { place, .. } => f.write_str(place),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn given(text: &str) -> Pem {
        Pem::decode("the field".to_owned(), &STANDARD.encode(text)).unwrap()
    }

    fn pair() -> (String, String) {
        let pair = rcgen::generate_simple_self_signed(["agent".to_owned()]).unwrap();
        (pair.cert.pem(), pair.signing_key.serialize_pem())
    }

    /// What is wrong when this is the authority, or certificate and key.
    fn wrong(trust: &str, identity: Option<(&str, &str)>) -> String {
        let identity = identity.map(|(certificate, key)| Identity {
            certificate: given(certificate),
            key: given(key),
        });
        Tls::default()
            .of(&Trust::Authority(given(trust)), identity.as_ref())
            .map(|_| "nothing".to_owned())
            .unwrap_or_else(|problem| problem)
    }

    #[test]
    fn what_is_no_certificate_is_told_and_not_quoted() {
        let (certificate, key) = pair();
        let one_line = key.replace('\n', " ");
        let broken = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
        let table = [
            ("", "the field holds no PEM certificate"),
            (&key, "the field holds no PEM certificate"),
            (&one_line, "the field is not valid PEM"),
            (broken, "the field has an unusable certificate (no. 1): "),
            (&certificate, "nothing"),
        ];
        for (text, expected) in table {
            let problem = wrong(text, None);
            assert!(problem.starts_with(expected), "{problem}");
            assert!(!problem.contains("BEGIN PRIVATE"), "{problem}");
            assert!(!problem.contains("aHVudGVyMg"), "{problem}");
        }
    }

    #[test]
    fn a_client_certificate_has_its_own_key() {
        let ((certificate, key), (_, other)) = (pair(), pair());
        let sealed = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let cut = &key[..key.len() / 2];
        let broken = "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n";
        let table = [
            (&*certificate, &*key, "nothing"),
            (
                &certificate,
                &other,
                "the field does not belong to the field",
            ),
            (
                &certificate,
                &sealed,
                "the field holds no PEM private key; a key with a passphrase",
            ),
            (&certificate, "", "the field holds no PEM private key"),
            (&certificate, cut, "the field is not valid PEM"),
            (&certificate, broken, "the field or the field is unusable: "),
            ("", &key, "the field holds no PEM certificate"),
            (broken, &key, "the field holds no PEM certificate"),
        ];
        for (certificate, secret, expected) in table {
            let problem = wrong(&pair().0, Some((certificate, secret)));
            assert!(problem.starts_with(expected), "{problem}");
            assert!(!problem.contains("aHVudGVyMg"), "{problem}");
        }
    }

    #[test]
    fn base64_may_have_line_ends_and_nothing_else() {
        let (certificate, _) = pair();
        let mut folded = STANDARD.encode(&certificate);
        folded.insert_str(10, "\r\n");
        let pem = Pem::decode("the field".to_owned(), &folded).unwrap();
        assert_eq!(*pem.read().unwrap(), certificate.as_bytes());
        for text in ["a", "aHVudGVyMg", "hunter2!", "aHVudGVy Mg=="] {
            let problem = Pem::decode("the field".to_owned(), text).unwrap_err();
            assert!(problem.starts_with("the field is not base64"), "{problem}");
            assert!(text.len() == 1 || !problem.contains(text), "{problem}");
        }
    }

    #[test]
    fn files_are_read_at_each_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.crt");
        let trust = Trust::Authority(Pem::File(path.clone()));
        let tls = Tls::default();
        let problem = tls.of(&trust, None).unwrap_err();
        let expected = format!("{} cannot be read: No such file", path.display());
        assert!(problem.starts_with(&expected), "{problem}");
        fs::write(&path, pair().0).unwrap();
        let first = tls.of(&trust, None).unwrap();
        assert!(Arc::ptr_eq(&first, &tls.of(&trust, None).unwrap()));
        fs::write(&path, pair().0).unwrap();
        assert!(!Arc::ptr_eq(&first, &tls.of(&trust, None).unwrap()));
    }

    #[test]
    fn debug_tells_no_secret() {
        let identity = Identity {
            certificate: given("hunter2"),
            key: given("hunter2"),
        };
        let login = Login::basic("me", "hunter2");
        let told = format!("{identity:?} {login:?}");
        assert_eq!(
            told,
            "Identity { certificate: Pem(the field), key: Pem(the field) } Basic([secret])"
        );
    }
}
