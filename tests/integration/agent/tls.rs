//! The built agent by TLS, and what it says of files that are of no use.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::super::support::{Agent, Certified, TinyApi, command};

fn start(api: &TinyApi, certified: &Certified) -> Agent {
    let variables = certified.variables();
    let set: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    Agent::start(&api.kubeconfig(), &set)
}

/// What curl has of that path, and its error.
fn curl(agent: &Agent, certificate: &Path, arguments: &[&str], path: &str) -> (String, String) {
    let url = format!("https://localhost:{}{path}", agent.tls_address().port());
    let output = Command::new("curl")
        .args(["-s", "-S", "--noproxy", "*", "--cacert"])
        .arg(certificate)
        .args(arguments)
        .arg(url)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_api_is_there_by_tls_beside_the_plain_port() {
    let (api, certified) = (TinyApi::start(), Certified::new());
    let agent = start(&api, &certified);
    let certificate = certified.certificate();
    let (body, errors) = curl(&agent, &certificate, &[], "/health");
    assert_eq!(errors, "");
    assert_eq!(body, agent.get_open("/health").body);
    for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let (body, errors) = curl(&agent, &certificate, version, "/version");
        assert!(body.contains("\"version\""), "{errors}");
    }
    let status = ["-o", "/dev/null", "-w", "%{http_code} %{http_version}"];
    assert_eq!(
        curl(&agent, &certificate, &status, "/api/k8s/pods").0,
        "401 1.1"
    );
    let token = [&status[..], &["-H", "Authorization: Bearer test-api-token"]].concat();
    assert_eq!(
        curl(&agent, &certificate, &token, "/api/k8s/pods").0,
        "200 1.1"
    );
    let metrics = agent.get("/metrics").body;
    for line in ["tls_handshakes_total 5", "tls_failures_total 0"] {
        assert!(
            metrics.contains(&format!("pipeops_agent_http_{line}\n")),
            "{metrics}"
        );
    }

    // Whoever takes another certificate for right is not served.
    let other = Certified::new();
    let (body, errors) = curl(&agent, &other.certificate(), &[], "/health");
    assert_eq!(body, "");
    assert!(errors.contains("certificate"), "{errors}");
    // What is seen at the wrong door.
    let url = format!("http://{}/health", agent.tls_address());
    let output = Command::new("curl")
        .args(["-s", "-S", "--noproxy", "*", &url])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("this port speaks TLS"), "{told}");

    let key = fs::read_to_string(certified.key()).unwrap();
    let line = key.lines().nth(1).unwrap();
    assert!(!agent.log().contains(line), "{}", agent.log());
    let (status, _) = agent.stop();
    assert!(status.success(), "{status}");
}

#[test]
fn files_that_are_of_no_use_are_wrong_configuration() {
    let (api, certified, other) = (TinyApi::start(), Certified::new(), Certified::new());
    let (certificate, key) = (certified.certificate(), certified.key());
    let run = |arguments: &[&str], key: &Path| -> Output {
        let mut command = command();
        let command = command.env("KUBECONFIG", api.kubeconfig());
        let command = command
            .args(arguments)
            .arg("--tls-cert-file")
            .arg(&certificate);
        command
            .arg("--tls-key-file")
            .arg(key)
            .args(["--tls-listen", "127.0.0.1:0"])
            .output()
            .unwrap()
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (key, expected) in [
        (
            Path::new("/nonexistent/key"),
            "no TLS: /nonexistent/key cannot be read: ",
        ),
        (&other.key(), "tls.key does not belong to "),
        (&certificate, "tls.crt holds no PEM private key"),
    ] {
        let output = run(&[], key);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{errors}");
        assert!(errors.contains(expected), "{expected}: {errors}");
        let checked = text(&run(&["check"], key).stdout);
        assert!(
            checked.contains("FAIL  TLS: ") && checked.contains(&expected[8..]),
            "{checked}"
        );
    }
    let checked = text(&run(&["check"], &key).stdout);
    assert!(
        checked.contains("ok    speaks TLS on 127.0.0.1:0 (addresses: --tls-listen, "),
        "{checked}"
    );

    let output = command().args(["--tls-key-file", "/k"]).output().unwrap();
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{errors}");
    assert!(
        errors.contains("--tls-key-file: a key needs its certificate; set PIPEOPS_TLS_CERT_FILE"),
        "{errors}"
    );
}
