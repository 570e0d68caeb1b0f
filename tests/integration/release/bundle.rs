//! The folder to carry to where there is no internet, used as its README says.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::repository::Repository;
use super::{ROOT, VERSION, run};

/// Unpacked, with stand-ins for the files of k3s that its user adds, and a token.
fn carried(repository: &Repository) -> PathBuf {
    let folder = unpacked(repository, &repository.snapshot("dist"), VERSION);
    fs::write(folder.join("token.txt"), "token-of-the-test").unwrap();
    for (name, text) in [
        ("k3s", "#!/bin/sh\n"),
        ("k3s-install.sh", "#!/bin/sh\n"),
        ("k3s-airgap-images-amd64.tar", "images"),
    ] {
        fs::write(folder.join("airgap").join(name), text).unwrap();
    }
    folder
}

/// The folder of that release.
fn unpacked(repository: &Repository, release: &Path, version: &str) -> PathBuf {
    let name = format!("pipeops-agent-{version}-install");
    let archive = release.join(format!("{name}.tar.gz"));
    let place = repository.beside("carried");
    fs::create_dir_all(&place).unwrap();
    run(&place, "tar", &["-xzf", archive.to_str().unwrap()]);
    place.join(name)
}

/// The commands of its README, each with a dry run in place of the real one.
fn commands(folder: &Path) -> Vec<String> {
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .flat_map(str::lines)
        .map(|line| line.replace("scripts/install.sh", "scripts/install.sh --dry-run"))
        .collect()
}

/// What a command says on a machine of its own, where nothing was changed.
#[track_caller]
fn dry_run(folder: &Path, line: &str) -> String {
    let root = folder.with_file_name("root");
    let proc = folder.with_file_name("proc");
    for (file, text) in [
        (root.join("etc/os-release"), "ID=debian\n"),
        (proc.join("meminfo"), "MemTotal:        4000000 kB\n"),
        (proc.join("cgroups"), "memory\t0\t1\t1\n"),
        (proc.join("net/tcp"), ""),
    ] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PIPEOPS_ROOT", &root)
        .env("PIPEOPS_SYSTEM", "Linux")
        .env("PIPEOPS_PROC", proc)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    let left = run(&root, "find", &[".", "-type", "f"]);
    assert_eq!(left, "./etc/os-release\n", "{line}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_installs_without_a_network_as_its_readme_says() {
    let repository = Repository::copy();
    let folder = carried(&repository);
    let lines = commands(&folder);
    let install = lines.iter().filter(|line| !line.contains("upgrade.sh"));
    let said: Vec<_> = install.map(|line| dry_run(&folder, line)).collect();
    assert_eq!(said.len(), 3);
    let image = format!("agent/images/pipeops-agent-{VERSION}-image.tar");
    for word in ["/usr/local/bin/k3s", &image, "Deployment pipeops-agent"] {
        assert!(said[1].contains(word), "{word}: {}", said[1]);
    }
    assert!(!said[1].contains("would download"), "{}", said[1]);
    assert!(said[2].contains("Deployment pipeops-agent"), "{}", said[2]);
    assert!(!said[2].contains("k3s"), "{}", said[2]);
}

#[test]
fn it_has_every_script_and_manifest_of_the_tree() {
    let repository = Repository::copy();
    let folder = carried(&repository);
    let tracked = repository.git(&["ls-files", "deployments", "scripts/*.sh"]);
    for file in tracked.lines().filter(|file| is_for_users(file)) {
        let own = fs::read(repository.tree().join(file)).unwrap();
        assert_eq!(fs::read(folder.join(file)).unwrap(), own, "{file}");
    }
}

/// Parts that are copied into the scripts do not travel, nor does what makes releases.
fn is_for_users(file: &str) -> bool {
    !file.starts_with("scripts/lib/") && file != "scripts/release.sh"
}

#[test]
fn a_file_that_was_changed_on_the_way_is_refused() {
    let repository = Repository::copy();
    let folder = carried(&repository);
    let commands = commands(&folder);
    dry_run(&folder, &commands[0]);
    let image = folder.join(format!("airgap/pipeops-agent-{VERSION}-image.tar"));
    fs::write(image, "something else").unwrap();
    let refused = Command::new("sh")
        .args(["-c", &commands[1]])
        .current_dir(&folder)
        .env("PIPEOPS_ROOT", folder.with_file_name("root"))
        .output()
        .unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("differs from SHA256SUMS"), "{told}");
}

/// A cluster that stands in, as for the tests of the scripts, and a machine without network.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        for folder in ["cluster", "root", "tmp"] {
            fs::create_dir(site.0.path().join(folder)).unwrap();
        }
        fs::write(site.0.path().join("offline"), "").unwrap();
        site
    }

    /// What a line of the README says there.
    #[track_caller]
    fn run(&self, folder: &Path, line: &str) -> String {
        let site = self.0.path();
        let mut path = OsString::from(format!("{ROOT}/tests/scripts/shims:"));
        path.push(env::var_os("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(folder)
            .env_clear()
            .env("PATH", path)
            .env("T", site)
            .env("TMPDIR", site.join("tmp"))
            .env("PIPEOPS_ROOT", site.join("root"))
            .env("PIPEOPS_SYSTEM", "Linux")
            .env("PIPEOPS_MACHINE", "x86_64")
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// This tree as a later version, committed.
fn give_version(repository: &Repository, version: &str) {
    let script = repository.tree().join("build/version.sh");
    run(&repository.tree(), script.to_str().unwrap(), &[version]);
    repository.commit();
}

/// From the first folder to a later one, and back, each as it was carried.
#[test]
fn a_later_folder_upgrades_what_an_earlier_one_installed() {
    let (site, repository) = (Site::new(), Repository::copy());
    let folder = carried(&repository);
    let lines = commands(&folder);
    // The image archives of k3s are none of this cluster.
    for file in ["k3s", "k3s-install.sh", "k3s-airgap-images-amd64.tar"] {
        fs::remove_file(folder.join("airgap").join(file)).unwrap();
    }
    let said = site.run(&folder, &lines[2].replace(" --dry-run", ""));
    assert!(said.contains("installed: the agent"), "{said}");

    let next = "0.999.0";
    give_version(&repository, next);
    let made = repository.release("later", &["--snapshot"]);
    assert!(made.status.success(), "{made:?}");
    let release = repository.beside("later").join(format!("v{next}"));
    let later = unpacked(&repository, &release, next);
    let said = site.run(&later, &commands(&later)[3]);
    let upgraded = format!("upgraded: from {VERSION} to {next}");
    assert!(said.contains(&upgraded), "{said}");
    let said = site.run(&later, "sh scripts/upgrade.sh --rollback");
    assert!(
        said.contains(&format!("rolled back: to {VERSION}")),
        "{said}"
    );
}
