//! Which proxy, if any, stands between: `HTTPS_PROXY` and `NO_PROXY` as Go and
//! curl read them. A password in the proxy's URL is never shown.

use std::fmt;
use std::net::IpAddr;

use super::address::{Address, authority, host_and_port};

/// A proxy that takes CONNECT.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    https: bool,
    connector: ureq::Proxy,
}

impl Proxy {
    /// The proxy for `target`, none when it is reached directly.
    ///
    /// Plain http goes direct: it is loopback, or was allowed because the way is trusted.
    ///
    /// # Errors
    /// What is wrong with the proxy's URL, without the URL.
    pub(super) fn choose(
        proxy: Option<&str>,
        no_proxy: Option<&str>,
        target: &Address,
    ) -> Result<Option<Self>, String> {
        let Some(url) = proxy.map(str::trim).filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let direct = !target.https
            || target.is_loopback()
            || no_proxy.is_some_and(|list| is_excluded(list, &target.host, target.port));
        if direct {
            return Ok(None);
        }
        Self::parse(url).map(Some)
    }

    /// What the client is given.
    pub(super) fn connector(&self) -> ureq::Proxy {
        self.connector.clone()
    }

    fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err("has an unknown scheme: http and https proxies work".to_owned()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, _) = rest.split_at(end);
        let plain = authority.rsplit('@').next().unwrap_or(authority);
        let (host, port) = host_and_port(plain, if https { 443 } else { 80 })?;
        let connector = ureq::Proxy::new(url)
            .map_err(|_| "is not a valid URL: write http://[user:password@]host:port")?;
        Ok(Self {
            host,
            port,
            https,
            connector,
        })
    }
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", authority(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether the list (`NO_PROXY`) names the host: `*`, a domain with or without its
/// subdomains (`.example.com`, `example.com`), an address, a network, each with a
/// port or without.
fn is_excluded(list: &str, host: &str, port: u16) -> bool {
    list.split([',', ' '])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| matches(&entry.to_ascii_lowercase(), host, port))
}

fn matches(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return matches_address(entry, ip, port);
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, wanted)) => (name, wanted.parse::<u16>().ok()),
        None => (entry, Some(port)),
    };
    if wanted != Some(port) {
        return false;
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    match name.strip_prefix('.') {
        Some(domain) => is_below(host, domain),
        None => host == name || is_below(host, name),
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    !domain.is_empty()
        && host
            .strip_suffix(domain)
            .is_some_and(|start| start.len() > 1 && start.ends_with('.'))
}

fn matches_address(entry: &str, ip: IpAddr, port: u16) -> bool {
    if let Some((network, bits)) = entry.split_once('/') {
        let network = network.parse::<IpAddr>();
        return matches!((network, bits.parse()), (Ok(network), Ok(bits)) if is_in(ip, network, bits));
    }
    if let Ok(entry) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
        return entry == ip;
    }
    entry
        .parse::<std::net::SocketAddr>()
        .is_ok_and(|entry| entry.ip() == ip && entry.port() == port)
}

fn is_in(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (ip, network, width) = match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            (u128::from(ip.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => (ip.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    // A shift by the whole width (bits = 0, everything matches) has no u128 answer.
    bits <= width && (ip ^ network).checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(proxy: &str, no_proxy: &str, url: &str) -> Result<Option<Proxy>, String> {
        let target = Address::parse(url, true).unwrap();
        Proxy::choose(Some(proxy), Some(no_proxy), &target)
    }

    #[test]
    fn the_proxy_is_used_unless_the_target_is_excluded() {
        let used =
            |no_proxy: &str, url: &str| choose("http://p:3128", no_proxy, url).unwrap().is_some();
        let api = "https://api.example.com";
        for no_proxy in [
            "",
            "example.co",
            "ample.com",
            "a.api.example.com",
            "api.example.com:8443",
        ] {
            assert!(used(no_proxy, api), "{no_proxy}");
        }
        for no_proxy in [
            "*",
            "example.com",
            ".example.com",
            "*.example.com",
            "other,  API.example.com",
            "api.example.com:443",
        ] {
            assert!(!used(no_proxy, api), "{no_proxy}");
        }
        assert!(used(".api.example.com", api));
        let ip = "https://10.1.2.3:8443";
        for no_proxy in [
            "10.1.2.3",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "10.1.2.3/32",
            "10.1.2.3:8443",
        ] {
            assert!(!used(no_proxy, ip), "{no_proxy}");
        }
        for no_proxy in [
            "10.1.2.4",
            "10.2.0.0/16",
            "10.0.0.0/99",
            "::/0",
            "10.1.2.3:443",
            "3",
        ] {
            assert!(used(no_proxy, ip), "{no_proxy}");
        }
        assert!(!used("fd00::/8", "https://[fd12::1]"));
        assert!(!used("", "https://localhost"));
        assert!(!used("", "http://example.com"));
    }

    #[test]
    fn credentials_are_used_and_not_shown() {
        let proxy = choose("http://joe:hunter2@p.example:3128/", "", "https://h")
            .unwrap()
            .unwrap();
        assert_eq!(proxy.to_string(), "http://p.example:3128");
        assert_eq!(format!("{proxy:?}"), "http://p.example:3128");
        assert_eq!(proxy.connector().password(), Some("hunter2"));
    }

    #[test]
    fn bad_proxies_are_refused_without_being_shown() {
        for url in [
            "socks5://joe:hunter2@p",
            "http://joe:hunter2@",
            "http://joe:hunter2@p:x",
        ] {
            let problem = choose(url, "", "https://h").unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        assert!(choose("p:3128", "", "https://h").unwrap().is_some());
        assert!(choose("", "", "https://h").unwrap().is_none());
    }
}
