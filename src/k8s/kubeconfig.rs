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

use super::credentials::{Identity, Login, Tls, Trust};
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
            namespace: context.text("namespace")?.unwrap_or("default").to_owned(),
            origin: format!("context {name} of {}", context.file.display()),
            trust: trust(&cluster)?,
            identity: identity(&user)?,
            login: login(&user)?,
            tls: Tls::default(),
            tls_of_nobody: Tls::default(),
        })
    }

    fn find<'a>(&self, entries: &'a Entries, kind: &str, name: &str) -> Result<Fields<'a>, String> {
        let (file, value) = entries.get(name).ok_or_else(|| {
            let (files, known, none) = (&self.files, known(entries), no_entry(kind, name));
            format!("{files} {none}; it has {known}")
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

/// What is said of a name that stands for nothing.
pub(super) fn no_entry(kind: &str, name: &str) -> String {
    format!("has no {kind} {name:?}")
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    /// Files of a folder; `CERT`, `KEY` and `PEM` stand for what belongs together.
    struct Files {
        folder: TempDir,
        certificate: String,
        key: String,
    }

    impl Files {
        fn new(files: &[(&str, &str)]) -> Files {
            let pair = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap();
            let all = Files {
                folder: tempfile::tempdir().unwrap(),
                certificate: pair.cert.pem(),
                key: pair.signing_key.serialize_pem(),
            };
            for (name, text) in files {
                let text = text
                    .replace("CERT", &STANDARD.encode(&all.certificate))
                    .replace("KEY", &STANDARD.encode(&all.key));
                fs::write(all.path(name), text).unwrap();
            }
            fs::write(all.path("ca.crt"), &all.certificate).unwrap();
            fs::write(all.path("client.key"), &all.key).unwrap();
            all
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Through the files of these names, and all that they refer to.
        fn target(&self, names: &[&str], context: Option<&str>) -> Result<Target, String> {
            let paths: Vec<_> = names.iter().map(|name| self.path(name)).collect();
            let target = Config::load(&paths)?.target(context)?;
            target.tls().map_err(|error| error.to_string())?;
            Ok(target)
        }

        /// Without the name of the folder.
        fn refused(&self, names: &[&str], context: Option<&str>) -> String {
            let folder = format!("{}/", self.folder.path().display());
            let message = self.target(names, context).unwrap_err();
            message.replace(&folder, "")
        }
    }

    fn one(text: &str) -> Result<Target, String> {
        Files::new(&[("config", text)]).target(&["config"], None)
    }

    fn header(target: &Target) -> String {
        let header = target.authorization(Instant::now()).unwrap();
        header.map_or("none".to_owned(), |header| header.expose().to_owned())
    }

    const K3S: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: CERT
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: CERT
    client-key-data: KEY
";

    const MINIKUBE: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority: ca.crt
    extensions:
    - extension:
        last-update: Mon, 06 Oct 2025 09:00:00 CEST
        provider: minikube.sigs.k8s.io
        version: v1.37.0
      name: cluster_info
    server: https://192.168.49.2:8443/
  name: minikube
contexts:
- context:
    cluster: minikube
    extensions: []
    namespace: shop
    user: minikube
  name: minikube
current-context: minikube
kind: Config
preferences: {}
users:
- name: minikube
  user:
    client-certificate: ca.crt
    client-key: ./client.key
";

    /// A file of one cluster and one user, given in flow style.
    fn small(cluster: &str, user: &str) -> String {
        format!(
            "clusters: [{{name: c, cluster: {cluster}}}]\nusers: [{{name: u, user: {user}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
        )
    }

    #[test]
    fn files_of_common_distributions_are_read() {
        let kubeadm = K3S
            .replace("name: default", "name: kubernetes-admin@kubernetes")
            .replace("127.0.0.1", "cp.example")
            .replace("t: default", "t: kubernetes-admin@kubernetes")
            .replace("r: default", "r: kubernetes-admin@kubernetes");
        let kind = K3S.replace("default", "kind-kind").replace("6443", "39871");
        let rancher = small(
            "{server: 'https://rancher.example/k8s/clusters/c-m-x7/'}",
            "{token: 'kubeconfig-user-abc:s3cret'}",
        );
        let microk8s = small("{server: 'https://[fd00::5]:16443'}", "{token: s3cret}");
        let proxy = small("{server: 'http://localhost:8001'}", "null");
        let table = [
            (K3S, "https://127.0.0.1:6443", "default", "none"),
            (
                &kubeadm,
                "https://cp.example:6443",
                "kubernetes-admin@kubernetes",
                "none",
            ),
            (&kind, "https://127.0.0.1:39871", "kind-kind", "none"),
            (MINIKUBE, "https://192.168.49.2:8443", "minikube", "none"),
            (
                &rancher,
                "https://rancher.example:443/k8s/clusters/c-m-x7",
                "x",
                "Bearer kubeconfig-user-abc:s3cret",
            ),
            (&microk8s, "https://[fd00::5]:16443", "x", "Bearer s3cret"),
            (&proxy, "http://localhost:8001", "x", "none"),
        ];
        for (text, server, context, login) in table {
            let target = one(text).unwrap();
            assert_eq!(target.server(), server);
            assert_eq!(header(&target), login);
            let told = target.describe();
            let start = format!("{server} (context {context} of /");
            assert!(
                told.starts_with(&start) && told.ends_with("/config)"),
                "{told}"
            );
        }
        assert!(one(MINIKUBE).unwrap().identity.is_some());
        assert!(one(K3S).unwrap().identity.is_some());
    }

    #[test]
    fn users_may_have_a_token_a_token_file_or_a_password() {
        let server = "{server: 'https://h'}";
        let table = [
            ("{}", "none"),
            ("{token: ''}", "none"),
            ("{token: one, tokenFile: token}", "Bearer from-file"),
            ("{username: me, password: 'p:w'}", "Basic bWU6cDp3"),
            ("{username: me}", "Basic bWU6"),
        ];
        for (user, expected) in table {
            let text = small(server, user);
            let files = Files::new(&[("config", &text), ("token", "from-file\n")]);
            let target = files.target(&["config"], None).unwrap();
            assert_eq!(header(&target), expected, "{user}");
        }
    }

    #[test]
    fn a_token_file_is_looked_at_again_after_a_refusal() {
        let text = small("{server: 'https://h'}", "{tokenFile: token}");
        let files = Files::new(&[("config", &text), ("token", "one")]);
        let target = files.target(&["config"], None).unwrap();
        let now = Instant::now();
        let refused = target.authorization(now).unwrap().unwrap();
        assert!(target.other_authorization(&refused, now).is_none());
        fs::write(files.path("token"), "two").unwrap();
        let other = target.other_authorization(&refused, now).unwrap();
        assert_eq!(other.expose(), "Bearer two");
        assert_eq!(header(&target), "Bearer two");
    }

    #[test]
    fn trust_follows_the_cluster() {
        let insecure = one(&small(
            "{server: 'https://h', insecure-skip-tls-verify: true}",
            "{}",
        ));
        let insecure = insecure.unwrap();
        assert!(matches!(insecure.trust, Trust::Anything));
        assert!(
            insecure
                .describe()
                .ends_with("config, certificate not checked)")
        );
        let named = one(&small(
            "{server: 'https://10.0.0.9:6443', tls-server-name: api.local}",
            "{}",
        ));
        let named = named.unwrap();
        assert_eq!(named.server(), "https://api.local:6443");
        assert!(named.describe().starts_with("https://10.0.0.9:6443 ("));
        assert!(matches!(named.trust, Trust::Public));
        let data = "{server: 'https://h', certificate-authority: /nowhere, certificate-authority-data: CERT}";
        assert!(one(&small(data, "{}")).is_ok(), "data wins over a file");
    }

    #[test]
    fn of_several_files_the_first_to_set_a_name_wins_whole() {
        let first = "current-context: ''\nusers: [{name: u, user: {token: first}}]\n\
                     clusters: [{name: c, cluster: {server: 'https://first', certificate-authority: ca.crt}}]\n";
        let second = small(
            "{server: 'https://second', tls-server-name: no}",
            "{username: no}",
        );
        let third = "current-context: no\ncontexts: [{name: w, context: {cluster: c, user: u}}]\n";
        let files = Files::new(&[("1", first), ("2", &second), ("3", third), ("4", "")]);
        let names = ["missing", "1", "2", "4", "3"];
        let target = files.target(&names, None).unwrap();
        assert_eq!(target.server(), "https://first:443");
        assert_eq!(header(&target), "Bearer first");
        assert!(target.describe().contains("(context x of /"));
        assert!(target.describe().ends_with("/2)"), "{}", target.describe());
        let other = files.target(&names, Some("w")).unwrap();
        assert!(other.describe().ends_with("/3)"), "{}", other.describe());
    }

    #[test]
    fn names_that_lead_nowhere_are_told_with_those_there_are() {
        let table = [
            (
                small("{}", "{}").replace("current-context: x", ""),
                "config has no current-context; give --context: \"x\"",
            ),
            (
                small("{}", "{}").replace("context: x", "context: z"),
                "config has no context \"z\"; it has \"x\"",
            ),
            (
                small("{}", "{}").replace("cluster: c,", "cluster: z,"),
                "config has no cluster \"z\"; it has \"c\"",
            ),
            (
                small("{server: 'https://h'}", "{}").replace("user: u", "user: z"),
                "config has no user \"z\"; it has \"u\"",
            ),
            (
                small("{}", "{}").replace(", user: u", ""),
                "config: context \"x\": names no user",
            ),
            (
                "current-context: x".to_owned(),
                "config has no context \"x\"; it has none",
            ),
        ];
        for (text, expected) in table {
            let files = Files::new(&[("config", &text)]);
            assert_eq!(files.refused(&["config"], None), expected);
        }
        let files = Files::new(&[("config", K3S)]);
        assert_eq!(
            files.refused(&["config"], Some("prod")),
            "config has no context \"prod\"; it has \"default\""
        );
    }

    #[test]
    fn what_is_wrong_with_a_cluster_is_told() {
        let https = "server: 'https://h'";
        let table = [
            ("{}", "has no server"),
            (
                "{server: '10.0.0.1:6443'}",
                "server has no scheme; write https://HOST:PORT",
            ),
            (
                "{server: 'ftp://h'}",
                "server \"ftp://h\" is not https; write",
            ),
            (
                "{server: 'http://10.0.0.1'}",
                "would get credentials unencrypted; write https",
            ),
            (
                "{server: 'https://me:hunter2@h'}",
                "server has a user or password in it",
            ),
            (
                "{server: 'https://h/?a=1'}",
                "has a query; write https://HOST:PORT",
            ),
            ("{server: 'https://h o'}", "is not a URL; write"),
            ("{server: 'https://h:99999'}", "has no valid host and port"),
            ("{server: 'https://h:0'}", "has no valid host and port"),
            ("{server: 'https://h:x'}", "has no valid host and port"),
            (
                "{server: [hunter2]}",
                "server is not text; put it in quotes",
            ),
            (
                &format!("{{{https}, proxy-url: 'http://me:hunter2@p'}}"),
                "proxy-url is not supported",
            ),
            (
                &format!("{{{https}, tls-server-name: 'a b'}}"),
                "is not a host name",
            ),
            (
                &format!("{{{https}, insecure-skip-tls-verify: hunter2}}"),
                "is neither true nor false",
            ),
            (
                &format!(
                    "{{{https}, insecure-skip-tls-verify: true, certificate-authority-data: CERT}}"
                ),
                "contradict each other",
            ),
        ];
        for (cluster, expected) in table {
            let files = Files::new(&[("config", &small(cluster, "{}"))]);
            let message = files.refused(&["config"], None);
            assert!(message.starts_with("config: cluster \"c\": "), "{message}");
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("hunter"), "{message}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_user_is_told() {
        let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: gke-gcloud-auth-plugin, env: null}}";
        let provider = "{auth-provider: {name: oidc, config: {refresh-token: hunter2}}}";
        let table = [
            (
                exec,
                "exec plugins are not supported; use the token of a service account (kubectl create token)",
            ),
            (
                provider,
                "auth-provider plugins are not supported; use the token",
            ),
            (
                "{token: hunter2, as: admin}",
                "impersonation (as) is not supported",
            ),
            (
                "{token: hunter2, as-groups: [a]}",
                "impersonation (as-groups) is not supported",
            ),
            ("{token: 4711}", "token is not text; put it in quotes"),
            (
                "{client-certificate-data: CERT}",
                "has a client-certificate and no client-key",
            ),
            (
                "{client-key-data: KEY}",
                "has a client-key and no client-certificate",
            ),
            (
                "{client-certificate-data: CERT, client-key-data: 'hunter2!'}",
                "client-key-data is not base64",
            ),
            ("[hunter2]", "is not a mapping"),
        ];
        for (user, expected) in table {
            let files = Files::new(&[("config", &small("{server: 'https://h'}", user))]);
            let message = files.refused(&["config"], None);
            assert!(message.starts_with("config: user \"u\""), "{message}");
            assert!(message.contains(expected), "{message}");
            assert!(
                !message.contains("hunter") && !message.contains("4711"),
                "{message}"
            );
        }
    }

    #[test]
    fn what_is_no_kubeconfig_is_told() {
        let table = [
            ("a: [hunter2", "config: line 2, column 1: "),
            (
                "hunter2",
                "config is no kubeconfig (apiVersion: v1, kind: Config)",
            ),
            ("- hunter2", "config is no kubeconfig"),
            ("apiVersion: v1\nkind: Secret\n", "config is no kubeconfig"),
            ("a: 1\n---\nb: 2\n", "config is no kubeconfig"),
            (
                "users: hunter2",
                "config: users is not a list of name and user",
            ),
            (
                "clusters: [{cluster: hunter2}]",
                "config: clusters is not a list of name and cluster",
            ),
        ];
        for (text, expected) in table {
            let files = Files::new(&[("config", text)]);
            let message = files.refused(&["config"], None);
            assert!(message.starts_with(expected), "{message}");
            assert!(!message.contains("hunter"), "{message}");
        }
    }

    #[test]
    fn files_that_are_missing_or_unreadable_are_told() {
        let files = Files::new(&[("config", K3S)]);
        let message = files.refused(&["a", "b"], None);
        assert!(
            message.ends_with("b does not exist; correct KUBECONFIG or --kubeconfig"),
            "{message}"
        );
        fs::create_dir(files.path("folder")).unwrap();
        let message = files.refused(&["folder", "config"], None);
        assert!(message.starts_with("folder cannot be read: "), "{message}");
        fs::write(files.path("latin1"), [0xe9]).unwrap();
        let message = files.refused(&["latin1"], None);
        assert!(message.starts_with("latin1 cannot be read: "), "{message}");
    }

    /// Anything where kubectl expects something else, with a secret in it.
    fn fields() -> impl Strategy<Value = Value> {
        let secret = || Just(json!("hunter2"));
        let value = prop_oneof![
            secret(),
            secret(),
            Just(json!(null)),
            Just(json!(true)),
            Just(json!(["hunter2"])),
            Just(json!({"hunter2": "hunter2"})),
            Just(json!("-----BEGIN PRIVATE KEY-----hunter2")),
            Just(json!(STANDARD.encode("-----BEGIN PRIVATE KEY-----hunter2"))),
            Just(json!(
                STANDARD.encode("-----BEGIN CERTIFICATE-----\nhunter2\n")
            )),
        ];
        let key = prop::sample::select(vec![
            "certificate-authority-data",
            "insecure-skip-tls-verify",
            "client-certificate-data",
            "client-key-data",
            "token",
            "username",
            "password",
            "exec",
            "auth-provider",
            "proxy-url",
            "as",
        ]);
        prop::collection::btree_map(key, value, 0..5).prop_map(|map| json!(map))
    }

    proptest! {
        #[test]
        fn no_message_and_no_debug_has_a_secret(cluster in fields(), user in fields(), at in 0_usize..3) {
            let mut cluster = cluster;
            cluster["server"] = json!(["https://h", "https://hunter2@h", "https://u:hunter2@h:1/"][at]);
            let text = small(&cluster.to_string(), &user.to_string());
            let told = match one(&text) {
                Ok(target) => format!("{target:?} {}", target.describe()),
                Err(message) => message,
            };
            prop_assert!(!told.contains("hunter2"), "{}", told);
        }
    }
}
