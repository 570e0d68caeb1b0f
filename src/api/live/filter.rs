//! What somebody who looks on wants to be told, and may be.

use crate::api::rights::Asking;
use crate::cluster::{Change, Kind, Snapshot};
use crate::http::Request;
use crate::report::{self, Selector, Visible};
use crate::security::Refusal;

/// Which changes are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Empty: all.
    kinds: Vec<Kind>,
    namespace: Option<String>,
    labels: Selector,
}

/// The same, as far as whoever asks may see them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    namespace: Option<String>,
    labels: Selector,
    kinds: Vec<(Kind, Visible)>,
    /// Kinds of which not all may be seen.
    forbidden: Vec<Kind>,
}

impl Wanted {
    /// From `kind=pod,node`, `namespace=NAME` and `labelSelector=KEY=VALUE`.
    ///
    /// # Errors
    /// What is wrong with the question.
    pub(super) fn of(request: &Request) -> Result<Self, String> {
        for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if !matches!(name, "kind" | "namespace" | "labelSelector" | "ticket") {
                return Err(format!(
                    "there is no {name}: kind, namespace and labelSelector are known"
                ));
            }
        }
        // One that cannot be read is not one that is not there.
        if request.query_pairs().any(|pair| pair.is_none()) {
            return Err("a parameter is not percent-encoded UTF-8".to_owned());
        }
        let mut kinds = Vec::new();
        for name in request
            .query_value("kind")
            .iter()
            .flat_map(|all| all.split(','))
        {
            kinds.push(kind_of(name)?);
        }
        let namespace = request.query_value("namespace");
        // Each other one would be a question to the API server, and a line of the audit.
        if namespace
            .as_deref()
            .is_some_and(|name| !report::is_namespace(name))
        {
            return Err("namespace is no name of a namespace".to_owned());
        }
        Ok(Self {
            kinds,
            namespace: namespace.map(|name| name.into_owned()),
            labels: selector(&request.query_value("labelSelector").unwrap_or_default())?,
        })
    }

    /// What of it may be told. Kinds that are asked for must be allowed, others are left out.
    ///
    /// # Errors
    /// Nothing of it, or of a kind that is asked for.
    pub(super) fn allowed(
        self,
        mut asking: Asking<'_>,
        snapshot: &Snapshot,
    ) -> Result<Filter, Refusal> {
        let mut kinds = Vec::new();
        let mut forbidden = Vec::new();
        let mut refused = None;
        for kind in Kind::ALL {
            if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
                // The picture of the cluster would tell of it.
                if !asking.sees_all(kind)? {
                    forbidden.push(kind);
                }
                continue;
            }
            match asking.seen(kind, self.namespace.as_deref(), snapshot) {
                Ok(seen) => {
                    if seen != Visible::All {
                        forbidden.push(kind);
                    }
                    kinds.push((kind, seen));
                }
                Err(Refusal::Forbidden(why)) if self.kinds.is_empty() => {
                    forbidden.push(kind);
                    refused = Some(Refusal::Forbidden(why));
                }
                Err(other) => return Err(other),
            }
        }
        match refused {
            Some(refused) if kinds.is_empty() => Err(refused),
            _ => Ok(Filter {
                namespace: self.namespace,
                labels: self.labels,
                kinds,
                forbidden,
            }),
        }
    }
}

fn selector(text: &str) -> Result<Selector, String> {
    Selector::parse(text).map_err(|problem| format!("labelSelector: {problem}"))
}

fn kind_of(name: &str) -> Result<Kind, String> {
    let mut known = Kind::ALL.into_iter();
    let kind = known.find(|kind| kind.singular() == name || kind.plural() == name);
    kind.ok_or_else(|| format!("there is no kind {name:.32}: write pod, node"))
}

impl Filter {
    pub(super) fn wants(&self, change: &Change) -> bool {
        let namespace = change.namespace.as_deref();
        let mut kinds = self.kinds.iter();
        let Some((_, seen)) = kinds.find(|(kind, _)| *kind == change.kind) else {
            return false;
        };
        let may = match (seen, namespace) {
            (Visible::All, _) => true,
            (Visible::Namespaces(seen), Some(namespace)) => seen.contains(namespace),
            (Visible::Namespaces(_), None) => false,
        };
        may && self.namespace.is_none() | (self.namespace.as_deref() == namespace)
            && self.labels.fits(&change.labels)
    }

    /// Whether what nodes use is told: to whoever wants nodes, all of them, and may see them.
    pub(super) fn wants_metrics(&self) -> bool {
        let sees_nodes = self.kinds.contains(&(Kind::Node, Visible::All));
        self.namespace.is_none() && self.labels.is_empty() && sees_nodes
    }

    /// Instead of the picture of the cluster, for whoever may not see all of it:
    /// `{"forbidden":["nodes"]}`, the kinds of which not everything is told.
    pub(super) fn forbidden(&self) -> Option<String> {
        let names = self
            .forbidden
            .iter()
            .map(|kind| format!("\"{}\"", kind.plural()));
        let names: Vec<String> = names.collect();
        (!names.is_empty()).then(|| format!("{{\"forbidden\":[{}]}}", names.join(",")))
    }

    /// Less of it.
    ///
    /// # Errors
    /// There is no such kind, or it may not be seen.
    pub(super) fn narrowed(
        &self,
        kinds: Option<&[&str]>,
        namespace: Option<&str>,
        labels: Option<&str>,
    ) -> Result<Self, String> {
        if !self.labels.is_empty() && labels.is_some() {
            return Err("a labelSelector was given when this connection began".to_owned());
        }
        if self.namespace.is_some() && namespace.is_some() && self.namespace.as_deref() != namespace
        {
            return Err("another namespace was named when this connection began".to_owned());
        }
        let mut narrowed = self.clone();
        if let Some(names) = kinds {
            let wanted = names.iter().map(|name| kind_of(name));
            let wanted: Vec<Kind> = wanted.collect::<Result<_, _>>()?;
            narrowed.kinds.retain(|(kind, _)| wanted.contains(kind));
            if let Some(kind) = wanted.iter().find(|wanted| {
                let mut seen = narrowed.kinds.iter();
                !seen.any(|(kind, _)| kind == *wanted)
            }) {
                return Err(format!("{} may not be seen", kind.plural()));
            }
        }
        if let Some(namespace) = namespace {
            narrowed.namespace = Some(namespace.to_owned());
        }
        if let Some(labels) = labels {
            narrowed.labels = selector(labels)?;
        }
        Ok(narrowed)
    }

    /// Everything.
    #[cfg(test)]
    pub(super) fn all() -> Self {
        Self {
            namespace: None,
            labels: Selector::default(),
            kinds: Kind::ALL.map(|kind| (kind, Visible::All)).to_vec(),
            forbidden: Vec::new(),
        }
    }

    /// Pods of one namespace.
    #[cfg(test)]
    pub(super) fn of_namespaces(name: &str) -> Self {
        Self {
            namespace: None,
            labels: Selector::default(),
            kinds: vec![(Kind::Pod, Visible::Namespaces([name.to_owned()].into()))],
            forbidden: vec![Kind::Pod],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn wanted(query: &str) -> Result<Wanted, String> {
        Wanted::of(&Request::new(Method::Get, &format!("/?{query}")))
    }

    fn change(kind: Kind, namespace: Option<&str>) -> Change {
        Change {
            id: 1,
            at: 1,
            kind,
            what: crate::cluster::What::Added,
            namespace: namespace.map(Into::into),
            name: "x".into(),
            labels: crate::cluster::Names::new().labels(|each| each("app", "web")),
            summary: "".into(),
        }
    }

    #[test]
    fn questions_are_read_and_wrong_ones_told() {
        let found = wanted("kind=pod,namespaces&namespace=shop").unwrap();
        assert_eq!(found.kinds, [Kind::Pod, Kind::Namespace]);
        assert_eq!(found.namespace.as_deref(), Some("shop"));
        assert_eq!(wanted(""), Ok(Wanted::default()));
        let problem = wanted("kind=secret").unwrap_err();
        assert!(problem.starts_with("there is no kind secret"), "{problem}");
        for odd in ["%ff", "", "%0d%0a", "Shop"] {
            assert!(wanted(&format!("namespace={odd}")).is_err(), "{odd}");
        }
        let problem = wanted("label=x").unwrap_err();
        assert!(problem.starts_with("there is no label"), "{problem}");
    }

    #[test]
    fn only_what_is_wanted_and_may_be_seen_is_told() {
        let all = Filter::all();
        assert!(all.wants(&change(Kind::Node, None)));
        assert_eq!(all.forbidden(), None);
        let some = Filter {
            namespace: Some("shop".to_owned()),
            ..all
        };
        assert!(some.wants(&change(Kind::Pod, Some("shop"))));
        assert!(!some.wants(&change(Kind::Pod, Some("other"))));
        assert!(!some.wants(&change(Kind::Namespace, None)), "it is in none");
        let labelled = |text| Filter {
            labels: selector(text).unwrap(),
            ..Filter::all()
        };
        assert!(labelled("app=web").wants(&change(Kind::Node, None)));
        assert!(!labelled("app!=web").wants(&change(Kind::Node, None)));
        let few = Filter::of_namespaces("shop");
        let metrics = [Filter::all(), some, labelled("app"), few.clone()];
        assert_eq!(
            metrics.map(|filter| filter.wants_metrics()),
            [true, false, false, false]
        );
        assert!(few.wants(&change(Kind::Pod, Some("shop"))));
        assert!(!few.wants(&change(Kind::Pod, Some("other"))));
        assert!(!few.wants(&change(Kind::Node, None)));
        assert_eq!(
            few.forbidden().as_deref(),
            Some("{\"forbidden\":[\"pods\"]}")
        );
    }
}
