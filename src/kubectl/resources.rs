//! Which objects a command line means: `pods`, `pod a b`, `deploy/web svc/web`, `all`,
//! with selectors and namespaces.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::{Api, query};
use super::discovery::{Discovery, Resource};
use super::failure::Failure;
use super::session::Session;
use crate::k8s::{Call, JSON};

const NO_RESOURCE: &str = "You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'";

/// How a verb reads its words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// A type alone means all of it.
    pub type_is_all: bool,
    /// Only one type may be given.
    pub single_type: bool,
    /// All objects of the types, as `--all` has it.
    pub all: bool,
}

/// What is to be asked for, in order.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    pub asks: Vec<Ask>,
    /// One object was named, so that it is not shown in a list.
    pub is_single: bool,
    pub labels: String,
    pub fields: String,
}

/// One object, or a list.
#[derive(Clone, Debug)]
pub struct Ask {
    pub resource: Resource,
    /// Empty where there is none, and for the list of all.
    pub namespace: String,
    /// Empty for a list.
    pub name: String,
}

impl Ask {
    pub fn path(&self) -> String {
        self.resource.path(&self.namespace, &self.name)
    }
}

impl Selected {
    /// The path of a list, with the selectors.
    pub fn list_path(&self, ask: &Ask, more: &[(&str, &str)]) -> String {
        let own = [
            ("fieldSelector", self.fields.as_str()),
            ("labelSelector", &self.labels),
        ];
        query(&query(&ask.path(), &own), more)
    }

    /// Says which list failed, as kubectl does.
    pub fn about(&self, ask: &Ask, failure: Failure) -> Failure {
        if !ask.name.is_empty() {
            return failure;
        }
        let resource = &ask.resource;
        let subject = format!(
            "{}/{}, Resource={}",
            resource.group, resource.version, resource.name
        );
        if self.labels.is_empty() && self.fields.is_empty() {
            failure.about(&format!("Unable to list {subject:?}"))
        } else {
            failure.about(&format!(
                "Unable to find {subject:?} that match label selector {:?}, field selector {:?}",
                self.labels, self.fields
            ))
        }
    }
}

impl Session<'_> {
    /// What the words and flags mean.
    ///
    /// # Errors
    /// They contradict each other, or there is no such kind.
    pub fn select(&self, rules: Rules) -> Result<Selected, Failure> {
        let api = self.api()?;
        let all_namespaces = self.flags.on("all-namespaces");
        let words = Words {
            discovery: api.discovery()?,
            namespace: if all_namespaces { "" } else { &api.namespace },
            all_namespaces,
            labels: self.flags.text("selector").trim(),
            fields: self.flags.text("field-selector").trim(),
            subresource: !self.flags.text("subresource").is_empty(),
            rules,
        };
        words.select(&self.words)
    }
}

/// Everything that decides what words mean.
struct Words<'a> {
    discovery: &'a Discovery,
    namespace: &'a str,
    all_namespaces: bool,
    labels: &'a str,
    fields: &'a str,
    subresource: bool,
    rules: Rules,
}

impl Words<'_> {
    fn select(&self, words: &[String]) -> Result<Selected, Failure> {
        let words = every_type_with_every_name(words);
        let slashes = words.iter().filter(|word| word.contains('/')).count();
        if slashes > 0 && slashes < words.len() {
            return Err(Failure::new(
                "there is no need to specify a resource type as a separate argument when passing \
                 arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' \
                 instead of 'kubectl get resource resource/<resource_name>'",
            ));
        }
        let selects = !self.labels.is_empty() || !self.fields.is_empty() || self.rules.all;
        if slashes > 0 {
            let pairs = words
                .iter()
                .map(|word| pair(word))
                .collect::<Result<Vec<_>, _>>()?;
            if selects {
                return Err(Failure::new(
                    "selectors and the all flag cannot be used when passing resource/name arguments",
                ));
            }
            return self.pairs(&pairs);
        }
        let Some((types, names)) = words.split_first() else {
            return Err(Failure::new(if selects {
                "at least one resource must be specified to use a selector"
            } else {
                NO_RESOURCE
            }));
        };
        let types = self.types(types);
        if selects || (names.is_empty() && self.rules.type_is_all) {
            return self.lists(&types, names);
        }
        self.names(&types, names)
    }

    /// Types in commas, categories replaced by their kinds.
    fn types(&self, word: &str) -> Vec<String> {
        let mut types = Vec::new();
        for word in word.split(',') {
            let mut kinds = self.discovery.category(word);
            if kinds.is_empty() {
                kinds.push(word.to_owned());
            }
            types.extend(kinds);
        }
        types
    }

    fn resources(&self, types: &[String]) -> Result<Vec<Resource>, Failure> {
        if types.len() > 1 && self.rules.single_type {
            return Err(Failure::new("you may only specify a single resource type"));
        }
        let mut found: Vec<Resource> = Vec::new();
        for word in types {
            let resource = self.discovery.find(word)?;
            if !found.contains(resource) {
                found.push(resource.clone());
            }
        }
        Ok(found)
    }

    fn lists(&self, types: &[String], names: &[String]) -> Result<Selected, Failure> {
        if !names.is_empty() {
            return Err(Failure::new(
                "name cannot be provided when a selector is specified",
            ));
        }
        if self.subresource {
            return Err(Failure::new(
                "subresource cannot be used when bulk resources are specified",
            ));
        }
        let asks = self.resources(types)?.into_iter().map(|resource| Ask {
            namespace: self.namespace_of(&resource),
            resource,
            name: String::new(),
        });
        Ok(Selected {
            asks: asks.collect(),
            is_single: false,
            labels: self.labels.to_owned(),
            fields: self.fields.to_owned(),
        })
    }

    fn names(&self, types: &[String], names: &[String]) -> Result<Selected, Failure> {
        if names.is_empty() {
            self.resources(types)?;
            return Err(Failure::new(
                "resource(s) were provided, but no name was specified",
            ));
        }
        if types.len() > 1 {
            return Err(Failure::new("you must specify only one resource"));
        }
        let mut asks = Vec::new();
        for resource in self.resources(types)? {
            for name in names {
                asks.push(self.one(&resource, name)?);
            }
        }
        Ok(Selected {
            is_single: names.len() == 1,
            asks,
            ..Selected::default()
        })
    }

    fn pairs(&self, pairs: &[(&str, &str)]) -> Result<Selected, Failure> {
        let mut found = BTreeMap::new();
        for (word, _) in pairs {
            found.insert(*word, self.discovery.find(word)?);
        }
        let mut kinds: Vec<_> = found.values().collect();
        kinds.dedup();
        if kinds.len() > 1 && self.rules.single_type {
            return Err(Failure::new("you may only specify a single resource type"));
        }
        let asks = pairs.iter().map(|(word, name)| self.one(found[word], name));
        Ok(Selected {
            asks: asks.collect::<Result<_, _>>()?,
            is_single: pairs.len() == 1,
            ..Selected::default()
        })
    }

    fn one(&self, resource: &Resource, name: &str) -> Result<Ask, Failure> {
        if resource.is_namespaced && self.namespace.is_empty() {
            return Err(Failure::new(if self.all_namespaces {
                "a resource cannot be retrieved by name across all namespaces"
            } else {
                "namespace may not be empty when retrieving a resource by name"
            }));
        }
        Ok(Ask {
            resource: resource.clone(),
            namespace: self.namespace_of(resource),
            name: name.to_owned(),
        })
    }

    fn namespace_of(&self, resource: &Resource) -> String {
        if resource.is_namespaced {
            self.namespace.to_owned()
        } else {
            String::new()
        }
    }
}

/// `pods,svc a b` is `pods/a pods/b svc/a svc/b`.
fn every_type_with_every_name(words: &[String]) -> Vec<String> {
    match words.split_first() {
        Some((types, names)) if !names.is_empty() && types.contains(',') => types
            .split(',')
            .flat_map(|word| names.iter().map(move |name| format!("{word}/{name}")))
            .collect(),
        _ => words.to_vec(),
    }
}

fn pair(word: &str) -> Result<(&str, &str), Failure> {
    let mut parts = word.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (_, _, Some(_)) => Err(Failure::new(
            "arguments in resource/name form may not have more than one slash",
        )),
        (Some(kind), Some(name), None)
            if !kind.is_empty() && !name.is_empty() && !kind.contains(',') =>
        {
            Ok((kind, name))
        }
        _ => Err(Failure::new(
            "arguments in resource/name form must have a single resource and name",
        )),
    }
}

/// Hands out each object in turn, lists page by page. Goes on after failures, which it
/// returns; `chunk` objects are asked for at once, all if it is 0.
pub fn visit(
    api: &Api,
    selected: &Selected,
    chunk: i64,
    each: &mut dyn FnMut(&Ask, Value) -> Result<(), Failure>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for ask in &selected.asks {
        let outcome = if ask.name.is_empty() {
            pages(api, selected, ask, chunk, each)
        } else {
            api.get(&ask.path()).and_then(|object| each(ask, object))
        };
        failures.extend(outcome.err());
    }
    failures
}

fn pages(
    api: &Api,
    selected: &Selected,
    ask: &Ask,
    chunk: i64,
    each: &mut dyn FnMut(&Ask, Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut pages = Pages::new(chunk);
    while let Some(path) = pages.next(selected, ask) {
        let page = api.call(&Call::get(&path, JSON));
        let mut page = page.map_err(|failure| selected.about(ask, failure))?;
        pages.read(&page["metadata"]);
        let kind = page["kind"]
            .as_str()
            .and_then(|kind| kind.strip_suffix("List"));
        let kind = Value::from(kind.unwrap_or(&ask.resource.kind));
        let version = page["apiVersion"].clone();
        let items = page.get_mut("items").map(Value::take);
        drop(page);
        let Some(Value::Array(items)) = items else {
            continue;
        };
        for mut item in items {
            // Items of a list do not say what they are.
            if let Value::Object(map) = &mut item {
                map.entry("kind").or_insert_with(|| kind.clone());
                map.entry("apiVersion").or_insert_with(|| version.clone());
            }
            each(ask, item)?;
        }
    }
    Ok(())
}

/// Follows the pages of a list.
pub struct Pages {
    chunk: i64,
    next: Option<String>,
}

impl Pages {
    pub fn new(chunk: i64) -> Self {
        Self {
            chunk,
            next: Some(String::new()),
        }
    }

    /// The path of the next page, if there is one.
    pub fn next(&mut self, selected: &Selected, ask: &Ask) -> Option<String> {
        let mark = self.next.take()?;
        if !ask.name.is_empty() {
            return Some(ask.path());
        }
        let limit = if self.chunk > 0 {
            self.chunk.to_string()
        } else {
            String::new()
        };
        Some(selected.list_path(ask, &[("limit", &limit), ("continue", &mark)]))
    }

    /// Remembers where the next page starts.
    pub fn read(&mut self, metadata: &Value) {
        let mark = metadata["continue"].as_str().unwrap_or_default();
        self.next = Some(mark.to_owned()).filter(|mark| !mark.is_empty());
    }
}
