//! The files of this tree in a repository of their own, where a test may commit and tag.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{ROOT, VERSION, run, succeeded};

/// Holds the sources in `tree`; what releases are made of and go to is beside them.
pub(super) struct Repository(TempDir);

impl Repository {
    pub(super) fn copy() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        let listed = ["ls-files", "--cached", "--others", "--exclude-standard"];
        for name in run(Path::new(ROOT), "git", &listed).lines() {
            let (from, to) = (Path::new(ROOT).join(name), tree.join(name));
            // Git also lists what was deleted since.
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(from, to).unwrap();
            }
        }
        let repository = Self(folder);
        repository.git(&["init", "--quiet"]);
        repository.commit();
        repository
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.0.path().join("tree")
    }

    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[track_caller]
    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
        run(&self.tree(), "git", &[&who, arguments].concat())
    }

    #[track_caller]
    pub(super) fn commit(&self) {
        self.git(&["-c", "core.looseCompression=0", "add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "All of it"]);
    }

    /// Two programs in place of the binaries; each says its version and this commit.
    pub(super) fn stand_ins(&self) -> PathBuf {
        let folder = self.beside("binaries");
        fs::create_dir_all(&folder).unwrap();
        let commit = self.git(&["rev-parse", "--short=12", "HEAD"]);
        for architecture in ["amd64", "arm64"] {
            let file = folder.join(format!("pipeops-agent-{architecture}"));
            let text = format!("#!/bin/sh\necho {architecture} {VERSION} {commit}");
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    /// Runs scripts/release.sh with the stand-ins.
    pub(super) fn release(&self, output: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.tree().join("scripts/release.sh"));
        command.arg("--binaries").arg(self.stand_ins());
        command.arg("--output").arg(self.beside(output));
        command.args(arguments).output().unwrap()
    }

    /// The folder of a snapshot that is made of the stand-ins.
    #[track_caller]
    pub(super) fn snapshot(&self, output: &str) -> PathBuf {
        succeeded(&self.release(output, &["--snapshot"]));
        self.beside(output).join(format!("v{VERSION}"))
    }
}
