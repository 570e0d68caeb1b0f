//! The API server as a pod sees it, by its service account
//! (<https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::InCluster;
use super::credentials::{Login, Pem, Trust};
use super::target::{Server, Target, bracketed};
use crate::token::{Token, TokenSource};

/// A name of Kubernetes has at most 253 characters.
const LIMIT: u64 = 1024;

/// The way from inside a pod. Token and certificates are files that rotate.
pub(super) fn target(pod: &InCluster) -> Result<Target, String> {
    let host = pod.host.trim_matches(['[', ']']);
    Ok(Target {
        server: Server::parse(&format!("https://{}:{}", bracketed(host), pod.port), None)?,
        origin: "in cluster".to_owned(),
        namespace: namespace(&pod.folder).unwrap_or_default(),
        trust: Trust::Authority(Pem::File(pod.folder.join("ca.crt"))),
        identity: None,
        login: Login::Bearer(Token::new(TokenSource::File(pod.folder.join("token")))),
    })
}

/// None is no mistake: not every service account is mounted with it.
fn namespace(folder: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    File::open(folder.join("namespace"))?
        .take(LIMIT)
        .read_to_string(&mut text)?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}
