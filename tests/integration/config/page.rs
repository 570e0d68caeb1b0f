//! Makes `docs/configuration.md` from the table of settings.

use std::fmt::Write;

use pipeops_agent::config::{Fallback, Group, Kind, SETTINGS, Setting};

const BEGINNING: &str = "\
# Configuration

<!-- Made from the table in src/config/table.rs; UPDATE_GOLDEN=1 cargo test --test integration config writes it anew. -->

The agent runs with no setting at all: it finds its Kubernetes, serves on port 8080, and is *standalone* as long as no token is
set. `pipeops-agent check` says what is in order and changes nothing.

Each setting can be a flag, an environment variable or a key of a YAML file, which `--config` or `PIPEOPS_CONFIG` names. A flag wins
over the environment, that over the file, that over the default. An empty variable counts as unset; a flag that stands twice
counts as the last.

All mistakes are reported at once, each with its source, its value unless that could be a secret, and what to do; the agent then
ends with exit code 64. A flag or key that does not exist is a mistake; an unknown variable `PIPEOPS_...` is only warned of.

```yaml
# agent.yaml
token_file: /etc/pipeops-agent/token
cluster_name: shop-floor-7
listen: [127.0.0.1, '[::1]:9090']
heartbeat_interval: 1m
log_format: json
```
";

const ENDING: &str = "
## Values

- **TIME**: `30s`, `5m`, `1h`, `1h30m`; a bare number is seconds. From 1 second to 24 hours.
- **ADDRESS**: `127.0.0.1`, `0.0.0.0:8080`, `[::1]:8080`, `:8080`; several with `,` between them, or a list in the file. Without a port
  `port` holds; port 0 takes a free one. By default all addresses of IPv4 and IPv6.
- **FILE[:FILE]**: kubeconfig files that are merged, as kubectl does; a list in the file.
- **URL**: scheme, host, port and path. `http` is refused unless the host is a loopback address or `allow_plain_http` is set: the
  token would cross the network in the clear.
- **NAME** of cluster and agent: 1 to 63 letters, digits, `-`, `_` or `.`, starting with a letter or digit.
- Text in the file that YAML would take for a number or for true or false needs quotes.

## Finding Kubernetes

1. The files of `--kubeconfig` or `KUBECONFIG`, and nothing else when they are given. Missing ones are skipped as long as one exists.
2. In a pod, its service account.
3. `~/.kube/config`, if it exists and has something in it.
4. `/etc/rancher/k3s/k3s.yaml`.

A kubeconfig that is wrong ends the search, because the next may be of another cluster. Client certificates, tokens, token files and
passwords are understood. `exec` and `auth-provider` plugins, `proxy-url` and impersonation (`as`) are refused, as is plain `http` to
anything but a loopback address. Token files are read again each minute and when a token is refused, certificate files when the API
server is no longer trusted.

## Secrets

A token is given as text (`PIPEOPS_TOKEN`) or as a file that holds it alone (`--token-file`, `PIPEOPS_TOKEN_FILE`); giving both in one
source is a mistake. There is no flag for the text, because every user of a machine can see the command lines of all processes;
`--token` says so and ends. `--token-file -` reads standard input once. A token file that changes is read again. No secret appears
in a log, an error or a page. A file of settings that holds a token should be readable by its owner only; the agent warns when it
is not.

With a token but no `api_url` the control plane is <https://api.pipeops.io>; an `api_url` without a token is a mistake. Without
`api_token` and `api_tokens_file` only tokens of Kubernetes open the routes under `/api`.

## Variables with other names

| variable | meaning |
|---|---|
| `KUBECONFIG` | kubeconfig files, as in kubectl |
| `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` | the API server, set by Kubernetes in every pod |
| `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY` | proxy to the control plane; the first that is set |
| `no_proxy`, `NO_PROXY` | hosts that are reached without it |
| `SSL_CERT_FILE` | trusted certificates where `ca_file` is not set |
| `XDG_STATE_HOME`, `HOME` | where state is kept when the agent is not root: `$XDG_STATE_HOME/pipeops-agent`, else `$HOME/.local/state/pipeops-agent` |
| `HOME` | `~/.kube/config` |
| `NO_COLOR` | no colour in what `check` prints |

In a namespace with a service named `pipeops`, Kubernetes sets `PIPEOPS_PORT` to something like `tcp://10.43.0.7:80`. The agent ignores
that and warns; `enableServiceLinks: false` in the pod stops it.
";

/// The page.
pub(super) fn page() -> String {
    let mut page = BEGINNING.to_owned();
    for group in Group::ALL {
        let title = group.heading().split(';').next().unwrap_or_default();
        let _ = write!(page, "\n## {title}\n\n");
        page += "| flag | variable | key | default | meaning |\n|---|---|---|---|---|\n";
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            page += &row(setting);
        }
    }
    page + ENDING
}

fn row(setting: &Setting) -> String {
    let placeholder = setting.kind.placeholder();
    let flag = match setting.flag {
        None => "none".to_owned(),
        Some(flag) if setting.kind == Kind::Switch => format!("`--{flag}`"),
        Some(flag) => format!("`--{flag} {placeholder}`"),
    };
    let default = match setting.default {
        Fallback::Nothing => String::new(),
        Fallback::Value(text) => format!("`{text}`"),
        Fallback::Words(url) if url.starts_with("https://") => format!("<{url}>"),
        Fallback::Words(text) => text.to_owned(),
    };
    let key = match setting.env {
        "PIPEOPS_CONFIG" => "none".to_owned(),
        _ => format!("`{}`", setting.name),
    };
    format!(
        "| {flag} | `{}` | {key} | {default} | {} |\n",
        setting.env, setting.help
    )
}
