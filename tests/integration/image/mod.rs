//! The image that `build/image.sh` makes: the same bytes twice, a valid OCI layout, and
//! in it what `build/Dockerfile` says and nothing else.

#![cfg(test)]

use std::collections::HashSet;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// For each platform, as it travels and unpacked.
const LIMIT: u64 = 3_200_000;
const OCI: &str = "application/vnd.oci.image";

/// Makes the archive; each binary is for an architecture.
pub(crate) fn build(archive: &Path, binaries: &[(&str, &Path)]) {
    let binaries = binaries
        .iter()
        .map(|(name, file)| format!("{name}={}", file.display()));
    let built = Command::new(format!("{ROOT}/build/image.sh"))
        .arg(archive)
        .args(binaries)
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
}

/// The archive, unpacked.
struct Layout(TempDir);

impl Layout {
    fn unpack(archive: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        tar(&[
            "-xf",
            archive.to_str().unwrap(),
            "-C",
            folder.path().to_str().unwrap(),
        ]);
        Self(folder)
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.path().join(name)).unwrap()).unwrap()
    }

    /// What a descriptor points to, which is of that size and has that digest.
    fn blob(&self, descriptor: &Value, media_type: &str) -> PathBuf {
        assert_eq!(descriptor["mediaType"], format!("{OCI}.{media_type}"));
        let name = descriptor["digest"].as_str().unwrap();
        let file = self.0.path().join("blobs").join(name.replace(':', "/"));
        let bytes = fs::read(&file).unwrap();
        assert_eq!(sha256(&bytes), name);
        assert_eq!(descriptor["size"], bytes.len());
        file
    }

    fn json(&self, descriptor: &Value, media_type: &str) -> Value {
        serde_json::from_slice(&fs::read(self.blob(descriptor, media_type)).unwrap()).unwrap()
    }

    /// The index of all platforms, and its descriptor.
    fn image(&self) -> (Value, Value) {
        let index = self.read("index.json");
        assert_eq!(index["schemaVersion"], 2);
        let roots = index["manifests"].as_array().unwrap();
        assert_eq!(roots.len(), 1, "{index}");
        (self.json(&roots[0], "index.v1+json"), roots[0].clone())
    }
}

/// Two small files in place of binaries: how an image is made does not depend on them.
fn binaries() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, format!("binary for {name}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    // How the builder's machine keeps them must not show.
    let files = (file("amd64", 0o777), file("arm64", 0o700));
    (folder, files.0, files.1)
}

#[test]
fn the_same_binaries_give_the_same_bytes_in_any_order() {
    let (folder, amd64, arm64) = binaries();
    let archive = |name: &str, order: &[(&str, &Path)]| {
        let file = folder.path().join(name);
        build(&file, order);
        sha256(&fs::read(file).unwrap())
    };
    let first = archive("first", &[("amd64", &amd64), ("arm64", &arm64)]);
    let second = archive("second", &[("arm64", &arm64), ("amd64", &amd64)]);
    assert_eq!(first, second);
    let other = archive("other", &[("amd64", &arm64), ("arm64", &amd64)]);
    assert_ne!(first, other);
}

#[test]
fn the_archive_is_an_oci_layout_of_both_platforms_as_the_dockerfile_says() {
    let (folder, amd64, arm64) = binaries();
    let archive = folder.path().join("image.tar");
    build(&archive, &[("amd64", &amd64), ("arm64", &arm64)]);
    assert_image(&archive, &amd64, &arm64);
}

/// It is an OCI layout of these two binaries, of the version in the manifest.
#[track_caller]
pub(crate) fn assert_image(archive: &Path, amd64: &Path, arm64: &Path) {
    let layout = Layout::unpack(archive);
    assert_eq!(
        layout.read("oci-layout"),
        json!({"imageLayoutVersion": "1.0.0"})
    );
    let (image, root) = layout.image();
    let name = root["annotations"]["io.containerd.image.name"].as_str();
    let manifest = fs::read_to_string(format!("{ROOT}/deployments/agent.yaml")).unwrap();
    let named = name.unwrap().trim_start_matches("docker.io/");
    assert!(manifest.contains(&format!("image: {named}\n")), "{named}");

    let mut used = HashSet::from([root["digest"].clone()]);
    for (manifest, binary) in image["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .zip([("amd64", amd64), ("arm64", arm64)])
    {
        let platform = json!({"architecture": binary.0, "os": "linux"});
        assert_eq!(manifest["platform"], platform);
        used.insert(manifest["digest"].clone());
        let manifest = layout.json(manifest, "manifest.v1+json");
        let config = layout.json(&manifest["config"], "config.v1+json");
        assert_config(&config, binary.0);
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 1);
        let layer = layout.blob(&layers[0], "layer.v1.tar+gzip");
        assert_layer(&layer, binary.1, &config);
        used.extend([
            manifest["config"]["digest"].clone(),
            layers[0]["digest"].clone(),
        ]);
    }
    let blobs = fs::read_dir(layout.0.path().join("blobs/sha256")).unwrap();
    assert_eq!(blobs.count(), used.len(), "no blob that nothing names");
}

#[track_caller]
fn assert_config(config: &Value, architecture: &str) {
    assert_eq!(config["architecture"], architecture);
    assert_eq!(config["os"], "linux");
    let mut run = config["config"].clone();
    let labels = run.as_object_mut().unwrap().remove("Labels").unwrap();
    assert_eq!(
        run,
        json!({
            "User": "1000:1000",
            "Entrypoint": ["/pipeops-agent"],
            "ExposedPorts": {"8080/tcp": {}},
        })
    );
    let label = |name: &str| labels[format!("org.opencontainers.image.{name}")].as_str();
    assert_eq!(label("title"), Some("pipeops-agent"));
    assert_eq!(label("description"), Some(env!("CARGO_PKG_DESCRIPTION")));
    assert_eq!(label("licenses"), Some("Apache-2.0"));
    assert!(label("source").unwrap().starts_with("https://"));
    assert_eq!(label("version"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(label("created"), config["created"].as_str());
    assert!(!label("revision").unwrap().is_empty());
    assert_eq!(labels.as_object().unwrap().len(), 7, "{labels}");
}

/// It holds the binary, which only root may write, and nothing else.
#[track_caller]
fn assert_layer(layer: &Path, binary: &Path, config: &Value) {
    let gzip = Command::new("gzip").arg("-dc").arg(layer).output().unwrap();
    let diff_ids = json!([sha256(&gzip.stdout)]);
    assert_eq!(
        config["rootfs"],
        json!({"type": "layers", "diff_ids": diff_ids})
    );
    let path = layer.to_str().unwrap();
    let list = tar(&["--numeric-owner", "--utc", "--full-time", "-tvzf", path]);
    let list = String::from_utf8(list).unwrap();
    let words: Vec<_> = list.split_whitespace().collect();
    let size = fs::metadata(binary).unwrap().len().to_string();
    let entry = [
        "-rwxr-xr-x",
        "0/0",
        &size,
        "1970-01-01",
        "00:00:00",
        "pipeops-agent",
    ];
    assert_eq!(words, entry);
    let content = tar(&["-xzOf", path, "pipeops-agent"]);
    assert_eq!(content, fs::read(binary).unwrap());
}

#[test]
fn the_image_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let Some(binary) = env::var_os("PIPEOPS_BIN").map(PathBuf::from) else {
        return skip();
    };
    let archive = folder.path().join("image.tar");
    build(&archive, &[("amd64", &binary)]);
    let bytes = fs::metadata(&archive).unwrap().len();
    assert!(bytes <= LIMIT, "{bytes} bytes in the archive");
    let unpacked = fs::metadata(&binary).unwrap().len();
    assert!(unpacked <= LIMIT, "{unpacked} bytes unpacked");
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip() {
    eprintln!("skipped: the size of the image: PIPEOPS_BIN names no static binary");
}

fn tar(arguments: &[&str]) -> Vec<u8> {
    let ran = Command::new("tar").args(arguments).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    ran.stdout
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
