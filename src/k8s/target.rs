//! Where the API server is and how to be let in: in a cluster, or by kubeconfig.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use ureq::http::Uri;

use super::credentials::{Identity, Login, Tls, Trust};
use super::kubeconfig::{self, Config};
use super::names::Names;
use super::{Options, incluster};
use crate::chain::Chain;
use crate::secret::Secret;
use crate::token::Unreadable;

const K3S: &str = "/etc/rancher/k3s/k3s.yaml";

/// An API server with what it takes to be let in.
#[derive(Debug)]
pub struct Target {
    pub(super) server: Server,
    /// Where requests go that name no namespace.
    pub(super) namespace: String,
    /// For people: where all this is from.
    pub(super) origin: String,
    pub(super) trust: Trust,
    pub(super) identity: Option<Identity>,
    pub(super) login: Login,
    pub(super) tls: Tls,
    pub(super) tls_of_nobody: Tls,
}

/// The address of an API server.
#[derive(Debug)]
pub(super) struct Server {
    /// What requests are sent to; its host is the name that the certificate must have.
    url: String,
    /// As configured.
    shown: String,
    /// Where to connect to, if the certificate has another name.
    place: Option<Uri>,
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
    target.tls.of(&target.trust, target.identity.as_ref())?;
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

    /// Where requests go that name no namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `https://host:port[/prefix]` without a slash at the end.
    pub fn server(&self) -> &str {
        &self.server.url
    }

    /// One for all connections, until a certificate or key is another.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, TargetError> {
        let tls = self.tls.of(&self.trust, self.identity.as_ref());
        tls.map_err(|problem| TargetError {
            tried: vec![problem],
        })
    }

    /// The same for requests of others: without a certificate of ours, which would vouch for
    /// them.
    pub(super) fn tls_of_nobody(&self) -> Result<Arc<ClientConfig>, TargetError> {
        let tls = self.tls_of_nobody.of(&self.trust, None);
        tls.map_err(|problem| TargetError {
            tried: vec![problem],
        })
    }

    /// Where to connect to, if not to the host of [`Self::server`].
    pub(super) fn place(&self) -> Option<&Uri> {
        self.server.place.as_ref()
    }

    /// The whole value of the `Authorization` header, if there is to be one.
    pub(super) fn authorization(&self, now: Instant) -> Result<Option<Secret>, Unreadable> {
        self.login.header(now)
    }

    /// After a 401: another value, if the token file has another token by now.
    pub(super) fn other_authorization(&self, refused: &Secret, now: Instant) -> Option<Secret> {
        self.login.other_header(refused, now)
    }

    /// Finds the address for [`Self::server`], whose host may only be the name in the
    /// certificate.
    pub(super) fn names(&self) -> Names {
        Names::new(self.server.place.clone())
    }
}

impl Server {
    /// `name` is the one that the certificate has, if it is not the host.
    pub(super) fn parse(text: &str, name: Option<&str>) -> Result<Server, String> {
        let uri = uri(text)?;
        let (scheme, host) = (uri.scheme_str().unwrap_or_default(), host(&uri));
        let port = match uri.port_u16() {
            Some(port) => port,
            None if scheme == "http" => 80,
            None => 443,
        };
        let url = |host: &str| {
            let prefix = uri.path().trim_end_matches('/');
            format!("{scheme}://{}:{port}{prefix}", bracketed(host))
        };
        let shown = url(host);
        let Some(name) = name.filter(|name| !name.eq_ignore_ascii_case(host)) else {
            return Ok(Server {
                url: shown.clone(),
                shown,
                place: None,
            });
        };
        ServerName::try_from(name)
            .map_err(|_| format!("tls-server-name {name:?} is not a host name"))?;
        Ok(Server {
            url: url(name),
            shown,
            place: Some(uri),
        })
    }
}

/// A URL that credentials may be sent to.
fn uri(text: &str) -> Result<Uri, String> {
    let (_, rest) = text
        .split_once("://")
        .ok_or("server has no scheme; write https://HOST:PORT")?;
    // Before anything could quote it.
    if rest.contains('@') {
        return Err("server has a user or password in it; use the fields of the user".into());
    }
    let wrong = |problem: &str| format!("server {text:?} {problem}; write https://HOST:PORT");
    let uri: Uri = text.parse().map_err(|_| wrong("is not a URL"))?;
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_loopback(host(&uri)) => {}
        Some("http") => return Err(wrong("would get credentials unencrypted")),
        _ => return Err(wrong("is not https")),
    }
    // To the parser a port beyond 65535 is none.
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let has_port = uri.port_u16().is_some_and(|port| port != 0);
    if host(&uri).is_empty() || !(has_port || uri.host() == Some(authority)) {
        return Err(wrong("has no valid host and port"));
    }
    if uri.query().is_some() {
        return Err(wrong("has a query"));
    }
    Ok(uri)
}

/// Without the brackets of an IPv6 address.
pub(super) fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_matches(['[', ']'])
}

/// As a URL has it.
pub(super) fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') {
        Cow::Owned(format!("[{host}]"))
    } else {
        Cow::Borrowed(host)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl TargetError {
    /// Whether a kubeconfig was found without a context of that name.
    pub fn lacks_context(&self, name: &str) -> bool {
        let said = kubeconfig::no_entry("context", name);
        self.tried.iter().any(|problem| problem.contains(&said))
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use rcgen::{CertifiedKey, KeyPair};
    use rustls::crypto::ring;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
    use tempfile::TempDir;
    use ureq::Agent;

    use super::*;
    use crate::k8s::exec::{Command, Session};
    use crate::k8s::{Client, InCluster};
    use crate::tls;

    fn certified(name: &str) -> CertifiedKey<KeyPair> {
        rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
    }

    /// A folder that is home, k3s and service account at once.
    fn place() -> (TempDir, Options) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".kube")).unwrap();
        let options = Options {
            home: Some(folder.path().to_owned()),
            ..Options::default()
        };
        (folder, options)
    }

    fn found(folder: &TempDir, options: &Options) -> Result<String, String> {
        let hide = |text: String| text.replace(&folder.path().display().to_string(), "");
        search(options, &folder.path().join("k3s.yaml"))
            .map(|target| hide(target.describe()))
            .map_err(|error| hide(error.to_string()))
    }

    fn pod(folder: &TempDir, host: &str) -> Option<InCluster> {
        Some(InCluster {
            host: host.to_owned(),
            port: 443,
            folder: folder.path().to_owned(),
        })
    }

    /// A kubeconfig of that server; its context has that name.
    fn config(name: &str) -> String {
        format!(
            "clusters: [{{name: c, cluster: {{server: 'https://{name}'}}}}]\n\
             users: [{{name: u, user: {{token: hunter2}}}}]\n\
             contexts: [{{name: {name}, context: {{cluster: c, user: u}}}}]\n\
             current-context: {name}\n"
        )
    }

    #[test]
    fn places_are_looked_at_in_order() {
        let (folder, mut options) = place();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let found = |options: &Options| found(&folder, options);
        let nothing = "no API server: not in a pod, as KUBERNETES_SERVICE_HOST and \
                       KUBERNETES_SERVICE_PORT are not set; /.kube/config does not exist; \
                       /k3s.yaml does not exist; \
                       set KUBECONFIG, or run in a pod with a service account";
        assert_eq!(found(&options).unwrap_err(), nothing);

        write("k3s.yaml", &config("k3s"));
        let by_k3s = "https://k3s:443 (context k3s of /k3s.yaml)";
        assert_eq!(found(&options).unwrap(), by_k3s);
        write(
            ".kube/config",
            "apiVersion: v1\nkind: Config\nclusters: null\n",
        );
        assert_eq!(
            found(&options).unwrap(),
            by_k3s,
            "an empty file says nothing"
        );
        write(".kube/config", &config("home"));
        let by_home = "https://home:443 (context home of /.kube/config)";
        assert_eq!(found(&options).unwrap(), by_home);

        options.in_cluster = pod(&folder, "10.43.0.1");
        assert_eq!(
            found(&options).unwrap(),
            by_home,
            "a pod without an account"
        );
        write("token", "s3cret\n");
        write("ca.crt", &certified("kubernetes").cert.pem());
        assert_eq!(
            found(&options).unwrap(),
            "https://10.43.0.1:443 (in cluster)"
        );
        options.context = Some("home".to_owned());
        assert_eq!(
            found(&options).unwrap(),
            by_home,
            "only files have contexts"
        );

        options.context = None;
        write("mine", &config("mine"));
        options.kubeconfig = vec![folder.path().join("mine")];
        let by_file = "https://mine:443 (context mine of /mine)";
        assert_eq!(found(&options).unwrap(), by_file);
        options.kubeconfig = vec![folder.path().join("yours")];
        let problem = "/yours does not exist; correct KUBECONFIG or --kubeconfig";
        assert_eq!(found(&options).unwrap_err(), problem);
    }

    #[test]
    fn a_kubeconfig_that_is_wrong_is_not_passed_over() {
        let (folder, mut options) = place();
        options.in_cluster = pod(&folder, "10.43.0.1");
        let home = folder.path().join(".kube/config");
        fs::write(&home, config("home").replace("home\n", "away\n")).unwrap();
        fs::write(folder.path().join("k3s.yaml"), config("k3s")).unwrap();
        let problem = found(&folder, &options).unwrap_err();
        let both = [
            "in cluster: /ca.crt cannot be read: No such file",
            "; is a service account mounted?; ",
            "/.kube/config has no context \"away\"; it has \"home\"",
        ];
        for part in both {
            assert!(problem.contains(part), "{problem}");
        }
        assert!(!problem.contains("hunter2"), "{problem}");
    }

    #[test]
    fn a_pod_has_a_token_that_rotates() {
        let (folder, mut options) = place();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("ca.crt", &certified("kubernetes").cert.pem());
        options.in_cluster = pod(&folder, "fd00::1");
        let problem = target(&options).unwrap_err().to_string();
        assert!(
            problem.contains("/token cannot be read: No such"),
            "{problem}"
        );
        write("token", "one");
        let found = target(&options).unwrap();
        assert_eq!(found.server(), "https://[fd00::1]:443");
        let now = Instant::now();
        let first = found.authorization(now).unwrap().unwrap();
        write("token", "two");
        let other = found.other_authorization(&first, now).unwrap();
        assert_eq!(other.expose(), "Bearer two");
    }

    /// Takes one connection of a client that has the certificate of `client`; the
    /// name that was asked for, or what was wrong.
    fn serve(
        listener: &TcpListener,
        server: &CertifiedKey<KeyPair>,
        client: &CertifiedKey<KeyPair>,
    ) -> Result<String, String> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(client.cert.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![server.cert.der().clone()];
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut socket = listener.accept().unwrap().0;
        let mut stream = Stream::new(&mut connection, &mut socket);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            let count = stream.read(&mut byte).map_err(|error| error.to_string())?;
            assert_eq!(count, 1, "the request ends early");
            head.push(byte[0]);
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).unwrap();
        Ok(connection.server_name().unwrap_or_default().to_owned())
    }

    /// Asks for a WebSocket, which that server refuses with what it says to all.
    fn upgrade(target: &Arc<Target>) -> Result<u16, String> {
        let client = Client::for_calls(Arc::clone(target)).unwrap();
        let command = Command {
            namespace: "n",
            pod: "p",
            container: "c",
            command: &[],
            stdin: false,
            stderr: true,
            tty: false,
        };
        let error = Session::start(&client, &command).map(drop).unwrap_err();
        let status = error.status().map(|status| status.code);
        status.ok_or_else(|| error.to_string())
    }

    fn ask(target: &Arc<Target>) -> Result<u16, String> {
        let connector = tls::connector(target.tls().unwrap());
        let agent = Agent::with_parts(Default::default(), connector, target.names());
        let answer = agent.get(format!("{}/version", target.server())).call();
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn client_and_server_prove_themselves_and_a_new_authority_is_taken() {
        let (folder, mut options) = place();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let (server, client) = (certified("api.local"), certified("agent"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        write("ca.crt", &certified("api.local").cert.pem());
        write("client.crt", &client.cert.pem());
        write("client.key", &client.signing_key.serialize_pem());
        write(
            "config",
            &config("x")
                .replace(
                    "server: 'https://x'",
                    &format!(
                        "server: 'https://{address}', tls-server-name: api.local, \
                         certificate-authority: ca.crt"
                    ),
                )
                .replace(
                    "token: hunter2",
                    "client-certificate: client.crt, client-key: client.key",
                ),
        );
        options.kubeconfig = vec![folder.path().join("config")];
        let target = Arc::new(target(&options).unwrap());
        thread::scope(|scope| {
            let served = || scope.spawn(|| serve(&listener, &server, &client));
            for ask in [ask, upgrade] {
                write("ca.crt", &certified("api.local").cert.pem());
                let refused = served();
                assert!(ask(&target).is_err(), "another authority");
                assert!(refused.join().unwrap().is_err());
                write("ca.crt", &server.cert.pem());
                let trusted = served();
                assert_eq!(ask(&target).unwrap(), 200);
                assert_eq!(trusted.join().unwrap().as_deref(), Ok("api.local"));
            }
            let text = fs::read_to_string(&options.kubeconfig[0]).unwrap();
            let unchecked = "insecure-skip-tls-verify: true";
            write(
                "config",
                &text.replace("certificate-authority: ca.crt", unchecked),
            );
            let target = Arc::new(super::target(&options).unwrap());
            for ask in [ask, upgrade] {
                let trusted = served();
                assert_eq!(ask(&target).unwrap(), 200);
                assert_eq!(trusted.join().unwrap().as_deref(), Ok("api.local"));
            }
        });
    }
}
