//! Which logs are wanted.

use serde_json::Value;

use super::ring::MOST;
use crate::api::logs::{is_name, seconds};
use crate::cluster::Pod;
use crate::report::Selector;

/// Lines of a container from before, where nobody says how many: as kubectl does it with a
/// selector.
const USUAL: usize = 10;
const KNOWN: &str = "namespace, pod, labelSelector, container, tail, since and contains are known";

#[derive(Clone, Debug, PartialEq)]
pub(in crate::api) struct Asked {
    pub(in crate::api) namespace: Option<String>,
    pub(in crate::api) pod: Option<String>,
    labels: Selector,
    container: Option<String>,
    /// Lines of each container from before, if somebody says how many.
    tail: Option<usize>,
    /// Of these at most so many seconds old.
    pub(super) since: Option<u64>,
    contains: Option<String>,
}

impl Asked {
    /// From parameters, decoded; that of a ticket is passed over.
    ///
    /// # Errors
    /// What is wrong; of a parameter that is not known, which are.
    pub(in crate::api::live) fn read<'p>(
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self, String> {
        let mut asked = Self {
            namespace: None,
            pod: None,
            labels: Selector::default(),
            container: None,
            tail: None,
            since: None,
            contains: None,
        };
        let mut seen = Vec::new();
        for (name, value) in parameters {
            if seen.contains(&name) {
                return Err(format!("{name} is there twice"));
            }
            seen.push(name);
            asked.set(name, value)?;
        }
        if asked.pod.is_some() && asked.namespace.is_none() {
            return Err("a pod is in a namespace: say which (namespace)".to_owned());
        }
        Ok(asked)
    }

    /// The same from an object, whose numbers are numbers or texts.
    ///
    /// # Errors
    /// As above.
    pub(in crate::api::live) fn of_object(value: &Value) -> Result<Self, String> {
        let fields = value.as_object().ok_or("logs is an object")?;
        let mut texts = Vec::new();
        for (name, value) in fields {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return Err(format!("{name:.32} is neither a text nor a number")),
            };
            texts.push((name.as_str(), text));
        }
        Self::read(texts.iter().map(|(name, text)| (*name, text.as_str())))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let named = |value: &str| match is_name(value) {
            true => Ok(Some(value.to_owned())),
            false => Err(format!("{name} is the name of one")),
        };
        match name {
            "namespace" => self.namespace = named(value)?,
            "pod" => self.pod = named(value)?,
            "container" => self.container = named(value)?,
            "labelSelector" => {
                let read = Selector::parse(value);
                self.labels = read.map_err(|problem| format!("labelSelector: {problem}"))?;
            }
            "tail" => {
                let tail: Option<usize> = value.parse().ok().filter(|tail| *tail <= MOST);
                let wrong = || {
                    format!(
                        "tail is a number of lines, {MOST} at most: /api/k8s/logs tells more of one pod"
                    )
                };
                self.tail = Some(tail.ok_or_else(wrong)?);
            }
            "since" => self.since = Some(seconds(value)?),
            "contains" => self.contains = Some(value.to_owned()).filter(|text| !text.is_empty()),
            "ticket" => {}
            _ => return Err(format!("there is no {name:.32}: {KNOWN}")),
        }
        Ok(())
    }

    pub(super) fn fits(&self, pod: &Pod) -> bool {
        let is =
            |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|wanted| wanted == own);
        is(&self.namespace, &pod.namespace)
            && is(&self.pod, &pod.name)
            && self.labels.fits(&pod.labels)
    }

    /// Lines of each container from before: all that are not too old, where only that was said.
    pub(super) fn tail(&self) -> usize {
        let usual = if self.since.is_some() { MOST } else { USUAL };
        self.tail.unwrap_or(usual)
    }

    pub(super) fn wants_container(&self, name: &str) -> bool {
        self.container.as_ref().is_none_or(|wanted| wanted == name)
    }

    pub(super) fn wants_line(&self, text: &str) -> bool {
        self.contains
            .as_ref()
            .is_none_or(|part| text.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn questions_are_read_in_both_forms() {
        let asked = Asked::read([
            ("namespace", "shop"),
            ("labelSelector", "app=web"),
            ("tail", "3"),
            ("ticket", "x"),
        ]);
        let object = json!({"namespace": "shop", "labelSelector": "app=web", "tail": 3});
        assert_eq!(asked, Asked::of_object(&object));
        assert_eq!(asked.unwrap().tail(), 3);
        let since = Asked::read([("since", "5m")]).unwrap();
        assert_eq!((since.since, since.tail()), (Some(300), MOST));
        assert_eq!(Asked::read([]).unwrap().tail(), USUAL);
        let both = [("tail", "5"), ("since", "5m")];
        for order in [both, [both[1], both[0]]] {
            assert_eq!(Asked::read(order).unwrap().tail(), 5, "{order:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (name, value, problem) in [
            ("namespace", "A b", "namespace is the name of one"),
            ("pod", "web", "a pod is in a namespace"),
            ("tail", "501", "tail is a number of lines"),
            ("tail", "-1", "tail is a number of lines"),
            ("since", "soon", "since is a duration"),
            ("labelSelector", "a b", "labelSelector: "),
            ("follow", "true", "there is no follow"),
        ] {
            let told = Asked::read([(name, value)]).unwrap_err();
            assert!(told.starts_with(problem), "{name}={value}: {told}");
        }
        let twice = Asked::read([("tail", "1"), ("tail", "2")]);
        assert_eq!(twice, Err("tail is there twice".to_owned()));
        for (wrong, problem) in [
            (json!([]), "logs is an object"),
            (json!({"tail": true}), "tail is neither"),
        ] {
            assert!(Asked::of_object(&wrong).unwrap_err().starts_with(problem));
        }
    }

    #[test]
    fn lines_and_containers_are_chosen() {
        let asked = Asked::read([("container", "web"), ("contains", "error")]).unwrap();
        assert!(asked.wants_container("web") && !asked.wants_container("proxy"));
        assert!(asked.wants_line("an error") && !asked.wants_line("fine"));
    }
}
