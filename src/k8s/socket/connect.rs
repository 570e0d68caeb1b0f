//! Opens a WebSocket with the address and credentials of every other request.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use ureq::http::Uri;

use super::handshake::{self, Answer, Question};
use super::wire::Wire;
use super::{Socket, State};
use crate::k8s::client::Client;
use crate::k8s::error::{Cause, Error, Status};
use crate::k8s::target::{Target, TargetError, host};
use crate::resolver;
use crate::secret::Secret;
use crate::websocket::{BINARY, Decoder};

const LOOKUP: Duration = Duration::from_secs(5);
/// Until the server agreed; it asks the node first.
const ANSWER: Duration = Duration::from_secs(30);

impl Socket {
    /// Asks for `path`, which has a query, and for the first of `protocols` that the
    /// server speaks.
    pub(in crate::k8s) fn open(
        client: &Client,
        path: &str,
        protocols: &[&'static str],
    ) -> Result<Socket, Error> {
        client.permit("GET", path)?;
        let target = client.target();
        let failed = |cause| Error::new("GET", path, cause);
        if let Some(other) = client.other() {
            let tls = target.tls_of_nobody();
            return agree(target, tls, path, protocols, Some(other)).map_err(failed);
        }
        let authorization = target
            .authorization(Instant::now())
            .map_err(|error| failed(Cause::Token(error)))?;
        let refused = match agree(
            target,
            target.tls(),
            path,
            protocols,
            authorization.as_ref(),
        ) {
            Err(Cause::Status(status)) if status.code == 401 => Cause::Status(status),
            outcome => return outcome.map_err(failed),
        };
        // The file of the token may have another one by now.
        let other = authorization.and_then(|old| target.other_authorization(&old, Instant::now()));
        match other {
            Some(other) => {
                agree(target, target.tls(), path, protocols, Some(&other)).map_err(failed)
            }
            None => Err(failed(refused)),
        }
    }
}

fn agree(
    target: &Target,
    tls: Result<Arc<ClientConfig>, TargetError>,
    path: &str,
    protocols: &[&'static str],
    authorization: Option<&Secret>,
) -> Result<Socket, Cause> {
    let (random, mut seed) = (SystemRandom::new(), [0; 16]);
    random
        .fill(&mut seed)
        .map_err(|_| Cause::Garbage("no random numbers".to_owned()))?;
    let uri: Uri = format!("{}{path}", target.server())
        .parse()
        .map_err(|_| Cause::Garbage("the path is not a URL".to_owned()))?;
    let question = Question {
        host: uri.authority().map_or("", |authority| authority.as_str()),
        path: uri.path_and_query().map_or("/", |path| path.as_str()),
        protocols,
        key: &handshake::key(seed),
        authorization,
    };
    let mut socket = Socket {
        wire: connect(target, &uri, tls)?,
        path: path.to_owned(),
        protocol: "",
        inbox: Vec::new(),
        decoder: Decoder::of_server(BINARY),
        channel: None,
        random,
        heard: Instant::now(),
        asked: false,
        state: State::Open,
    };
    socket.wire.out().extend(handshake::request(&question));
    socket.protocol = socket.answered(&question)?;
    Ok(socket)
}

/// Connects to where the target is, with its TLS if it has one.
pub(in crate::k8s) fn connect(
    target: &Target,
    uri: &Uri,
    tls: Result<Arc<ClientConfig>, TargetError>,
) -> Result<Wire, Cause> {
    let place = target.place().unwrap_or(uri);
    let https = uri.scheme_str() == Some("https");
    let port = place.port_u16().unwrap_or(if https { 443 } else { 80 });
    let addresses = resolver::lookup(host(place), port, LOOKUP)
        .map_err(|error| Cause::Transport(ureq::Error::Other(Box::new(error))))?;
    let tls = if https {
        let name = ServerName::try_from(host(uri).to_owned())
            .map_err(|_| Cause::Garbage("the host is no name for a certificate".to_owned()))?;
        Some((tls.map_err(Cause::Target)?, name))
    } else {
        None
    };
    Wire::connect(&addresses, tls).map_err(|error| Cause::Transport(error.into()))
}

impl Socket {
    /// Waits for the answer; the bytes behind it are the first frames.
    fn answered(&mut self, question: &Question<'_>) -> Result<&'static str, Cause> {
        let deadline = Instant::now() + ANSWER;
        let transport = |error: std::io::Error| Cause::Transport(error.into());
        let mut ended = false;
        loop {
            let answer = handshake::answer(question, &self.inbox, ended)
                .map_err(|problem| Cause::Garbage(problem.to_owned()))?;
            match answer {
                Some(Answer::Agreed { size, protocol }) => {
                    self.inbox.drain(..size);
                    self.heard = Instant::now();
                    return Ok(protocol);
                }
                Some(Answer::Refused {
                    code,
                    retry_after,
                    body,
                }) => return Err(Cause::Status(Status::of(code, retry_after, &body))),
                None => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(transport(ErrorKind::TimedOut.into()));
            }
            self.wire.flush().map_err(transport)?;
            self.wait(&[], left)
                .map_err(|error| transport(error.into()))?;
            ended = !self.wire.fill(&mut self.inbox).map_err(transport)?;
        }
    }
}
