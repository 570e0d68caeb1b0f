//! `pipeops-agent check`: says whether configuration, Kubernetes, rights and
//! control plane are in order, with a hint for each that is not.
//!
//! It only asks. What it would need to change to find out, it does not find out.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::chain::Chain;
use crate::config::{Key, Settings};
use crate::control::diagnose;
use crate::k8s::calls::{self, Wish};
use crate::k8s::rights::{COMMANDS, READING, Right, granted_by};
use crate::k8s::{self, Client};

/// Findings in groups, for people; and whether the agent would do its work.
pub fn report(settings: &Settings) -> (String, bool) {
    let mut report = Report::default();
    configuration(&mut report, settings);
    kubernetes(&mut report, settings);
    control_plane(&mut report, settings);
    report.conclude()
}

#[derive(Default)]
struct Report {
    text: String,
    failures: u32,
    warnings: u32,
}

impl Report {
    fn group(&mut self, name: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{name}");
    }

    fn fine(&mut self, what: &str) {
        let _ = writeln!(self.text, "  ok    {what}");
    }

    fn warn(&mut self, what: &str, hint: &str) {
        self.warnings += 1;
        let _ = writeln!(self.text, "  warn  {what}\n        -> {hint}");
    }

    fn fail(&mut self, what: &str, hint: &str) {
        self.failures += 1;
        let _ = writeln!(self.text, "  FAIL  {what}\n        -> {hint}");
    }

    fn conclude(mut self) -> (String, bool) {
        let _ = match (self.failures, self.warnings) {
            (0, 0) => writeln!(self.text, "\nall is in order"),
            (0, warnings) => writeln!(self.text, "\nin order, with {warnings} warnings"),
            (failures, warnings) => {
                writeln!(self.text, "\n{failures} failed, {warnings} warnings")
            }
        };
        (self.text, self.failures == 0)
    }
}

fn configuration(report: &mut Report, settings: &Settings) {
    report.group("configuration");
    for line in effective(settings) {
        report.fine(&line);
    }
    if let Some(tls) = settings.http().tls {
        match tls.files.check() {
            Ok(()) => report.fine(&by_tls(settings, &tls.listen)),
            Err(problem) => report.fail(&format!("TLS: {problem}"), "see docs/API.md"),
        }
    }
    for warning in &settings.warnings {
        report.warn(warning, "see pipeops-agent --help");
    }
    if settings.api.token.is_none() && settings.api.tokens_file.is_none() {
        report.warn(
            "no API token: only tokens of Kubernetes open the routes below /api",
            "set PIPEOPS_API_TOKEN_FILE or PIPEOPS_API_TOKENS_FILE to open them",
        );
    }
    match &settings.state_dir {
        None => report.warn(
            "no state folder: the agent id is asked for at every start",
            "set PIPEOPS_STATE_DIR to a folder that the agent may write",
        ),
        Some(folder) => match writable(folder) {
            Ok(()) => report.fine(&format!("state folder {}", folder.display())),
            Err(error) => report.warn(
                &format!("state folder {}: {error}", folder.display()),
                "set PIPEOPS_STATE_DIR to a folder that the agent may write",
            ),
        },
    }
}

/// What holds, and where it is set.
fn effective(settings: &Settings) -> [String; 4] {
    let from = |key| settings.source(key);
    let listen: Vec<_> = settings.listen.iter().map(ToString::to_string).collect();
    [
        format!(
            "cluster name {} ({})",
            settings.cluster_name,
            from(Key::ClusterName)
        ),
        format!(
            "listens on {} (addresses: {}, port: {})",
            listen.join(", "),
            from(Key::Listen),
            from(Key::Port)
        ),
        format!(
            "heartbeat every {} ({}), status every {} ({})",
            humantime::format_duration(settings.heartbeat_interval),
            from(Key::HeartbeatInterval),
            humantime::format_duration(settings.status_interval),
            from(Key::StatusInterval)
        ),
        format!(
            "log level {} ({})",
            settings.log_level.as_str().to_ascii_lowercase(),
            from(Key::LogLevel)
        ),
    ]
}

fn by_tls(settings: &Settings, listen: &[SocketAddr]) -> String {
    let listen: Vec<_> = listen.iter().map(ToString::to_string).collect();
    format!(
        "speaks TLS on {} (addresses: {}, certificate: {}, key: {})",
        listen.join(", "),
        settings.source(Key::TlsListen),
        settings.source(Key::TlsCertFile),
        settings.source(Key::TlsKeyFile)
    )
}

/// Whether files could be made there, or in the nearest parent that exists.
fn writable(folder: &Path) -> Result<(), rustix::io::Errno> {
    let existing = folder
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"));
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(existing, access)
}

fn kubernetes(report: &mut Report, settings: &Settings) {
    report.group("kubernetes");
    let target = match k8s::target(&settings.kubernetes()) {
        Ok(target) => Arc::new(target),
        Err(error) => {
            let hint = "set KUBECONFIG, or run in a pod with a service account";
            return report.fail(&Chain(&error).to_string(), hint);
        }
    };
    report.fine(&target.describe());
    let asked = Client::for_calls(Arc::clone(&target))
        .and_then(|client| Ok((calls::version(&client)?, client)));
    let client = match asked {
        Ok((version, client)) => {
            report.fine(&format!("version {}", version.git_version));
            client
        }
        Err(error) => {
            let hint = "the API server must be reachable from here, and trust these credentials";
            return report.fail(&Chain(&error).to_string(), hint);
        }
    };
    rights(report, &client);
}

fn rights(report: &mut Report, client: &Client) {
    report.group("rights");
    let Some((granted, missing)) = asked(report, client, &READING) else {
        return;
    };
    for right in &missing {
        let what = format!("may not {}: {}", name(right), right.3);
        report.warn(&what, &hint_of(right));
    }
    if granted.is_empty() {
        report.fail(
            "none of the rights is granted",
            "bind the agent's ClusterRole: kubectl apply -f deployments/agent.yaml",
        );
    } else {
        report.fine(&format!("may {}", list(&granted, name)));
    }
    commands(report, client);
}

/// What the control plane may have done: one finding for each file that has more.
fn commands(report: &mut Report, client: &Client) {
    report.group("commands in all namespaces");
    let Some((granted, missing)) = asked(report, client, &COMMANDS) else {
        return;
    };
    let full = |right: &Right| format!("{} ({})", name(right), right.3);
    for together in missing.chunk_by(|one, next| hint_of(one) == hint_of(next)) {
        let what = format!("may not {}", list(together, full));
        report.warn(&what, &hint_of(&together[0]));
    }
    if !granted.is_empty() {
        report.fine(&format!("may {}", list(&granted, full)));
    }
}

/// Those that are granted, and those that are not; nothing when that cannot be asked.
fn asked(
    report: &mut Report,
    client: &Client,
    rights: &[Right],
) -> Option<(Vec<Right>, Vec<Right>)> {
    let (mut granted, mut missing) = (Vec::new(), Vec::new());
    for right in rights {
        let (verb, group, resource, _) = *right;
        let identity = (verb, resource) == ("get", "namespaces");
        let object = if identity { calls::IDENTITY } else { "" };
        let wish = Wish::Object {
            verb,
            group,
            resource,
            namespace: "",
            name: object,
        };
        match calls::can_i(client, wish) {
            Ok(true) => granted.push(*right),
            Ok(false) => missing.push(*right),
            Err(error) => {
                let text = format!("cannot ask about {}: {}", name(right), Chain(&error));
                report.fail(&text, "the API server must answer SelfSubjectAccessReviews");
                return None;
            }
        }
    }
    Some((granted, missing))
}

fn name((verb, group, resource, _): &Right) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{verb} {resource}{dot}{group}")
}

fn list(rights: &[Right], show: fn(&Right) -> String) -> String {
    rights.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn hint_of((verb, group, resource, _): &Right) -> String {
    format!("granted by {}", granted_by(verb, group, resource))
}

fn control_plane(report: &mut Report, settings: &Settings) {
    report.group("control plane");
    let Some(options) = settings.control() else {
        return report.fine("none configured: standalone");
    };
    for hop in diagnose::hops(&options) {
        match hop.outcome {
            Ok(took) => report.fine(&format!(
                "{} {} ({} ms)",
                hop.name,
                hop.detail,
                took.as_millis()
            )),
            Err(error) => report.fail(
                &format!("{} {}: {error}", hop.name, hop.detail),
                hint(hop.name),
            ),
        }
    }
}

fn hint(hop: &str) -> &'static str {
    match hop {
        "dns" => "check the host name in PIPEOPS_API_URL, and the resolver",
        "tcp" => "check firewall, egress rules and HTTPS_PROXY",
        "tls" => "check the clock, and PIPEOPS_CA_FILE if the control plane has its own CA",
        "clock" => "set the clock, and let it be kept right (NTP)",
        "options" => "correct PIPEOPS_API_URL, PIPEOPS_CA_FILE or the proxy variables",
        _ => "check PIPEOPS_TOKEN and the control plane's own health",
    }
}
