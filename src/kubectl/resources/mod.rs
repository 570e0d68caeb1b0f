//! Which objects a command line means: `pods`, `pod a b`, `deploy/web svc/web`, `all`,
//! with selectors and namespaces.

mod selector;
mod visit;
mod words;

use std::rc::Rc;

use serde_json::Value;

use super::api::{Api, query};
use super::discovery::Resource;
use super::failure::Failure;
use super::manifest::{self, Document};
use super::session::Session;
use words::Words;

pub use selector::fits;
pub use visit::{Pages, visit};

/// How a verb reads its words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// A type alone means all of it.
    pub type_is_all: bool,
    /// Only one type may be given.
    pub single_type: bool,
    /// All objects of the types, as `--all` has it.
    pub all: bool,
    /// Whether the flags of selectors mean something else.
    pub names_only: bool,
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
    pub resource: Rc<Resource>,
    /// Empty where there is none, and for the list of all.
    pub namespace: String,
    /// Empty for a list.
    pub name: String,
    /// `status` or another part of the object; empty for all of it.
    pub part: String,
    /// As it stands in a file; null if there is none.
    pub object: Value,
    /// The file.
    pub source: String,
}

impl Ask {
    /// All of a kind; in all namespaces if that is empty.
    pub fn list(resource: Rc<Resource>, namespace: String) -> Self {
        Self {
            resource,
            namespace,
            name: String::new(),
            part: String::new(),
            object: Value::Null,
            source: String::new(),
        }
    }

    /// An object of a file that has a name.
    ///
    /// # Errors
    /// It has none.
    pub fn named(&self) -> Result<(), Failure> {
        match self.name.as_str() {
            "" => Err(Failure::new("resource name may not be empty")),
            _ => Ok(()),
        }
    }

    pub fn path(&self) -> String {
        let path = self.resource.path(&self.namespace, &self.name);
        match self.part.as_str() {
            "" => path,
            part => format!("{path}/{part}"),
        }
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
    pub fn select(&mut self, rules: Rules) -> Result<Selected, Failure> {
        let api = self.api()?;
        if self.flags.given("filename") {
            if !self.words.is_empty() {
                return Err(Failure::new(
                    "when paths, URLs, or stdin is provided as input, you may not specify \
                     resource arguments as well",
                ));
            }
            return self.select_files();
        }
        let all_namespaces = self.flags.on("all-namespaces");
        let words = Words {
            discovery: api.discovery()?,
            namespace: if all_namespaces { "" } else { &api.namespace },
            all_namespaces,
            labels: match rules.names_only {
                true => "",
                false => self.flags.text("selector").trim(),
            },
            fields: self.flags.text("field-selector").trim(),
            subresource: !self.flags.text("subresource").is_empty(),
            rules,
        };
        words.select(&self.words)
    }

    fn select_files(&mut self) -> Result<Selected, Failure> {
        let (asks, failures, is_one_file) = self.files()?;
        Failure::all(failures)?;
        // Without a name it would be all of its kind.
        asks.iter().try_for_each(Ask::named)?;
        Ok(Selected {
            is_single: is_one_file && asks.len() == 1,
            asks,
            ..Selected::default()
        })
    }

    /// The objects of `--filename` that `--selector` fits, also those without a name, and
    /// why others have no place.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn documents(&mut self) -> Result<(Vec<Ask>, Vec<Failure>), Failure> {
        let (mut asks, failures, _) = self.files()?;
        let labels = self.flags.text("selector");
        asks.retain(|ask| fits(labels, &ask.object));
        Ok((asks, failures))
    }

    fn files(&mut self) -> Result<(Vec<Ask>, Vec<Failure>, bool), Failure> {
        let api = self.api()?;
        let documents = manifest::read(self)?;
        let explicit = self.flags.given("namespace");
        let (mut asks, mut failures) = (Vec::new(), Vec::new());
        for document in documents.all {
            match of_document(&api, document, explicit) {
                Ok(ask) => asks.push(ask),
                Err(failure) => failures.push(failure),
            }
        }
        Ok((asks, failures, documents.is_one_file))
    }
}

/// Where the object of a file belongs; `explicit` if the command line names a namespace.
fn of_document(api: &Api, document: Document, explicit: bool) -> Result<Ask, Failure> {
    let Document { source, mut object } = document;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let name = text(&object["metadata"]["name"]);
    let mut namespace = text(&object["metadata"]["namespace"]);
    let Some(resource) = api.discovery()?.of_kind(&version, &kind) else {
        return Err(Failure::new(format!(
            "resource mapping not found for name: {name:?} namespace: {namespace:?} from \
             {source:?}: no matches for kind {kind:?} in version {version:?}\n\
             ensure CRDs are installed first"
        )));
    };
    if !resource.is_namespaced {
        namespace.clear();
    } else if namespace.is_empty() {
        namespace.clone_from(&api.namespace);
    } else if explicit && namespace != api.namespace {
        let given = &api.namespace;
        return Err(Failure::new(format!(
            "the namespace from the provided object {namespace:?} does not match the namespace \
             {given:?}. You must pass '--namespace={namespace}' to perform this operation."
        )));
    }
    if resource.is_namespaced && object["metadata"].is_object() {
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    Ok(Ask {
        resource: resource.clone(),
        namespace,
        name,
        part: String::new(),
        object,
        source,
    })
}
