//! Folders go to a container and come back as they were.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::super::rig::cluster;
use super::{Pods, fed};

#[test]
fn copies_are_those_of_kubectl_both_ways() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::shell(&cluster);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let source = folder.path().join("source");
    fs::create_dir_all(source.join("sub/deep")).unwrap();
    fs::create_dir(source.join("empty")).unwrap();
    fs::write(source.join("a"), "a").unwrap();
    fs::set_permissions(source.join("a"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(source.join("sub/b"), vec![7; 300_000]).unwrap();
    fs::write(source.join("sub/deep").join("n".repeat(150)), "long").unwrap();
    symlink("a", source.join("link")).unwrap();

    pods.run(&["cp", &path("source"), "shell:/tmp/ours"], b"");
    pods.namespace
        .kubectl(&["cp", &path("source"), "shell:/tmp/theirs"]);
    let list = |name: &str| {
        let script = format!("cd /tmp/{name} && ls -lRn | sed 's/ [A-Z][a-z][a-z] .*:.. / /'");
        pods.namespace
            .kubectl(&["exec", "shell", "--", "sh", "-c", &script])
    };
    assert_eq!(list("ours"), list("theirs"));
    let equal = [
        "exec",
        "shell",
        "--",
        "diff",
        "-r",
        "/tmp/ours",
        "/tmp/theirs",
    ];
    pods.namespace.kubectl(&equal);
    // Into a folder that is there.
    pods.run(&["cp", &path("source/a"), "shell:/tmp"], b"");
    let read = ["exec", "shell", "--", "cat", "/tmp/a"];
    assert_eq!(pods.namespace.kubectl(&read), "a");

    pods.run(&["cp", "shell:/tmp/ours", &path("ours")], b"");
    let theirs = pods.theirs(&["cp", "shell:/tmp/ours", &path("theirs")]);
    assert!(fed(theirs, b"").status.success());
    let mut diff = Command::new("diff");
    diff.args(["-r", "--no-dereference", &path("ours"), &path("theirs")]);
    let output = fed(diff, b"");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_is_missing_in_the_container_is_told() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::shell(&cluster);
    let told = |words: &[&str]| {
        let output = fed(pods.ours(words), b"");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let text = told(&["cp", "shell:/nowhere", "/tmp/nowhere"]);
    assert!(
        text.contains("/nowhere: No such file or directory"),
        "{text}"
    );
    let script = "rm /bin/tar";
    pods.namespace
        .kubectl(&["exec", "shell", "--", "sh", "-c", script]);
    let text = told(&["cp", "shell:/etc/passwd", "/tmp/nowhere"]);
    assert!(
        text.contains("the container has no tar, which copying needs"),
        "{text}"
    );
}
