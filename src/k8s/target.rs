//! Where the API server is and how to be let in: in a cluster, or by kubeconfig.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustls::pki_types::ServerName;
use ureq::http::Uri;
use ureq::tls::TlsConfig;

use super::credentials::{self, Identity, Login, Trust};
use super::kubeconfig::Config;
use super::{Options, incluster};
use crate::chain::Chain;
use crate::secret::Secret;
use crate::token::Unreadable;

const K3S: &str = "/etc/rancher/k3s/k3s.yaml";

/// An API server with what it takes to be let in.
#[derive(Debug)]
pub struct Target {
    pub(super) server: Server,
    /// For people: where all this is from.
    pub(super) origin: String,
    pub(super) namespace: Option<String>,
    pub(super) trust: Trust,
    pub(super) identity: Option<Identity>,
    pub(super) login: Login,
}

/// The address of an API server.
#[derive(Debug)]
pub(super) struct Server {
    /// What requests are sent to; its host is the name that the certificate must have.
    url: String,
    /// As configured.
    shown: String,
    /// Where to connect to, if the certificate has another name.
    address: Option<(String, u16)>,
}

/// No API server can be used; tells each place that was looked at, and what to do.
#[derive(Debug)]
pub struct TargetError {
    tried: Vec<String>,
}

/// Finds the API server: the files of the options alone if there are any, else in
/// the cluster, by `~/.kube/config`, or by the file that k3s writes.
///
/// A kubeconfig that exists but is wrong ends the search: the next one may well be
/// another cluster.
///
/// # Errors
/// Everything that was tried, and what to do.
pub fn target(options: &Options) -> Result<Target, TargetError> {
    search(options, Path::new(K3S))
}

fn search(options: &Options, k3s: &Path) -> Result<Target, TargetError> {
    let context = options.context.as_deref();
    if !options.kubeconfig.is_empty() {
        return Config::load(&options.kubeconfig)
            .and_then(|config| config.target(context))
            .and_then(checked)
            .map_err(|problem| TargetError {
                tried: vec![problem],
            });
    }
    let mut tried = Vec::new();
    match in_cluster(options) {
        Ok(target) => return Ok(target),
        Err(problem) => tried.push(problem),
    }
    let home = options.home.iter().map(|home| home.join(".kube/config"));
    for file in home.chain([k3s.to_owned()]) {
        match of_file(&file, context) {
            Ok(Ok(target)) => return Ok(target),
            Ok(Err(nothing)) => tried.push(nothing),
            Err(problem) => {
                tried.push(problem);
                return Err(TargetError { tried });
            }
        }
    }
    Err(TargetError { tried })
}

fn in_cluster(options: &Options) -> Result<Target, String> {
    let pod = options.in_cluster.as_ref().ok_or(
        "not in a pod, as KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set",
    )?;
    if let Some(context) = &options.context {
        return Err(format!(
            "in cluster: the context {context:?} is asked for, and there are none here"
        ));
    }
    incluster::target(pod)
        .and_then(checked)
        .map_err(|problem| format!("in cluster: {problem}; is a service account mounted?"))
}

/// The inner error is of a file that says nothing.
fn of_file(file: &Path, context: Option<&str>) -> Result<Result<Target, String>, String> {
    let path = file.display();
    // One that cannot be looked at may well be there: reading it says why not.
    if matches!(file.try_exists(), Ok(false)) {
        return Ok(Err(format!("{path} does not exist")));
    }
    let config = Config::load(&[PathBuf::from(file)])?;
    if config.is_empty() {
        return Ok(Err(format!("{path} is empty")));
    }
    config.target(context).and_then(checked).map(Ok)
}

/// Reads all that it refers to, so that a mistake is told at the start.
fn checked(target: Target) -> Result<Target, String> {
    credentials::tls(&target.trust, target.identity.as_ref())?;
    match target.authorization(Instant::now()) {
        Ok(_) => Ok(target),
        Err(error) => Err(Chain(&error).to_string()),
    }
}

impl Target {
    /// For people: address and origin.
    pub fn describe(&self) -> String {
        let check = match self.trust {
            Trust::Anything => ", certificate not checked",
            Trust::Public | Trust::Authority(_) => "",
        };
        format!("{} ({}{check})", self.server.shown, self.origin)
    }

    /// `https://host:port[/prefix]` without a slash at the end.
    pub fn server(&self) -> &str {
        &self.server.url
    }

    /// The namespace of the context or of the pod.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Reads certificates afresh: a new agent has what was rotated.
    pub(super) fn tls(&self) -> Result<TlsConfig, TargetError> {
        credentials::tls(&self.trust, self.identity.as_ref()).map_err(|problem| TargetError {
            tried: vec![problem],
        })
    }

    /// The whole value of the `Authorization` header, if there is to be one.
    pub(super) fn authorization(&self, now: Instant) -> Result<Option<Secret>, Unreadable> {
        self.login.header(now)
    }

    /// After a 401: another value, if the token file has another token by now.
    pub(super) fn other_authorization(&self, refused: &Secret, now: Instant) -> Option<Secret> {
        self.login.other_header(refused, now)
    }

    /// Where to connect to instead of the host of [`Self::server`], which is then the
    /// name in the certificate.
    pub(super) fn address(&self) -> Option<(String, u16)> {
        self.server.address.clone()
    }
}

impl Server {
    /// `name` is the one that the certificate has, if it is not the host.
    pub(super) fn parse(text: &str, name: Option<&str>) -> Result<Server, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("server has no scheme; write https://HOST:PORT")?;
        // Before anything could quote it.
        if rest.contains('@') {
            return Err("server has a user or password in it; use the fields of the user".into());
        }
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("server {text:?} is not a URL: {error}"))?;
        let host = uri.host().unwrap_or_default();
        let port = match scheme {
            "https" => 443,
            "http" if is_loopback(host) => 80,
            "http" => {
                return Err(format!(
                    "server {text:?} would get credentials unencrypted; use https"
                ));
            }
            _ => {
                return Err(format!(
                    "server {text:?} is not https; write https://HOST:PORT"
                ));
            }
        };
        // A port beyond 65535 is none for the parser.
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let is_port_wrong = uri.port_u16().is_none_or(|port| port == 0) && authority != host;
        if uri.query().is_some() || host.is_empty() || is_port_wrong {
            return Err(format!("server {text:?} is not https://HOST:PORT[/PREFIX]"));
        }
        let port = uri.port_u16().unwrap_or(port);
        let prefix = uri.path().trim_end_matches('/');
        let url = |host: &str| format!("{scheme}://{host}:{port}{prefix}");
        let Some(name) = name.filter(|name| !name.eq_ignore_ascii_case(bare(host))) else {
            return Ok(Server {
                url: url(host),
                shown: url(host),
                address: None,
            });
        };
        Ok(Server {
            url: url(&in_url(name)?),
            shown: url(host),
            address: Some((bare(host).to_owned(), port)),
        })
    }
}

fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

fn is_loopback(host: &str) -> bool {
    let address = bare(host).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// A name of a certificate as the host of a URL.
fn in_url(name: &str) -> Result<String, String> {
    if name.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{name}]"));
    }
    match ServerName::try_from(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(format!("tls-server-name {name:?} is not a host name")),
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.tried.as_slice() {
            return f.write_str(problem);
        }
        write!(f, "no API server: {}; ", self.tried.join("; "))?;
        f.write_str("set KUBECONFIG, or run in a pod with a service account")
    }
}

impl std::error::Error for TargetError {}
