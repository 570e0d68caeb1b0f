//! `kubectl run`: a pod with one container.

use serde_json::Value;

use super::amend::Amendment;
use super::change::{DRY_RUN, DryRun};
use super::expose::{self, OVERRIDES, labels, number, overrides};
use super::failure::Failure;
use super::flags::{Flags, Group, Kind, flag, switch, text};
use super::pods::{self, RUNNING};
use super::session::Session;
use super::verbs::{OUTPUT, Verb};
use crate::json::map;

pub(super) const VERB: Verb = Verb {
    name: "run",
    aliases: &[],
    usage: "NAME --image=image [--env=\"key=value\"] [--port=port] [--command] -- [COMMAND] [args...]",
    about: "Run a particular image on the cluster",
    flags: &[DRY_RUN, OUTPUT, OVERRIDES, RUNNING, pods::STREAMS, FLAGS],
    local: false,
    run,
};

const FLAGS: Group = &[
    flag("annotations", "", Kind::Each, ""),
    switch("attach", ""),
    switch("command", ""),
    flag("env", "", Kind::Each, ""),
    switch("expose", ""),
    flag("field-manager", "", Kind::Text, "kubectl-run"),
    text("image", ""),
    text("image-pull-policy", ""),
    text("labels", "l"),
    switch("leave-stdin-open", ""),
    text("port", ""),
    switch("privileged", ""),
    flag("restart", "", Kind::Text, "Always"),
    switch("rm", ""),
];

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    super::scale::required(session, "image")?;
    let mut amendment = Amendment::of(session, "created")?;
    check(session, &amendment)?;
    let attaches = attaches(&session.flags);
    let name = session.words[0].clone();
    let mut pod = pod(&session.flags, &name, &session.words[1..])?;
    overrides(&session.flags, &mut pod)?;
    let pod = amendment.create(session, pod)?;
    let mut services = Vec::new();
    if session.flags.on("expose") {
        let service = service(&session.flags, &name)?;
        let service = amendment.create(session, service)?;
        amendment.tell(session, service.clone())?;
        if session.flags.text("output") == "yaml" {
            session.out().write_all(b"---\n")?;
        }
        services.push(service);
    }
    if attaches {
        services.insert(0, pod);
        return pods::attend(session, &services);
    }
    amendment.tell(session, pod)
}

fn attaches(flags: &Flags) -> bool {
    flags.on("attach") || (flags.on("stdin") && !flags.given("attach"))
}

fn check(session: &Session<'_>, amendment: &Amendment) -> Result<(), Failure> {
    let flags = &session.flags;
    let (image, restart) = (flags.text("image"), flags.text("restart"));
    let usage = |problem: &str| Err(Failure::usage("run", problem));
    if session.words.is_empty() || session.dash == Some(0) {
        return usage("NAME is required for run");
    }
    if image.is_empty() {
        return Err(Failure::new("--image is required"));
    }
    if !is_image(image) {
        let problem = format!("Invalid image name {image:?}: invalid reference format");
        return Err(Failure::new(problem));
    }
    if flags.on("tty") && !flags.on("stdin") {
        return usage("-i/--stdin is required for containers with -t/--tty=true");
    }
    if flags.on("expose") && flags.text("port").is_empty() {
        return usage("--port must be set when exposing a service");
    }
    if !matches!(restart, "" | "Always" | "OnFailure" | "Never") {
        return usage(&format!("invalid restart policy: {restart}"));
    }
    if !attaches(flags) && flags.on("rm") {
        return usage("--rm should only be used for attached containers");
    }
    if attaches(flags) && amendment.dry_run != DryRun::None {
        return usage(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, \
             --stdin, or --tty)",
        );
    }
    let pull = flags.text("image-pull-policy");
    if !matches!(pull, "" | "Always" | "IfNotPresent" | "Never") {
        return usage(&format!("invalid image pull policy: {pull}"));
    }
    Ok(())
}

/// Whether it can name an image: `HOST:PORT/PATH:TAG@DIGEST`. The server knows more.
fn is_image(text: &str) -> bool {
    let name = text.split('@').next().unwrap_or_default();
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, tag),
        _ => (name, "latest"),
    };
    let all = |word: &str, more: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !word.is_empty() && !word.starts_with(['-', '.']) && word.chars().all(fits)
    };
    let mut parts = path.split('/');
    let last = parts.next_back().unwrap_or_default();
    let is_low = !last.chars().any(|c| c.is_ascii_uppercase());
    is_low && all(last, "-_.") && all(tag, "-_.") && parts.all(|part| all(part, "-_.:[]"))
}

fn pod(flags: &Flags, name: &str, words: &[String]) -> Result<Value, Failure> {
    let mut metadata = map! {"labels": own_labels(flags, name)?, "name": name};
    for pair in flags.all("annotations") {
        match pair.split_once('=').filter(|(key, _)| !key.is_empty()) {
            Some((key, value)) => metadata["annotations"][key] = value.into(),
            None => {
                return Err(Failure::new(format!("invalid annotations format: {pair}")));
            }
        }
    }
    let restart = match flags.text("restart") {
        "" => "Always",
        given => given,
    };
    Ok(map! {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": map! {
            "containers": vec![container(flags, name, words)?],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": restart,
        },
        "status": map! {},
    })
}

fn container(flags: &Flags, name: &str, words: &[String]) -> Result<Value, Failure> {
    let mut container = map! {"image": flags.text("image"), "name": name, "resources": map! {}};
    if !words.is_empty() {
        let key = if flags.on("command") {
            "command"
        } else {
            "args"
        };
        container[key] = words.into();
    }
    let variables = variables(flags)?;
    if !variables.is_empty() {
        container["env"] = variables.into();
    }
    if !flags.text("image-pull-policy").is_empty() {
        container["imagePullPolicy"] = flags.text("image-pull-policy").into();
    }
    if !flags.text("port").is_empty() {
        container["ports"] = vec![map! {"containerPort": number(flags.text("port"))?}].into();
    }
    if flags.on("privileged") {
        container["securityContext"] = map! {"privileged": true};
    }
    let stays = flags.on("leave-stdin-open");
    for (key, is_so) in [
        ("stdin", flags.on("stdin")),
        ("stdinOnce", flags.on("stdin") && !stays),
        ("tty", flags.on("tty")),
    ] {
        if is_so {
            container[key] = true.into();
        }
    }
    Ok(container)
}

fn own_labels(flags: &Flags, name: &str) -> Result<Value, Failure> {
    match flags.text("labels") {
        "" => Ok(map! {"run": name}),
        text => labels(text),
    }
}

fn variables(flags: &Flags) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    for pair in flags.all("env") {
        let pair_of = pair.split_once('=').filter(|(name, _)| !name.is_empty());
        let Some((name, value)) = pair_of else {
            return Err(Failure::new(format!("invalid env: {pair}")));
        };
        let mut one = map! {"name": name};
        if !value.is_empty() {
            one["value"] = value.into();
        }
        all.push(one);
    }
    Ok(all)
}

/// The service that `--expose` makes.
fn service(flags: &Flags, name: &str) -> Result<Value, Failure> {
    let port = number(flags.text("port"))?;
    let mut metadata = map! {"name": name};
    if !flags.text("labels").is_empty() {
        metadata["labels"] = labels(flags.text("labels"))?;
    }
    let ports = vec![map! {"port": port, "protocol": "TCP", "targetPort": port}];
    let spec = map! {"ports": ports, "selector": own_labels(flags, name)?};
    Ok(expose::whole(metadata, spec))
}

#[cfg(test)]
mod tests {
    use super::is_image;

    #[test]
    fn images_have_a_host_a_path_a_tag_and_a_digest() {
        for (text, is_one) in [
            ("busybox", true),
            ("busybox:1.2", true),
            ("localhost:5000/a/b_c", true),
            ("Host.example/a:T@sha256:00", true),
            ("[::1]:5000/a", true),
            ("BAD", false),
            ("bad:::1", false),
            ("-bad", false),
            ("a:", false),
            ("a b", false),
        ] {
            assert_eq!(is_image(text), is_one, "{text}");
        }
    }
}
