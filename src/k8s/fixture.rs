//! A client of a server that a test plays.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;

use super::{Client, Options, target};

/// Shows a token to whoever listens there, without TLS.
pub(crate) fn client_of(listener: &TcpListener) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let text = format!(
        "clusters: [{{name: a, cluster: {{server: 'http://{}'}}}}]\n\
         users: [{{name: a, user: {{token: t}}}}]\n\
         contexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
         current-context: a\n",
        listener.local_addr().unwrap()
    );
    fs::write(&file, text).unwrap();
    let options = Options {
        kubeconfig: vec![file],
        ..Options::default()
    };
    Client::for_calls(Arc::new(target(&options).unwrap())).unwrap()
}
