//! What the site lets the control plane do: judged for each request to the API server,
//! so that no command line, manifest or new verb leads around it. Pure, but for [`file`].
//!
//! Without a file: what the agent's rights allow, minus opening a way into containers,
//! reading Secrets, and changing the agent's own namespace. These three must be allowed
//! by name; a `*` does not.

mod file;
mod read;
mod request;
mod window;

pub use file::PolicyFile;
pub use request::Request;

use window::Window;

/// The rules of a site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Nothing is changed.
    read_only: bool,
    /// When something may be changed; empty: always.
    windows: Vec<Window>,
    /// The first that fits decides.
    rules: Vec<Rule>,
    /// Where the agent itself lives.
    own_namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: String,
    effect: Effect,
    /// Empty lists fit everything.
    verbs: Vec<String>,
    resources: Vec<String>,
    namespaces: Vec<String>,
    names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
    /// What changes something must be a dry run.
    DryRun,
}

/// What is not allowed unless a rule says so by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protected {
    Way,
    Secret,
    OwnNamespace,
}

impl Policy {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, own_namespace: Option<String>) -> Result<Self, String> {
        let policy = read::policy(text)?;
        Ok(Self {
            own_namespace,
            ..policy
        })
    }

    /// What holds without a file.
    pub fn usual(own_namespace: Option<String>) -> Self {
        Self {
            own_namespace,
            ..Self::default()
        }
    }

    /// Whether a request may be sent at this second since 1970.
    ///
    /// # Errors
    /// Why not, with the rule.
    pub fn judge(&self, request: &Request, now: u64) -> Result<(), String> {
        let refused = |rule: &str| Err(format!("the agent's policy refuses to {request}: {rule}"));
        let changes = request.changes() && !request.dry_run;
        if changes && self.read_only {
            return refused("read_only");
        }
        if changes && !self.windows.is_empty() && !self.windows.iter().any(|it| it.is_open(now)) {
            return refused("outside of the windows");
        }
        let protected = self.protected(request);
        for rule in self.rules.iter().filter(|rule| rule.fits(request)) {
            match rule.effect {
                Effect::Deny => return refused(&format!("rule {:?}", rule.name)),
                Effect::DryRun if changes => {
                    return refused(&format!("rule {:?} asks for a dry run", rule.name));
                }
                Effect::DryRun => {}
                Effect::Allow if protected.is_none_or(|what| rule.names_it(what, request)) => {
                    return Ok(());
                }
                Effect::Allow => {}
            }
        }
        match protected {
            None => Ok(()),
            Some(Protected::Way) => refused("ways into containers need a rule that allows them"),
            Some(Protected::Secret) => refused("Secrets need a rule that allows to read them"),
            Some(Protected::OwnNamespace) => {
                refused("the agent's own namespace needs a rule that allows it")
            }
        }
    }

    fn protected(&self, request: &Request) -> Option<Protected> {
        if request.is_way_in() {
            return Some(Protected::Way);
        }
        if request.tells_secrets() {
            return Some(Protected::Secret);
        }
        let own = self.own_namespace.as_deref()?;
        let inside = request.namespace.as_deref() == Some(own);
        let itself = request.resource == "namespaces" && request.name.as_deref() == Some(own);
        (request.changes() && (inside || itself)).then_some(Protected::OwnNamespace)
    }
}

impl Rule {
    fn fits(&self, request: &Request) -> bool {
        let is_deny = self.effect != Effect::Allow;
        // Whoever names nothing means all: that fits a refusal, and no permission.
        let place = |patterns: &[String], value: &Option<String>, scoped: bool| match value {
            _ if patterns.is_empty() => true,
            Some(value) => patterns.iter().any(|pattern| matches(pattern, value)),
            None => is_deny && scoped,
        };
        let verb = |pattern: &String| match pattern.as_str() {
            "read" => !request.changes(),
            "change" => request.changes(),
            // Whoever may not have one must not have it among all.
            "get" if is_deny => matches!(request.verb, "get" | "list" | "watch"),
            "delete" if is_deny => request.verb.starts_with("delete"),
            pattern => matches(pattern, request.verb),
        };
        (self.verbs.is_empty() || self.verbs.iter().any(verb))
            && (self.resources.is_empty() || self.resources.iter().any(|it| request.is(it)))
            && place(
                &self.namespaces,
                &request.namespace,
                !request.is_cluster_wide(),
            )
            && place(&self.names, &request.name, true)
    }

    /// Whether it was written with the protected thing in mind.
    fn names_it(&self, what: Protected, request: &Request) -> bool {
        match what {
            Protected::Way | Protected::Secret => self.resources.contains(&request.resource),
            Protected::OwnNamespace => {
                let own = request.namespace.as_ref().or(request.name.as_ref());
                own.is_some_and(|own| self.namespaces.contains(own))
            }
        }
    }
}

/// `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::parse(text, Some("agent".to_owned())).unwrap()
    }

    /// What is said against a request; empty when nothing is.
    #[track_caller]
    fn against(policy: &Policy, method: &str, path: &str) -> String {
        let request = Request::of(method, path).unwrap();
        policy.judge(&request, 0).err().unwrap_or_default()
    }

    #[test]
    fn without_a_file_three_things_need_a_rule() {
        let policy = Policy::usual(Some("agent".to_owned()));
        for (method, path) in [
            ("GET", "/api/v1/pods"),
            ("DELETE", "/api/v1/namespaces/shop/pods/web"),
            ("GET", "/api/v1/namespaces/agent/pods/web/log"),
            ("POST", "/api/v1/namespaces/shop/secrets"),
            ("DELETE", "/api/v1/namespaces/shop/secrets/key"),
            (
                "POST",
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            ),
        ] {
            assert_eq!(against(&policy, method, path), "", "{method} {path}");
        }
        for (method, path, words) in [
            (
                "GET",
                "/api/v1/namespaces/shop/pods/web/exec?command=id",
                "ways into",
            ),
            (
                "POST",
                "/api/v1/namespaces/shop/pods/web/attach",
                "ways into",
            ),
            (
                "GET",
                "/api/v1/namespaces/shop/services/web/proxy/x",
                "ways into",
            ),
            ("GET", "/api/v1/secrets", "Secrets need"),
            ("GET", "/api/v1/namespaces/shop/secrets/key", "Secrets need"),
            (
                "PATCH",
                "/api/v1/namespaces/shop/secrets/key?dryRun=All",
                "Secrets need",
            ),
            (
                "POST",
                "/api/v1/namespaces/shop/serviceaccounts/a/token",
                "Secrets need",
            ),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/agent/deployments/agent",
                "own namespace",
            ),
            ("DELETE", "/api/v1/namespaces/agent", "own namespace"),
        ] {
            let said = against(&policy, method, path);
            assert!(said.contains(words), "{method} {path}: {said}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let policy = policy(
            "rules:\n\
             - {name: keep-web, effect: deny, verbs: [delete], resources: [pods], names: ['web-*']}\n\
             - {name: shop, effect: allow, namespaces: [shop]}\n\
             - {name: nobody, effect: deny, verbs: [change]}\n",
        );
        let pod = "/api/v1/namespaces/shop/pods/";
        assert!(against(&policy, "DELETE", &format!("{pod}web-1")).contains("\"keep-web\""));
        assert_eq!(against(&policy, "DELETE", &format!("{pod}db-1")), "");
        // All of them would be gone.
        assert!(against(&policy, "DELETE", "/api/v1/namespaces/shop/pods").contains("keep-web"));
        let other = "/api/v1/namespaces/other/configmaps";
        assert!(against(&policy, "POST", other).contains("\"nobody\""));
        assert_eq!(against(&policy, "GET", other), "");
    }

    #[test]
    fn what_is_protected_is_allowed_by_its_name_alone() {
        let policy = policy(
            "rules:\n\
             - {name: all, effect: allow, resources: ['*'], namespaces: ['*']}\n\
             - {name: debug, effect: allow, resources: [pods/exec], namespaces: [shop]}\n\
             - {name: keys, effect: allow, resources: [secrets], names: [public-*]}\n\
             - {name: self, effect: allow, namespaces: [agent], resources: [configmaps]}\n",
        );
        for (method, path, is_allowed) in [
            ("GET", "/api/v1/namespaces/shop/pods/a/exec", true),
            ("GET", "/api/v1/namespaces/other/pods/a/exec", false),
            ("GET", "/api/v1/namespaces/shop/pods/a/attach", false),
            ("GET", "/api/v1/namespaces/x/secrets/public-a", true),
            ("GET", "/api/v1/namespaces/x/secrets/other", false),
            ("GET", "/api/v1/namespaces/x/secrets", false),
            ("PATCH", "/api/v1/namespaces/agent/configmaps/c", true),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/agent/deployments/d",
                false,
            ),
        ] {
            assert_eq!(
                against(&policy, method, path).is_empty(),
                is_allowed,
                "{path}"
            );
        }
    }

    #[test]
    fn a_namespace_is_not_seen_through_all_of_them() {
        let policy = policy("rules: [{name: hidden, effect: deny, namespaces: [prod]}]");
        assert!(against(&policy, "GET", "/api/v1/pods").contains("hidden"));
        assert!(against(&policy, "GET", "/api/v1/namespaces/prod/pods").contains("hidden"));
        assert_eq!(against(&policy, "GET", "/api/v1/namespaces/shop/pods"), "");
        assert_eq!(against(&policy, "GET", "/api/v1/nodes"), "");
    }

    #[test]
    fn changes_can_be_forbidden_or_tried_first() {
        let path = "/apis/apps/v1/namespaces/shop/deployments/web";
        let dry = format!("{path}?fieldManager=x&dryRun=All");
        let reading = policy("read_only: true");
        assert!(against(&reading, "PATCH", path).contains("read_only"));
        assert_eq!(against(&reading, "PATCH", &dry), "");
        assert_eq!(against(&reading, "GET", path), "");
        let careful = policy("rules: [{name: try, effect: dry_run, resources: [deployments]}]");
        assert!(against(&careful, "PATCH", path).contains("asks for a dry run"));
        assert_eq!(against(&careful, "PATCH", &dry), "");
        assert_eq!(against(&careful, "GET", path), "");
        let scale = format!("{path}/scale");
        assert!(against(&careful, "PATCH", &scale).contains("asks for a dry run"));
        // 1 January 1970 was a Thursday.
        let weekend = policy("windows: [sat-sun 00:00-24:00]");
        assert!(against(&weekend, "PATCH", path).contains("outside of the windows"));
    }

    #[test]
    fn patterns_have_stars() {
        for (pattern, text, fits) in [
            ("web", "web", true),
            ("web", "webs", false),
            ("*", "", true),
            ("web-*", "web-1", true),
            ("*-web", "a-web", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
