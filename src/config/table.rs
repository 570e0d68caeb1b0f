//! Every setting, once: the help, the reference page and the reading of flags,
//! environment and file all come from this table.

use super::kind::Fallback::{self, Nothing, Value, Words};
use super::kind::Group::{self, ControlPlane, Kubernetes, Local, Process};
use super::kind::Kind;

/// What a setting is called in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Token,
    TokenFile,
    ApiUrl,
    ClusterName,
    AgentId,
    CaFile,
    HeartbeatInterval,
    StatusInterval,
    AllowPlainHttp,
    PolicyFile,
    CommandKeysFile,
    BytesPerDay,
    Kubeconfig,
    Context,
    Listen,
    Port,
    TlsCertFile,
    TlsKeyFile,
    TlsListen,
    ApiToken,
    ApiTokenFile,
    ApiTokensFile,
    Hosts,
    Streams,
    MetricsOpen,
    StateDir,
    StateSize,
    LogLevel,
    LogFormat,
    Config,
}

/// One setting with all its names.
#[derive(Debug)]
pub struct Setting {
    pub key: Key,
    pub group: Group,
    /// The key in the file.
    pub name: &'static str,
    /// Without the dashes; none for secrets, which every user of a machine could
    /// read from the list of processes.
    pub flag: Option<&'static str>,
    pub env: &'static str,
    pub kind: Kind,
    pub default: Fallback,
    /// One line of the help.
    pub help: &'static str,
}

impl Key {
    /// The row of the table.
    pub fn setting(self) -> &'static Setting {
        // The table has the order of the keys; a test holds that.
        &SETTINGS[self as usize]
    }
}

/// The table, in the order of [`Key`].
pub static SETTINGS: [Setting; 30] = [
    Setting {
        key: Key::Token,
        group: ControlPlane,
        name: "token",
        flag: None,
        env: "PIPEOPS_TOKEN",
        kind: Kind::Secret,
        default: Nothing,
        help: "token for the control plane",
    },
    Setting {
        key: Key::TokenFile,
        group: ControlPlane,
        name: "token_file",
        flag: Some("token-file"),
        env: "PIPEOPS_TOKEN_FILE",
        kind: Kind::File,
        default: Nothing,
        help: "token, from a file; - is standard input",
    },
    Setting {
        key: Key::ApiUrl,
        group: ControlPlane,
        name: "api_url",
        flag: Some("api-url"),
        env: "PIPEOPS_API_URL",
        kind: Kind::Url,
        default: Words("https://api.pipeops.io"),
        help: "where it is",
    },
    Setting {
        key: Key::ClusterName,
        group: ControlPlane,
        name: "cluster_name",
        flag: Some("cluster-name"),
        env: "PIPEOPS_CLUSTER_NAME",
        kind: Kind::Text,
        default: Value("default-cluster"),
        help: "name of this cluster there",
    },
    Setting {
        key: Key::AgentId,
        group: ControlPlane,
        name: "agent_id",
        flag: Some("agent-id"),
        env: "PIPEOPS_AGENT_ID",
        kind: Kind::Text,
        default: Words("assigned there"),
        help: "id of this agent there",
    },
    Setting {
        key: Key::CaFile,
        group: ControlPlane,
        name: "ca_file",
        flag: Some("ca-file"),
        env: "PIPEOPS_CA_FILE",
        kind: Kind::File,
        default: Words("built-in roots"),
        help: "trusted certificates, PEM",
    },
    Setting {
        key: Key::HeartbeatInterval,
        group: ControlPlane,
        name: "heartbeat_interval",
        flag: Some("heartbeat-interval"),
        env: "PIPEOPS_HEARTBEAT_INTERVAL",
        kind: Kind::Duration,
        default: Value("30s"),
        help: "between heartbeats, 1s to 24h",
    },
    Setting {
        key: Key::StatusInterval,
        group: ControlPlane,
        name: "status_interval",
        flag: Some("status-interval"),
        env: "PIPEOPS_STATUS_INTERVAL",
        kind: Kind::Duration,
        default: Value("60s"),
        help: "between status reports",
    },
    Setting {
        key: Key::AllowPlainHttp,
        group: ControlPlane,
        name: "allow_plain_http",
        flag: Some("allow-plain-http"),
        env: "PIPEOPS_ALLOW_PLAIN_HTTP",
        kind: Kind::Switch,
        default: Value("false"),
        help: "send the token unencrypted to http URLs",
    },
    Setting {
        key: Key::PolicyFile,
        group: ControlPlane,
        name: "policy_file",
        flag: Some("policy-file"),
        env: "PIPEOPS_POLICY_FILE",
        kind: Kind::File,
        default: Nothing,
        help: "what it may do here, YAML",
    },
    Setting {
        key: Key::CommandKeysFile,
        group: ControlPlane,
        name: "command_keys_file",
        flag: Some("command-keys-file"),
        env: "PIPEOPS_COMMAND_KEYS_FILE",
        kind: Kind::File,
        default: Nothing,
        help: "keys that its commands must be signed by",
    },
    Setting {
        key: Key::BytesPerDay,
        group: ControlPlane,
        name: "bytes_per_day",
        flag: Some("bytes-per-day"),
        env: "PIPEOPS_BYTES_PER_DAY",
        kind: Kind::Size,
        default: Words("no limit"),
        help: "sent before changes and status wait",
    },
    Setting {
        key: Key::Kubeconfig,
        group: Kubernetes,
        name: "kubeconfig",
        flag: Some("kubeconfig"),
        env: "KUBECONFIG",
        kind: Kind::Files,
        default: Words("in-cluster, ~/.kube, k3s"),
        help: "kubeconfig",
    },
    Setting {
        key: Key::Context,
        group: Kubernetes,
        name: "context",
        flag: Some("context"),
        env: "PIPEOPS_CONTEXT",
        kind: Kind::Text,
        default: Words("current-context"),
        help: "context in it",
    },
    Setting {
        key: Key::Listen,
        group: Local,
        name: "listen",
        flag: Some("listen"),
        env: "PIPEOPS_LISTEN",
        kind: Kind::Addresses,
        default: Words("all"),
        help: "addresses to serve, with or without port",
    },
    Setting {
        key: Key::Port,
        group: Local,
        name: "port",
        flag: Some("port"),
        env: "PIPEOPS_PORT",
        kind: Kind::Port,
        default: Value("8080"),
        help: "port of addresses without one",
    },
    Setting {
        key: Key::TlsCertFile,
        group: Local,
        name: "tls_cert_file",
        flag: Some("tls-cert-file"),
        env: "PIPEOPS_TLS_CERT_FILE",
        kind: Kind::File,
        default: Nothing,
        help: "certificate of this agent, PEM: serve by TLS, too",
    },
    Setting {
        key: Key::TlsKeyFile,
        group: Local,
        name: "tls_key_file",
        flag: Some("tls-key-file"),
        env: "PIPEOPS_TLS_KEY_FILE",
        kind: Kind::File,
        default: Nothing,
        help: "its private key, PEM",
    },
    Setting {
        key: Key::TlsListen,
        group: Local,
        name: "tls_listen",
        flag: Some("tls-listen"),
        env: "PIPEOPS_TLS_LISTEN",
        kind: Kind::Addresses,
        default: Words("all, port 8443"),
        help: "addresses to serve by TLS",
    },
    Setting {
        key: Key::ApiToken,
        group: Local,
        name: "api_token",
        flag: None,
        env: "PIPEOPS_API_TOKEN",
        kind: Kind::Secret,
        default: Nothing,
        help: "token that opens /api for reading",
    },
    Setting {
        key: Key::ApiTokenFile,
        group: Local,
        name: "api_token_file",
        flag: Some("api-token-file"),
        env: "PIPEOPS_API_TOKEN_FILE",
        kind: Kind::File,
        default: Nothing,
        help: "token that opens /api for reading, from a file",
    },
    Setting {
        key: Key::ApiTokensFile,
        group: Local,
        name: "api_tokens_file",
        flag: Some("api-tokens-file"),
        env: "PIPEOPS_API_TOKENS_FILE",
        kind: Kind::File,
        default: Nothing,
        help: "more tokens, as lines of SCOPE NAME TOKEN",
    },
    Setting {
        key: Key::Hosts,
        group: Local,
        name: "hosts",
        flag: Some("hosts"),
        env: "PIPEOPS_HOSTS",
        kind: Kind::Names,
        default: Words("those in the cluster"),
        help: "more names of the agent",
    },
    Setting {
        key: Key::Streams,
        group: Local,
        name: "streams",
        flag: Some("streams"),
        env: "PIPEOPS_STREAMS",
        kind: Kind::Count,
        default: Value("64"),
        help: "streams and passed on requests at once",
    },
    Setting {
        key: Key::MetricsOpen,
        group: Local,
        name: "metrics_open",
        flag: Some("metrics-open"),
        env: "PIPEOPS_METRICS_OPEN",
        kind: Kind::Switch,
        default: Value("false"),
        help: "/metrics without a token",
    },
    Setting {
        key: Key::StateDir,
        group: Process,
        name: "state_dir",
        flag: Some("state-dir"),
        env: "PIPEOPS_STATE_DIR",
        kind: Kind::Folder,
        default: Words("/var/lib/pipeops-agent"),
        help: "keeps state",
    },
    Setting {
        key: Key::StateSize,
        group: Process,
        name: "state_size",
        flag: Some("state-size"),
        env: "PIPEOPS_STATE_SIZE",
        kind: Kind::Size,
        default: Value("16Mi"),
        help: "largest state, 1Mi or more",
    },
    Setting {
        key: Key::LogLevel,
        group: Process,
        name: "log_level",
        flag: Some("log-level"),
        env: "PIPEOPS_LOG_LEVEL",
        kind: Kind::Level,
        default: Value("info"),
        help: "error, warn, info, debug; trace is the same",
    },
    Setting {
        key: Key::LogFormat,
        group: Process,
        name: "log_format",
        flag: Some("log-format"),
        env: "PIPEOPS_LOG_FORMAT",
        kind: Kind::Format,
        default: Value("text"),
        help: "text or json",
    },
    Setting {
        key: Key::Config,
        group: Process,
        name: "config",
        flag: Some("config"),
        env: "PIPEOPS_CONFIG",
        kind: Kind::File,
        default: Nothing,
        help: "settings from a YAML file",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_order_of_the_keys() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert_eq!(setting.key as usize, index);
            assert_eq!(setting.key.setting().name, setting.name);
        }
    }

    #[test]
    fn names_follow_from_each_other() {
        for setting in &SETTINGS {
            let env = format!("PIPEOPS_{}", setting.name.to_uppercase());
            assert!(
                setting.env == env || setting.env == "KUBECONFIG",
                "{}",
                setting.env
            );
            if let Some(flag) = setting.flag {
                assert_eq!(flag, setting.name.replace('_', "-"));
            }
            assert_eq!(
                setting.flag.is_none(),
                setting.kind == Kind::Secret,
                "{}",
                setting.name
            );
        }
    }
}
