//! Certificates of the server, and its connections with or without TLS.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A CA, and a server that it vouches for.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    pub(super) ca: String,
    pub(super) config: Arc<ServerConfig>,
}

impl Certificates {
    /// Fresh ones: no two calls trust each other.
    pub(super) fn new(address: IpAddr) -> Self {
        let mut authority = CertificateParams::default();
        let name = &mut authority.distinguished_name;
        name.push(DnType::CommonName, "scripted API server CA");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let ca = authority.self_signed(&key).expect("a CA").pem();
        let issuer = Issuer::new(authority, key);

        let own = CertificateParams::new(vec![address.to_string()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = own.signed_by(&key, &issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("they fit");
        Self {
            ca,
            config: Arc::new(config),
        }
    }
}

/// One connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    /// The handshake happens with the first read.
    pub(super) fn new(socket: TcpStream, tls: Option<Arc<ServerConfig>>) -> Self {
        match tls {
            None => Self::Plain(socket),
            Some(config) => {
                let connection = ServerConnection::new(config).expect("the config is right");
                Self::Tls(Box::new(StreamOwned::new(connection, socket)))
            }
        }
    }

    /// Ends it by RST, once nobody else has the socket.
    pub(super) fn reset(self) {
        let socket = self.socket();
        rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))
            .expect("a socket can linger");
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
