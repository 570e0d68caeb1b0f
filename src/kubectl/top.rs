//! `kubectl top`: what nodes and pods use, by the metrics API.

use std::slice;

use serde_json::Value;

use super::api::{Api, query};
use super::duration;
use super::failure::Failure;
use super::flags::{Group, Kind, flag, switch, text};
use super::print::tabs::Tabs;
use super::session::Session;
use super::sort;
use super::verbs::{ALL_NAMESPACES, FIELDS, SELECTOR, Verb};
use crate::k8s::quantity;

pub(super) const NODE: Verb = Verb {
    name: "top node",
    aliases: &["top nodes", "top no"],
    usage: "[NAME | -l label]",
    about: "Display resource (CPU/memory) usage of nodes",
    flags: &[SELECTOR, SHARED, &[switch("show-capacity", "")]],
    local: false,
    run: nodes,
};

pub(super) const POD: Verb = Verb {
    name: "top pod",
    aliases: &["top pods", "top po"],
    usage: "[NAME | -l label]",
    about: "Display resource (CPU/memory) usage of pods",
    flags: &[
        SELECTOR,
        FIELDS,
        ALL_NAMESPACES,
        SHARED,
        &[switch("containers", ""), switch("sum", "")],
    ],
    local: false,
    run: pods,
};

const SHARED: Group = &[
    text("sort-by", ""),
    switch("no-headers", ""),
    // Taken and without effect: JSON is read.
    flag("use-protocol-buffers", "", Kind::Switch, "true"),
];

const METRICS: &str = "/apis/metrics.k8s.io/v1beta1";

/// What one thing uses: thousandths of a core, and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    cpu: u64,
    memory: u64,
}

impl Usage {
    fn of(usage: &Value) -> Self {
        let text = |key: &str| usage[key].as_str().unwrap_or_default().to_owned();
        Self {
            cpu: quantity::millis(&text("cpu")).unwrap_or_default(),
            memory: quantity::units(&text("memory")).unwrap_or_default(),
        }
    }

    /// Of all containers. The exact sum is rounded, not the parts.
    fn of_pods(pods: &[Value]) -> Self {
        let sum = |key: &str| -> u128 {
            let all = pods.iter().flat_map(containers);
            let parts = all.map(|one| one["usage"][key].as_str());
            parts.flatten().filter_map(quantity::nanos).sum()
        };
        let rounded = |nanos: u128, unit: u128| u64::try_from(nanos.div_ceil(unit));
        Self {
            cpu: rounded(sum("cpu"), 1_000_000).unwrap_or_default(),
            memory: rounded(sum("memory"), 1_000_000_000).unwrap_or_default(),
        }
    }

    fn of_pod(pod: &Value) -> Self {
        Self::of_pods(slice::from_ref(pod))
    }

    /// Sorts by what is most used, or by name.
    fn key(self, order: &str, name: &str) -> String {
        match order {
            "cpu" => format!("{:020}", u64::MAX - self.cpu),
            "memory" => format!("{:020}", u64::MAX - self.memory),
            _ => name.to_owned(),
        }
    }

    /// Each with its share of all there is, if that is known.
    fn shares(self, all: Option<Self>) -> String {
        let share = |part: u64, all: Option<u64>| match all {
            Some(0) => "0%\t".to_owned(),
            Some(all) => format!("{}%\t", u128::from(part) * 100 / u128::from(all)),
            None => String::new(),
        };
        let [cpu, memory] = self.cells();
        let of_cpu = share(self.cpu, all.map(|all| all.cpu));
        let of_memory = share(self.memory, all.map(|all| all.memory));
        format!("{cpu}\t{of_cpu}{memory}\t{of_memory}")
    }

    fn cells(self) -> [String; 2] {
        [format!("{}m", self.cpu), format!("{}Mi", self.memory >> 20)]
    }
}

fn nodes(session: &mut Session<'_>) -> Result<(), Failure> {
    let (name, order) = check(session)?;
    let labels = session.flags.text("selector").to_owned();
    if !name.is_empty() && !labels.is_empty() {
        return Err(Failure::new(
            "only one of NAME or --selector can be provided",
        ));
    }
    let api = session.api()?;
    available(&api)?;
    let selector = [("labelSelector", labels.as_str())];
    let metrics = items(&api, &query(&path(&[METRICS, "nodes", &name]), &selector))?;
    if metrics.is_empty() {
        return Err(Failure::new("metrics not available yet"));
    }
    let mut nodes = items(&api, &query(&path(&["/api/v1/nodes", &name]), &selector))?;
    let used: Vec<_> = metrics
        .iter()
        .map(|one| (named(one), Usage::of(&one["usage"])))
        .collect();
    let used = sort::by(used, &|(name, usage)| usage.key(&order, name));
    let has = match session.flags.on("show-capacity") {
        true => "capacity",
        false => "allocatable",
    };
    let mut tabs = Tabs::table();
    if !session.flags.on("no-headers") {
        tabs.push("NAME\tCPU(cores)\tCPU(%)\tMEMORY(bytes)\tMEMORY(%)\t\n");
    }
    for (name, usage) in &used {
        let at = nodes.iter().position(|node| named(node) == *name);
        let all = at.map(|at| Usage::of(&nodes.swap_remove(at)["status"][has]));
        tabs.push(&format!("{name}\t{}\n", usage.shares(all)));
    }
    for node in &nodes {
        let unknown = "<unknown>\t".repeat(4);
        tabs.push(&format!("{}\t{unknown}\n", named(node)));
    }
    Ok(tabs.flush(session.io.stdout)?)
}

fn pods(session: &mut Session<'_>) -> Result<(), Failure> {
    let (name, order) = check(session)?;
    let flags = &session.flags;
    let selector = [
        ("labelSelector", flags.text("selector")),
        ("fieldSelector", flags.text("field-selector")),
    ];
    if !name.is_empty() && selector.iter().any(|(_, text)| !text.is_empty()) {
        return Err(Failure::new("only one of NAME or selector can be provided"));
    }
    let api = session.api()?;
    available(&api)?;
    let all = flags.on("all-namespaces");
    let inside = if all {
        String::new()
    } else {
        format!("namespaces/{}", api.namespace)
    };
    let metrics = items(
        &api,
        &query(&path(&[METRICS, &inside, "pods", &name]), &selector),
    )?;
    if metrics.is_empty() {
        let pods = query(&path(&["/api/v1", &inside, "pods", &name]), &selector);
        why_none(&items(&api, &pods)?)?;
        return super::get::none(session);
    }
    let metrics = sort::by(metrics, &|pod| {
        let namespace = if all { namespace(pod) } else { String::new() };
        // A tab comes before whatever a name has.
        Usage::of_pod(pod).key(&order, &format!("{namespace}\t{}", named(pod)))
    });
    let text = table(session, &metrics, &order);
    let mut tabs = Tabs::table();
    tabs.push(&text);
    Ok(tabs.flush(session.io.stdout)?)
}

fn table(session: &Session<'_>, metrics: &[Value], order: &str) -> String {
    let flags = &session.flags;
    let (all, each) = (flags.on("all-namespaces"), flags.on("containers"));
    let mut text = String::new();
    let mut width = 3;
    if !flags.on("no-headers") {
        for (name, shown) in [("NAMESPACE\t", all), ("POD\t", each)] {
            text += if shown { name } else { "" };
            width += usize::from(shown);
        }
        text += "NAME\tCPU(cores)\tMEMORY(bytes)\t\n";
    }
    for pod in metrics {
        let start = match all {
            true => namespace(pod) + "\t",
            false => String::new(),
        };
        let usage = Usage::of_pod(pod);
        if each {
            text += &of_containers(&format!("{start}{}", named(pod)), pod, order);
        } else {
            text += &format!("{start}{}\t{}\t\n", named(pod), usage.cells().join("\t"));
        }
    }
    if flags.on("sum") {
        text += &format!("{}________\t________\t\n", "\t".repeat(width - 2));
        text += &format!(
            "{}\t{}\t\n",
            "\t".repeat(width - 3),
            Usage::of_pods(metrics).cells().join("\t")
        );
    }
    text
}

fn of_containers(start: &str, pod: &Value, order: &str) -> String {
    let part = |one: &Value| {
        let name = one["name"].as_str().unwrap_or_default().to_owned();
        (name, Usage::of(&one["usage"]))
    };
    let parts: Vec<_> = containers(pod).iter().map(part).collect();
    let parts = sort::by(parts, &|(name, usage)| usage.key(order, name));
    let line = |(name, usage): &(String, Usage)| {
        format!("{start}\t{name}\t{}\t\n", usage.cells().join("\t"))
    };
    parts.iter().map(line).collect()
}

/// The name and the order that are asked for.
fn check(session: &Session<'_>) -> Result<(String, String), Failure> {
    let order = session.flags.text("sort-by").to_owned();
    if session.words.len() > 1 {
        let kind = session.verb.name.strip_prefix("top ").unwrap_or_default();
        let usage = format!("{kind} {}", session.verb.usage);
        return Err(Failure::usage(session.verb.name, &usage));
    }
    if !matches!(order.as_str(), "" | "cpu" | "memory") {
        return Err(Failure::new("--sort-by accepts only cpu or memory"));
    }
    Ok((session.words.first().cloned().unwrap_or_default(), order))
}

fn available(api: &Api) -> Result<(), Failure> {
    let versions = &api.discovery()?.versions;
    if versions
        .iter()
        .any(|(group, version)| group == "metrics.k8s.io" && version == "v1beta1")
    {
        return Ok(());
    }
    Err(Failure::new("Metrics API not available"))
}

fn path(parts: &[&str]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect();
    parts.join("/")
}

/// The items of a list, or the one object.
fn items(api: &Api, path: &str) -> Result<Vec<Value>, Failure> {
    let mut answer = api.get(path)?;
    Ok(match answer.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(_) => Vec::new(),
        None => vec![answer],
    })
}

/// Pods without figures are a failure; no pods are none.
fn why_none(pods: &[Value]) -> Result<(), Failure> {
    for pod in pods {
        let created = pod["metadata"]["creationTimestamp"]
            .as_str()
            .unwrap_or_default();
        let age = duration::seconds_since(created).unwrap_or_default();
        if age > 120 {
            return Err(Failure::new(format!(
                "Metrics not available for pod {}/{}, age: {}m{}s",
                namespace(pod),
                named(pod),
                age / 60,
                age % 60
            )));
        }
    }
    if pods.is_empty() {
        return Ok(());
    }
    Err(Failure::new("metrics not available yet"))
}

fn containers(pod: &Value) -> &[Value] {
    pod["containers"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn named(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn namespace(object: &Value) -> String {
    object["metadata"]["namespace"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_uses_what_its_containers_use() {
        let pod = json!({"containers": [
            {"usage": {"cpu": "1500001n", "memory": "1Mi"}},
            {"usage": {"cpu": "400000n", "memory": "512Ki"}},
            {"usage": {}},
        ]});
        let usage = Usage::of_pod(&pod);
        assert_eq!(
            usage,
            Usage {
                cpu: 2,
                memory: 3 << 19
            }
        );
        assert_eq!(usage.cells(), ["2m", "1Mi"]);
    }

    #[test]
    fn many_pods_use_no_more_than_they_use_together() {
        let pod = json!({"containers": [{"usage": {"cpu": "100001n", "memory": "600Ki"}}]});
        assert_eq!(Usage::of_pods(&vec![pod; 9]).cells(), ["1m", "5Mi"]);
    }
}
