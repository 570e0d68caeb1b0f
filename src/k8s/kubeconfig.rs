//! Kubeconfig files, merged and read as kubectl does
//! (<https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>).
//!
//! Only what the chosen context needs is looked at. What would need another
//! program or a proxy is refused: ignoring it would mean other credentials, or
//! another way, than the operator wants.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::credentials::{Identity, Login, Trust};
use super::fields::Fields;
use super::target::{Server, Target};
use crate::secret::Secret;
use crate::token::{Token, TokenSource};
use crate::yaml;

/// Merged files.
pub(super) struct Config {
    /// For messages.
    files: String,
    current: Option<String>,
    contexts: Entries,
    clusters: Entries,
    users: Entries,
}

/// What a name stands for, and in which file.
type Entries = BTreeMap<String, (PathBuf, Value)>;

impl Config {
    /// Reads files in order: of entries with the same name the first counts, whole.
    /// Files that do not exist are skipped, as long as one does.
    pub(super) fn load(paths: &[PathBuf]) -> Result<Config, String> {
        let names: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let mut config = Config {
            files: names.join(":"),
            current: None,
            contexts: Entries::new(),
            clusters: Entries::new(),
            users: Entries::new(),
        };
        let mut is_found = false;
        for path in paths {
            match read(path) {
                Ok(text) => config.add(path, &text)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
            }
            is_found = true;
        }
        if is_found {
            Ok(config)
        } else {
            let files = &config.files;
            Err(format!(
                "{files} does not exist; correct KUBECONFIG or --kubeconfig"
            ))
        }
    }

    fn add(&mut self, path: &Path, text: &str) -> Result<(), String> {
        let shown = path.display();
        let documents =
            yaml::parse(text).map_err(|error| format!("{shown}: {error}; correct the YAML"))?;
        let map = match documents.as_slice() {
            [] | [Value::Null] => return Ok(()),
            [Value::Object(map)] if is_kubeconfig(map) => map,
            _ => {
                return Err(format!(
                    "{shown} is no kubeconfig (apiVersion: v1, kind: Config)"
                ));
            }
        };
        let root = Fields::new(path, String::new(), map);
        if self.current.is_none() {
            self.current = root.text("current-context")?.map(str::to_owned);
        }
        for (list, item, entries) in [
            ("contexts", "context", &mut self.contexts),
            ("clusters", "cluster", &mut self.clusters),
            ("users", "user", &mut self.users),
        ] {
            for (name, content) in root.entries(list, item)? {
                let content = (path.to_owned(), content);
                entries.entry(name.to_owned()).or_insert(content);
            }
        }
        Ok(())
    }

    /// Whether nothing is configured, as after `kubectl config delete-context`.
    pub(super) fn is_empty(&self) -> bool {
        self.contexts.is_empty() && self.clusters.is_empty() && self.current.is_none()
    }

    /// The API server of that context, else of the current one.
    pub(super) fn target(&self, context: Option<&str>) -> Result<Target, String> {
        let name = context.or(self.current.as_deref()).ok_or_else(|| {
            let (files, known) = (&self.files, known(&self.contexts));
            format!("{files} has no current-context; give --context: {known}")
        })?;
        let context = self.find(&self.contexts, "context", name)?;
        let named = |key: &str| {
            let name = context.text(key)?;
            name.ok_or_else(|| context.wrong(format!("names no {key}")))
        };
        let cluster = self.find(&self.clusters, "cluster", named("cluster")?)?;
        let user = self.find(&self.users, "user", named("user")?)?;
        Ok(Target {
            server: server(&cluster)?,
            origin: format!("context {name} of {}", context.file.display()),
            namespace: context.text("namespace")?.map(str::to_owned),
            trust: trust(&cluster)?,
            identity: identity(&user)?,
            login: login(&user)?,
        })
    }

    fn find<'a>(&self, entries: &'a Entries, kind: &str, name: &str) -> Result<Fields<'a>, String> {
        let (file, value) = entries.get(name).ok_or_else(|| {
            let (files, known) = (&self.files, known(entries));
            format!("{files} has no {kind} {name:?}; it has {known}")
        })?;
        let about = format!("{kind} {name:?}");
        match value {
            Value::Object(map) => Ok(Fields::new(file, about, map)),
            _ => Err(format!("{}: {about} is not a mapping", file.display())),
        }
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    // One more than the parser takes, so that it is the one to refuse.
    let most = yaml::MAX_TEXT as u64 + 1;
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

/// kubectl takes files that do not say what they are.
fn is_kubeconfig(map: &Map<String, Value>) -> bool {
    let says = |key: &str, wanted: &str| map.get(key).is_none_or(|value| value == wanted);
    says("apiVersion", "v1") && says("kind", "Config")
}

fn known(entries: &Entries) -> String {
    if entries.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = entries.keys().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

fn server(cluster: &Fields) -> Result<Server, String> {
    if cluster.has("proxy-url") {
        let problem = "proxy-url is not supported; give the agent a direct way to the API server";
        return Err(cluster.wrong(problem));
    }
    let url = cluster
        .text("server")?
        .ok_or_else(|| cluster.wrong("has no server"))?;
    let name = cluster.text("tls-server-name")?;
    Server::parse(url, name).map_err(|problem| cluster.wrong(problem))
}

fn trust(cluster: &Fields) -> Result<Trust, String> {
    let is_insecure = cluster.switch("insecure-skip-tls-verify")?;
    match cluster.pem("certificate-authority")? {
        Some(_) if is_insecure => Err(cluster.wrong(
            "certificate-authority and insecure-skip-tls-verify contradict each other; \
             remove the latter",
        )),
        Some(pem) => Ok(Trust::Authority(pem)),
        None if is_insecure => Ok(Trust::Anything),
        None => Ok(Trust::Public),
    }
}

fn identity(user: &Fields) -> Result<Option<Identity>, String> {
    match (user.pem("client-certificate")?, user.pem("client-key")?) {
        (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(user.wrong("has a client-certificate and no client-key")),
        (None, Some(_)) => Err(user.wrong("has a client-key and no client-certificate")),
    }
}

fn login(user: &Fields) -> Result<Login, String> {
    for plugin in ["exec", "auth-provider"] {
        if user.has(plugin) {
            return Err(user.wrong(format!(
                "{plugin} plugins are not supported; use the token of a service account \
                 (kubectl create token)"
            )));
        }
    }
    // Ignored, they would mean more rights than the operator wants.
    if let Some(key) = ["as", "as-uid", "as-groups", "as-user-extra"]
        .iter()
        .find(|key| user.has(key))
    {
        let problem = format!("impersonation ({key}) is not supported; use an account of its own");
        return Err(user.wrong(problem));
    }
    if let Some(file) = user.path("tokenFile")? {
        return Ok(Login::Bearer(Token::new(TokenSource::File(file))));
    }
    if let Some(token) = user.text("token")? {
        let token = TokenSource::Fixed(Secret::new(token.trim()));
        return Ok(Login::Bearer(Token::new(token)));
    }
    match (user.text("username")?, user.text("password")?) {
        (None, None) => Ok(Login::Nothing),
        (name, password) => Ok(Login::basic(
            name.unwrap_or_default(),
            password.unwrap_or_default(),
        )),
    }
}
