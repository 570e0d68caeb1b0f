//! Every setting, once: the help, the reference page and the reading of flags,
//! environment and file all come from this table.

mod rows;

use self::Group::{ControlPlane, Kubernetes, Local, Process};
pub use rows::SETTINGS;

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
    ApiToken,
    ApiTokenFile,
    ApiTokensFile,
    Hosts,
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

/// The headings of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    ControlPlane,
    Kubernetes,
    Local,
    Process,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Secret,
    File,
    /// Files with ':' between them.
    Files,
    Folder,
    Url,
    Duration,
    Size,
    Port,
    /// Addresses with ',' between them.
    Addresses,
    /// Host names with ',' between them.
    Names,
    Level,
    Format,
    Switch,
}

/// What holds where nothing is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    Nothing,
    Value(&'static str),
    /// Found out when the agent starts, as these words say.
    Words(&'static str),
}

impl Key {
    /// The row of the table.
    pub fn setting(self) -> &'static Setting {
        // The table has the order of the keys; a test holds that.
        &SETTINGS[self as usize]
    }
}

impl Group {
    pub const ALL: [Group; 4] = [ControlPlane, Kubernetes, Local, Process];

    pub fn heading(self) -> &'static str {
        match self {
            ControlPlane => "Control plane; without a token the agent is standalone",
            Kubernetes => "Kubernetes; inside a cluster nothing is needed",
            Local => "Local HTTP",
            Process => "Process",
        }
    }
}

impl Kind {
    /// What stands for a value in the help; empty for a switch.
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::Text => "NAME",
            Kind::Secret => "SECRET",
            Kind::File => "FILE",
            Kind::Files => "FILE[:FILE]",
            Kind::Folder => "FOLDER",
            Kind::Url => "URL",
            Kind::Duration => "TIME",
            Kind::Size => "SIZE",
            Kind::Port => "PORT",
            Kind::Addresses => "ADDRESS[,..]",
            Kind::Names => "NAME[,..]",
            Kind::Level => "LEVEL",
            Kind::Format => "FORMAT",
            Kind::Switch => "",
        }
    }
}

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
