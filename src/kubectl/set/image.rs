//! `kubectl set image`: the image of containers, by their names.

use super::{SHARED, containers, each, found};
use crate::kubectl::amend::Amendment;
use crate::kubectl::failure::Failure;
use crate::kubectl::label;
use crate::kubectl::session::Session;
use crate::kubectl::verbs::Verb;

pub(in crate::kubectl) const VERB: Verb = Verb {
    name: "set image",
    aliases: &[],
    usage: "(-f FILENAME | TYPE NAME) CONTAINER_1=IMAGE_1 ... CONTAINER_N=IMAGE_N",
    about: "Update the image of a pod template",
    flags: SHARED,
    local: false,
    run,
};

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let mut amendment = Amendment::of(session, "image updated")?;
    amendment.failed = "failed to patch image update to pod template: ";
    let (words, pairs) = label::split(&session.words, "image")?;
    session.words = words;
    let images = parse(&pairs)?;
    let found = found(session)?;
    if session.flags.on("all") && !session.flags.text("selector").is_empty() {
        return Err(Failure::new(
            "cannot set --all and --selector at the same time",
        ));
    }
    if images.is_empty() {
        return Err(Failure::new("at least one image update is required"));
    }
    if images.len() > 1 && images.iter().any(|(name, _)| *name == "*") {
        return Err(Failure::new(
            "all containers are already specified by *, but saw more than one \
             container_name=container_image pairs",
        ));
    }
    each(session, &mut amendment, found, &mut |_, _, pod| {
        let mut problems = Vec::new();
        for (name, image) in &images {
            let pattern = if *name == "*" { "*" } else { name };
            let meant = containers(pod, pattern);
            if meant.is_empty() {
                problems.push(format!("error: unable to find container named {name:?}"));
            }
            for container in meant {
                container["image"] = (*image).into();
            }
        }
        Ok(problems)
    })
}

/// Containers and their images, the last of each name, sorted.
fn parse(pairs: &[String]) -> Result<Vec<(&str, &str)>, Failure> {
    let mut images: Vec<(&str, &str)> = Vec::new();
    let wrong: Vec<_> = pairs.iter().filter(|pair| !pair.contains('=')).collect();
    if !wrong.is_empty() {
        let wrong: Vec<_> = wrong.into_iter().map(String::as_str).collect();
        let wrong = wrong.join(", ");
        return Err(Failure::new(format!("invalid image format: {wrong}")));
    }
    for (name, image) in pairs.iter().filter_map(|pair| pair.split_once('=')) {
        images.retain(|(other, _)| *other != name);
        images.push((name, image));
    }
    images.sort_unstable();
    Ok(images)
}
