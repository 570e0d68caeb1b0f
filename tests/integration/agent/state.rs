//! What outlives a restart, and what becomes of a file or folder that cannot be used.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use control_plane::Handle;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::super::support::{SOON, TinyApi, command, eventually};
use super::{agent, assert_discreet, plane, registered, variables};

const NAME: &str = "agent.json";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the file says; none where there is no file.
#[track_caller]
fn kept(folder: &Path) -> Option<Value> {
    let bytes = fs::read(folder.join(NAME)).ok()?;
    let whole = serde_json::from_slice(&bytes);
    Some(whole.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes))))
}

/// The id that the latest registration asked for.
fn asked_id(plane: &Handle) -> Value {
    let all = plane.transcript();
    let last = all.iter().rfind(|said| said["call"] == "register");
    last.expect("there is one")["request"]["body"]["agent"]["id"].clone()
}

#[test]
fn the_id_is_kept_and_asked_for_again() {
    let (api, plane) = (TinyApi::start(), plane());
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("made/for/it");
    let set = [("PIPEOPS_STATE_DIR", text(&state))];
    let first = agent(&api, plane.url(), &set);
    let id = registered(&plane);
    assert_eq!(asked_id(&plane), Value::Null);
    let expected = json!({"version": 1, "agent_id": id});
    let told = |mut kept: Value| {
        // A name of the folder that nobody chooses.
        let instance = kept.as_object_mut()?.remove("instance")?;
        (kept == expected && instance.as_str()?.len() > 9).then_some(())
    };
    eventually("the file", || kept(&state).and_then(told));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state.join(NAME)), 0o600);
    assert_eq!(mode(&state), 0o700);
    let inode = || fs::metadata(state.join(NAME)).unwrap().ino();
    let written = inode();
    first.signal(Signal::KILL);
    drop(first);

    let _second = agent(&api, plane.url(), &set);
    assert!(plane.wait("register", 2, SOON));
    let beats = plane.agents()[0]["heartbeats"].as_u64().unwrap();
    assert!(plane.wait("heartbeat", beats + 2, SOON));
    assert_eq!(asked_id(&plane), id.as_str());
    assert_eq!(inode(), written, "what is known already is not written");
    assert_eq!(plane.agents().len(), 1);
    let files = fs::read_dir(&state).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, [NAME, "changes"], "nothing half-written is left");
}

/// Runs an agent on this file, which it must set aside for this reason.
#[track_caller]
fn set_aside(api: &TinyApi, folder: &Path, reason: &str) {
    let plane = plane();
    let set = [("PIPEOPS_STATE_DIR", text(folder))];
    let agent = agent(api, plane.url(), &set);
    let line = agent.wait_log("is set aside as ");
    assert!(line.contains(reason), "{line}");
    assert!(line.contains(text(&folder.join(NAME))), "{line}");
    let id = registered(&plane);
    eventually("the file", || {
        kept(folder).filter(|kept| kept["agent_id"] == id.as_str())
    });
    assert_discreet(&agent, &plane);
}

#[test]
fn a_file_that_cannot_be_used_is_set_aside() {
    let api = TinyApi::start();
    for (bytes, reason, aside) in [
        ("", "is empty", "agent.json.corrupt-1"),
        (
            r#"{"version":1,"agent_"#,
            "is corrupt",
            "agent.json.corrupt-1",
        ),
        (
            r#"{"version":2,"agents":["a"]}"#,
            "written by a newer agent",
            "agent.json.newer-1",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), bytes).unwrap();
        set_aside(&api, folder.path(), reason);
        let aside = fs::read_to_string(folder.path().join(aside)).unwrap();
        assert_eq!(aside, bytes);
    }
    // Nobody's file: even root cannot read a folder as one.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(NAME)).unwrap();
    set_aside(&api, folder.path(), "cannot be read");
    assert!(folder.path().join("agent.json.unreadable-1").is_dir());
}

#[test]
fn without_a_folder_it_works_and_says_that_nothing_is_kept() {
    let (api, plane) = (TinyApi::start(), plane());
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("file");
    fs::write(&in_the_way, "").unwrap();
    for (count, state) in [(1, Path::new("/proc/nowhere")), (2, &in_the_way)] {
        let set = [("PIPEOPS_STATE_DIR", text(state))];
        let agent = agent(&api, plane.url(), &set);
        let line = agent.wait_log("the state folder cannot be used");
        assert!(line.contains(text(state)), "{line}");
        assert!(plane.wait("register", count, SOON));
        let detailed = agent.json("/api/health/detailed");
        assert_eq!(detailed["state_kept"], false, "{detailed}");
    }
    assert_eq!(plane.agents().len(), 1, "the cluster is its identity");
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_file_or_none() {
    let (api, plane) = (TinyApi::start(), plane());
    let folder = tempfile::tempdir().unwrap();
    let set = [("PIPEOPS_STATE_DIR", text(folder.path()))];
    for _ in 0..10 {
        let mut child = command()
            .env("KUBECONFIG", api.kubeconfig())
            .envs(variables(plane.url()))
            .envs(set)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Nothing comes so often: this only takes its time, up to a few beats.
        let moment = Duration::from_millis(fastrand::u64(0..400));
        assert!(!plane.wait_any("register", u64::MAX, moment));
        child.kill().unwrap();
        child.wait().unwrap();
        if let Some(kept) = kept(folder.path()) {
            assert_eq!(kept["version"], 1);
        }
    }
    let agent = agent(&api, plane.url(), &set);
    let id = registered(&plane);
    eventually("the file", || {
        kept(folder.path()).filter(|kept| kept["agent_id"] == id.as_str())
    });
    assert!(!agent.log().contains("set aside"), "{}", agent.log());
}
