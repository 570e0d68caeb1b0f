//! The API server as a pod sees it, by its service account
//! (<https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>).

use std::fs;

use super::InCluster;
use super::credentials::{Login, Pem, Tls, Trust};
use super::target::{Server, Target, bracketed};
use crate::token::{Token, TokenSource};

/// The way from inside a pod. Token and certificates are files that rotate.
pub(super) fn target(pod: &InCluster) -> Result<Target, String> {
    let host = pod.host.trim_matches(['[', ']']);
    Ok(Target {
        server: Server::parse(&format!("https://{}:{}", bracketed(host), pod.port), None)?,
        namespace: namespace(pod),
        origin: "in cluster".to_owned(),
        trust: Trust::Authority(Pem::File(pod.folder.join("ca.crt"))),
        identity: None,
        login: Login::Bearer(Token::new(TokenSource::File(pod.folder.join("token")))),
        tls: Tls::default(),
        tls_of_nobody: Tls::default(),
    })
}

/// The pod's own.
fn namespace(pod: &InCluster) -> String {
    let text = fs::read_to_string(pod.folder.join("namespace")).unwrap_or_default();
    match text.trim() {
        "" => "default".to_owned(),
        name => name.to_owned(),
    }
}
