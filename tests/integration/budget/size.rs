//! How large the binary is.

use std::fs;
use std::path::{Path, PathBuf};

use super::{seen, shipped, skip};

const LIMIT: u64 = 3_000_000;

#[test]
fn the_static_binary_is_small() {
    let Some(binary) = shipped("the size of the binary") else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bin");
    let others = ["amd64", "arm64"].map(|name| folder.join(format!("pipeops-agent-{name}")));
    let (built, missing): (Vec<PathBuf>, Vec<PathBuf>) =
        others.into_iter().partition(|file| file.exists());
    for file in missing {
        skip(&file.display().to_string(), "make build-all makes it");
    }
    for file in built.into_iter().chain([binary]) {
        let bytes = fs::metadata(&file).unwrap().len();
        seen(&file.display().to_string(), bytes);
        assert!(bytes <= LIMIT, "{}: {bytes} bytes", file.display());
    }
}
