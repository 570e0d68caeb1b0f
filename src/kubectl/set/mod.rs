//! `kubectl set`: what is in the pods that objects make.

pub(super) mod env;
pub(super) mod image;
mod resolve;
pub(super) mod resources;

use serde_json::Value;

use super::amend::{self, Amendment, Found};
use super::change::DRY_RUN;
use super::failure::Failure;
use super::flags::{Group, Kind, flag, switch};
use super::pods::field;
use super::resources::Rules;
use super::session::Session;
use super::verbs::{FILES, OUTPUT, SELECTOR};

const SHARED: &[Group] = &[FILES, SELECTOR, DRY_RUN, OUTPUT, ALL];

const ALL: Group = &[
    switch("all", ""),
    flag("field-manager", "", Kind::Text, "kubectl-set"),
];
const CONTAINERS: Group = &[flag("containers", "c", Kind::Text, "*")];

/// What a verb does to the containers of one object: those lists of containers stand in
/// the pod. Gives back what went wrong without ending the others.
type Change<'a> =
    dyn FnMut(&mut Session<'_>, &Value, &mut Value) -> Result<Vec<String>, Failure> + 'a;

/// The objects that are meant; none of them is changed if one is missing.
fn found(session: &mut Session<'_>) -> Result<Vec<Found>, Failure> {
    let rules = Rules {
        all: session.flags.on("all"),
        ..Rules::default()
    };
    let (found, failures) = amend::gather(session, rules, true)?;
    Failure::all(failures)?;
    Ok(found)
}

/// Changes the pod in each.
fn each(
    session: &mut Session<'_>,
    amendment: &mut Amendment,
    found: Vec<Found>,
    change: &mut Change<'_>,
) -> Result<(), Failure> {
    let mut failures = Vec::new();
    let lists = session.flags.on("list");
    for (ask, before) in found {
        let mut after = before.clone();
        let changed = match amend::pod_spec(&mut after) {
            Some(pod) => change(session, &before, pod),
            None => Err(Failure::new(format!(
                "the object is not a pod or does not have a pod template: {}",
                amend::type_of(&before)
            ))),
        };
        if lists {
            continue;
        }
        match changed {
            Ok(problems) => {
                failures.extend(problems.into_iter().map(Failure::new));
                let made = amendment.make(session, &ask, (&before, after));
                failures.extend(made.err());
            }
            Err(failure) => {
                let (kind, name) = (&ask.resource.name, &ask.name);
                let problem = format!("error: {kind}/{name} {}\n", failure.message());
                failures.push(Failure::new(problem));
            }
        }
    }
    Failure::all(failures)
}

/// The containers that a pattern means; those that come first start later.
fn containers<'a>(pod: &'a mut Value, pattern: &str) -> Vec<&'a mut Value> {
    let Some(pod) = pod.as_object_mut() else {
        return Vec::new();
    };
    let (mut main, mut init) = (Vec::new(), Vec::new());
    for (key, list) in pod {
        let chosen = match key.as_str() {
            "containers" => &mut main,
            "initContainers" => &mut init,
            _ => continue,
        };
        let all = list.as_array_mut().into_iter().flatten();
        chosen.extend(all.filter(|one| is_meant(field(one, "/name"), pattern)));
    }
    main.extend(init);
    main
}

/// Whether a name fits a pattern, in which `*` stands for anything.
fn is_meant(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let Some(left) = name.strip_prefix(start) else {
        return false;
    };
    match rest.rsplit_once('*') {
        Some((middle, end)) => {
            let inside = left.strip_suffix(end);
            inside.is_some_and(|inside| middle.split('*').all(|part| inside.contains(part)))
        }
        None => left.ends_with(rest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn containers_are_meant_by_name_or_pattern() {
        let mut pod = json!({"initContainers": [{"name": "init"}],
            "containers": [{"name": "main"}, {"name": "main-2"}]});
        for (pattern, expected) in [
            ("*", vec!["main", "main-2", "init"]),
            ("main", vec!["main"]),
            ("main*", vec!["main", "main-2"]),
            ("*in*", vec!["main", "main-2", "init"]),
            ("*2", vec!["main-2"]),
            ("x", vec![]),
        ] {
            let found = containers(&mut pod, pattern);
            let names: Vec<_> = found
                .iter()
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, expected, "{pattern}");
        }
    }
}
