//! Where to listen, in plain and by TLS, and the rules between these.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::environment::Environment;
use super::layers::Layer;
use super::table::Key;
use super::value::{self, Address};

const TLS_PORT: u16 = 8443;

/// What is needed to serve by TLS; whether the files are of use is for the server to say.
#[derive(Debug)]
pub struct Tls {
    pub listen: Vec<SocketAddr>,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The plain addresses, and TLS where it is set.
pub(super) fn read(layer: &mut Layer, environment: &Environment) -> (Vec<SocketAddr>, Option<Tls>) {
    let port = layer.take(Key::Port, value::port).unwrap_or_default();
    let plain = addresses(layer, Key::Listen, port, environment);
    let tls = tls(layer, environment);
    if let Some(tls) = &tls {
        let same = |address: &&SocketAddr| address.port() != 0 && plain.contains(address);
        if let Some(address) = tls.listen.iter().find(same) {
            let problem = format!("{address} is to speak plain HTTP, too");
            layer.mistake(
                "PIPEOPS_TLS_LISTEN",
                problem,
                "give one of the two another port",
            );
        }
    }
    (plain, tls)
}

/// Certificate and key, or neither.
fn tls(layer: &mut Layer, environment: &Environment) -> Option<Tls> {
    let listen = addresses(layer, Key::TlsListen, TLS_PORT, environment);
    let certificate = layer.take(Key::TlsCertFile, value::path);
    let key = layer.take(Key::TlsKeyFile, value::path);
    let missing = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            return Some(Tls {
                listen,
                certificate,
                key,
            });
        }
        (Some(_), None) => (
            Key::TlsCertFile,
            "a certificate needs its key",
            Key::TlsKeyFile,
        ),
        (None, Some(_)) => (
            Key::TlsKeyFile,
            "a key needs its certificate",
            Key::TlsCertFile,
        ),
        (None, None) => (
            Key::TlsListen,
            "TLS needs a certificate and its key",
            Key::TlsCertFile,
        ),
    };
    let (given, problem, wanted) = missing;
    if let Some((_, source)) = layer.given(given) {
        layer.mistake(source, problem, format!("set {}", wanted.setting().env));
    }
    None
}

/// By default all of this machine.
fn addresses(layer: &mut Layer, key: Key, port: u16, environment: &Environment) -> Vec<SocketAddr> {
    let any = value::any_address(environment.ipv6);
    let addresses = layer.take(key, |text| value::addresses(text, any));
    let all = || {
        vec![Address {
            ip: any,
            port: None,
        }]
    };
    let addresses = addresses.unwrap_or_else(all).into_iter();
    let with_port = |address: Address| SocketAddr::new(address.ip, address.port.unwrap_or(port));
    addresses.map(with_port).collect()
}
