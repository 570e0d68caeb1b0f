//! The settings of the control plane, and the rules between them.

use std::fs::File;
use std::path::PathBuf;

use super::environment::Environment;
use super::layers::Layer;
use super::mistake::Fault;
use super::secrets::{self, Keys};
use super::table::Key;
use super::value;
use crate::secret::Secret;
use crate::token::TokenSource;

const API_URL: &str = "https://api.pipeops.io";

const TOKEN: Keys = Keys {
    text: Key::Token,
    file: Key::TokenFile,
};

/// How to reach the control plane.
#[derive(Debug)]
pub struct ControlPlane {
    pub url: String,
    pub token: TokenSource,
    /// Trusted instead of the built-in roots.
    pub ca_file: Option<PathBuf>,
    pub plain_http_allowed: bool,
    /// A URL, which may hold a password.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without it.
    pub no_proxy: Option<String>,
}

/// The control plane that is set; none without a token.
pub(super) fn read(layer: &mut Layer, environment: &Environment) -> Option<ControlPlane> {
    let plain_http_allowed = layer
        .take(Key::AllowPlainHttp, value::switch)
        .unwrap_or(false);
    let url = url(layer, plain_http_allowed);
    let ca_file = ca_file(layer);
    let is_given = [TOKEN.text, TOKEN.file]
        .iter()
        .any(|key| layer.values.get(key).is_some());
    let token = secrets::read(layer, TOKEN, environment);
    if !is_given && let Some((_, source)) = layer.given(Key::ApiUrl) {
        let remedy = "set PIPEOPS_TOKEN_FILE or PIPEOPS_TOKEN; without token and URL the agent is standalone";
        layer.mistake(source, "a control plane needs a token", remedy);
    }
    let proxies = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    Some(ControlPlane {
        url: url.unwrap_or_else(|| API_URL.to_owned()),
        token: token?,
        ca_file: ca_file.or_else(|| environment.get("SSL_CERT_FILE").map(PathBuf::from)),
        plain_http_allowed,
        proxy: environment.first(&proxies).map(Secret::new),
        no_proxy: environment
            .first(&["no_proxy", "NO_PROXY"])
            .map(str::to_owned),
    })
}

fn url(layer: &mut Layer, plain_http_allowed: bool) -> Option<String> {
    layer.take(Key::ApiUrl, |text| {
        let url = value::url(text)?;
        if url.exposed && !plain_http_allowed {
            let problem = "would send the token unencrypted";
            return Err(Fault::new(problem, "use https, or set --allow-plain-http"));
        }
        Ok(url.text)
    })
}

/// The file must open; whether it holds certificates is for its reader to say.
fn ca_file(layer: &mut Layer) -> Option<PathBuf> {
    layer.take(Key::CaFile, |text| {
        File::open(text)
            .map(|_| PathBuf::from(text))
            .map_err(|error| {
                Fault::new(
                    format!("cannot be read: {error}"),
                    "give a readable PEM file",
                )
            })
    })
}
