//! Which kinds the API server has, and which one a word means.
//!
//! Sources: [aggregated discovery](https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery),
//! with the older form, group by group, for servers that do not have it.

use std::rc::Rc;

use serde_json::Value;

use super::api::Api;
use super::failure::Failure;
use crate::k8s::Call;

/// The new form, else the old one.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                      application/json";

/// Every kind, groups and versions in the server's order, which is that of preference.
#[derive(Debug, Default)]
pub struct Discovery {
    pub resources: Vec<Rc<Resource>>,
    /// Group and version, in order, also of those without resources.
    pub versions: Vec<(String, String)>,
    /// Why the resources of some groups are not known.
    pub failures: Vec<String>,
}

/// A kind, and where its objects are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    /// `pods`
    pub name: String,
    /// `pod`
    pub singular: String,
    /// `Pod`
    pub kind: String,
    pub is_namespaced: bool,
    /// Whether its size can be set, by a part of it.
    pub scales: bool,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub verbs: Vec<String>,
}

impl Resource {
    /// `apps/v1`, `v1`
    pub fn group_version(&self) -> String {
        group_version(&self.group, &self.version)
    }

    /// `deployments.apps`, `pods`
    pub fn qualified(&self) -> String {
        match self.group.as_str() {
            "" => self.name.clone(),
            group => format!("{}.{group}", self.name),
        }
    }

    /// The path of one object, or of the list if `name` is empty. Without a namespace it
    /// is that of all.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let mut path = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        if self.is_namespaced && !namespace.is_empty() {
            path.push_str(&format!("/namespaces/{}", super::api::escape(namespace)));
        }
        path.push_str(&format!("/{}", self.name));
        if !name.is_empty() {
            path.push_str(&format!("/{}", super::api::escape(name)));
        }
        path
    }

    fn is_called(&self, word: &str) -> bool {
        self.name == word || self.singular == word
    }
}

/// `apps/v1`, `v1`
pub fn group_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

impl Discovery {
    pub(super) fn ask(api: &Api) -> Result<Self, Failure> {
        let mut found = Self::default();
        for root in ["/api", "/apis"] {
            let answer = api.call(&Call::get(root, ACCEPT))?;
            if answer["kind"] == "APIGroupDiscoveryList" {
                found.take(&answer);
            } else if root == "/api" {
                for version in list(&answer, "versions") {
                    let version = version.as_str().unwrap_or_default();
                    found.ask_version(api, "", version)?;
                }
            } else {
                found.ask_groups(api, &answer)?;
            }
        }
        Ok(found)
    }

    fn take(&mut self, answer: &Value) {
        for group in list(answer, "items") {
            let name = text(&group["metadata"], "name");
            for version in list(group, "versions") {
                let number = text(version, "version");
                self.versions.push((name.clone(), number.clone()));
                if version["freshness"] == "Stale" {
                    let which = group_version(&name, &number);
                    self.failures
                        .push(format!("{which}: stale GroupVersion discovery: {which}"));
                }
                self.resources
                    .extend(list(version, "resources").map(|resource| {
                        Rc::new(Resource {
                            group: name.clone(),
                            version: number.clone(),
                            name: text(resource, "resource"),
                            singular: text(resource, "singularResource"),
                            kind: text(&resource["responseKind"], "kind"),
                            is_namespaced: resource["scope"] == "Namespaced",
                            scales: list(resource, "subresources")
                                .any(|part| part["subresource"] == "scale"),
                            short_names: texts(resource, "shortNames"),
                            categories: texts(resource, "categories"),
                            verbs: texts(resource, "verbs"),
                        })
                    }));
            }
        }
    }

    fn ask_groups(&mut self, api: &Api, answer: &Value) -> Result<(), Failure> {
        for group in list(answer, "groups") {
            let name = text(group, "name");
            let preferred = text(&group["preferredVersion"], "version");
            let mut versions: Vec<_> = list(group, "versions")
                .map(|version| text(version, "version"))
                .collect();
            versions.sort_by_key(|version| *version != preferred);
            for version in versions {
                if let Err(failure) = self.ask_version(api, &name, &version) {
                    // One extension that is down does not hide the others.
                    let which = group_version(&name, &version);
                    self.failures
                        .push(format!("{which}: {}", failure.message()));
                }
            }
        }
        Ok(())
    }

    fn ask_version(&mut self, api: &Api, group: &str, version: &str) -> Result<(), Failure> {
        self.versions.push((group.to_owned(), version.to_owned()));
        let root = if group.is_empty() { "/api" } else { "/apis" };
        let answer = api.get(&format!("{root}/{}", group_version(group, version)))?;
        let resources = list(&answer, "resources").map(|resource| {
            let kind = text(resource, "kind");
            let singular = match text(resource, "singularName") {
                empty if empty.is_empty() => kind.to_lowercase(),
                name => name,
            };
            let name = text(resource, "name");
            Rc::new(Resource {
                group: group.to_owned(),
                version: version.to_owned(),
                scales: list(&answer, "resources")
                    .any(|part| text(part, "name").strip_suffix("/scale") == Some(&name)),
                name,
                singular,
                kind,
                is_namespaced: resource["namespaced"] == true,
                short_names: texts(resource, "shortNames"),
                categories: texts(resource, "categories"),
                verbs: texts(resource, "verbs"),
            })
        });
        // Those with a slash are parts of others.
        self.resources
            .extend(resources.filter(|resource| !resource.name.contains('/')));
        Ok(())
    }

    /// What `pods`, `deploy`, `deployments.apps`, `deployments.v1.apps` or `Deployment`
    /// means.
    ///
    /// # Errors
    /// Nothing on this server.
    pub fn find(&self, word: &str) -> Result<&Rc<Resource>, Failure> {
        let mut parts = word.splitn(3, '.');
        let first = parts.next().unwrap_or_default();
        let rest = word.split_once('.').map_or("", |(_, rest)| rest);
        if let (Some(version), Some(group)) = (parts.next(), parts.next())
            && let Some(found) = self.by_name(first, group, version)
        {
            return Ok(found);
        }
        self.by_name(first, rest, "")
            .or_else(|| self.by_kind(word))
            .ok_or_else(|| {
                Failure::new(format!("the server doesn't have a resource type {first:?}"))
            })
    }

    /// By plural, singular or short name, in lower or upper case.
    fn by_name(&self, word: &str, group: &str, version: &str) -> Option<&Rc<Resource>> {
        let (word, group) = self.expanded(word, group);
        let word = word.to_lowercase();
        let fits = |resource: &&Rc<Resource>| {
            resource.is_called(&word) && (version.is_empty() || resource.version == version)
        };
        let mut candidates = self.resources.iter().filter(fits);
        let exact = |resource: &&Rc<Resource>| group.is_empty() || resource.group == group;
        match candidates.clone().find(exact) {
            // With a version the group must be whole.
            None if version.is_empty() => {
                candidates.find(|resource| resource.group.starts_with(group))
            }
            found => found,
        }
    }

    /// A short name becomes the name, with its group.
    fn expanded<'a>(&'a self, word: &'a str, group: &'a str) -> (&'a str, &'a str) {
        let of_group = |resource: &&Rc<Resource>| group.is_empty() || resource.group == group;
        let is_short =
            |resource: &&Rc<Resource>| resource.short_names.iter().any(|name| name == word);
        let mut all = self.resources.iter();
        if all
            .clone()
            .filter(of_group)
            .any(|resource| resource.is_called(word))
        {
            return (word, group);
        }
        let of_prefix = |resource: &&Rc<Resource>| resource.group.starts_with(group);
        all.clone()
            .filter(of_group)
            .find(is_short)
            .or_else(|| all.find(|resource| of_prefix(resource) && is_short(resource)))
            .map_or((word, group), |found| (&found.name, &found.group))
    }

    /// By `Kind`, `Kind.group` or `Kind.version.group`.
    fn by_kind(&self, word: &str) -> Option<&Rc<Resource>> {
        let (kind, rest) = word.split_once('.').unwrap_or((word, ""));
        let is_kind = |resource: &&Rc<Resource>| resource.kind == kind;
        let versioned = rest
            .split_once('.')
            .and_then(|(version, group)| self.of_kind(&group_version(group, version), kind));
        versioned.or_else(|| {
            self.resources
                .iter()
                .filter(is_kind)
                .find(|resource| resource.group == rest)
        })
    }

    /// The one that objects of that `apiVersion` and `kind` belong to.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Rc<Resource>> {
        self.resources
            .iter()
            .find(|resource| resource.kind == kind && resource.group_version() == api_version)
    }

    /// The names of the kinds in a category such as `all`; none if it is no category.
    pub fn category(&self, word: &str) -> Vec<String> {
        let mut names = Vec::new();
        for resource in &self.resources {
            let name = resource.qualified();
            if resource.categories.iter().any(|category| category == word) && !names.contains(&name)
            {
                names.push(name);
            }
        }
        names
    }
}

fn list<'a>(value: &'a Value, key: &str) -> std::slice::Iter<'a, Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key)
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn discovery() -> Discovery {
        let resource = |name: &str, singular: &str, kind: &str, short: &[&str]| {
            json!({"resource": name, "singularResource": singular, "scope": "Namespaced",
                   "responseKind": {"kind": kind}, "shortNames": short, "categories": ["all"]})
        };
        let mut discovery = Discovery::default();
        discovery.take(&json!({"items": [
            {"metadata": {}, "versions": [{"version": "v1", "resources": [
                resource("pods", "pod", "Pod", &["po"]),
                resource("events", "event", "Event", &["ev"]),
            ]}]},
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [
                resource("deployments", "deployment", "Deployment", &["deploy"]),
            ]}]},
            {"metadata": {"name": "events.k8s.io"}, "versions": [{"version": "v1", "resources": [
                resource("events", "event", "Event", &["ev"]),
            ]}]},
            {"metadata": {"name": "stable.example.com"}, "versions": [
                {"version": "v2", "resources": [resource("crontabs", "crontab", "CronTab", &["ct"])]},
                {"version": "v1", "freshness": "Stale",
                 "resources": [resource("crontabs", "crontab", "CronTab", &["ct"])]},
            ]},
        ]}));
        discovery
    }

    #[test]
    fn a_word_means_the_kind_that_kubectl_takes() {
        let discovery = discovery();
        for (word, expected) in [
            ("pods", "/api/v1/namespaces/a/pods"),
            ("po", "/api/v1/namespaces/a/pods"),
            ("POD", "/api/v1/namespaces/a/pods"),
            ("Pod", "/api/v1/namespaces/a/pods"),
            ("ev", "/api/v1/namespaces/a/events"),
            (
                "ev.events.k8s.io",
                "/apis/events.k8s.io/v1/namespaces/a/events",
            ),
            (
                "events.events",
                "/apis/events.k8s.io/v1/namespaces/a/events",
            ),
            ("deploy", "/apis/apps/v1/namespaces/a/deployments"),
            ("deployments.apps", "/apis/apps/v1/namespaces/a/deployments"),
            (
                "deployments.v1.apps",
                "/apis/apps/v1/namespaces/a/deployments",
            ),
            ("Deployment.apps", "/apis/apps/v1/namespaces/a/deployments"),
            (
                "ct.stable",
                "/apis/stable.example.com/v2/namespaces/a/crontabs",
            ),
            (
                "crontabs.v1.stable.example.com",
                "/apis/stable.example.com/v1/namespaces/a/crontabs",
            ),
            (
                "CronTab.v1.stable.example.com",
                "/apis/stable.example.com/v1/namespaces/a/crontabs",
            ),
        ] {
            let found = discovery.find(word).map(|resource| resource.path("a", ""));
            assert_eq!(found.as_deref(), Ok(expected), "{word}");
        }
        let failure = discovery.find("nope.v1.apps").unwrap_err();
        assert_eq!(
            failure.text(),
            "error: the server doesn't have a resource type \"nope\"\n"
        );
    }

    #[test]
    fn a_category_is_the_kinds_in_it() {
        let discovery = discovery();
        let expected = [
            "pods",
            "events",
            "deployments.apps",
            "events.events.k8s.io",
            "crontabs.stable.example.com",
        ];
        assert_eq!(discovery.category("all"), expected);
        assert!(discovery.category("pods").is_empty());
        assert_eq!(discovery.failures.len(), 1);
    }
}
