//! The text of `--help`: one screen, made from the table.

use std::fmt::Write;

use super::kind::{Fallback, Group};
use super::table::{SETTINGS, Setting};
use crate::version::VERSION;

const USAGE: &str = "\
Usage: pipeops-agent [run] [FLAG..]  watch the cluster, report, serve
       pipeops-agent check [FLAG..]  say whether all is in order, change nothing
       pipeops-agent probe live|ready|started [FLAG..]  ask the agent here
       pipeops-agent kubectl VERB..  do as kubectl does, also by a link so named
";

const ENDING: &str = "  -h, --help  -V, --version

Flags win over variables (PIPEOPS_API_URL) and those over the file (api_url).
Secrets: PIPEOPS_TOKEN, PIPEOPS_API_TOKEN, or files. HTTPS_PROXY, NO_PROXY and
SSL_CERT_FILE count. Exit codes: 0 stopped, 1 failed, 64 wrong configuration.
";

/// The help.
pub fn help() -> String {
    let mut text = format!("pipeops-agent {VERSION}, an agent for Kubernetes on small machines\n");
    text += USAGE;
    for group in Group::ALL {
        let _ = writeln!(text, "\n{}", group.heading());
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            text += &line(setting);
        }
    }
    text += ENDING;
    text
}

/// The line of a flag; empty for a setting without one.
fn line(setting: &Setting) -> String {
    let Some(flag) = setting.flag else {
        return String::new();
    };
    let flag = format!("--{flag} {}", setting.kind.placeholder());
    let default = match setting.default {
        Fallback::Nothing | Fallback::Value("false") => String::new(),
        Fallback::Value(text) | Fallback::Words(text) => format!(" [{text}]"),
    };
    format!("  {flag:<27} {}{default}\n", setting.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_a_screen() {
        let help = help();
        assert!(help.lines().count() <= 48, "{} lines", help.lines().count());
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn every_flag_is_in_the_help() {
        let help = help();
        for flag in SETTINGS.iter().filter_map(|setting| setting.flag) {
            assert!(help.contains(&format!("  --{flag} ")), "{flag}");
        }
    }
}
