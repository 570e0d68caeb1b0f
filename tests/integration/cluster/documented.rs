//! The examples of docs/API.md, as they stand.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::rig::{Cluster, cluster};
use crate::support::{Agent, cleared};

#[test]
fn the_examples_of_the_api_work() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("documented");
    let folder = tempfile::tempdir().unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/API.md");
    let page = fs::read_to_string(page).unwrap();
    let agent = secured(&cluster, &page, folder.path());
    let own = cluster.kubectl(&["config", "view", "--raw", "-o", "json"]);
    let mut config: Value = serde_json::from_str(&own).unwrap();
    config["contexts"][0]["context"]["namespace"] = namespace.name.as_str().into();
    fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
    fs::write(folder.path().join("token"), "test-api-token\n").unwrap();
    symlink(
        cluster.command(&[]).get_program(),
        folder.path().join("kubectl"),
    )
    .unwrap();

    let blocks: Vec<_> = page.split("```sh test\n").skip(1).collect();
    assert!(blocks.len() >= 5, "{} examples", blocks.len());
    let script: String = blocks
        .iter()
        .filter_map(|block| block.split("```").next())
        .collect();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path);
    let search = [folder.path().to_owned()].into_iter().chain(folders);
    let search = env::join_paths(search).unwrap();
    let output = cleared(&mut Command::new("sh"))
        .args(["-e", "-c", &script])
        .current_dir(&folder)
        .env("PATH", search)
        .env("HOME", folder.path())
        .env("KUBECONFIG", folder.path().join("kubeconfig"))
        .env("AGENT", format!("http://{}", agent.address()))
        .env(
            "AGENT_TLS",
            format!("https://localhost:{}", agent.tls_address().port()),
        )
        .env("API_TOKEN_FILE", folder.path().join("token"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
}

/// An agent with the certificate that the page makes.
fn secured(cluster: &Cluster, page: &str, folder: &Path) -> Agent {
    let begin = page.find("openssl req ").unwrap();
    let script = page[begin..].split("```").next().unwrap();
    let made = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
    let file = |name: &str| folder.join(name).display().to_string();
    cluster.agent(&[
        ("PIPEOPS_TLS_CERT_FILE", &file("tls.crt")),
        ("PIPEOPS_TLS_KEY_FILE", &file("tls.key")),
        ("PIPEOPS_TLS_LISTEN", "127.0.0.1:0"),
    ])
}
