//! The environment, read here and nowhere else.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;

use super::layers::{Given, Layer, Source};
use super::mistake::{Mistake, nearest};
use super::table::SETTINGS;

const PREFIX: &str = "PIPEOPS_";

/// What the process finds around it; tests write their own. There is no `Debug`:
/// the variables hold secrets.
pub struct Environment {
    pub variables: BTreeMap<String, OsString>,
    pub superuser: bool,
    /// Whether the kernel speaks IPv6.
    pub ipv6: bool,
    /// Reads standard input, for `--token-file -`.
    pub stdin: fn() -> io::Result<String>,
}

impl Environment {
    /// The one of this process.
    pub fn of_process() -> Environment {
        let readable = |(name, value): (OsString, _)| Some((name.into_string().ok()?, value));
        Environment {
            variables: std::env::vars_os().filter_map(readable).collect(),
            superuser: rustix::process::geteuid().is_root(),
            ipv6: Path::new("/proc/net/if_inet6").exists(),
            stdin: read_stdin,
        }
    }

    /// A variable that is set, not empty and UTF-8.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// The first of these that is set.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }
}

/// The settings that the environment gives. What is [unknown] there is told apart: not everyone who
/// wants the settings says it.
pub(super) fn read(environment: &Environment) -> Layer {
    let mut layer = Layer::default();
    for setting in &SETTINGS {
        let source = Source::Environment(setting.env);
        let value = environment
            .variables
            .get(setting.env)
            .map(OsString::as_os_str);
        match value.map(OsStr::to_str) {
            None | Some(Some("")) => {}
            Some(None) => {
                let mistake = Mistake::new(source, "the value is not UTF-8", "write it in UTF-8");
                layer.mistakes.push(mistake);
            }
            Some(Some(value)) if is_service_link(setting.env, value) => {
                layer.warnings.push(format!(
                    "{} is ignored: Kubernetes sets it for a service named \"pipeops\"; \
                     use --{} or PIPEOPS_LISTEN, or set enableServiceLinks: false",
                    setting.env,
                    setting.flag.unwrap_or(setting.name)
                ));
            }
            Some(Some(value)) => {
                layer.values.insert(setting.key, Given::new(value, source));
            }
        }
    }
    layer
}

/// A warning for each variable that was perhaps meant to be a setting.
pub(super) fn unknown(environment: &Environment) -> impl Iterator<Item = String> {
    let known = || SETTINGS.iter().map(|setting| setting.env);
    environment
        .variables
        .iter()
        .filter(move |(name, value)| {
            name.starts_with(PREFIX)
                && known().all(|known| known != *name)
                && !is_service_link(name, &value.to_string_lossy())
        })
        .map(move |(name, _)| {
            let name_only = name.escape_debug();
            match nearest(name, known()) {
                Some(near) => format!("{name_only} is no setting; did you mean {near}?"),
                None => format!("{name_only} is no setting, and is ignored"),
            }
        })
}

/// Whether Kubernetes made the variable for a service of the namespace, say
/// `PIPEOPS_PORT=tcp://10.0.0.1:80` for one named "pipeops"
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
fn is_service_link(name: &str, value: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let rest = format!("_{rest}");
    let link = ["tcp://", "udp://", "sctp://"];
    rest.ends_with("_SERVICE_HOST")
        || rest.contains("_SERVICE_PORT")
        || (rest.contains("_PORT") && link.iter().any(|scheme| value.starts_with(scheme)))
        || ["_TCP_", "_UDP_", "_SCTP_"]
            .iter()
            .any(|protocol| rest.contains("_PORT_") && rest.contains(protocol))
}

fn read_stdin() -> io::Result<String> {
    const MOST: u64 = 64 * 1024;
    let mut text = String::new();
    io::stdin().take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// An environment of these variables alone.
#[cfg(test)]
pub(super) fn of(variables: &[(&str, &str)]) -> Environment {
    Environment {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect(),
        superuser: false,
        ipv6: true,
        stdin: || Ok("from-stdin\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::config::Key;

    #[test]
    fn set_variables_are_settings_and_empty_ones_are_not() {
        let layer = read(&of(&[
            ("PIPEOPS_PORT", "1"),
            ("PIPEOPS_TOKEN", ""),
            ("KUBECONFIG", "/k"),
        ]));
        let keys: Vec<Key> = layer.values.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [Key::Kubeconfig, Key::Port]);
        assert_eq!(
            layer.values.get(&Key::Port).unwrap().source.to_string(),
            "PIPEOPS_PORT"
        );
        assert!(layer.mistakes.is_empty() && layer.warnings.is_empty());
        let variables = of(&[("PIPEOPS_PORT", "1"), ("KUBECONFIG", "/k")]);
        assert_eq!(unknown(&variables).count(), 0);
    }

    #[test]
    fn unknown_variables_are_warned_of_without_their_value() {
        let environment = of(&[
            ("PIPEOPS_TOKN", "hunter2"),
            ("PIPEOPS_X", "hunter2"),
            ("OTHER", "1"),
        ]);
        let told: Vec<String> = unknown(&environment).collect();
        assert_eq!(
            told,
            [
                "PIPEOPS_TOKN is no setting; did you mean PIPEOPS_TOKEN?",
                "PIPEOPS_X is no setting, and is ignored"
            ]
        );
    }

    #[test]
    fn what_kubernetes_sets_for_services_is_no_setting() {
        let environment = of(&[
            ("PIPEOPS_PORT", "tcp://10.43.0.7:80"),
            ("PIPEOPS_PORT_80_TCP", "tcp://10.43.0.7:80"),
            ("PIPEOPS_PORT_80_TCP_ADDR", "10.43.0.7"),
            ("PIPEOPS_SERVICE_HOST", "10.43.0.7"),
            ("PIPEOPS_SERVICE_PORT", "80"),
            ("PIPEOPS_AGENT_SERVICE_PORT_HTTP", "80"),
            ("PIPEOPS_AGENT_PORT", "tcp://10.43.0.8:8080"),
        ]);
        let layer = read(&environment);
        assert_eq!(unknown(&environment).count(), 0);
        assert!(layer.values.iter().next().is_none());
        assert_eq!(layer.warnings.len(), 1, "{:?}", layer.warnings);
        assert!(layer.warnings[0].starts_with("PIPEOPS_PORT is ignored"));
    }

    #[test]
    fn what_is_not_utf_8_is_a_mistake() {
        let mut environment = of(&[]);
        let broken = OsString::from_vec(vec![0xff]);
        environment
            .variables
            .insert("PIPEOPS_LISTEN".to_owned(), broken);
        let layer = read(&environment);
        assert_eq!(layer.mistakes[0].source, "PIPEOPS_LISTEN");
    }
}
