//! Certificates that change, and those that are of no use.

use super::*;
use crate::http::tls::Certificate;

const MINUTE: Duration = Duration::from_secs(60);

fn broken(files: &Files) -> String {
    let problem = files.check().unwrap_err();
    let error = Front::bind(Options {
        tls: Some(Tls::new(Vec::new(), files.clone())),
        ..Options::default()
    });
    assert_eq!(error.unwrap_err().to_string(), format!("no TLS: {problem}"));
    problem
}

#[test]
fn what_is_wrong_with_a_file_is_told_and_no_key() {
    let (keys, others) = (Keys::new(), Keys::new());
    let text = fs::read_to_string(keys.files().key).unwrap();
    let secret = text.lines().nth(1).unwrap();
    let file = |name: &str, text: &str| fs::write(keys.folder.path().join(name), text).unwrap();
    file("cut.key", &text.replace("-----END", "----END"));
    file("odd.key", &text.replace(&secret[..8], "!!!!!!!!"));
    file(
        "other.key",
        &fs::read_to_string(others.files().key).unwrap(),
    );
    file(
        "not.crt",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let missing = "none cannot be read: No such file or directory (os error 2); give the";
    let table = [
        ("none", "tls.key", missing),
        ("tls.crt", "none", missing),
        ("tls.key", "tls.key", "tls.key holds no PEM certificate"),
        ("tls.crt", "tls.crt", "tls.crt holds no PEM private key"),
        ("tls.crt", "cut.key", "cut.key is not valid PEM"),
        ("tls.crt", "odd.key", "odd.key is not valid PEM"),
        ("not.crt", "tls.key", "not.crt or "),
        ("tls.crt", "other.key", "other.key does not belong to "),
    ];
    assert_eq!(keys.files().check(), Ok(()));
    for (certificate, key, expected) in table {
        let problem = broken(&Files {
            certificate: keys.folder.path().join(certificate),
            key: keys.folder.path().join(key),
        });
        assert!(problem.contains(expected), "{expected}: {problem}");
        assert!(problem.contains("; "), "what to do: {problem}");
        assert!(!problem.contains(&secret[..12]), "{problem}");
    }
}

#[test]
fn files_are_looked_at_once_a_minute_and_bad_ones_change_nothing() {
    let keys = Keys::new();
    let start = Instant::now();
    let mut certificate = Certificate::load(keys.files(), MINUTE, start).unwrap();
    let first = certificate.current(start);
    write(&keys.folder);
    let mut after = |minutes: u32| certificate.current(start + MINUTE * minutes - SHORT);
    assert!(Arc::ptr_eq(&first, &after(1)), "it is not looked at yet");
    let second = after(2);
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &after(3)), "nothing has changed");
    fs::write(keys.files().key, "none").unwrap();
    assert!(Arc::ptr_eq(&second, &after(4)));
    fs::remove_file(keys.files().certificate).unwrap();
    assert!(Arc::ptr_eq(&second, &after(5)));
    write(&keys.folder);
    assert!(!Arc::ptr_eq(&second, &after(6)));
    let told = format!("{certificate:?}");
    assert!(
        told.starts_with("Certificate(") && told.len() < 200,
        "{told}"
    );
}

#[test]
fn a_new_certificate_is_shown_to_the_next_and_a_bad_one_to_nobody() {
    let keys = Keys::new();
    let mut options = keys.options(patient());
    options.tls.as_mut().unwrap().every = Duration::ZERO;
    let front = Running::new(options, echo);
    let mut first = front.secure(&keys.config);
    assert_eq!(first.ask(get("/")).status, 200);
    let second = write(&keys.folder);
    assert_eq!(front.secure(&second).ask(get("/")).status, 200);
    let refused = front.secure(&keys.config).0.get_mut().write_all(b"x");
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("invalid peer certificate")
    );
    for (file, text) in [("tls.crt", "none"), ("tls.key", "none")] {
        fs::write(keys.folder.path().join(file), text).unwrap();
        assert_eq!(front.secure(&second).ask(get("/")).status, 200);
    }
    let third = write(&keys.folder);
    assert_eq!(front.secure(&third).ask(get("/")).status, 200);
    // Whoever is connected stays so.
    assert_eq!(first.ask(get("/")).status, 200);
}
