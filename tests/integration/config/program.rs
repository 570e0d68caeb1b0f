//! The built agent as its operator meets it: wrong settings, help, version, `check`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::cleared;

/// What a run of the agent gave.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs the agent with these arguments, and these variables alone. No kubeconfig of
/// this machine is found.
pub(super) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let built = || OsString::from(env!("CARGO_BIN_EXE_pipeops-agent"));
    let program = env::var_os("PIPEOPS_BIN").unwrap_or_else(built);
    let output = cleared(&mut Command::new(program))
        .args(arguments)
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .envs(variables.iter().copied())
        .output()
        .expect("the agent can be run");
    let text = |bytes| String::from_utf8(bytes).expect("the agent writes UTF-8");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("the file can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    path
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("folders of tests are UTF-8")
}

#[test]
fn all_mistakes_are_told_at_once_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "port: 70000\nprot: 1\napi_token: \"hunter2 hunter3\"\n";
    let settings = file(&folder, "agent.yaml", settings);
    for command in ["run", "check"] {
        let ran = run(
            &[
                command,
                "--config",
                text(&settings),
                "--token=hunter4",
                "--log-level",
                "loud",
            ],
            &[
                ("PIPEOPS_API_URL", "https://me:hunter5@control.example"),
                ("PIPEOPS_TOKEN", "hunter6 hunter7"),
                ("PIPEOPS_HEARTBEAT_INTERVAL", "soon"),
            ],
        );
        assert_eq!(ran.code, Some(64), "{}", ran.err);
        assert_eq!(ran.out, "");
        let config = text(&settings);
        let told = [
            "pipeops-agent: the configuration has 8 mistakes:\n".to_owned(),
            "\n  --token: ".to_owned(),
            "\n  --log-level: \"loud\" is not a log level; give one of".to_owned(),
            "\n  PIPEOPS_API_URL: the value holds a user name; ".to_owned(),
            "\n  PIPEOPS_TOKEN: the value holds characters that no token has; ".to_owned(),
            "\n  PIPEOPS_HEARTBEAT_INTERVAL: \"soon\" is not a time; ".to_owned(),
            format!("\n  {config}: port (line 1): \"70000\" is not a port; "),
            format!("\n  {config} (line 2): \"prot\" is no setting; did you mean port?"),
            format!("\n  {config}: api_token (line 3): the value holds characters"),
        ];
        for part in told {
            assert!(ran.err.contains(&part), "{part:?} in {}", ran.err);
        }
        assert_eq!(ran.err.lines().count(), 9, "{}", ran.err);
        assert!(!ran.err.contains("hunter"), "{}", ran.err);
    }
}

#[test]
fn help_and_version_are_given_whatever_else_is_wrong() {
    let wrong = [("PIPEOPS_PORT", "x")];
    for flag in ["--help", "-h"] {
        let help = run(&["--nonsense", flag], &wrong);
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
        assert!(help.out.starts_with("pipeops-agent "), "{}", help.out);
        assert!(help.out.lines().count() <= 48, "{}", help.out);
        assert!(help.out.lines().all(|line| line.chars().count() <= 80));
    }
    for flag in ["--version", "-V"] {
        let version = run(&[flag], &wrong);
        assert_eq!((version.code, version.err.as_str()), (Some(0), ""));
        let facts: Vec<_> = version
            .out
            .lines()
            .map(|line| line.split_once(' ').expect("a name and a fact"))
            .collect();
        let names: Vec<_> = facts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["pipeops-agent", "commit", "build", "rustc"]);
        assert_eq!(facts[0].1, env!("CARGO_PKG_VERSION"));
        assert!(facts.iter().all(|(_, fact)| !fact.trim().is_empty()));
    }
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "cluster_name: from-file\nport: 1001\nlog_level: debug\nstatus_interval: 2m\n";
    let settings = file(&folder, "agent.yaml", settings);
    let state = folder.path().join("state");
    let ran = run(
        &["check", "--cluster-name", "from-flag"],
        &[
            ("PIPEOPS_CONFIG", text(&settings)),
            ("PIPEOPS_CLUSTER_NAME", "from-variable"),
            ("PIPEOPS_LOG_LEVEL", "warn"),
            ("PIPEOPS_LISTEN", "127.0.0.1"),
            ("PIPEOPS_STATE_DIR", text(&state)),
        ],
    );
    let config = text(&settings);
    let told = [
        "  ok    cluster name from-flag (--cluster-name)\n".to_owned(),
        "  ok    log level warn (PIPEOPS_LOG_LEVEL)\n".to_owned(),
        format!(
            "  ok    listens on 127.0.0.1:1001 (addresses: PIPEOPS_LISTEN, port: {config}: port (line 2))\n"
        ),
        format!(
            "  ok    heartbeat every 30s (default), status every 2m ({config}: status_interval (line 4))\n"
        ),
    ];
    for line in told {
        assert!(ran.out.contains(&line), "{line:?} in {}", ran.out);
    }
    assert!(!state.exists(), "check changes nothing");
}

#[test]
fn check_tells_why_there_is_no_kubernetes_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = "current-context: x\nusers: [{name: u, user: {token: hunter2, exec: {command: aws}}}]\n\
                      clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n\
                      contexts: [{name: x, context: {cluster: c, user: u}}]\n";
    let kubeconfig = file(&folder, "kubeconfig", kubeconfig);
    let ran = run(&["check", "--kubeconfig", text(&kubeconfig)], &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    let told = format!(
        "FAIL  {}: user \"u\": exec plugins are not supported; use the token of a service account",
        kubeconfig.display()
    );
    assert!(ran.out.contains(&told), "{}", ran.out);
    assert!(!format!("{}{}", ran.out, ran.err).contains("hunter"));
}

#[test]
fn a_wrong_kubeconfig_is_wrong_configuration() {
    let ran = run(
        &["--listen", "127.0.0.1:0"],
        &[("PIPEOPS_LOG_FORMAT", "json")],
    );
    assert_eq!(ran.code, Some(64), "{}", ran.err);
    let last: serde_json::Value =
        serde_json::from_str(ran.err.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!(last["level"], "error");
    assert_eq!(
        last["message"],
        "/nonexistent/kubeconfig does not exist; correct KUBECONFIG or --kubeconfig"
    );
}
