//! `.github/workflows`: they do what `.ci/run` does, and each command in them that can run
//! here is run, in a copy of the tree, with stand-ins for what reaches out.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use pipeops_agent::yaml;

use super::repository::Repository;
use super::{ROOT, VERSION, run, succeeded};

/// What is not run here, by how it begins, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("make ", ".ci/run runs it"),
    ("rustup toolchain install stable", "downloads a toolchain"),
    ("cargo +stable ", "needs that toolchain"),
    ("build/test-image.sh ", "needs a Docker daemon"),
];
/// How a workflow runs as root what installs packages.
const AS_ROOT: &str = "sudo env \"HOME=$HOME\" \"PATH=$PATH\" ";
/// Stands in for a program: writes down with which arguments and input it was called.
const RECORDER: &str = "#!/bin/sh\nfor argument in \"${0##*/}\" \"$@\"; do printf '%s ' \"$argument\"; done >>\"$RECORD\"\n\
    echo >>\"$RECORD\"\ncase $* in *stdin*) cat >>\"$RECORD.input\" ;; esac\n";

/// The commands of a job of a workflow, each as it stands behind `run`.
fn commands(workflow: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(format!("{ROOT}/.github/workflows/{workflow}.yml")).unwrap();
    let document = yaml::parse(&text).unwrap().remove(0);
    let mut found = Vec::new();
    for (job, content) in document["jobs"].as_object().unwrap() {
        let steps = content["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let runs = steps.iter().filter_map(|step| step["run"].as_str());
        found.extend(runs.map(|run| (job.clone(), run.to_owned())));
    }
    found
}

fn elsewhere(command: &str) -> bool {
    let plain = command.strip_prefix(AS_ROOT).unwrap_or(command);
    ELSEWHERE.iter().any(|(start, _)| plain.starts_with(start))
}

#[test]
fn continuous_integration_is_the_same_here_and_there() {
    let script = fs::read_to_string(format!("{ROOT}/.ci/run")).unwrap();
    let here: BTreeSet<String> = script
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_prefix("step ").or(line.strip_prefix("beside ")))
        .filter_map(|step| step.split_once(' '))
        .map(|(_, target)| format!("make {target}"))
        .collect();
    let there: BTreeSet<String> = commands("ci")
        .iter()
        .filter_map(|(_, run)| run.strip_prefix(AS_ROOT))
        .map(str::to_owned)
        .collect();
    assert_eq!(here, there);
}

#[test]
fn the_oldest_rust_that_is_promised_is_the_one_that_builds() {
    let toolchain = fs::read_to_string(format!("{ROOT}/rust-toolchain.toml")).unwrap();
    let promised = env!("CARGO_PKG_RUST_VERSION");
    assert!(
        toolchain.contains(&format!("channel = \"{promised}.")),
        "Cargo.toml promises {promised}"
    );
}

/// Each file of pins as Dependabot calls its sort, and the folder that it lies in.
fn pins() -> Vec<(&'static str, String)> {
    let listed = run(Path::new(ROOT), "git", &["ls-files"]);
    let sort = |folder: &str, name: &str| match name {
        "Cargo.lock" => Some("cargo"),
        "go.mod" => Some("gomod"),
        "package-lock.json" => Some("npm"),
        _ if name.starts_with("Dockerfile") => Some("docker"),
        _ if folder.starts_with("build") && name.ends_with(".txt") => Some("pip"),
        _ => None,
    };
    let paths = listed.lines().filter_map(|path| path.rsplit_once('/'));
    let paths = paths.chain([("", "Cargo.lock")]);
    paths
        .filter_map(|(folder, name)| Some((sort(folder, name)?, format!("/{folder}"))))
        .collect()
}

#[test]
fn dependabot_is_told_of_all_that_is_pinned() {
    let text = fs::read_to_string(format!("{ROOT}/.github/dependabot.yml")).unwrap();
    let document = yaml::parse(&text).unwrap().remove(0);
    let mut told = BTreeSet::new();
    for entry in document["updates"].as_array().unwrap() {
        let one = entry["directory"].as_str().into_iter();
        let many = entry["directories"].as_array().into_iter().flatten();
        for folder in one.chain(many.filter_map(|folder| folder.as_str())) {
            told.insert((entry["package-ecosystem"].as_str().unwrap(), folder));
        }
    }
    let pins = pins();
    assert!(pins.len() > 14, "too few: {pins:?}");
    for (sort, folder) in pins {
        let (above, _) = folder.rsplit_once('/').unwrap();
        let glob = format!("{above}/*");
        let is_told = told.contains(&(sort, folder.as_str())) || told.contains(&(sort, &glob));
        assert!(is_told, "{sort} in {folder}");
    }
}

/// A machine of GitHub's, as far as the commands see it.
struct Runner {
    repository: Repository,
}

impl Runner {
    fn new() -> Self {
        let repository = Repository::copy();
        let changelog = repository.tree().join("CHANGELOG.md");
        let notes = fs::read_to_string(&changelog).unwrap();
        let section = format!("## [Unreleased]\n\n## [{VERSION}] - 2026-01-01");
        fs::write(changelog, notes.replacen("## [Unreleased]", &section, 1)).unwrap();
        repository.commit();
        repository.git(&["tag", &format!("v{VERSION}")]);
        let runner = Self { repository };
        let programs = runner.repository.beside("programs");
        fs::create_dir(&programs).unwrap();
        for (name, text) in [
            ("sudo", "#!/bin/sh\nexec \"$@\"\n"),
            ("gh", RECORDER),
            ("skopeo", RECORDER),
        ] {
            let file = programs.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        runner
    }

    /// As GitHub does: bash, and the first command that fails ends the step.
    #[track_caller]
    fn run(&self, command: &str) {
        let mut path = self.repository.beside("programs").into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", command])
            .current_dir(self.repository.tree())
            .env("PATH", path)
            .env("RECORD", self.repository.beside("record"))
            .env("RELEASE_BINARIES", self.repository.stand_ins())
            .env("GITHUB_REF", format!("refs/tags/v{VERSION}"))
            .env("GITHUB_REF_NAME", format!("v{VERSION}"))
            .env("GITHUB_REPOSITORY_OWNER", "PipeOpsHQ")
            .env("GITHUB_OUTPUT", self.repository.beside("output"))
            .env("REGISTRY_USER", "somebody")
            .env("REGISTRY_TOKEN", "token-of-the-registry")
            .env("GH_TOKEN", "token-of-github")
            .output();
        succeeded(&output.unwrap());
    }

    /// The commands of one job, in their order.
    #[track_caller]
    fn job(&self, workflow: &str, job: &str) {
        let all = commands(workflow).into_iter();
        let own = all.filter(|(name, run)| name == job && !elsewhere(run));
        own.for_each(|(_, run)| self.run(&run));
    }

    fn record(&self, name: &str) -> String {
        fs::read_to_string(self.repository.beside(name)).unwrap()
    }
}

#[test]
fn a_tag_becomes_a_release_with_its_image() {
    let runner = Runner::new();
    let tree = runner.repository.tree();
    runner.job("release", "files");
    for copy in ["files-first", "files-second"] {
        runner.run(&format!("cp -r dist {copy}"));
    }
    runner.job("release", "same");
    copy_all(&runner.repository.stand_ins(), &tree.join("bin"));
    runner.job("docker", "build");
    runner.job("docker", "push");
    runner.job("release", "publish");

    let record = runner.record("record");
    let release = format!("gh release create v{VERSION} --verify-tag --title v{VERSION} ");
    assert!(record.contains(&release), "{record}");
    let file = format!("files-first/v{VERSION}/pipeops-agent-{VERSION}-install.tar.gz ");
    assert!(record.contains(&file), "{record}");
    for tag in [VERSION, "latest"] {
        for repository in ["ghcr.io/pipeopshq/agent", "docker.io/pipeops/agent"] {
            let push = format!("oci-archive:bin/image.tar docker://{repository}:{tag} ");
            assert!(record.contains(&push), "{push} in {record}");
        }
    }
    assert!(!record.contains("token-of-"), "{record}");
    assert_pushed(&runner);
    let given = runner.record("record.input");
    assert_eq!(given, "token-of-the-registry".repeat(2));
}

/// What the attestation is of: the digest that a client finds in the registry.
#[track_caller]
fn assert_pushed(runner: &Runner) {
    let layout = runner.repository.beside("layout");
    fs::create_dir(&layout).unwrap();
    let image = runner.repository.tree().join("bin/image.tar");
    run(&layout, "tar", &["-xf", image.to_str().unwrap()]);
    let output = runner.record("output");
    let told = |key: &str| output.lines().find_map(|line| line.strip_prefix(key));
    assert_eq!(told("name="), Some("ghcr.io/pipeopshq/agent"), "{output}");
    let digest = told("digest=sha256:").expect(&output);
    let index = fs::read_to_string(layout.join("blobs/sha256").join(digest)).unwrap();
    assert!(index.contains("\"linux\""), "{index}");
}

/// An image that is pushed cannot be taken back.
#[test]
fn nothing_leaves_before_it_was_made_twice_and_tested() {
    let text = fs::read_to_string(format!("{ROOT}/.github/workflows/release.yml")).unwrap();
    let jobs = &yaml::parse(&text).unwrap().remove(0)["jobs"];
    assert_eq!(jobs["image"]["needs"], serde_json::json!(["ci", "same"]));
    assert_eq!(jobs["publish"]["needs"], "image");
    let compared = commands("release");
    let compared = compared.iter().find(|(job, _)| job == "same").unwrap();
    assert!(compared.1.starts_with("diff -r "), "{compared:?}");
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Which jobs are run above; the commands of all others have a reason.
#[test]
fn every_command_is_run_or_says_why_not() {
    let here = [
        ("release", "files"),
        ("release", "same"),
        ("release", "publish"),
        ("docker", "build"),
        ("docker", "push"),
    ];
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for workflow in ["ci", "docker", "release"] {
        for (job, command) in commands(workflow) {
            let is_run = here.contains(&(workflow, job.as_str()));
            assert!(
                is_run || elsewhere(&command),
                "{workflow}, {job}: {command}"
            );
            // What GitHub fills in could be anybody's text; the shell must see variables alone.
            assert!(!command.contains("${{"), "{workflow}, {job}: {command}");
            let plain = command.strip_prefix(AS_ROOT).unwrap_or(&command);
            used.extend(
                ELSEWHERE
                    .iter()
                    .map(|(start, _)| *start)
                    .filter(|start| plain.starts_with(start)),
            );
        }
    }
    assert_eq!(used.len(), ELSEWHERE.len(), "each reason is still needed");
}

#[test]
fn a_version_without_notes_is_not_published() {
    let runner = Runner::new();
    let notes = |tag: &str| {
        let mut command = Command::new(runner.repository.tree().join("build/notes.sh"));
        command.arg(tag).output().unwrap()
    };
    let told = String::from_utf8(notes(&format!("v{VERSION}")).stdout).unwrap();
    assert!(told.starts_with("### Added\n"), "{told}");
    for tag in ["v99.0.0", &format!("v{VERSION}-rc.1"), "v"] {
        assert_eq!(notes(tag).status.code(), Some(1), "{tag}");
    }
}
