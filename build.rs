//! Tells the crate what it is built from: commit, its time, compiler; packs what it embeds.
//!
//! Nothing of the moment or the machine goes in, so that the same commit and
//! toolchain give the same binary. Outside of a git checkout the commit is
//! unknown, and so is the time unless `SOURCE_DATE_EPOCH` says it
//! (<https://reproducible-builds.org/specs/source-date-epoch/>).

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest;

const PAGE: &str = "src/api/page/page.html";

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "cargo::rerun-if-changed=build.rs")?;
    // How build.sh has it linked, which Cargo does not see.
    writeln!(out, "cargo::rerun-if-changed=build/cold.ld")?;
    writeln!(out, "cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH")?;
    // A checkout that is only part of another repository has no commit of its own.
    let is_checkout = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    let git = |arguments: &[&str]| git(arguments).filter(|_| is_checkout);

    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(&["rev-parse", "--git-path", name]);
        // A missing file would make every build start anew.
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            writeln!(out, "cargo::rerun-if-changed={path}")?;
        }
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let epoch = env::var_os("SOURCE_DATE_EPOCH")
        .and_then(|epoch| epoch.into_string().ok())
        .filter(|epoch| epoch.parse::<u64>().is_ok())
        .or_else(|| git(&["log", "-1", "--format=%ct"]));
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let rustc = output(Command::new(compiler).arg("-V"));
    for (name, value) in [("COMMIT", commit), ("EPOCH", epoch), ("RUSTC", rustc)] {
        let value = value.as_deref().unwrap_or("unknown");
        writeln!(out, "cargo::rustc-env=PIPEOPS_BUILD_{name}={value}")?;
    }
    compress("docs/openapi.yaml", "openapi.yaml.gz")?;
    compress(PAGE, "page.html.gz")?;
    describe_page(&mut out)?;
    Ok(())
}

/// Puts a file of the repository into the folder of what is built, by that name, as gzip. Without
/// the time, so that the same file gives the same bytes.
fn compress(path: &str, name: &str) -> io::Result<()> {
    writeln!(io::stdout(), "cargo::rerun-if-changed={path}")?;
    let folder = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    let file = fs::File::create(Path::new(&folder).join(name))?;
    let mut encoder = GzEncoder::new(file, Compression::best());
    encoder.write_all(&fs::read(path)?)?;
    encoder.finish().map(drop)
}

/// What the head of the page says: which script and which style may run, by their hashes
/// (<https://www.w3.org/TR/CSP3/#match-element-to-source-list>), and the tag of this version.
fn describe_page(out: &mut impl Write) -> io::Result<()> {
    let page = fs::read_to_string(PAGE)?;
    for (name, text) in [
        ("SCRIPT", between(&page, "<script>", "</script>")?),
        ("STYLE", between(&page, "<style>", "</style>")?),
        ("HASH", &page),
    ] {
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
        writeln!(out, "cargo::rustc-env=PIPEOPS_PAGE_{name}={hash}")?;
    }
    Ok(())
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> io::Result<&'a str> {
    text.split_once(start)
        .and_then(|(_, rest)| rest.split_once(end))
        .map(|(inner, _)| inner)
        .ok_or_else(|| io::Error::other(format!("{PAGE} has no {start}")))
}

fn git(arguments: &[&str]) -> Option<String> {
    output(Command::new("git").args(arguments))
}

/// What a command says; none when it cannot run or fails.
fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}
