//! The table of verbs.

use super::failure::Failure;
use super::flags::{Flag, Group, Kind, flag, switch, text};
use super::session::Session;
use super::{
    apply, auth, autoscale, config, create, delete, describe, diff, events, explain, expose, get,
    label, nodes, patch, pods, replace, rollout, run, scale, server, set, top, wait,
};

/// One verb.
#[derive(Debug)]
pub struct Verb {
    /// `get`, `rollout status`.
    pub name: &'static str,
    /// Other names of the same: `top pods`.
    pub aliases: &'static [&'static str],
    /// What follows the name: `(TYPE [NAME | -l label])`.
    pub usage: &'static str,
    /// One line on what it does.
    pub about: &'static str,
    pub flags: &'static [Group],
    /// For the command line only.
    pub local: bool,
    pub run: fn(&mut Session<'_>) -> Result<(), Failure>,
}

/// All there are, by name.
pub(super) const VERBS: &[Verb] = &[
    label::ANNOTATE,
    server::RESOURCES,
    server::VERSIONS,
    apply::VERB,
    pods::attach::VERB,
    auth::CAN_I,
    auth::WHO_AM_I,
    autoscale::VERB,
    server::CLUSTER_INFO,
    config::CURRENT_CONTEXT,
    config::USE_CONTEXT,
    config::VIEW,
    nodes::CORDON,
    pods::cp::VERB,
    create::VERB,
    create::kinds::CONFIG_MAP,
    create::kinds::JOB,
    create::kinds::NAMESPACE,
    create::kinds::SECRET,
    create::kinds::SERVICE_ACCOUNT,
    create::kinds::TOKEN,
    delete::VERB,
    describe::VERB,
    diff::VERB,
    nodes::drain::VERB,
    events::VERB,
    pods::exec::VERB,
    explain::VERB,
    expose::VERB,
    get::VERB,
    label::LABEL,
    pods::logs::VERB,
    patch::VERB,
    pods::forward::VERB,
    replace::VERB,
    rollout::HISTORY,
    rollout::PAUSE,
    rollout::RESTART,
    rollout::RESUME,
    rollout::STATUS,
    rollout::UNDO,
    run::VERB,
    scale::VERB,
    set::env::VERB,
    set::image::VERB,
    set::resources::VERB,
    nodes::taint::VERB,
    top::NODE,
    top::POD,
    nodes::UNCORDON,
    server::VERSION,
    wait::VERB,
];

/// Flags of every verb.
pub(super) const GLOBAL: Group = &[
    text("namespace", "n"),
    text("context", ""),
    text("kubeconfig", ""),
    flag("request-timeout", "", Kind::Text, "0"),
    // Taken and without effect: there is no cache, and no log.
    text("cache-dir", ""),
    flag("v", "v", Kind::Text, "0"),
    switch("disable-compression", ""),
];

/// Objects in files.
pub(super) const FILES: Group = &[
    flag("filename", "f", Kind::List, ""),
    switch("recursive", "R"),
];

pub(super) const SELECTOR: Group = &[text("selector", "l")];
pub(super) const FIELDS: Group = &[text("field-selector", "")];
pub(super) const ALL_NAMESPACES: Group = &[switch("all-namespaces", "A")];
pub(super) const OUTPUT: Group = &[
    text("output", "o"),
    text("template", ""),
    switch("show-managed-fields", ""),
    flag("allow-missing-template-keys", "", Kind::Switch, "true"),
];

/// The names of all verbs, for people.
pub fn supported() -> Vec<&'static str> {
    VERBS.iter().map(|verb| verb.name).collect()
}

pub(super) fn find(name: &str) -> Option<&'static Verb> {
    let is_called = |verb: &&Verb| verb.name == name || verb.aliases.contains(&name);
    VERBS.iter().find(is_called)
}

/// `kubectl help`.
pub(super) fn help() -> String {
    let mut text = "usage: kubectl VERB [flags]\n\nVerbs:\n".to_owned();
    let width = VERBS.iter().map(|verb| verb.name.len()).max().unwrap_or(0);
    for verb in VERBS {
        text.push_str(&format!("  {:width$}  {}\n", verb.name, verb.about));
    }
    text.push_str("\nkubectl VERB --help has the flags of a verb.\n");
    text
}

/// `kubectl get --help`.
pub(super) fn help_of(verb: &Verb) -> String {
    let mut text = format!(
        "{}.\n\nusage: kubectl {} {} [flags]\n\nFlags:\n",
        verb.about, verb.name, verb.usage
    );
    for flag in verb.flags.iter().copied().flatten().chain(GLOBAL) {
        text.push_str(&format!("  {}\n", shown(flag)));
    }
    text
}

/// `-n, --namespace=''`
fn shown(flag: &Flag) -> String {
    let short = match flag.short {
        "" => "    ".to_owned(),
        letter => format!("-{letter}, "),
    };
    let quote = if flag.kind == Kind::Text { "'" } else { "" };
    format!("{short}--{}={quote}{}{quote}", flag.name, flag.default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_verb_has_a_flag_twice() {
        for verb in VERBS {
            let mut names = Vec::new();
            for flag in verb.flags.iter().copied().flatten().chain(GLOBAL) {
                assert!(!names.contains(&flag.name), "{} --{}", verb.name, flag.name);
                assert!(
                    flag.short.is_empty() || !names.contains(&flag.short),
                    "{} -{}",
                    verb.name,
                    flag.short
                );
                names.extend([flag.name, flag.short]);
            }
        }
    }

    #[test]
    fn verbs_are_in_order() {
        assert!(supported().is_sorted());
    }
}
