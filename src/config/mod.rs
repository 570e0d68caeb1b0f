//! Configuration: flags over environment over file over defaults, read once when
//! the agent starts. Every mistake is reported, not only the first.
//!
//! It reads the environment, and nothing else does. It opens the files that hold
//! settings and tokens, and looks at no network: whether a kubeconfig or a
//! certificate is good is for the part that uses it to say.

mod arguments;
mod control_plane;
mod environment;
mod file;
mod help;
mod kind;
mod layers;
mod listen;
mod mistake;
mod options;
mod secrets;
mod settings;
mod table;
mod value;

use std::ffi::OsString;

pub use control_plane::ControlPlane;
pub use environment::Environment;
pub use help::help;
pub use kind::{Fallback, Group, Kind};
pub use layers::Source;
pub use listen::Tls;
pub use mistake::{Mistake, Mistakes};
pub use options::kubernetes;
pub use settings::{InCluster, Kubernetes, Settings};
pub use table::{Key, SETTINGS, Setting};

/// What the command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Run,
    Check,
    Probe(Probe),
    Help,
    Version,
}

/// What to ask the agent that runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Live,
    Ready,
    Started,
}

/// What to do, with what it needs.
#[derive(Debug)]
pub enum Invocation {
    Run(Box<Settings>),
    Check(Box<Settings>),
    Probe(Probe, Box<Settings>),
    Help,
    Version,
}

/// Reads all sources; `arguments` come without the name of the program. Help and
/// version are given whatever else is wrong.
pub fn load(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Invocation, Mistakes> {
    let arguments = arguments::read(arguments);
    let command = arguments.command;
    match command {
        Command::Help => return Ok(Invocation::Help),
        Command::Version => return Ok(Invocation::Version),
        Command::Run | Command::Check | Command::Probe(_) => {}
    }
    let mut layers = arguments.layer;
    layers.fill(environment::read(environment));
    layers.warnings.extend(environment::unknown(environment));
    if let Some(named) = layers.values.get(&Key::Config) {
        let file = file::read(&named.text, &named.source);
        layers.fill(file);
    }
    let settings = settings::assemble(layers, environment).map(Box::new);
    let settings = settings.map_err(|list| Mistakes { command, list })?;
    Ok(match command {
        Command::Check => Invocation::Check(settings),
        Command::Probe(probe) => Invocation::Probe(probe, settings),
        _ => Invocation::Run(settings),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    use log::LevelFilter;
    use proptest::prelude::*;

    use super::*;
    use crate::logger::Format;
    use crate::token::TokenSource;

    fn read(line: &str, variables: &[(&str, &str)]) -> Result<Invocation, Mistakes> {
        load(
            line.split_whitespace().map(OsString::from),
            &environment::of(variables),
        )
    }

    fn settings(line: &str, variables: &[(&str, &str)]) -> Settings {
        match read(line, variables) {
            Ok(Invocation::Run(settings)) => *settings,
            other => panic!("{other:?}"),
        }
    }

    fn mistakes(line: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let mistakes = read(line, variables).unwrap_err();
        mistakes.list.iter().map(Mistake::to_string).collect()
    }

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_file_of_tokens_is_looked_at_and_hosts_are_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        fs::write(&path, "read me short-hunter2\n").unwrap();
        let path = path.display().to_string();
        let told = mistakes(
            &format!("--api-tokens-file {path} --hosts a.example,http://b"),
            &[],
        );
        assert!(
            told[0].contains("line 1 has a token of fewer than 16 characters"),
            "{told:?}"
        );
        assert!(
            told[1].contains("has something that is no host name"),
            "{told:?}"
        );
        assert_eq!(told.len(), 2);
        assert!(!told.concat().contains("hunter2"));
        fs::write(&path, "read me 0123456789abcdef\n").unwrap();
        let given = format!("--api-tokens-file {path} --hosts a.example,*.B.example");
        let settings = settings(&given, &[]);
        assert_eq!(settings.api.hosts, ["a.example", "*.b.example"]);
        assert_eq!(settings.api.tokens_file.as_deref(), Some(Path::new(&path)));
    }

    #[test]
    fn with_nothing_given_the_agent_is_standalone() {
        let settings = settings("", &[("HOME", "/home/me")]);
        assert!(settings.control_plane.is_none());
        assert!(settings.api.token.is_none());
        assert_eq!(settings.cluster_name, "default-cluster");
        assert_eq!(settings.agent_id, None);
        assert_eq!(settings.listen, ["[::]:8080".parse().unwrap()]);
        assert_eq!(settings.heartbeat_interval, Duration::from_secs(30));
        assert_eq!(settings.status_interval, Duration::from_secs(60));
        assert_eq!(settings.log_level, LevelFilter::Info);
        assert_eq!(settings.log_format, Format::Text);
        assert!(settings.kubernetes.kubeconfig.is_empty());
        assert_eq!(settings.kubernetes.in_cluster, None);
        assert_eq!(settings.source(Key::Port), &Source::Default);
        assert!(settings.warnings.is_empty());
        let state_dir = Path::new("/home/me/.local/state/pipeops-agent");
        assert_eq!(settings.state_dir.as_deref(), Some(state_dir));
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(
            &folder,
            "a.yaml",
            "port: 1\nlog_level: debug\ncluster_name: file\nstatus_interval: 2m\n",
        );
        let line = format!("--config {path} --cluster-name flag");
        let variables = [
            ("PIPEOPS_LOG_LEVEL", "warn"),
            ("PIPEOPS_CLUSTER_NAME", "variable"),
        ];
        let settings = settings(&line, &variables);
        assert_eq!(settings.cluster_name, "flag");
        assert_eq!(settings.log_level, LevelFilter::Warn);
        assert_eq!(settings.listen, ["[::]:1".parse().unwrap()]);
        assert_eq!(settings.status_interval, Duration::from_secs(120));
        assert_eq!(
            settings.source(Key::ClusterName).to_string(),
            "--cluster-name"
        );
        assert_eq!(
            settings.source(Key::LogLevel).to_string(),
            "PIPEOPS_LOG_LEVEL"
        );
        assert_eq!(
            settings.source(Key::Port).to_string(),
            format!("{path}: port (line 1)")
        );
    }

    #[test]
    fn a_token_brings_the_control_plane_and_its_default_url() {
        let variables = [
            ("PIPEOPS_TOKEN", "t0ken"),
            ("HTTPS_PROXY", "http://me:hunter2@proxy"),
            ("https_proxy", ""),
            ("NO_PROXY", ".local"),
            ("SSL_CERT_FILE", "/ca.pem"),
        ];
        let settings = settings("", &variables);
        let control_plane = settings.control_plane.as_ref().unwrap();
        assert_eq!(control_plane.url, "https://api.pipeops.io");
        let TokenSource::Fixed(token) = &control_plane.token else {
            panic!("{:?}", control_plane.token);
        };
        assert_eq!(token.expose(), "t0ken");
        assert_eq!(
            control_plane.proxy.as_ref().unwrap().expose(),
            "http://me:hunter2@proxy"
        );
        assert_eq!(control_plane.no_proxy.as_deref(), Some(".local"));
        assert_eq!(control_plane.ca_file.as_deref(), Some(Path::new("/ca.pem")));
        let told = format!("{settings:?}");
        assert!(
            !told.contains("t0ken") && !told.contains("hunter2"),
            "{told}"
        );
    }

    #[test]
    fn tokens_come_from_files_and_standard_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "token", " t0ken\n");
        let settings = settings(&format!("--api-token-file {path} --token-file -"), &[]);
        let token = settings.control_plane.unwrap().token;
        assert!(matches!(&token, TokenSource::Fixed(token) if token.expose() == "from-stdin"));
        let api_token = settings.api.token.unwrap();
        assert!(matches!(&api_token, TokenSource::File(file) if *file == Path::new(&path)));
    }

    #[test]
    fn the_higher_source_of_a_token_wins_and_two_in_one_are_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "token", "t0ken");
        let variable = [("PIPEOPS_TOKEN", "hunter2")];
        let by_flag = settings(&format!("--token-file {path}"), &variable);
        assert!(matches!(
            by_flag.control_plane.unwrap().token,
            TokenSource::File(_)
        ));
        let config = file(&folder, "a.yaml", &format!("token_file: {path}\n"));
        let by_variable = settings(&format!("--config {config}"), &variable);
        assert!(matches!(
            by_variable.control_plane.unwrap().token,
            TokenSource::Fixed(_)
        ));
        let both = [
            ("PIPEOPS_TOKEN", "hunter2"),
            ("PIPEOPS_TOKEN_FILE", path.as_str()),
        ];
        assert_eq!(
            mistakes("", &both),
            ["PIPEOPS_TOKEN: stands beside PIPEOPS_TOKEN_FILE; give one of the two"]
        );
    }

    #[test]
    fn every_mistake_is_told_at_once_with_source_and_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let config = file(
            &folder,
            "a.yaml",
            "# mine\nport: 70000\nlog_format: xml\nprot: 1\napi_token: \"hunter2 hunter3\"\n",
        );
        let line = format!("--config {config} --log-level inof --verbose --status-interval 0");
        let variables = [
            ("PIPEOPS_CLUSTER_NAME", "my cluster"),
            ("PIPEOPS_LISTEN", "localhost"),
            ("PIPEOPS_API_URL", "http://10.0.0.1"),
            ("PIPEOPS_HEARTBEAT_INTERVAL", "soon"),
            ("PIPEOPS_CA_FILE", "/nonexistent/ca.pem"),
            ("PIPEOPS_ALLOW_PLAIN_HTTP", "maybe"),
            ("PIPEOPS_AGENT_ID", "../x"),
            ("KUBERNETES_SERVICE_HOST", "10.43.0.1"),
            ("KUBERNETES_SERVICE_PORT", "https"),
        ];
        let name = "use 1 to 63 letters, digits, '-', '_' or '.', starting with a letter or digit";
        let mut expected = vec![
            "--verbose: there is no such flag; see --help".to_owned(),
            format!("{config} (line 4): \"prot\" is no setting; did you mean port?"),
            "PIPEOPS_ALLOW_PLAIN_HTTP: \"maybe\" is neither true nor false; give one of true, false".to_owned(),
            "PIPEOPS_API_URL: \"http://10.0.0.1\" would send the token unencrypted; use https, or set --allow-plain-http".to_owned(),
            "PIPEOPS_CA_FILE: \"/nonexistent/ca.pem\" cannot be read: No such file or directory (os error 2); give a readable PEM file".to_owned(),
            "PIPEOPS_API_URL: a control plane needs a token; set PIPEOPS_TOKEN_FILE or PIPEOPS_TOKEN; without token and URL the agent is standalone".to_owned(),
            format!("{config}: api_token (line 5): the value holds characters that no token has; give the token alone, on one line"),
            format!("PIPEOPS_CLUSTER_NAME: \"my cluster\" is not a name; {name}"),
            format!("PIPEOPS_AGENT_ID: \"../x\" is not a name; {name}"),
            "PIPEOPS_HEARTBEAT_INTERVAL: \"soon\" is not a time; write 30s, 5m or 1h; a bare number is seconds".to_owned(),
            "--status-interval: \"0\" is out of range; give 1s to 24h".to_owned(),
            "KUBERNETES_SERVICE_PORT: \"https\" is not a port; give a number from 0 to 65535; 0 takes a free one".to_owned(),
            format!("{config}: port (line 2): \"70000\" is not a port; give a number from 0 to 65535; 0 takes a free one"),
            "PIPEOPS_LISTEN: \"localhost\" is not a list of addresses; write 127.0.0.1, 0.0.0.0:8080 or [::1]:8080, with ',' between".to_owned(),
            "--log-level: \"inof\" is not a log level; did you mean info?".to_owned(),
            format!("{config}: log_format (line 3): \"xml\" is not a log format; give one of text, json"),
        ];
        let mut found = mistakes(&line, &variables);
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let all = read(&line, &variables).unwrap_err();
        assert!(!all.to_string().contains("hunter"), "{all}");
        assert_eq!(all.to_string().lines().count(), 1 + expected.len());
    }

    #[test]
    fn files_that_cannot_be_read_are_mistakes() {
        let folder = tempfile::tempdir().unwrap();
        let empty = file(&folder, "empty", "\n");
        let long = file(&folder, "long", &"x".repeat(65 * 1024));
        let table = [
            (
                "--config /nonexistent",
                "--config: cannot read \"/nonexistent\": No such file".to_owned(),
            ),
            ("--config /", "--config: cannot read \"/\": ".to_owned()),
            (
                "--token-file /nonexistent",
                "--token-file: cannot read \"/nonexistent\": No such".to_owned(),
            ),
            (
                &format!("--token-file {empty}"),
                format!("--token-file: \"{empty}\" is empty; "),
            ),
            (
                &format!("--api-token-file {long}"),
                format!("--api-token-file: cannot read \"{long}\": larger"),
            ),
        ];
        for (line, expected) in table {
            let found = mistakes(line, &[]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with(&expected.chars().take(60).collect::<String>()),
                "{found:?}"
            );
        }
    }

    #[test]
    fn mistakes_remember_what_was_asked_for() {
        let mistakes = read("check --port x", &[]).unwrap_err();
        assert_eq!(mistakes.command, Command::Check);
        assert!(matches!(read("check", &[]), Ok(Invocation::Check(_))));
        assert!(matches!(read("--port x --help", &[]), Ok(Invocation::Help)));
        assert!(matches!(
            read("--version", &[("PIPEOPS_PORT", "x")]),
            Ok(Invocation::Version)
        ));
    }

    #[test]
    fn plain_http_is_for_loopback_or_by_explicit_wish() {
        let token = ("PIPEOPS_TOKEN", "t0ken");
        for line in [
            "--api-url http://127.0.0.1:1",
            "--api-url http://h --allow-plain-http",
        ] {
            assert!(settings(line, &[token]).control_plane.is_some());
        }
        assert_eq!(mistakes("--api-url http://h", &[token]).len(), 1);
    }

    #[test]
    fn tls_needs_a_certificate_and_its_key_and_a_port_of_its_own() {
        let files = "--tls-cert-file /c --tls-key-file /k";
        let tls = settings(files, &[]).tls.unwrap();
        assert_eq!(tls.listen, ["[::]:8443".parse().unwrap()]);
        assert_eq!(
            (&*tls.certificate, &*tls.key),
            (Path::new("/c"), Path::new("/k"))
        );
        let line = format!("{files} --tls-listen 127.0.0.1,:443 --listen [::]:80");
        let tls = settings(&line, &[]).tls.unwrap();
        let expected = ["127.0.0.1:8443", "[::]:443"].map(|text| text.parse().unwrap());
        assert_eq!(tls.listen, expected);
        assert!(settings("", &[]).tls.is_none());
        let one_port = format!("{files} --port 8443");
        let table = [
            (
                "--tls-cert-file /c",
                "--tls-cert-file: a certificate needs its key; set PIPEOPS_TLS_KEY_FILE",
            ),
            (
                "--tls-key-file /k",
                "--tls-key-file: a key needs its certificate; set PIPEOPS_TLS_CERT_FILE",
            ),
            (
                "--tls-listen :1",
                "--tls-listen: TLS needs a certificate and its key; set PIPEOPS_TLS_CERT_FILE",
            ),
            (
                &one_port,
                "PIPEOPS_TLS_LISTEN: [::]:8443 is to speak plain HTTP, too; give one of the two another port",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(mistakes(line, &[]), [expected]);
        }
        assert!(
            settings(&format!("{files} --tls-listen :0 --port 0"), &[])
                .tls
                .is_some()
        );
    }

    #[test]
    fn the_rest_comes_from_where_the_platform_says() {
        let variables = [
            ("KUBECONFIG", "/a::/b"),
            ("PIPEOPS_CONTEXT", "c"),
            ("KUBERNETES_SERVICE_HOST", "10.43.0.1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
            ("XDG_STATE_HOME", "/state"),
            ("NO_COLOR", "1"),
        ];
        let settings = settings("--listen 127.0.0.1,[::1]:9 --port 0", &variables);
        assert_eq!(
            settings.kubernetes.kubeconfig,
            [Path::new("/a"), Path::new("/b")]
        );
        assert_eq!(settings.kubernetes.context.as_deref(), Some("c"));
        let in_cluster = InCluster {
            host: "10.43.0.1".to_owned(),
            port: 443,
        };
        assert_eq!(settings.kubernetes.in_cluster, Some(in_cluster));
        assert_eq!(
            settings.state_dir.as_deref(),
            Some(Path::new("/state/pipeops-agent"))
        );
        assert_eq!(settings.listen.len(), 2);
        assert_eq!(settings.listen[0].to_string(), "127.0.0.1:0");
        assert_eq!(settings.listen[1].to_string(), "[::1]:9");
        assert!(settings.no_color);
    }

    #[test]
    fn without_a_folder_for_state_there_is_a_warning() {
        let settings = settings("", &[("HOME", "relative")]);
        assert_eq!(settings.state_dir, None);
        assert!(settings.warnings[0].starts_with("no folder for state"));
        let mut root = environment::of(&[]);
        root.superuser = true;
        root.ipv6 = false;
        let Ok(Invocation::Run(settings)) = load([], &root) else {
            panic!("there is no mistake");
        };
        assert_eq!(
            settings.state_dir.as_deref(),
            Some(Path::new("/var/lib/pipeops-agent"))
        );
        assert_eq!(settings.listen, ["0.0.0.0:8080".parse().unwrap()]);
    }

    proptest! {
        #[test]
        fn any_environment_is_read_and_no_token_told(values in prop::collection::vec("\\PC{0,16}", SETTINGS.len())) {
            let tokens = ["hunter2 hunter2", "hunter2"];
            let variables: Vec<(&str, &str)> = SETTINGS.iter().zip(&values)
                .filter(|(setting, _)| !matches!(setting.key, Key::Config | Key::TokenFile | Key::ApiTokenFile))
                .map(|(setting, value)| match setting.key {
                    Key::Token => (setting.env, tokens[0]),
                    Key::ApiToken => (setting.env, tokens[1]),
                    _ => (setting.env, value.as_str()),
                })
                .collect();
            let told = match read("", &variables) {
                Ok(invocation) => format!("{invocation:?}"),
                Err(mistakes) => format!("{mistakes} {mistakes:?}"),
            };
            prop_assert!(!told.contains("hunter2"), "{}", told);
        }
    }
}
