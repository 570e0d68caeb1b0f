//! What each part of the agent needs of the settings, in the part's own terms.

use std::path::PathBuf;

use super::environment::{self, Environment};
use super::settings::{self, Kubernetes, Settings};
use crate::api;
use crate::control;
use crate::http;
use crate::k8s;
use crate::security;

/// Where Kubernetes mounts the service account of a pod
/// (<https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>).
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How to find the API server by the environment alone, for what is not the agent.
pub fn kubernetes(environment: &Environment) -> k8s::Options {
    let mut layer = environment::read(environment);
    of(&settings::kubernetes(&mut layer, environment))
}

fn of(kubernetes: &Kubernetes) -> k8s::Options {
    let in_cluster = kubernetes.in_cluster.as_ref().map(|pod| k8s::InCluster {
        host: pod.host.clone(),
        port: pod.port,
        folder: PathBuf::from(SERVICE_ACCOUNT),
    });
    k8s::Options {
        kubeconfig: kubernetes.kubeconfig.clone(),
        context: kubernetes.context.clone(),
        in_cluster,
        home: kubernetes.home.clone(),
    }
}

impl Settings {
    /// How to find the API server.
    pub fn kubernetes(&self) -> k8s::Options {
        of(&self.kubernetes)
    }

    /// How to reach the control plane; none: standalone.
    pub fn control(&self) -> Option<control::Options> {
        let set = self.control_plane.as_ref()?;
        Some(control::Options {
            ca_file: set.ca_file.clone(),
            plain_http_allowed: set.plain_http_allowed,
            proxy: set.proxy.as_ref().map(|url| url.expose().to_owned()),
            no_proxy: set.no_proxy.clone(),
            ..control::Options::new(&set.url, set.token.clone())
        })
    }

    /// Where to listen.
    pub fn http(&self) -> http::Options {
        let tls = self.tls.as_ref().map(|tls| {
            let files = http::Files {
                certificate: tls.certificate.clone(),
                key: tls.key.clone(),
            };
            http::Tls::new(tls.listen.clone(), files)
        });
        http::Options {
            listen: self.listen.clone(),
            tls,
            ..http::Options::default()
        }
    }

    /// Who may ask the agent, and by which names, if it is a pod in that namespace.
    pub fn security(&self, namespace: &str) -> security::Options {
        let mut hosts = self.api.hosts.clone();
        if self.kubernetes.in_cluster.is_some() {
            // What a Service is called from another namespace; outside is no such domain.
            hosts.push(format!("*.{namespace}"));
        }
        security::Options {
            token: self.api.token.clone(),
            tokens_file: self.api.tokens_file.clone(),
            hosts,
        }
    }

    /// What there is for those who ask.
    pub fn routes(&self) -> api::Limits {
        api::Limits {
            streams: self.api.streams,
            metrics_open: self.api.metrics_open,
        }
    }

    /// How often to speak to the control plane, until it asks for something else.
    pub fn intervals(&self) -> control::Intervals {
        control::Intervals {
            heartbeat: self.heartbeat_interval,
            status: self.status_interval,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;
    use std::time::Duration;

    use crate::config::{Invocation, Settings, environment, load};

    fn settings(line: &str, variables: &[(&str, &str)]) -> Settings {
        let arguments = line.split_whitespace().map(OsString::from);
        match load(arguments, &environment::of(variables)) {
            Ok(Invocation::Run(settings)) => *settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_part_gets_what_is_set_for_it() {
        let line = "--listen [::1]:7 --heartbeat-interval 9 --status-interval 1h \
                    --api-url http://h --allow-plain-http --context c --kubeconfig /a:/b";
        let settings = settings(
            line,
            &[
                ("PIPEOPS_TLS_CERT_FILE", "/tls.crt"),
                ("PIPEOPS_TLS_KEY_FILE", "/tls.key"),
                ("PIPEOPS_TOKEN", "t0ken"),
                ("HTTPS_PROXY", "http://me:hunter2@proxy"),
                ("NO_PROXY", ".local"),
                ("SSL_CERT_FILE", "/ca.pem"),
                ("HOME", "/home/me"),
                ("KUBERNETES_SERVICE_HOST", "fd00::1"),
                ("KUBERNETES_SERVICE_PORT", "443"),
            ],
        );
        let kubernetes = settings.kubernetes();
        assert_eq!(kubernetes.kubeconfig, [Path::new("/a"), Path::new("/b")]);
        assert_eq!(kubernetes.context.as_deref(), Some("c"));
        assert_eq!(kubernetes.home.as_deref(), Some(Path::new("/home/me")));
        let pod = kubernetes.in_cluster.unwrap();
        assert_eq!((pod.host.as_str(), pod.port), ("fd00::1", 443));
        assert!(pod.folder.ends_with("kubernetes.io/serviceaccount"));

        let control = settings.control().unwrap();
        assert_eq!(control.url, "http://h");
        assert!(control.plain_http_allowed);
        assert_eq!(control.proxy.as_deref(), Some("http://me:hunter2@proxy"));
        assert_eq!(control.no_proxy.as_deref(), Some(".local"));
        assert_eq!(control.ca_file.as_deref(), Some(Path::new("/ca.pem")));
        assert_eq!(control.timeout, Duration::from_secs(30));

        assert_eq!(settings.http().listen, ["[::1]:7".parse().unwrap()]);
        let tls = settings.http().tls.unwrap();
        assert_eq!(tls.files.certificate, Path::new("/tls.crt"));
        assert_eq!(tls.files.key, Path::new("/tls.key"));
        assert_eq!(tls.listen, ["[::]:8443".parse().unwrap()]);
        let intervals = settings.intervals();
        assert_eq!(intervals.heartbeat, Duration::from_secs(9));
        assert_eq!(intervals.status, Duration::from_secs(3600));
    }

    #[test]
    fn without_a_token_there_is_no_control_plane() {
        let settings = settings("", &[]);
        assert!(settings.control().is_none());
        assert!(settings.kubernetes().in_cluster.is_none());
    }
}
