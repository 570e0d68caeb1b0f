//! Explains calls that got no answer: name, connection, proxy, TLS, time.

use std::io;
use std::time::Duration;

use ureq::Timeout;

use super::{Explanation, Stage, foreign, skew, tls};
use crate::chain::Chain;
use crate::control::error::{Failure, Peer};
use crate::resolver::LookupFailed;

pub(super) fn explain(error: &ureq::Error, failure: &Failure) -> Explanation {
    let peer = &*failure.peer;
    match error {
        ureq::Error::Other(error) => match error.downcast_ref::<LookupFailed>() {
            Some(lookup) => dns(lookup, peer),
            None => unknown(error, peer),
        },
        ureq::Error::Io(error) => match tls::cause(error) {
            Some(error) => handshake(error, failure),
            None => at_proxy(connection(error, reached(peer)), peer),
        },
        ureq::Error::Rustls(error) => handshake(error, failure),
        ureq::Error::Tls(_) => Explanation::new(
            Stage::Tls,
            format!("{} is no name that a certificate can have", peer.host),
            "use a host name or an IP address in the control plane's URL",
        ),
        ureq::Error::ConnectProxyFailed(reason) => Explanation::new(
            Stage::Proxy,
            format!(
                "the proxy {} does not connect to {}: {reason}",
                reached(peer),
                peer.authority
            ),
            "look at user, password and rules of the proxy, or add the host to NO_PROXY",
        ),
        ureq::Error::Timeout(timeout) => too_slow(*timeout, peer),
        ureq::Error::Protocol(error) => foreign(format!(
            "{} does not answer with HTTP: {error}",
            peer.authority
        )),
        ureq::Error::LargeResponseHeader(..) => foreign(format!(
            "{} answers with a header that is too large",
            peer.authority
        )),
        error => unknown(error, peer),
    }
}

fn unknown(error: &dyn std::fmt::Display, peer: &Peer) -> Explanation {
    foreign(format!("the call to {} failed: {error}", peer.authority))
}

fn dns(error: &LookupFailed, peer: &Peer) -> Explanation {
    let explanation = Explanation::new(
        Stage::Dns,
        Chain(error).to_string(),
        "look at the host's spelling and at the name server (/etc/resolv.conf, CoreDNS)",
    );
    at_proxy(explanation, peer)
}

fn too_slow(timeout: Timeout, peer: &Peer) -> Explanation {
    let connect = (peer.timeout / 2).min(Duration::from_secs(10));
    let explanation = match timeout {
        Timeout::Resolve => Explanation::new(
            Stage::Dns,
            format!(
                "no name server answered for {} within {connect:?}",
                peer.host
            ),
            "look at the name server (/etc/resolv.conf, CoreDNS)",
        ),
        Timeout::Connect => Explanation::new(
            Stage::Tcp,
            format!("no connection to {} within {connect:?}", reached(peer)),
            "a firewall drops the packets, the host is down, or TLS gets no answer",
        ),
        _ => {
            return Explanation::new(
                Stage::Server,
                format!(
                    "no complete answer from {} within {:?}",
                    peer.authority, peer.timeout
                ),
                "the control plane or something on the way is too slow: the agent tries again",
            );
        }
    };
    at_proxy(explanation, peer)
}

/// Before the tunnel stands, it is the proxy that cannot be reached.
fn at_proxy(explanation: Explanation, peer: &Peer) -> Explanation {
    match &peer.proxy {
        Some(proxy) => Explanation::new(
            Stage::Proxy,
            format!("the proxy {proxy}: {}", explanation.text),
            "look at HTTPS_PROXY, or add the host to NO_PROXY",
        ),
        None => explanation,
    }
}

fn reached(peer: &Peer) -> &str {
    peer.proxy.as_deref().unwrap_or(&peer.authority)
}

/// A connection that did not come about, or ended before its time.
pub(super) fn connection(error: &io::Error, authority: &str) -> Explanation {
    use io::ErrorKind as Kind;
    let (text, hint) = match error.kind() {
        Kind::ConnectionRefused => (
            format!("nothing listens at {authority} (connection refused)"),
            "look whether the control plane runs, and at its port in the URL",
        ),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => (
            format!("{authority} cut the connection (connection reset)"),
            "the control plane was restarted, or a firewall or gateway cuts connections",
        ),
        Kind::UnexpectedEof => (
            format!("{authority} closed the connection without an answer"),
            "the control plane was restarted, or a gateway has no one behind it",
        ),
        Kind::HostUnreachable | Kind::NetworkUnreachable => (
            format!("there is no way to {authority}: {error}"),
            "look at routes and network interfaces of this machine",
        ),
        Kind::TimedOut | Kind::WouldBlock => (
            format!("{authority} does not answer in time"),
            "a firewall drops the packets, or the host is down",
        ),
        _ => (
            format!("the connection to {authority} failed: {error}"),
            "look at the network of this machine",
        ),
    };
    Explanation::new(Stage::Tcp, text, hint)
}

fn handshake(error: &rustls::Error, failure: &Failure) -> Explanation {
    let peer = &*failure.peer;
    let mut explanation = tls::explain(error, &peer.authority);
    if tls::is_about_trust(error) {
        explanation.text = format!("{}; trusted are {}", explanation.text, peer.roots);
    }
    // A certificate is out of date by this machine's clock; an earlier answer may have
    // told that the clock is the one to blame.
    if tls::is_about_time(error)
        && let Some(clock) = failure.skew.and_then(skew)
    {
        explanation.stage = Stage::Clock;
        explanation.text = format!("{}; {}", explanation.text, clock.text);
        explanation.hint = clock.hint;
    }
    explanation
}
