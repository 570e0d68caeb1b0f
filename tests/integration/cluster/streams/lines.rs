//! The same command lines by both: output, errors and exit code are equal.

use std::process::Output;

use super::super::rig::cluster;
use super::{Pods, fed};

/// Command lines; `WEB` is a pod of the deployment `web`.
const LINES: &[&str] = &[
    "logs done",
    "logs WEB",
    "logs WEB -c side",
    "logs WEB side",
    "logs WEB -c first",
    "logs WEB -c nosuch",
    "logs WEB side x",
    "logs WEB side -c side",
    "logs WEB -c main --tail=3",
    "logs WEB -c main --tail=0",
    "logs WEB --tail=-5",
    "logs WEB --tail=x",
    "logs WEB -c main --since=1h --tail 2 --timestamps",
    "logs WEB --since=-5s",
    "logs WEB --since=1h --since-time=2026-01-01T00:00:00Z",
    "logs WEB -c main --since-time=2026-01-01T00:00:00Z --tail=1",
    "logs WEB --since-time=nonsense",
    "logs WEB --prefix --tail=2",
    "logs WEB -c side --prefix",
    "logs WEB --limit-bytes=20",
    "logs WEB --limit-bytes=-1",
    "logs WEB --previous",
    "logs WEB --all-containers -c main",
    "logs WEB --unknown",
    "logs deploy/web --tail=1",
    "logs deploy/web -c main --tail=1",
    "logs svc/web --tail=1",
    "logs svc/bare",
    "logs cm/settings",
    "logs nopod",
    "logs deploy/nodeploy",
    "logs nokind/x",
    "logs a/b/c",
    "logs pod/",
    "logs",
    "logs a b c",
    "logs -l app=done",
    "logs -l app=none",
    "logs -l app=web x",
    "logs -l app=done --all-containers --prefix",
    "logs -l app=web --max-log-requests=1 -f",
    "logs -f done",
    "logs -f done --timestamps --tail=1",
    "logs stuck",
    "logs -f stuck",
    "logs done -n no-such-namespace",
    "exec WEB -- echo hi",
    "exec WEB -c side -- echo hi",
    "exec -q WEB -- echo hi",
    "exec WEB -c nosuch -- true",
    "exec WEB -c main -- nosuch",
    "exec -i WEB -c main -- cat",
    "exec -it WEB -c main -- cat",
    "exec -t WEB -c main -- echo tty",
    "exec deploy/web -c main -- echo hi",
    "exec svc/web -c main -- echo hi",
    "exec cm/settings -- true",
    "exec done -- true",
    "exec stuck -- true",
    "exec nopod -- true",
    "exec WEB",
    "exec WEB ls",
    "exec -- ls",
    "exec shell -- test -d /nowhere",
    "exec shell -- ls -d / /nowhere",
    "attach",
    "attach a b c",
    "attach done",
    "attach nopod",
    "attach WEB -c nosuch",
    "port-forward",
    "port-forward shell",
    "port-forward nopod 80",
    "port-forward shell a:80",
    "port-forward shell :http",
    "port-forward WEB dns",
    "port-forward done 80",
    "port-forward stuck 80",
    "port-forward svc/web 99",
    "port-forward svc/web back",
    "port-forward svc/bare 80",
    "port-forward shell 8080 --address 203.0.113.9",
    "port-forward shell 8080 --address nonsense",
    "cp",
    "cp a b",
    "cp no-such-file shell:/tmp/x",
    "cp nopod:/x y",
    "cp Cargo.toml nopod:/x",
    "cp a:b c:d",
    "cp a/b/c:d e",
    "cp shell: x",
    "cp shell:etc/passwd .",
    "cp done:/x y",
    "cp shell:/etc/passwd x -c nosuch",
];

#[test]
fn lines_are_answered_as_kubectl_answers_them() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::several(&cluster);
    let web = pods.web();
    let mut different = Vec::new();
    for line in LINES {
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| if word == "WEB" { &web } else { word })
            .collect();
        let theirs = shown(&fed(pods.theirs(&words), b"some input\n"));
        let ours = shown(&fed(pods.ours(&words), b"some input\n"));
        if ours != theirs {
            different.push(format!("{line}\n--- kubectl\n{theirs}\n--- ours\n{ours}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

#[test]
fn a_command_ends_with_its_code_and_tells_both_outputs_apart() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::shell(&cluster);
    for code in [0, 1, 7, 137, 255] {
        let script = format!("echo out; echo err >&2; exit {code}");
        let words = ["exec", "shell", "--", "sh", "-c", &script];
        let ours = fed(pods.ours(&words), b"");
        assert_eq!(ours.status.code(), Some(code));
        assert_eq!(ours.stdout, b"out\n");
        assert!(ours.stderr.starts_with(b"err\n"));
    }
    let megabytes: Vec<u8> = (0..5_000_000_u32)
        .map(|i| i.wrapping_mul(i).to_le_bytes()[1])
        .collect();
    let back = pods.run(&["exec", "-i", "shell", "--", "cat"], &megabytes);
    assert!(back == megabytes, "{} bytes came back", back.len());
}

/// What of an outcome has to be equal; the runtime numbers its commands.
fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let words = text.split_inclusive([' ', '"']);
        let is_number = |word: &str| {
            word.len() == 65 && word.bytes().take(64).all(|byte| byte.is_ascii_hexdigit())
        };
        let words = words.map(|word| if is_number(word) { "NUMBER" } else { word });
        words.collect::<String>()
    };
    format!(
        "{}{}exit code {:?}",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code()
    )
}
