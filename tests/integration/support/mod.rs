//! What tests of the built agent share.

#![cfg(test)]

mod agent;
pub(crate) mod api_server;
mod certified;
mod http;
pub(crate) mod peer;
mod schema;
mod tiny_api;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use agent::{API_TOKEN, Agent, cleared, command, prepared, threads};
pub(crate) use certified::Certified;
pub(crate) use http::{Answer, request, request_with};
pub(crate) use schema::Page;
pub(crate) use tiny_api::{CLUSTER, TinyApi, write_kubeconfig};

/// Long enough for a loaded machine; a test that works never waits for it.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Between two looks at something that only shows itself when asked.
const LOOK: Duration = Duration::from_millis(20);
const LONG_LOOK: Duration = Duration::from_millis(300);

/// The static binary if `PIPEOPS_BIN` names one, else the one that cargo built.
pub(crate) fn program() -> PathBuf {
    env::var_os("PIPEOPS_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_pipeops-agent").into(), PathBuf::from)
}

/// Looks until there is something, or fails saying what was waited for.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    within(SOON, what, &mut look)
}

/// The same with a limit that is part of what is promised.
#[track_caller]
pub(crate) fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    look_until(limit, || look().ok_or_else(|| format!("seen: {what}")))
}

/// Looks until all is as it should be, or fails saying what is not.
#[track_caller]
pub(crate) fn settled<T>(limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let put_right = |problem| format!("put right: {problem}");
    look_until(limit, || look().map_err(put_right))
}

#[track_caller]
fn look_until<T>(limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        let began = Instant::now();
        match look() {
            Ok(found) => return found,
            Err(problem) => assert!(start.elapsed() < limit, "in {limit:?} not {problem}"),
        }
        // A look that starts a program takes time away from what is looked at.
        thread::park_timeout((3 * began.elapsed()).clamp(LOOK, LONG_LOOK));
    }
}

/// Compares with the file of the tree, or writes it when asked to.
#[track_caller]
pub(crate) fn golden(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().expect("the file has a folder"))
            .expect("the folder can be made");
        fs::write(&file, text).expect("the file can be written");
    }
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        recorded, text,
        "{path} is out of step; UPDATE_GOLDEN=1 writes it anew"
    );
}
