//! Values as descriptions show them: times, selectors, lists, probes. Pure.

use serde_json::Value;

use super::page::fill;
use crate::kubectl::duration;
use crate::kubectl::print::go;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const PROBE: &str = "{exec.command/exec %}{httpGet:h/http-get %}{tcpSocket.port/tcp-socket }{tcpSocket.host}\
{tcpSocket.port/:%}{grpc.port/grpc <pod>:% }{grpc.service} delay={initialDelaySeconds=0}s \
timeout={timeoutSeconds=0}s period={periodSeconds=0}s #success={successThreshold=0} \
#failure={failureThreshold=0}";

/// What every part of a Secret, a probe or a status may be missing.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The items of a list; none if it is no list.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether there is something: not null, and not empty.
pub(super) fn present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    }
}

/// A value in one of the forms that a page names by a letter; `root` is the whole object.
pub(super) fn shown(value: &Value, form: char, root: &Value) -> String {
    match form {
        ',' => each(value, "{}", ","),
        ';' => each(value, "{}", ", "),
        'I' => each(value, "{ip}", ","),
        'N' => each(value, "{name}", ", "),
        'C' => each(value, "{containerPort=0}/{protocol}{name/ (%)}", ", "),
        'H' => each(value, "{hostPort=0}/{protocol}{name/ (%)}", ", "),
        'L' => each(value, "{ip}{ipMode/ (%)}{hostname}", ", "),
        's' => selector(value),
        'U' if value.is_null() => "<unset>".to_owned(),
        'S' | 'U' => or_none(selector(value)),
        'm' => or_none(pairs(value).join(",")),
        'p' => fill(PROBE, value),
        'h' => address(value),
        'R' => reference(value, root),
        'A' => access(value),
        'n' if value.is_null() => "<none>".to_owned(),
        'c' => class(value).to_owned(),
        'D' => if is_default(value) { "Yes" } else { "No" }.to_owned(),
        'z' => if items(value).len() > 1 { "s" } else { "" }.to_owned(),
        'B' => if *value == true { "True" } else { "False" }.to_owned(),
        'r' => if *value == true { "ro" } else { "rw" }.to_owned(),
        'o' => exists(value).to_owned(),
        'g' => met(value, root).to_owned(),
        '%' => go::sprint(value) + "%",
        _ if value.is_string() || value.is_null() => changed(text(value), form),
        _ => go::sprint(value),
    }
}

/// A text in one of its forms.
fn changed(text: &str, form: char) -> String {
    match form {
        't' => date(text),
        'T' => text.replace('T', " ").replace('Z', " +0000 UTC"),
        'a' => duration::since(text),
        'b' => decoded_length(text).to_string(),
        'i' => text.replace('\n', "\n      "),
        'e' => text.replace('\n', "\n      \t"),
        'l' => text.to_lowercase(),
        'w' => text.trim().to_owned(),
        'q' => format!("{text:?}"),
        _ => text.to_owned(),
    }
}

fn each(value: &Value, text: &str, between: &str) -> String {
    let parts: Vec<_> = items(value).iter().map(|item| fill(text, item)).collect();
    parts.join(between)
}

/// Whether a condition of the whole object is met.
fn met<'a>(kind: &Value, root: &'a Value) -> &'a str {
    let conditions = items(&root["status"]["conditions"]);
    let met = conditions.iter().find(|one| one["type"] == *kind);
    met.map_or("<none>", |one| text(&one["status"]))
}

pub(super) fn or_none(text: String) -> String {
    if text.is_empty() {
        "<none>".to_owned()
    } else {
        text
    }
}

/// Whether annotations make it the class of whoever names none.
fn is_default(annotations: &Value) -> bool {
    annotations["storageclass.kubernetes.io/is-default-class"] == "true"
        || annotations["storageclass.beta.kubernetes.io/is-default-class"] == "true"
}

/// The storage class of a volume or claim.
fn class(object: &Value) -> &str {
    let old = &object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"];
    old.as_str()
        .unwrap_or_else(|| text(&object["spec"]["storageClassName"]))
}

/// `Thu, 26 Nov 2026 10:47:45 +0000`; the first day of all for no time.
fn date(time: &str) -> String {
    let part = |from: usize, to: usize| time.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse().unwrap_or(0_usize).wrapping_sub(1);
    let seconds = humantime::parse_rfc3339_weak(time)
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let (Some(seconds), Some(month)) = (seconds, MONTHS.get(month)) else {
        return "Mon, 01 Jan 0001 00:00:00 +0000".to_owned();
    };
    let day = DAYS[(seconds.as_secs() / 86_400 % 7) as usize];
    let (date, year, clock) = (part(8, 10), part(0, 4), part(11, 19));
    format!("{day}, {date} {month} {year} {clock} +0000")
}

/// `key=value` of each.
pub(super) fn pairs(map: &Value) -> Vec<String> {
    let map = map.as_object().into_iter().flatten();
    map.map(|(key, value)| format!("{key}={}", text(value)))
        .collect()
}

/// A label selector as the API takes it in a query; a plain map of labels is one, too.
pub(super) fn selector(value: &Value) -> String {
    let (labels, rules) = (&value["matchLabels"], &value["matchExpressions"]);
    let mut parts = pairs(labels);
    for rule in items(rules) {
        let mut values: Vec<_> = items(&rule["values"]).iter().map(text).collect();
        values.sort_unstable();
        let values = values.join(",");
        let (before, after) = match text(&rule["operator"]) {
            "In" => ("", " in ("),
            "NotIn" => ("", " notin ("),
            "DoesNotExist" => ("!", ""),
            _ => ("", ""),
        };
        let mut told = before.to_owned() + text(&rule["key"]) + after;
        if !after.is_empty() {
            told.push_str(&values);
            told.push(')');
        }
        parts.push(told);
    }
    let ends: &[char] = &['=', ' '];
    let key = |part: &String| {
        let key = part.split(ends).next().unwrap_or_default();
        key.trim_start_matches('!').to_owned()
    };
    crate::kubectl::sort::by(parts, &key).join(",")
}

/// Bytes behind base64.
fn decoded_length(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

/// What a toleration without a value says.
fn exists(toleration: &Value) -> &'static str {
    if toleration["operator"] != "Exists" || present(&toleration["value"]) {
        ""
    } else if present(&toleration["key"]) || present(&toleration["effect"]) {
        " op=Exists"
    } else {
        "op=Exists"
    }
}

/// The address that a probe asks, as Go writes one.
fn address(get: &Value) -> String {
    let scheme = text(&get["scheme"]).to_lowercase();
    let host = host_and_port(text(&get["host"]), &go::sprint(&get["port"]));
    let path = text(&get["path"]);
    let slash = if path.is_empty() || path.starts_with('/') {
        ""
    } else {
        "/"
    };
    let mut told = format!("{scheme}://{host}{slash}");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            told.push(char::from(byte));
        } else {
            told.push_str(&format!("%{byte:02X}"));
        }
    }
    told
}

/// `10.0.0.1:80`, `[fd00::1]:80`
pub(super) fn host_and_port(host: &str, port: &str) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// A reference to a Secret as Go prints its type.
fn reference(value: &Value, root: &Value) -> String {
    if value.is_null() {
        return "nil".to_owned();
    }
    let form = match root["kind"] == "PersistentVolume" {
        true => "&SecretReference|Name:{name},Namespace:{namespace},",
        false => "&LocalObjectReference|Name:{name},",
    };
    fill(form, value).replace('|', "{") + "}"
}

/// `RWO,ROX`
fn access(modes: &Value) -> String {
    let mut told = String::new();
    for (mode, short) in [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ] {
        if items(modes).iter().any(|one| one == mode) {
            told.push_str(if told.is_empty() { "" } else { "," });
            told.push_str(short);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(value: &Value, form: char) -> String {
        shown(value, form, &Value::Null)
    }

    #[test]
    fn times_are_those_of_mail() {
        let time = json!("2026-11-26T10:47:45Z");
        assert_eq!(form(&time, 't'), "Thu, 26 Nov 2026 10:47:45 +0000");
        assert_eq!(form(&time, 'T'), "2026-11-26 10:47:45 +0000 UTC");
        let precise = json!("2028-02-29T00:00:00.123456Z");
        assert_eq!(form(&precise, 't'), "Tue, 29 Feb 2028 00:00:00 +0000");
        for none in [Value::Null, json!("2026-99-99T10:47:45Z"), json!("x")] {
            assert_eq!(form(&none, 't'), "Mon, 01 Jan 0001 00:00:00 +0000");
        }
    }

    #[test]
    fn selectors_are_sorted_by_key() {
        let selector = json!({"matchLabels": {"b": "1"}, "matchExpressions": [
            {"key": "c", "operator": "NotIn", "values": ["y", "x"]},
            {"key": "a", "operator": "Exists"}, {"key": "d", "operator": "DoesNotExist"}]});
        assert_eq!(form(&selector, 's'), "a,b=1,c notin (x,y),!d");
        assert_eq!(form(&json!({}), 's'), "");
        assert_eq!(form(&json!({}), 'S'), "<none>");
    }

    #[test]
    fn probes_are_told_in_a_line() {
        for (probe, expected) in [
            (
                json!({"httpGet": {"path": "a b", "port": "web", "scheme": "HTTPS", "host": "::1"},
                       "timeoutSeconds": 1, "failureThreshold": 3}),
                "http-get https://[::1]:web/a%20b delay=0s timeout=1s period=0s #success=0 #failure=3",
            ),
            (
                json!({"grpc": {"port": 7}, "periodSeconds": 2}),
                "grpc <pod>:7  delay=0s timeout=0s period=2s #success=0 #failure=0",
            ),
            (
                json!({"tcpSocket": {"port": "web"}, "initialDelaySeconds": 1}),
                "tcp-socket :web delay=1s timeout=0s period=0s #success=0 #failure=0",
            ),
            (
                json!({"exec": {"command": ["a", "b"]}}),
                "exec [a b] delay=0s timeout=0s period=0s #success=0 #failure=0",
            ),
        ] {
            assert_eq!(form(&probe, 'p'), expected);
        }
    }

    #[test]
    fn bytes_behind_base64_are_counted() {
        for (text, count) in [("", "0"), ("AA==", "1"), ("AAA=", "2"), ("AAAA", "3")] {
            assert_eq!(form(&json!(text), 'b'), count);
        }
    }
}
