//! The cryptography of the program as it is shipped, whose C code is built in a way of its
//! own (docs/adr/0009-release-profile.md): each way to agree on a key with each kind of
//! certificate, in both versions of TLS, against the same library built as usual.

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm,
};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, ServerConfig, ServerConnection, Stream, SupportedProtocolVersion};

use super::TOKEN;
use crate::support::{SOON, command};

#[test]
fn every_curve_is_spoken_with_every_kind_of_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    for kind in [
        &PKCS_ECDSA_P256_SHA256,
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ED25519,
    ] {
        for group in default_provider().kx_groups {
            for version in [&TLS12, &TLS13] {
                let config = config(kind, group, version, &ca);
                let agreed = asked(config, &ca);
                assert_eq!(agreed, Some(group.name()), "{kind:?} {version:?}");
            }
        }
    }
}

/// What the program agreed on with such a server before it sent a request.
fn asked(config: ServerConfig, ca: &Path) -> Option<NamedGroup> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (said, heard) = channel();
    thread::Builder::new()
        .spawn(move || serve(&listener, &Arc::new(config), &said))
        .unwrap();
    let mut check = command();
    check
        .arg("check")
        .env("PIPEOPS_API_URL", format!("https://localhost:{port}"))
        .env("PIPEOPS_CA_FILE", ca)
        .env("PIPEOPS_TOKEN", TOKEN);
    let output = check.output().unwrap();
    heard
        .recv_timeout(SOON)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)))
}

/// Takes connections until one has sent a request.
fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, said: &Sender<Option<NamedGroup>>) {
    for socket in listener.incoming() {
        let mut tls = ServerConnection::new(Arc::clone(config)).unwrap();
        let mut socket: TcpStream = socket.unwrap();
        let mut request = [0; 4];
        let read = Stream::new(&mut tls, &mut socket).read_exact(&mut request);
        match read {
            Ok(()) => {
                assert!(request.is_ascii(), "{request:?}");
                let group = tls.negotiated_key_exchange_group();
                let _ = said.send(group.map(SupportedKxGroup::name));
                return;
            }
            // It may only look whether there is a server.
            Err(error) => assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}"),
        }
    }
}

fn config(
    kind: &'static SignatureAlgorithm,
    group: &'static dyn SupportedKxGroup,
    version: &'static SupportedProtocolVersion,
    ca_file: &Path,
) -> ServerConfig {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate_for(kind).unwrap();
    std::fs::write(ca_file, params.self_signed(&ca_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate_for(kind).unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let server = server
        .signed_by(&key, &Issuer::new(params, ca_key))
        .unwrap();
    let mut provider = default_provider();
    provider.kx_groups = vec![group];
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![server.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap()
}
