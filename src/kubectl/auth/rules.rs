//! `auth can-i --list`: every rule that applies, one line for each thing.

use serde_json::Value;

use crate::kubectl::failure::Failure;
use crate::kubectl::print::object;
use crate::kubectl::print::tabs::Tabs;
use crate::kubectl::session::Session;
use crate::kubectl::sort;

const RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";

/// A rule with one resource, name or path, and the verbs that are allowed on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    group: String,
    resource: String,
    name: Option<String>,
    url: String,
}

pub(super) fn show(session: &mut Session<'_>) -> Result<(), Failure> {
    let namespace = session.api()?.namespace.clone();
    let spec = object(vec![("namespace", namespace.into())]);
    let status = super::review(session, RULES, "SelfSubjectRulesReview", &spec)?;
    if status["incomplete"] == true {
        let why = status["evaluationError"].as_str().unwrap_or_default();
        writeln!(
            session.io.stderr,
            "Warning: the list may be incomplete: {why}"
        )?;
    }
    let rows = lines(&status["resourceRules"], &status["nonResourceRules"]);
    let mut tabs = Tabs::table();
    if !session.flags.on("no-headers") {
        tabs.line(&["Resources", "Non-Resource URLs", "Resource Names", "Verbs"]);
    }
    for row in &rows {
        tabs.line(row);
    }
    Ok(tabs.flush(session.io.stdout)?)
}

/// What the rules of a role allow, as lines of cells: each thing once.
pub(in crate::kubectl) fn of_role(rules: &Value) -> Vec<[String; 4]> {
    lines(rules, rules)
}

fn lines(resources: &Value, urls: &Value) -> Vec<[String; 4]> {
    let mut rules = of_resources(resources);
    rules.extend(of_urls(urls));
    let rules = sort::by(rules, &|(place, verbs)| key(place, verbs));
    let cells = rules.iter().map(|(place, verbs)| place.cells(verbs));
    cells.collect()
}

impl Place {
    fn cells(&self, verbs: &[String]) -> [String; 4] {
        let (base, part) = self
            .resource
            .split_once('/')
            .unwrap_or((&self.resource, ""));
        let dot = if self.group.is_empty() { "" } else { "." };
        let slash = if part.is_empty() { "" } else { "/" };
        let verbs: Vec<_> = verbs.iter().map(String::as_str).collect();
        [
            format!("{base}{dot}{}{slash}{part}", self.group),
            list(&self.urls()),
            list(&self.names()),
            list(&verbs),
        ]
    }

    fn urls(&self) -> Vec<&str> {
        let url = Some(self.url.as_str());
        url.into_iter().filter(|url| !url.is_empty()).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.name.as_deref().into_iter().collect()
    }
}

fn list(items: &[&str]) -> String {
    format!("[{}]", items.join(" "))
}

/// Rules are sorted by the text that Go's protobuf code makes of them.
fn key(place: &Place, verbs: &[String]) -> String {
    let verbs: Vec<_> = verbs.iter().map(String::as_str).collect();
    let (mut groups, mut resources) = (vec![place.group.as_str()], vec![place.resource.as_str()]);
    if !place.url.is_empty() {
        groups.clear();
        resources.clear();
    }
    format!(
        "&PolicyRule{{Verbs:{},APIGroups:{},Resources:{},ResourceNames:{},NonResourceURLs:{},}}",
        list(&verbs),
        list(&groups),
        list(&resources),
        list(&place.names()),
        list(&place.urls())
    )
}

/// The verbs on each resource, of all rules together.
fn of_resources(rules: &Value) -> Vec<(Place, Vec<String>)> {
    let mut places: Vec<(Place, Vec<String>)> = Vec::new();
    for rule in each(rules) {
        let mut names: Vec<_> = texts(&rule["resourceNames"]).map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for name in &names {
                    let place = Place {
                        group: group.to_owned(),
                        resource: resource.to_owned(),
                        name: name.map(str::to_owned),
                        url: String::new(),
                    };
                    let known = places.iter().position(|(known, _)| *known == place);
                    let at = known.unwrap_or(places.len());
                    if known.is_none() {
                        places.push((place, Vec::new()));
                    }
                    add(&mut places[at].1, texts(&rule["verbs"]));
                }
            }
        }
    }
    places
}

fn add<'a>(verbs: &mut Vec<String>, more: impl Iterator<Item = &'a str>) {
    for verb in more {
        if !verbs.iter().any(|known| known == verb) {
            verbs.push(verb.to_owned());
        }
    }
}

/// One for each verb on each path.
fn of_urls(rules: &Value) -> Vec<(Place, Vec<String>)> {
    let mut all = Vec::new();
    for rule in each(rules) {
        for url in texts(&rule["nonResourceURLs"]) {
            for verb in texts(&rule["verbs"]) {
                let place = Place {
                    url: url.to_owned(),
                    ..Place::default()
                };
                all.push((place, vec![verb.to_owned()]));
            }
        }
    }
    all
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    each(value).filter_map(Value::as_str)
}
