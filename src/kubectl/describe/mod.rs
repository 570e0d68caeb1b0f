//! `kubectl describe`: objects in words, with what belongs to them and what happened.
//!
//! What a description looks like is data ([`forms`]), filled in by [`page`]. What other
//! objects say is put into the object before ([`workloads`], [`nodes`], [`network`]);
//! [`generic`] describes every kind that has no form. One object is read at a time, and
//! of lists a page.

mod amount;
mod events;
mod forms;
mod generic;
mod network;
mod nodes;
mod page;
mod parts;
mod values;
mod workloads;

use std::rc::Rc;

use serde_json::Value;

use super::api::{Api, escape, query};
use super::failure::Failure;
use super::flags::{Group, Kind, flag};
use super::get::{CHUNKS, none};
use super::print::escape_terminal;
use super::print::tabs::Tabs;
use super::resources::{Rules, Selected, visit};
use super::session::Session;
use super::verbs::{ALL_NAMESPACES, FILES, SELECTOR, Verb};
use page::{Page, Place};

pub(super) const VERB: Verb = Verb {
    name: "describe",
    aliases: &[],
    usage: "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
    about: "Show details of a specific resource or group of resources",
    flags: &[FILES, SELECTOR, ALL_NAMESPACES, CHUNKS, EVENTS],
    local: false,
    run,
};

const EVENTS: Group = &[flag("show-events", "", Kind::Switch, "true")];

/// Objects of a page at most: some are large.
const PAGE: i64 = 50;

/// What makes an object ready for its form.
type Prepare = fn(&Reader<'_>, &mut Value) -> Result<(), Failure>;

/// A kind with a form of its own.
struct Described {
    group: &'static str,
    kind: &'static str,
    form: &'static str,
    /// Whether its events are shown.
    events: bool,
    prepare: Option<Prepare>,
}

const fn described(
    group: &'static str,
    kind: &'static str,
    events: bool,
    prepare: Option<Prepare>,
) -> Described {
    Described {
        group,
        kind,
        form: kind,
        events,
        prepare,
    }
}

const fn with_form(form: &'static str, kind: Described) -> Described {
    Described { form, ..kind }
}

const RIGHTS: &str = "rbac.authorization.k8s.io";
const NETWORK: &str = "networking.k8s.io";
const STORAGE: &str = "storage.k8s.io";

const KINDS: &[Described] = &[
    described("", "Pod", true, Some(workloads::pod)),
    described("", "ReplicationController", true, Some(workloads::pods)),
    described("", "Secret", false, Some(workloads::secret)),
    described("", "Service", true, Some(network::service)),
    described("", "ServiceAccount", true, None),
    described("", "Node", true, Some(nodes::prepare)),
    described("", "LimitRange", false, None),
    described("", "ResourceQuota", false, Some(workloads::quota)),
    described("", "PersistentVolume", true, None),
    described("", "PersistentVolumeClaim", true, Some(workloads::claim)),
    described("", "Namespace", false, Some(workloads::namespace)),
    described("", "Endpoints", true, None),
    described("", "ConfigMap", true, None),
    described("discovery.k8s.io", "EndpointSlice", true, None),
    described(
        "autoscaling",
        "HorizontalPodAutoscaler",
        true,
        Some(workloads::metrics),
    ),
    described(NETWORK, "Ingress", true, Some(network::ingress)),
    described(NETWORK, "IngressClass", true, None),
    described(NETWORK, "ServiceCIDR", true, None),
    described(NETWORK, "IPAddress", true, None),
    described(NETWORK, "NetworkPolicy", false, Some(network::policy)),
    described("batch", "Job", true, Some(workloads::job)),
    described("batch", "CronJob", true, None),
    described("apps", "StatefulSet", true, Some(workloads::pods)),
    described("apps", "Deployment", true, Some(workloads::sets)),
    described("apps", "DaemonSet", true, Some(workloads::pods)),
    described("apps", "ReplicaSet", true, Some(workloads::pods)),
    described(STORAGE, "StorageClass", true, None),
    described(STORAGE, "CSINode", true, None),
    described(STORAGE, "VolumeAttributesClass", true, None),
    described("policy", "PodDisruptionBudget", true, None),
    described("scheduling.k8s.io", "PriorityClass", true, None),
    with_form("binding", described(RIGHTS, "RoleBinding", false, None)),
    with_form(
        "binding",
        described(RIGHTS, "ClusterRoleBinding", false, None),
    ),
    with_form("role", described(RIGHTS, "Role", false, Some(rules))),
    with_form("role", described(RIGHTS, "ClusterRole", false, Some(rules))),
];

/// The way to what belongs to an object.
pub(super) struct Reader<'a> {
    api: &'a Api,
    chunk: i64,
    events: bool,
}

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    if session.words.is_empty() && !session.flags.given("filename") {
        return Err(Failure::new(
            "You must specify the type of resource to describe. Use \"kubectl api-resources\" for \
             a complete list of supported resources.\n",
        ));
    }
    let selected = selected(session, false)?;
    let api = session.api()?;
    let reader = Reader::new(&api, session);
    // Of two words the second may be how names begin; that is known when all are read.
    let waits = session.words.len() == 2;
    let mut waiting = String::new();
    let mut count = 0;
    let failures = visit(&api, &selected, reader.chunk, &mut |_, object| {
        let before = if count > 0 { "\n\n" } else { "" };
        let text = before.to_owned() + &reader.describe(object)?;
        count += 1;
        match waits {
            true => waiting.push_str(&text),
            false => session.io.stdout.write_all(text.as_bytes())?,
        }
        Ok(())
    });
    if let [failure] = failures.as_slice()
        && waits
        && failure.is_not_found()
    {
        return matching(session, &reader, failure);
    }
    session.io.stdout.write_all(waiting.as_bytes())?;
    if count == 0 && failures.is_empty() {
        return none(session);
    }
    Failure::all(failures)
}

/// What the words mean; of one type, if more would be wrong.
fn selected(session: &mut Session<'_>, single_type: bool) -> Result<Selected, Failure> {
    let rules = Rules {
        type_is_all: true,
        single_type,
        ..Rules::default()
    };
    let selected = session.select(rules);
    selected.map_err(|failure| match failure.is_unmapped() {
        true => Failure::whole(failure.message()),
        false => failure,
    })
}

/// Describes all whose names begin with the second word.
fn matching(
    session: &mut Session<'_>,
    reader: &Reader<'_>,
    failure: &Failure,
) -> Result<(), Failure> {
    let prefix = session.words.pop().unwrap_or_default();
    if session.words.iter().any(|word| word.contains('/')) {
        return Err(failure.clone());
    }
    let selected = selected(session, true)?;
    let mut found = false;
    let failures = visit(reader.api, &selected, reader.chunk, &mut |_, object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if name.starts_with(&prefix) {
            found = true;
            let text = reader.describe(object)? + "\n";
            session.io.stdout.write_all(text.as_bytes())?;
        }
        Ok(())
    });
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None if found => Ok(()),
        None => Err(failure.clone()),
    }
}

impl<'a> Reader<'a> {
    fn new(api: &'a Rc<Api>, session: &Session<'_>) -> Self {
        Self {
            api,
            chunk: session.flags.number("chunk-size"),
            events: session.flags.on("show-events"),
        }
    }

    /// An object in words.
    fn describe(&self, mut object: Value) -> Result<String, Failure> {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let known = KINDS
            .iter()
            .find(|known| known.group == group && object["kind"] == known.kind);
        if let Some(prepare) = known.and_then(|known| known.prepare) {
            prepare(self, &mut object)?;
        }
        let mut page = Page::new(&object);
        match known {
            Some(known) => page.form(known.form, Place::from(&object)),
            None => generic::write(&mut page),
        }
        let mut text = page.text;
        if self.events && known.is_none_or(|known| known.events) {
            text.push_str(&events::of(self, &object)?);
        }
        drop(object);
        let mut tabs = Tabs::of(0, 2);
        tabs.push(&escape_terminal(&text));
        drop(text);
        let mut out = Vec::new();
        tabs.flush(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Where objects of a kind are, or one of them.
    fn path(&self, root: &str, namespace: &str, kind: &str, name: &str) -> String {
        let mut path = root.to_owned();
        if !namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(&escape(namespace));
        }
        for part in [kind, name] {
            if !part.is_empty() {
                path.push('/');
                path.push_str(&escape(part));
            }
        }
        path
    }

    /// Hands out each object of a list, page by page.
    fn each(
        &self,
        path: &str,
        selectors: &[(&str, &str)],
        each: &mut dyn FnMut(Value),
    ) -> Result<(), Failure> {
        let whole = query(path, selectors);
        let limit = match self.chunk {
            1..PAGE => self.chunk,
            _ => PAGE,
        };
        let limit = limit.to_string();
        let mut mark = String::new();
        loop {
            let path = query(&whole, &[("limit", &limit), ("continue", &mark)]);
            let mut page = self.api.get(&path)?;
            let next = page["metadata"]["continue"].as_str();
            next.unwrap_or_default().clone_into(&mut mark);
            if let Value::Array(items) = page["items"].take() {
                items.into_iter().for_each(&mut *each);
            }
            if mark.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Adds to an object what its form shows.
fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(field.to_owned(), value);
    }
}

/// What the server said, without the reason that kubectl puts before it at the end only.
fn why(failure: &Failure) -> &str {
    let message = failure.message();
    message.split_once("): ").map_or(message, |(_, why)| why)
}

/// A line for each thing that a role allows.
fn rules(_: &Reader<'_>, role: &mut Value) -> Result<(), Failure> {
    let lines = super::auth::of_role(&role["rules"]);
    let lines: Vec<Value> = lines
        .into_iter()
        .map(|cells| cells.join("\t").into())
        .collect();
    put(role, "rules", lines.into());
    Ok(())
}
/// What a template says of the pods that are made from it.
pub(super) fn template(template: &Value) -> String {
    let mut page = Page::new(template);
    parts::write(&mut page, "template", "", Place::from(template));
    page.text
}
