//! What `check` and the results of commands say about the files of `deployments/` is so.

use std::collections::BTreeSet;

use pipeops_agent::k8s::rights::granted_by;
use serde_json::Value;

use super::manifests::{FILES, rules_of};

/// The file that has a right, or one that has less beside it, is the one that is named.
#[test]
fn the_file_that_is_named_grants_the_right() {
    for file in FILES {
        for (rule, text) in rules_of(file) {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        let named = granted_by(&verb, &group, &resource);
                        let own = named.contains(file) || named.contains("agent.yaml");
                        let full = file == "rbac-full.yaml" && named.contains(file);
                        assert!(own || full, "{file}: {text}: {named} for {verb} {resource}");
                    }
                }
            }
        }
    }
}

/// And it grants no less than it is named for: nobody applies a file and is refused again.
#[test]
fn the_file_that_is_named_for_a_right_has_it() {
    let mut resources = BTreeSet::from(OTHERS.map(|(group, resource)| pair(group, resource)));
    for file in FILES {
        for (rule, _) in rules_of(file) {
            for group in texts(&rule["apiGroups"]) {
                resources.extend(texts(&rule["resources"]).iter().map(|r| pair(&group, r)));
            }
        }
    }
    for (group, resource) in &resources {
        for verb in VERBS {
            let named = granted_by(verb, group, resource);
            let files: Vec<_> = FILES.iter().filter(|file| named.contains(**file)).collect();
            let right = format!("{verb} {resource}.{group}");
            assert_eq!(files.is_empty(), named == NOWHERE, "{right}: {named}");
            for file in files {
                assert!(grants(file, verb, group, resource), "{right}: {named}");
            }
        }
    }
}

const NOWHERE: &str = "no file of deployments/";
const VERBS: [&str; 11] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "impersonate",
    "escalate",
    "bind",
];
/// What stands beside the kinds of the roles, in the groups of these.
const OTHERS: [(&str, &str); 9] = [
    ("", "serviceaccounts/token"),
    ("", "pods/ephemeralcontainers"),
    ("", "users"),
    ("apps", "deployments/status"),
    ("networking.k8s.io", "ingressclasses"),
    ("policy", "podsecuritypolicies"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("metrics.k8s.io", "nodes"),
    ("example.com", "widgets"),
];

fn grants(file: &str, verb: &str, group: &str, resource: &str) -> bool {
    let has = |words: &Value, word: &str| texts(words).iter().any(|own| own == word || own == "*");
    rules_of(file).iter().any(|(rule, _)| {
        has(&rule["verbs"], verb)
            && has(&rule["apiGroups"], group)
            && has(&rule["resources"], resource)
    })
}

fn pair(group: &str, resource: &str) -> (String, String) {
    (group.to_owned(), resource.to_owned())
}

fn texts(words: &Value) -> Vec<String> {
    serde_json::from_value(words.clone()).expect("a list of words")
}
