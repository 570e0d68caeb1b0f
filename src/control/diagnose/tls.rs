//! Explains failed handshakes: which certificate, what is wrong with it, or who does
//! not speak TLS at all.

use std::io;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error};

use super::{Explanation, Stage};

/// The TLS error inside an I/O error.
pub(super) fn cause(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

pub(super) fn explain(error: &Error, authority: &str) -> Explanation {
    match error {
        Error::InvalidCertificate(error) => certificate(error, authority),
        Error::AlertReceived(alert) => alerted(*alert, authority),
        Error::InvalidMessage(_) => Explanation::new(
            Stage::Tls,
            format!("{authority} does not speak TLS"),
            "look at the port in the URL: it may be one for plain http",
        ),
        Error::PeerIncompatible(_) => Explanation::new(
            Stage::Tls,
            format!("{authority} offers neither TLS 1.2 nor 1.3 with a cipher that is known here"),
            "the control plane needs a newer TLS configuration",
        ),
        error => Explanation::new(
            Stage::Tls,
            format!("the TLS handshake with {authority} failed: {error}"),
            "look whether a proxy or firewall changes the connection",
        ),
    }
}

/// Whether another set of roots might help.
pub(super) fn is_about_trust(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
    )
}

/// Whether another clock might help.
pub(super) fn is_about_time(error: &Error) -> bool {
    use CertificateError as Bad;
    matches!(
        error,
        Error::InvalidCertificate(
            Bad::Expired
                | Bad::ExpiredContext { .. }
                | Bad::NotValidYet
                | Bad::NotValidYetContext { .. }
        )
    )
}

fn certificate(error: &CertificateError, authority: &str) -> Explanation {
    use CertificateError as Bad;
    let of = format!("the certificate of {authority}");
    let (text, hint) = match error {
        Bad::ExpiredContext { .. } | Bad::NotValidYetContext { .. } => return dated(error, &of),
        Bad::NotValidForNameContext {
            expected,
            presented,
        } => (
            format!(
                "{of} is for {}, not for {}",
                names(presented),
                name(expected)
            ),
            "use a name that the certificate has, or give the control plane another certificate",
        ),
        Bad::UnknownIssuer => (
            format!("{of} is from an issuer that is not trusted"),
            "name the control plane's CA with PIPEOPS_CA_FILE; an unknown CA may also be a proxy \
             that reads along",
        ),
        // A CA that was made anew mostly has its old name.
        Bad::BadSignature => (
            format!("{of} is signed with another key than that of the trusted CA of this name"),
            "put the present certificate of the control plane's CA into PIPEOPS_CA_FILE",
        ),
        Bad::Revoked => (format!("{of} was revoked"), RENEW),
        error => (format!("{of} is not acceptable: {error}"), RENEW),
    };
    Explanation::new(Stage::Tls, text, hint)
}

const RENEW: &str = "renew the control plane's certificate";

/// A certificate of another time.
fn dated(error: &CertificateError, of: &str) -> Explanation {
    match error {
        CertificateError::ExpiredContext { time, not_after } => Explanation::new(
            Stage::Tls,
            format!(
                "{of} expired at {}; this machine's clock says {}",
                moment(*not_after),
                moment(*time)
            ),
            "renew the control plane's certificate, or set this machine's clock",
        ),
        CertificateError::NotValidYetContext { time, not_before } => Explanation::new(
            Stage::Clock,
            format!(
                "{of} is not valid before {}, and this machine's clock says {}",
                moment(*not_before),
                moment(*time)
            ),
            "set this machine's clock (NTP): a certificate is rarely from the future",
        ),
        error => Explanation::new(Stage::Tls, format!("{of}: {error}"), RENEW),
    }
}

fn alerted(alert: AlertDescription, authority: &str) -> Explanation {
    let (text, hint) = match alert {
        AlertDescription::CertificateRequired | AlertDescription::BadCertificate => (
            format!("{authority} asks for a client certificate ({alert:?})"),
            "the agent has none: let the control plane accept the token alone",
        ),
        AlertDescription::UnrecognisedName => (
            format!("{authority} has no certificate for this name ({alert:?})"),
            "look at the host in the URL",
        ),
        alert => (
            format!("{authority} refuses the TLS handshake ({alert:?})"),
            "look at the TLS versions and ciphers of the control plane",
        ),
    };
    Explanation::new(Stage::Tls, text, hint)
}

fn moment(time: UnixTime) -> String {
    // Beyond the year 9999 there is no such text; it is a date far off all the same.
    let seconds = time.as_secs().min(253_402_300_799);
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(moment).to_string()
}

fn name(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// A few of the certificate's names: large sites have hundreds.
fn names(presented: &[String]) -> String {
    const SHOWN: usize = 5;
    if presented.is_empty() {
        return "no name at all".to_owned();
    }
    let shown: Vec<&str> = presented
        .iter()
        .take(SHOWN)
        .map(|name| plain(name))
        .collect();
    let more = presented.len().saturating_sub(SHOWN);
    if more > 0 {
        format!("{} and {more} more", shown.join(", "))
    } else {
        shown.join(", ")
    }
}

/// `DnsName("x")` as `x`.
fn plain(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}
