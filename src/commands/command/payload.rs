//! The payload of each type. The types that stand for a verb become its command line:
//! there is one engine, and one place that judges what it may do.

use std::time::Duration;

use log::LevelFilter;
use serde_json::{Map, Value};

use super::{Config, Kubectl, Task};

const LIMIT: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// The task, and how long it may take.
pub(super) fn read(kind: &str, payload: &Value) -> Result<(Task, Duration), String> {
    let fields = payload.as_object().ok_or("the payload is no object")?;
    let mut fields = Fields {
        left: fields.clone(),
    };
    let task = match kind {
        "ping" => Task::Ping,
        "status" => Task::Status,
        "config" => Task::Config(config(&mut fields)?),
        "cancel" => Task::Cancel(fields.needed("command")?),
        _ => Task::Kubectl(command_line(kind, &mut fields)?),
    };
    let limit = match &task {
        Task::Kubectl(_) => fields.limit()?,
        _ => LIMIT,
    };
    match fields.left.keys().next() {
        Some(name) => Err(format!("{name:?} is no field of a {kind} command")),
        None => Ok((task, limit)),
    }
}

fn config(fields: &mut Fields) -> Result<Config, String> {
    let level = fields.text("log_level")?;
    let unknown = |level: &String| format!("log_level: {level:?} is no level");
    let read = |level: String| level.parse::<LevelFilter>().map_err(|_| unknown(&level));
    Ok(Config {
        heartbeat: fields.seconds("heartbeat_interval")?,
        status: fields.seconds("status_interval")?,
        log_level: level.map(read).transpose()?,
    })
}

/// What to type to get the same.
fn command_line(kind: &str, fields: &mut Fields) -> Result<Kubectl, String> {
    let namespace = fields.text("namespace")?;
    let (args, stdin) = match kind {
        "kubectl" => (fields.texts("args")?, fields.text("stdin")?),
        "apply" => apply(fields)?,
        "logs" => (logs(fields)?, None),
        "exec" => exec(fields)?,
        "scale" => (scale(fields)?, None),
        "restart" => {
            let resource = fields.name("resource")?;
            (
                vec!["rollout".to_owned(), "restart".to_owned(), resource],
                None,
            )
        }
        _ => return Err(format!("{kind:?} is no type that this agent knows")),
    };
    Ok(Kubectl {
        args,
        stdin,
        namespace,
    })
}

type Line = (Vec<String>, Option<String>);

fn apply(fields: &mut Fields) -> Result<Line, String> {
    let words = ["apply", "--server-side", "--filename=-"];
    let mut words = words.map(str::to_owned).to_vec();
    fields.switch("dry_run", "--dry-run=server", &mut words)?;
    fields.switch("force_conflicts", "--force-conflicts", &mut words)?;
    Ok((words, Some(fields.needed("manifest")?)))
}

fn logs(fields: &mut Fields) -> Result<Vec<String>, String> {
    let mut words = vec!["logs".to_owned(), fields.name("pod")?];
    for name in ["container", "since", "tail"] {
        fields.flag(name, &mut words)?;
    }
    for (name, flag) in [
        ("follow", "--follow"),
        ("previous", "--previous"),
        ("timestamps", "--timestamps"),
    ] {
        fields.switch(name, flag, &mut words)?;
    }
    Ok(words)
}

fn exec(fields: &mut Fields) -> Result<Line, String> {
    let mut words = vec!["exec".to_owned(), fields.name("pod")?];
    fields.flag("container", &mut words)?;
    let stdin = fields.text("stdin")?;
    if stdin.is_some() {
        words.push("--stdin".to_owned());
    }
    words.push("--".to_owned());
    words.extend(fields.texts("command")?);
    Ok((words, stdin))
}

fn scale(fields: &mut Fields) -> Result<Vec<String>, String> {
    let mut words = vec!["scale".to_owned(), fields.name("resource")?];
    if !fields.left.contains_key("replicas") {
        return Err("\"replicas\" is missing".to_owned());
    }
    fields.flag("replicas", &mut words)?;
    Ok(words)
}

/// What is left of a payload: every field is taken out, what remains is not known.
struct Fields {
    left: Map<String, Value>,
}

impl Fields {
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{name:?} is no text")),
        }
    }

    fn needed(&mut self, name: &str) -> Result<String, String> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("{name:?} is missing"))
    }

    /// A text that stands alone in a command line, where a dash would make it a flag.
    fn name(&mut self, name: &str) -> Result<String, String> {
        let text = self.needed(name)?;
        match text.starts_with('-') {
            true => Err(format!("{name:?} begins with '-'")),
            false => Ok(text),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        let wrong = || format!("{name:?} is no list of texts");
        let list = self.left.remove(name);
        let list = list.as_ref().and_then(Value::as_array).ok_or_else(wrong)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
        let texts = list.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        match texts.is_empty() {
            true => Err(format!("{name:?} is empty")),
            false => Ok(texts),
        }
    }

    /// A text or whole number that becomes `--name=value`.
    fn flag(&mut self, name: &str, words: &mut Vec<String>) -> Result<(), String> {
        let value = match self.left.remove(name) {
            None => return Ok(()),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            Some(_) => return Err(format!("{name:?} is neither a text nor a whole number")),
        };
        words.push(format!("--{name}={value}"));
        Ok(())
    }

    fn switch(&mut self, name: &str, flag: &str, words: &mut Vec<String>) -> Result<(), String> {
        match self.left.remove(name) {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => words.push(flag.to_owned()),
            Some(_) => return Err(format!("{name:?} is neither true nor false")),
        }
        Ok(())
    }

    fn seconds(&mut self, name: &str) -> Result<Option<f64>, String> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(value) => match value.as_f64().filter(|seconds| *seconds > 0.0) {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(format!("{name:?} is no number of seconds")),
            },
        }
    }

    fn limit(&mut self) -> Result<Duration, String> {
        let Some(seconds) = self.seconds("timeout_seconds")? else {
            return Ok(LIMIT);
        };
        if seconds > LONGEST.as_secs_f64() {
            return Err("\"timeout_seconds\" is more than an hour".to_owned());
        }
        Ok(Duration::from_secs_f64(seconds))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn line(kind: &str, payload: Value) -> (String, Kubectl) {
        match read(kind, &payload).unwrap().0 {
            Task::Kubectl(kubectl) => (kubectl.args.join(" "), kubectl),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn types_become_command_lines() {
        let manifest = json!({"manifest": "kind: Pod", "namespace": "shop", "dry_run": true});
        let (words, kubectl) = line("apply", manifest);
        assert_eq!(words, "apply --server-side --filename=- --dry-run=server");
        assert_eq!(kubectl.stdin.as_deref(), Some("kind: Pod"));
        assert_eq!(kubectl.namespace.as_deref(), Some("shop"));
        for (kind, payload, words) in [
            ("kubectl", json!({"args": ["get", "pods"]}), "get pods"),
            (
                "logs",
                json!({"pod": "web-1", "tail": 5, "container": "a", "follow": true}),
                "logs web-1 --container=a --tail=5 --follow",
            ),
            (
                "exec",
                json!({"pod": "web-1", "command": ["sh", "-c", "id"], "stdin": "x"}),
                "exec web-1 --stdin -- sh -c id",
            ),
            (
                "scale",
                json!({"resource": "deployment/web", "replicas": 3}),
                "scale deployment/web --replicas=3",
            ),
            (
                "restart",
                json!({"resource": "deployment/web"}),
                "rollout restart deployment/web",
            ),
        ] {
            assert_eq!(line(kind, payload).0, words);
        }
    }

    #[test]
    fn local_types_are_read() {
        let (task, limit) = read("cancel", &json!({"command": "c-7"})).unwrap();
        assert_eq!((task, limit), (Task::Cancel("c-7".to_owned()), LIMIT));
        let wanted = json!({"heartbeat_interval": 5, "log_level": "debug"});
        let config = Config {
            heartbeat: Some(5.0),
            status: None,
            log_level: Some(LevelFilter::Debug),
        };
        assert_eq!(read("config", &wanted).unwrap().0, Task::Config(config));
    }

    #[test]
    fn time_is_limited() {
        let limit = |seconds: Value| {
            let payload = json!({"args": ["get"], "timeout_seconds": seconds});
            read("kubectl", &payload).map(|(_, limit)| limit)
        };
        assert_eq!(limit(json!(2.5)), Ok(Duration::from_millis(2500)));
        assert_eq!(limit(json!(3600)), Ok(LONGEST));
        assert!(limit(json!(3601)).unwrap_err().contains("an hour"));
        assert!(limit(json!(0)).unwrap_err().contains("no number"));
        assert!(limit(json!("1m")).unwrap_err().contains("no number"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (kind, payload, words) in [
            ("ping", json!([]), "no object"),
            (
                "ping",
                json!({"loud": true}),
                "\"loud\" is no field of a ping",
            ),
            ("ping", json!({"timeout_seconds": 5}), "is no field"),
            ("cancel", json!({}), "\"command\" is missing"),
            ("config", json!({"log_level": "loud"}), "no level"),
            ("config", json!({"status_interval": -1}), "no number"),
            ("kubectl", json!({}), "\"args\" is no list"),
            ("kubectl", json!({"args": []}), "\"args\" is empty"),
            ("kubectl", json!({"args": ["get", 7]}), "no list of texts"),
            (
                "kubectl",
                json!({"args": ["get"], "stdin": 7}),
                "\"stdin\" is no text",
            ),
            ("apply", json!({}), "\"manifest\" is missing"),
            (
                "apply",
                json!({"manifest": "x", "dry_run": "y"}),
                "neither true",
            ),
            ("logs", json!({"pod": "--help"}), "begins with '-'"),
            ("logs", json!({"pod": "a", "tail": -1}), "neither a text"),
            ("exec", json!({"pod": "a"}), "\"command\" is no list"),
            ("scale", json!({"resource": "a"}), "\"replicas\" is missing"),
            (
                "restart",
                json!({"resource": ""}),
                "\"resource\" is missing",
            ),
            ("reboot", json!({}), "\"reboot\" is no type"),
        ] {
            let refused = read(kind, &payload).unwrap_err();
            assert!(refused.contains(words), "{kind} {payload}: {refused}");
        }
    }
}
