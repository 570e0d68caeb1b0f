//! What the server is and has: `version`, `api-resources`, `api-versions`, `cluster-info`.

use std::rc::Rc;

use serde_json::Value;

use super::discovery::{Resource, group_version};
use super::failure::Failure;
use super::flags::{Group, Kind, flag, switch, text};
use super::print::tabs::Tabs;
use super::print::{go, json as as_json, object};
use super::session::Session;
use super::sort;
use super::verbs::Verb;
use crate::version;
use crate::yaml;

pub(super) const VERSION: Verb = Verb {
    name: "version",
    aliases: &[],
    usage: "[--client]",
    about: "Print the client and server version information",
    flags: &[&[switch("client", ""), text("output", "o")]],
    local: false,
    run: show_version,
};

pub(super) const RESOURCES: Verb = Verb {
    name: "api-resources",
    aliases: &[],
    usage: "",
    about: "Print the supported API resources on the server",
    flags: &[RESOURCE_FLAGS],
    local: false,
    run: resources,
};

const RESOURCE_FLAGS: Group = &[
    text("api-group", ""),
    flag("namespaced", "", Kind::Switch, "true"),
    flag("verbs", "", Kind::List, ""),
    flag("categories", "", Kind::List, ""),
    text("sort-by", ""),
    switch("cached", ""),
    switch("no-headers", ""),
    text("output", "o"),
];

pub(super) const VERSIONS: Verb = Verb {
    name: "api-versions",
    aliases: &[],
    usage: "",
    about: "Print the supported API versions on the server, in the form of \"group/version\"",
    flags: &[],
    local: false,
    run: versions,
};

pub(super) const CLUSTER_INFO: Verb = Verb {
    name: "cluster-info",
    aliases: &[],
    usage: "",
    about: "Display cluster information",
    flags: &[],
    local: false,
    run: cluster_info,
};

fn show_version(session: &mut Session<'_>) -> Result<(), Failure> {
    if !session.words.is_empty() {
        let words = session.words.join(" ");
        return Err(Failure::new(format!("extra arguments: [{words}]")));
    }
    let form = session.flags.text("output").to_owned();
    if !matches!(form.as_str(), "" | "yaml" | "json") {
        return Err(Failure::new("--output must be 'yaml' or 'json'"));
    }
    let own = format!("v{}", version::VERSION).into();
    let mut all = object(vec![("clientVersion", object(vec![("gitVersion", own)]))]);
    let asked = if session.flags.on("client") {
        Ok(None)
    } else {
        session.api().and_then(|api| api.get("/version")).map(Some)
    };
    if let Ok(Some(server)) = &asked {
        all["serverVersion"] = server.clone();
    }
    let text = match form.as_str() {
        "yaml" => format!("{}\n", yaml::to_string(&all)),
        "json" => format!("{}\n\n", as_json::pretty(&all, 0).replace("    ", "  ")),
        _ => {
            let line = |name: &str, key: &str| match all[key]["gitVersion"].as_str() {
                Some(version) => format!("{name} Version: {version}\n"),
                None => String::new(),
            };
            line("Client", "clientVersion") + &line("Server", "serverVersion")
        }
    };
    session.out().write_all(text.as_bytes())?;
    asked.map(|_| ())
}

fn resources(session: &mut Session<'_>) -> Result<(), Failure> {
    no_words(session)?;
    let order = session.flags.text("sort-by").to_owned();
    if !matches!(order.as_str(), "" | "name" | "kind") {
        return Err(Failure::new("--sort-by accepts only name or kind"));
    }
    let api = session.api()?;
    let discovery = api.discovery()?;
    let mut found: Vec<&Rc<Resource>> = Vec::new();
    for resource in discovery
        .resources
        .iter()
        .filter(|one| wanted(session, one))
    {
        // Of several versions, the preferred one is first.
        let same =
            |one: &&Rc<Resource>| (&one.group, &one.name) == (&resource.group, &resource.name);
        if !found.iter().any(same) {
            found.push(resource);
        }
    }
    let found = sort::by(found, &|one| match order.as_str() {
        "name" => one.name.clone(),
        "kind" => format!("{}\t{}", one.kind, one.name),
        _ => format!("{}\t{}", one.group, one.name),
    });
    let text = shown(session, &found)?;
    session.out().write_all(&text)?;
    Failure::all(
        discovery
            .failures
            .iter()
            .map(|text| {
                Failure::new(format!(
                    "unable to retrieve the complete list of server APIs: {text}"
                ))
            })
            .collect(),
    )
}

fn wanted(session: &Session<'_>, resource: &Resource) -> bool {
    let flags = &session.flags;
    let has_all = |wanted: Vec<&str>, has: &[String]| {
        wanted.iter().all(|word| has.iter().any(|one| one == word))
    };
    !resource.verbs.is_empty()
        && (!flags.given("api-group") || flags.text("api-group") == resource.group)
        && (!flags.given("namespaced") || flags.on("namespaced") == resource.is_namespaced)
        && has_all(flags.all("verbs"), &resource.verbs)
        && has_all(flags.all("categories"), &resource.categories)
}

fn shown(session: &Session<'_>, found: &[&Rc<Resource>]) -> Result<Vec<u8>, Failure> {
    let count = match session.flags.text("output") {
        "" => 5,
        "wide" => 7,
        "name" => {
            let names: Vec<_> = found.iter().map(|one| one.qualified() + "\n").collect();
            return Ok(names.concat().into_bytes());
        }
        other => {
            return Err(Failure::new(format!(
                "unable to match a printer suitable for the output format {other:?}, allowed \
                 formats are: name,wide"
            )));
        }
    };
    let mut tabs = Tabs::table();
    if !session.flags.on("no-headers") {
        tabs.line(&HEADER[..count]);
    }
    for one in found {
        tabs.line(&cells(one)[..count]);
    }
    let mut out = Vec::new();
    tabs.flush(&mut out)?;
    Ok(out)
}

const HEADER: [&str; 7] = [
    "NAME",
    "SHORTNAMES",
    "APIVERSION",
    "NAMESPACED",
    "KIND",
    "VERBS",
    "CATEGORIES",
];

fn cells(one: &Resource) -> [String; 7] {
    [
        one.name.clone(),
        one.short_names.join(","),
        one.group_version(),
        one.is_namespaced.to_string(),
        one.kind.clone(),
        one.verbs.join(","),
        one.categories.join(","),
    ]
}

fn versions(session: &mut Session<'_>) -> Result<(), Failure> {
    no_words(session)?;
    let api = session.api()?;
    let versions = &api.discovery()?.versions;
    let mut names: Vec<_> = versions
        .iter()
        .map(|(group, version)| group_version(group, version) + "\n")
        .collect();
    names.sort_unstable();
    Ok(session.out().write_all(names.concat().as_bytes())?)
}

fn cluster_info(session: &mut Session<'_>) -> Result<(), Failure> {
    if !session.words.is_empty() {
        let words = session.words.join(" ");
        return Err(Failure::new(format!(
            "cluster-info {words} is not supported; leave out {words:?}"
        )));
    }
    let api = session.api()?;
    let namespace = match session.flags.text("namespace") {
        "" => "kube-system",
        given => given,
    };
    let server = api.client.server().to_owned();
    let path = format!(
        "/api/v1/namespaces/{namespace}/services?labelSelector=kubernetes.io%2Fcluster-service%3Dtrue"
    );
    let listed = api.get(&path);
    let mut text = String::new();
    if let Ok(list) = &listed {
        text += &format!("Kubernetes control plane is running at {server}\n");
        for service in list["items"].as_array().into_iter().flatten() {
            text += &running(service, &server);
        }
    }
    text += "\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n";
    session.out().write_all(text.as_bytes())?;
    listed.map(|_| ())
}

/// Where a service of the cluster itself is.
fn running(service: &Value, server: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &service["metadata"];
    let own = text(&metadata["name"]);
    let ports = service["spec"]["ports"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ingress = &service["status"]["loadBalancer"]["ingress"][0];
    let link = if ingress.is_object() {
        let host = match text(&ingress["ip"]) {
            empty if empty.is_empty() => text(&ingress["hostname"]),
            ip => ip,
        };
        let link = |port: &Value| format!("http://{host}:{} ", go::sprint(&port["port"]));
        ports.iter().map(link).collect()
    } else {
        let target = ports.first().map_or(own.clone(), |port| {
            let name = text(&port["name"]);
            let scheme = if name == "https" || port["port"] == 443 {
                "https"
            } else {
                ""
            };
            match (scheme, name.as_str()) {
                ("", "") => own.clone(),
                ("", name) => format!("{own}:{name}"),
                (scheme, name) => format!("{scheme}:{own}:{name}"),
            }
        });
        let namespace = text(&metadata["namespace"]);
        format!("{server}/api/v1/namespaces/{namespace}/services/{target}/proxy")
    };
    let shown = match text(&metadata["labels"]["kubernetes.io/name"]) {
        empty if empty.is_empty() => own,
        name => name,
    };
    format!("{shown} is running at {link}\n")
}

pub(super) fn no_words(session: &Session<'_>) -> Result<(), Failure> {
    if session.words.is_empty() {
        return Ok(());
    }
    let words = session.words.join(" ");
    Err(Failure::usage(
        session.verb.name,
        &format!("unexpected arguments: [{words}]"),
    ))
}
