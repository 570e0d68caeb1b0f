//! An image as `build/Dockerfile` makes it, without Docker: the static binary alone,
//! in the format of `docker save`.

use std::fs;
use std::path::Path;
use std::process::Command;

use ring::digest::{SHA256, digest};
use serde_json::json;

use super::rig::Cluster;

/// The image that the manifest names.
const NAME: &str = "docker.io/pipeops/agent:0.1.0";

/// Makes the image and brings it onto the node.
pub(super) fn load(cluster: &Cluster, binary: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("root")).unwrap();
    fs::copy(binary, path("root/pipeops-agent")).unwrap();
    tar(&path("layer.tar"), &path("root"), &["pipeops-agent"]);
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"Entrypoint": ["/pipeops-agent"], "User": "1000:1000"},
        "rootfs": {"type": "layers", "diff_ids": [sha256(&path("layer.tar"))]},
    });
    fs::write(path("config.json"), config.to_string()).unwrap();
    let manifest = json!([{
        "Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"],
    }]);
    fs::write(path("manifest.json"), manifest.to_string()).unwrap();
    let files = ["manifest.json", "config.json", "layer.tar"];
    tar(&path("image.tar"), folder.path(), &files);
    cluster.load(&path("image.tar"));
}

fn tar(archive: &Path, folder: &Path, files: &[&str]) {
    let made = Command::new("tar")
        .args([
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mtime=@0",
            "-cf",
        ])
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .args(files)
        .status();
    assert!(made.unwrap().success(), "{}", archive.display());
}

fn sha256(file: &Path) -> String {
    let digest = digest(&SHA256, &fs::read(file).unwrap());
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
