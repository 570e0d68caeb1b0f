//! The files that `scripts/release.sh` makes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::super::image::assert_image;
use super::repository::Repository;
use super::{ROOT, VERSION, run, succeeded};

/// Each file with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_same_commit_gives_the_same_bytes_with_sums_of_all() {
    let repository = Repository::copy();
    let first = repository.snapshot("first");
    // Neither the caller's umask nor the time shows, nor that the tree lies elsewhere.
    let moved = repository.beside("moved");
    fs::rename(repository.tree(), &moved).unwrap();
    let script = moved.join("scripts/release.sh");
    let script = format!(
        "umask 077; exec {} --snapshot --binaries=binaries --output=second",
        script.display()
    );
    run(first.ancestors().nth(2).unwrap(), "sh", &["-c", &script]);
    let second = repository.beside(&format!("second/v{VERSION}"));
    assert!(files(&first) == files(&second), "the two differ");

    let mut names: Vec<String> = files(&first).into_keys().collect();
    let sums = fs::read_to_string(first.join("SHA256SUMS")).unwrap();
    let summed: Vec<_> = sums
        .lines()
        .filter_map(|line| line.split("  ").nth(1))
        .collect();
    names.retain(|name| name != "SHA256SUMS");
    assert_eq!(summed, names);
    run(&first, "sha256sum", &["--check", "--quiet", "SHA256SUMS"]);
    for name in expected() {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(!names.iter().any(|name| name == "release.sh"));
    let manifest = fs::read_to_string(first.join("agent.yaml")).unwrap();
    assert!(manifest.contains(&format!("image: pipeops/agent:{VERSION}\n")));
}

fn expected() -> Vec<String> {
    let named = [
        "image.tar",
        "install.tar.gz",
        "linux-amd64.tar.gz",
        "linux-arm64.tar.gz",
    ];
    let named = named
        .iter()
        .map(|name| format!("pipeops-agent-{VERSION}-{name}"));
    let plain = [
        "agent.yaml",
        "rbac-full.yaml",
        "rbac-minimal.yaml",
        "rbac-standard.yaml",
        "install.sh",
        "join-worker.sh",
        "uninstall.sh",
        "upgrade.sh",
    ];
    let plain = plain.iter().map(ToString::to_string);
    let others = [".cdx.json", ".tgz"].map(|end| format!("pipeops-agent-{VERSION}{end}"));
    named.chain(plain).chain(others).collect()
}

#[test]
fn the_page_names_every_file() {
    let page = fs::read_to_string(format!("{ROOT}/docs/releasing.md")).unwrap();
    for name in expected() {
        let suffix = name.trim_start_matches(&format!("pipeops-agent-{VERSION}"));
        let is_script = suffix.ends_with(".sh");
        assert!(is_script || page.contains(&format!("{suffix}`")), "{name}");
    }
}

#[test]
fn archives_and_image_hold_the_binaries() {
    let repository = Repository::copy();
    let release = repository.snapshot("dist");
    let binaries = repository.stand_ins();
    let [amd64, arm64] =
        ["amd64", "arm64"].map(|name| binaries.join(format!("pipeops-agent-{name}")));
    for (architecture, binary) in [("amd64", &amd64), ("arm64", &arm64)] {
        let program = unpacked(&release, architecture, &repository.beside("unpacked"));
        assert_eq!(fs::read(&program).unwrap(), fs::read(binary).unwrap());
        let said = run(program.parent().unwrap(), "./pipeops-agent", &[]);
        assert!(
            said.starts_with(&format!("{architecture} {VERSION} ")),
            "{said}"
        );
        for name in ["LICENSE", "README.md"] {
            let own = fs::read(repository.tree().join(name)).unwrap();
            assert_eq!(fs::read(program.with_file_name(name)).unwrap(), own);
        }
    }
    let image = release.join(format!("pipeops-agent-{VERSION}-image.tar"));
    assert_image(&image, &amd64, &arm64);
}

/// In one file that needs nothing beside it: what are links in the tree are files there.
#[test]
fn the_chart_holds_the_manifests() {
    let repository = Repository::copy();
    let release = repository.snapshot("dist");
    let chart = release.join(format!("pipeops-agent-{VERSION}.tgz"));
    let listed = run(&release, "tar", &["-tvzf", chart.to_str().unwrap()]);
    assert!(
        !listed.lines().any(|line| line.starts_with('l')),
        "{listed}"
    );
    let target = repository.beside("unpacked");
    fs::create_dir(&target).unwrap();
    run(&target, "tar", &["-xzf", chart.to_str().unwrap()]);
    let unpacked = target.join("pipeops-agent");
    let about = fs::read_to_string(unpacked.join("Chart.yaml")).unwrap();
    assert!(
        about.contains(&format!("\nversion: {VERSION}\n")),
        "{about}"
    );
    for (file, own) in [
        ("agent.yaml", "agent.yaml"),
        ("dashboard.json", "monitoring/dashboard.json"),
    ] {
        let own = fs::read(repository.tree().join("deployments").join(own)).unwrap();
        assert_eq!(
            fs::read(unpacked.join("manifests").join(file)).unwrap(),
            own
        );
    }
}

/// The binary of the archive for that architecture.
fn unpacked(release: &Path, architecture: &str, target: &Path) -> PathBuf {
    let name = format!("pipeops-agent-{VERSION}-linux-{architecture}");
    fs::create_dir_all(target).unwrap();
    let archive = release.join(format!("{name}.tar.gz"));
    run(target, "tar", &["-xzf", archive.to_str().unwrap()]);
    target.join(name).join("pipeops-agent")
}

#[test]
fn only_a_clean_tagged_commit_with_its_notes_is_a_version() {
    let repository = Repository::copy();
    refused(&repository.release("dist", &[]), "no tag");
    let changelog = repository.tree().join("CHANGELOG.md");
    let notes = fs::read_to_string(&changelog).unwrap();
    let heading = format!("\n## [{VERSION}]");
    let without = notes.replace(&heading, "\n## [none]");
    fs::write(&changelog, format!("{without}\n")).unwrap();
    refused(&repository.release("dist", &[]), "the tree has changes");
    repository.commit();
    repository.git(&["tag", &format!("v{VERSION}")]);
    refused(&repository.release("dist", &[]), "no section");

    fs::write(&changelog, format!("{notes}{heading} - 2026-01-01\n")).unwrap();
    repository.commit();
    refused(&repository.release("dist", &[]), "no tag");
    repository.git(&["tag", "--force", &format!("v{VERSION}")]);
    succeeded(&repository.release("dist", &[]));
}

/// What is installed is the manifest inside of install.sh, not the one beside it.
#[test]
fn a_version_that_is_not_the_same_everywhere_is_refused() {
    let repository = Repository::copy();
    let manifest = repository.tree().join("deployments/agent.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}# more\n")).unwrap();
    let made = || repository.release("dist", &["--snapshot"]);
    refused(&made(), "a script carries an older manifest");
    fs::write(&manifest, text.replace(VERSION, "0.999.0")).unwrap();
    refused(&made(), "names another image");
    let script = repository.tree().join("build/version.sh");
    let script = script.to_str().unwrap();
    run(&repository.tree(), script, &[VERSION]);
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    succeeded(&made());
}

#[test]
fn binaries_of_another_commit_are_refused() {
    let repository = Repository::copy();
    let binary = repository.stand_ins().join("pipeops-agent-arm64");
    let kept = repository.beside("kept");
    fs::create_dir(&kept).unwrap();
    for name in ["pipeops-agent-amd64", "pipeops-agent-arm64"] {
        fs::copy(binary.with_file_name(name), kept.join(name)).unwrap();
    }
    repository.git(&["commit", "--quiet", "--allow-empty", "--message", "Later"]);
    let mut command = Command::new(repository.tree().join("scripts/release.sh"));
    let output = command.arg("--snapshot").arg("--binaries").arg(&kept);
    refused(&output.output().unwrap(), "another commit");
    assert!(!repository.tree().join("dist").exists());
}

#[test]
fn files_that_it_did_not_make_stay() {
    let repository = Repository::copy();
    let release = repository.snapshot("dist");
    let foreign = release.join("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    let before = files(&release);
    refused(&repository.release("dist", &["--snapshot"]), "notes.txt");
    assert!(files(&release) == before);
    fs::remove_file(&foreign).unwrap();
    fs::write(release.join("agent.yaml"), "cut").unwrap();
    let again = repository.snapshot("dist");
    run(&again, "sha256sum", &["--check", "--quiet", "SHA256SUMS"]);
    let left = fs::read_dir(repository.beside("dist")).unwrap().count();
    assert_eq!(left, 1, "nothing temporary stays");
}

#[track_caller]
fn refused(output: &Output, word: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(told.contains(word) && told.contains("next: "), "{told}");
}

/// With the binaries of `make build-all`, where they are of this commit.
#[test]
fn the_built_binaries_are_released_and_run() {
    let bin = Path::new(ROOT).join("bin");
    let output = tempfile::tempdir().unwrap();
    let made = Command::new(format!("{ROOT}/scripts/release.sh"))
        .args([
            "--snapshot",
            "--binaries",
            bin.to_str().unwrap(),
            "--output",
        ])
        .arg(output.path())
        .output()
        .unwrap();
    if !made.status.success() {
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(told.contains("next: make build-all"), "{told}");
        return skip();
    }
    let release = output.path().join(format!("v{VERSION}"));
    let native = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let program = unpacked(&release, native, output.path());
    let said = run(output.path(), program.to_str().unwrap(), &["--version"]);
    assert!(
        said.starts_with(&format!("pipeops-agent {VERSION}\n")),
        "{said}"
    );
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip() {
    eprintln!("skipped: a release of real binaries: make build-all makes them for this commit");
}
