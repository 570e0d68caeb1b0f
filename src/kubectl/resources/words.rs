//! What words mean: `pods`, `pod a b`, `deploy/web svc/web`, `all`.

use std::rc::Rc;

use serde_json::Value;

use super::{Ask, Rules, Selected};
use crate::kubectl::discovery::{Discovery, Resource};
use crate::kubectl::failure::Failure;

const NO_RESOURCE: &str = "You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'";

/// Everything that decides what words mean.
pub(super) struct Words<'a> {
    pub(super) discovery: &'a Discovery,
    pub(super) namespace: &'a str,
    pub(super) all_namespaces: bool,
    pub(super) labels: &'a str,
    pub(super) fields: &'a str,
    pub(super) subresource: bool,
    pub(super) rules: Rules,
}

impl Words<'_> {
    pub(super) fn select(&self, words: &[String]) -> Result<Selected, Failure> {
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

    fn resources(&self, types: &[String]) -> Result<Vec<Rc<Resource>>, Failure> {
        if types.len() > 1 && self.rules.single_type {
            return Err(Failure::new("you may only specify a single resource type"));
        }
        let mut found: Vec<Rc<Resource>> = Vec::new();
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
            part: String::new(),
            object: Value::Null,
            source: String::new(),
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
        let mut found = Vec::new();
        for (word, _) in pairs {
            found.push(self.discovery.find(word)?);
        }
        let mut kinds = found.clone();
        kinds.dedup();
        if kinds.len() > 1 && self.rules.single_type {
            return Err(Failure::new("you may only specify a single resource type"));
        }
        let each = found.iter().zip(pairs);
        let asks = each.map(|(resource, (_, name))| self.one(resource, name));
        Ok(Selected {
            asks: asks.collect::<Result<_, _>>()?,
            is_single: pairs.len() == 1,
            ..Selected::default()
        })
    }

    fn one(&self, resource: &Rc<Resource>, name: &str) -> Result<Ask, Failure> {
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
            part: String::new(),
            object: Value::Null,
            source: String::new(),
        })
    }

    fn namespace_of(&self, resource: &Rc<Resource>) -> String {
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
