//! A service: how it is reached.

use super::{Kind, Labels, Name, Record, Uid};

/// Columns as in `kubectl get services`.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub namespace: Name,
    pub name: Name,
    pub uid: Option<Uid>,
    pub labels: Labels,
    /// Seconds since 1970; 0 when unknown.
    pub created: u32,
    pub service_type: ServiceType,
    /// An address, or `None` for a headless service.
    pub cluster_ip: Option<Name>,
    /// Addresses from outside: `203.0.113.7`, `<pending>`, `<none>`.
    pub external: Name,
    /// `80:30080/TCP,443/TCP`, `<none>`.
    pub ports: Name,
}

/// `spec.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceType {
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
    Unknown,
}

impl ServiceType {
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceType::ClusterIp => "ClusterIP",
            ServiceType::NodePort => "NodePort",
            ServiceType::LoadBalancer => "LoadBalancer",
            ServiceType::ExternalName => "ExternalName",
            ServiceType::Unknown => "Unknown",
        }
    }

    /// Anything unheard of is `Unknown`.
    pub fn parse(text: &str) -> Self {
        match text {
            "ClusterIP" => ServiceType::ClusterIp,
            "NodePort" => ServiceType::NodePort,
            "LoadBalancer" => ServiceType::LoadBalancer,
            "ExternalName" => ServiceType::ExternalName,
            _ => ServiceType::Unknown,
        }
    }
}

impl Record for Service {
    const KIND: Kind = Kind::Service;

    fn namespace(&self) -> Option<&Name> {
        Some(&self.namespace)
    }

    fn name(&self) -> &Name {
        &self.name
    }

    fn uid(&self) -> Option<Uid> {
        self.uid
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn state(&self) -> String {
        format!("{} {}", self.service_type.as_str(), self.ports)
    }

    fn difference(&self, earlier: &Self) -> Option<String> {
        let mut parts = Vec::new();
        if self.recreated(earlier) {
            parts.push("recreated".to_owned());
        }
        let columns = |row: &Service| {
            let cluster_ip = row.cluster_ip.as_deref().unwrap_or("<none>").to_owned();
            [
                ("type", row.service_type.as_str().to_owned()),
                ("cluster ip", cluster_ip),
                ("external", row.external.to_string()),
                ("ports", row.ports.to_string()),
            ]
        };
        for ((what, before), (_, now)) in columns(earlier).iter().zip(columns(self)) {
            if *before != now {
                parts.push(format!("{what} {before} -> {now}"));
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_way_in_is_told() {
        let before = Service {
            namespace: Name::from("a"),
            name: Name::from("web"),
            uid: None,
            labels: Labels::default(),
            created: 0,
            service_type: ServiceType::LoadBalancer,
            cluster_ip: Some(Name::from("10.43.0.7")),
            external: Name::from("<pending>"),
            ports: Name::from("80:30080/TCP"),
        };
        let mut after = before.clone();
        assert_eq!(after.difference(&before), None);
        after.external = Name::from("203.0.113.7");
        let told = after.difference(&before);
        assert_eq!(told.as_deref(), Some("external <pending> -> 203.0.113.7"));
        assert_eq!(after.state(), "LoadBalancer 80:30080/TCP");
    }
}
