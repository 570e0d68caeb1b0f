//! Label selectors, for objects that are not on the server yet. Pure.
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>)

use serde_json::Value;

/// Whether the labels of an object fit; an empty selector fits all. What the server does
/// not take for a selector fits nothing.
#[must_use]
pub fn fits(selector: &str, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    parts(selector)
        .iter()
        .all(|part| is_met(part.trim(), labels))
}

/// What stands between commas that are not in parentheses.
fn parts(selector: &str) -> Vec<&str> {
    let mut is_inside = false;
    let split = selector.split(move |c| {
        is_inside = (is_inside || c == '(') && c != ')';
        c == ',' && !is_inside
    });
    split.filter(|part| !part.trim().is_empty()).collect()
}

fn is_met(part: &str, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key.trim()).and_then(Value::as_str);
    for (sign, wanted) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((key, value)) = part.split_once(sign) {
            return (label(key) == Some(value.trim())) == wanted;
        }
    }
    if let Some((words, values)) = part.split_once('(') {
        let mut values = values.trim_end_matches(')').split(',');
        let mut words = words.split_whitespace();
        let value = words.next().and_then(label);
        let is_listed = value.is_some_and(|value| values.any(|one| one.trim() == value));
        return match words.next() {
            Some("in") => is_listed,
            Some("notin") => !is_listed,
            _ => false,
        };
    }
    match part.strip_prefix('!') {
        Some(key) => label(key).is_none(),
        None => label(part).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fits;

    #[test]
    fn each_form_of_a_selector_is_understood() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app=web,tier=back", false),
            ("app!=web", false),
            ("none!=web", true),
            ("app", true),
            ("none", false),
            ("!none", true),
            ("!app", false),
            ("app in (api, web),tier", true),
            ("app in (api)", false),
            ("app notin (api,db)", true),
            ("app notin (web)", false),
            ("none notin (web)", true),
            ("app of (web)", false),
        ] {
            assert_eq!(fits(selector, &object), expected, "{selector}");
        }
        assert!(!fits("a=b", &json!({})));
    }
}
