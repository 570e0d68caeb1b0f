#!/bin/sh
# Writes the agent's settings for a machine where it runs by itself: a YAML file for
# pipeops-agent --config, and a file of environment variables. Asks on a terminal.
# shellcheck disable=SC2317,SC2329 # no script uses all of the parts that are copied into it
set -eu

program=generate-config.sh

usage() {
	cat <<'HELP'
usage: generate-config.sh [OPTION]...      on a terminal it asks for what is not given

                                        environment             default
  --token-file FILE      named, not copied; - is standard input
                                        PIPEOPS_TOKEN[_FILE]    required, or --standalone
  --standalone           no token       PIPEOPS_STANDALONE=1
  --api-token-file FILE  opens /api     PIPEOPS_API_TOKEN[_FILE]
  --api-tokens-file FILE more of them   PIPEOPS_API_TOKENS_FILE
  --tls-cert-file FILE, --tls-key-file FILE    also by TLS, port 8443
                                        PIPEOPS_TLS_CERT_FILE, PIPEOPS_TLS_KEY_FILE
  --hosts NAME,...       more names     PIPEOPS_HOSTS           those in a cluster
  --policy-file FILE     what the control plane may do here
                                        PIPEOPS_POLICY_FILE
  --cluster-name NAME                   CLUSTER_NAME            default-cluster
  --api-url URL                         PIPEOPS_API_URL         https://api.pipeops.io
  --agent-id NAME                       PIPEOPS_AGENT_ID        assigned
  --port PORT                           PIPEOPS_PORT            8080
  --log-level LEVEL                     LOG_LEVEL               info
  --log-format FORMAT    text or json   PIPEOPS_LOG_FORMAT      text

  --output DIR           agent.yaml and agent.env go there
                                        CONFIG_DIR              .
  --force                overwrite them FORCE=1
  --no-input             do not ask     NO_INPUT=1
  --help

Exit codes: 0 written, 1 wrong or missing settings, or a file that is there.
HELP
}

# >>> scripts/lib/common.sh
# Copied into each script by build/embed.sh, so that each works alone.
# Nobody's environment decides what is removed or ended.
work='' forward='' terminal='' resume='' patience=''

say() { printf '%s\n' "$*"; }
warn() { printf '%s: warning: %s\n' "$program" "$*" >&2; }

# Every failure says what to do next.
die() { # CODE WHAT NEXT
	printf '%s: error: %s\n  next: %s\n' "$program" "$2" "$3" >&2
	told
	exit "$1"
}

# Why it ends has been said; in a file, because a subshell may be what says it.
told() { [ -z "$work" ] || true 2>/dev/null >"$work/told" || :; }

# Only reads while --dry-run: what changes something goes through here.
run() {
	if [ -n "$DRY_RUN" ]; then
		say "would run: $*"
	else
		"$@"
	fi
}

# Standard input to a file, whole or not at all.
put() { # MODE FILE
	if [ -n "$DRY_RUN" ]; then
		cat >/dev/null
		say "would write: $2"
		return
	fi
	# A file that is there already could be anyone's to read.
	(umask 022 && mkdir -p "$(dirname "$2")") && rm -f "$2.new" || return 1
	cat >"$2.new" && chmod "$1" "$2.new" && mv "$2.new" "$2" && return
	rm -f "$2.new"
	return 1
}

# A private folder for everything temporary; it never outlives the script.
workspace() {
	umask 077
	work=$(mktemp -d) || die 1 "no temporary folder in ${TMPDIR:-/tmp}" "make room there, or set TMPDIR to a folder of yours"
	trap 'ended $?' EXIT
	trap 'interrupted 129' HUP
	trap 'interrupted 130' INT
	trap 'interrupted 143' TERM
}

# A command that failed where nobody thought of it, as all do on a full disk.
ended() { # CODE
	[ "$1" -eq 0 ] || [ -e "$work/told" ] || printf '%s: error: a step failed\n  next: %s\n' "$program" \
		"read the line above; see that ${TMPDIR:-/tmp} has room; then run the same line again" >&2
	cleanup
}

cleanup() {
	[ -z "$forward" ] || kill "$forward" 2>/dev/null || :
	[ -z "$terminal" ] || stty "$terminal"
	rm -rf "$work"
}

# Not every shell keeps the status of an exit inside a trap when another trap follows.
interrupted() { # CODE
	trap - EXIT
	[ -z "$resume" ] || warn "$resume"
	cleanup
	exit "$1"
}

value_of() { # OPTION COUNT
	[ "$2" -gt 1 ] || die 1 "$1 needs a value" "$program --help"
}

unknown() { # ARGUMENT
	die 1 "unknown argument: ${1%%=*}" "$program --help lists the options"
}

# REMOVE_K3S=no is no.
switches() { # VARIABLE...
	for switch in "$@"; do
		eval "value=\$$switch"
		case $value in
		'' | 0 | no | false | off) eval "$switch=" ;;
		1 | yes | true | on) ;;
		*) die 1 "neither yes nor no: $switch=$value" "set it to 1, or leave it out" ;;
		esac
	done
}

# Arguments are visible to every user of the machine.
no_secret_arguments() { # OPTION VARIABLE
	die 1 "$1 would show the secret in the process list" "set $2, or use $1-file FILE (- reads standard input)"
}

# The secret of a file, of standard input (-), or of the text.
secret() { # NAME TEXT FILE TARGET
	case $3 in
	'') printf '%s' "$2" ;;
	-) cat ;;
	*) cat "$3" ;;
	esac >"$4" || die 1 "cannot read the $1 from $3" "check that the file exists and is yours"
	# One line, as editors and echo write it.
	printf '%s' "$(cat "$4")" >"$4.line"
	mv "$4.line" "$4"
	if LC_ALL=C grep -q '[^!-~]' "$4" || [ "$(wc -l <"$4")" -gt 0 ]; then
		die 1 "the $1 has blanks or unprintable characters" "give the token alone, as it was issued"
	fi
	[ -n "$2$3" ] && [ ! -s "$4" ] && die 1 "the $1 is empty" "give the token alone, as it was issued"
	return 0
}

# Where upgrade.sh keeps its backups.
backup_dir() {
	if [ "$(id -u)" -eq 0 ] || [ -n "$PIPEOPS_ROOT" ]; then
		say "$PIPEOPS_ROOT/var/lib/pipeops-install/backups"
	else
		say "${XDG_STATE_HOME:-${HOME:-.}/.local/state}/pipeops-install/backups"
	fi
}

kube() {
	# shellcheck disable=SC2086 # "kubectl" or "k3s kubectl"
	if [ -n "$KUBE_CONTEXT" ]; then
		$kubectl --context "$KUBE_CONTEXT" "$@"
	else
		$kubectl "$@"
	fi
}

# Whether the API server answers; if not, its last word says why.
reachable() {
	refusal=$(kube get --raw /readyz --request-timeout=30s 2>&1) && return
	refusal=$(printf '%s\n' "$refusal" | tail -n 1)
	return 1
}

# Where a service of k3s says what it does.
logs_of() { # SERVICE
	if [ -x "$PIPEOPS_ROOT/sbin/openrc-run" ]; then say "rc-service $1 status; tail /var/log/$1.log"; else say "journalctl -u $1"; fi
}

# Who keeps the agent.
manager() { # NAMESPACE
	kube -n "$1" get deployment pipeops-agent --ignore-not-found -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}' 2>/dev/null || :
}

# kubectl of this machine, else that of k3s with its administrator's kubeconfig.
find_kubectl() {
	own=$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml
	[ -z "$KUBECONFIG" ] || export KUBECONFIG
	if [ -z "$KUBECONFIG" ] && command -v k3s >/dev/null && [ -r "$own" ]; then
		kubectl="k3s kubectl"
	elif [ -z "$KUBECONFIG" ] && [ -e "$own" ] && [ ! -r "$own" ] && [ ! -e "${HOME:-}/.kube/config" ]; then
		die 1 "only root may read $own" "run the same line with sudo, or give --kubeconfig"
	elif command -v kubectl >/dev/null; then
		kubectl=kubectl
	elif command -v k3s >/dev/null; then
		kubectl="k3s kubectl"
	else
		return 1
	fi
}

# Until COMMAND succeeds, at most so many seconds.
wait_for() { # COMMAND...
	waited=0
	until "$@" >/dev/null 2>&1; do
		[ "$waited" -lt "${patience:-$TIMEOUT}" ] || return 1
		sleep 2
		waited=$((waited + 2))
	done
}
# <<< scripts/lib/common.sh

# >>> scripts/lib/values.sh
# Copied into each script that takes settings by build/embed.sh: every value, before the first write.
name() { # WHAT VALUE
	case $2 in
	[!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) die 1 "not a $1: $2" "letters, digits, '-', '_' and '.', at most 63, first a letter or digit" ;;
	esac
	[ ${#2} -le 63 ] || die 1 "the $1 is longer than 63" "choose a shorter one"
}

# What goes into YAML between quotes.
plain() { # WHAT VALUE
	[ "$(printf '%s!' "$2" | LC_ALL=C tr -d 'A-Za-z0-9._:/@%?=&~+,*[]-')" = "!" ] ||
		die 1 "the $1 has characters that it cannot have" "check the value: $2"
}

number() { # WHAT VALUE MOST
	case $2 in
	*[!0-9]* | '' | 0* | ??????*) die 1 "not a $1: $2" "a number from 1 to $3" ;;
	esac
	[ "$2" -le "$3" ] || die 1 "not a $1: $2" "a number from 1 to $3"
}

# grep would be content with one line of many.
whole() { # VALUE PATTERN
	printf '%s' "$1" | tr '\n' ' ' | grep -Eq "$2"
}

# As the agent takes it. It may hold a password, so it is not shown.
control_plane_url() { # URL
	[ -n "$1" ] || return 0
	whole "$1" '^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?$' ||
		die 1 "not the URL of a control plane" "give --api-url as https://host[:port][/path], without user and query"
	case $1 in
	https://* | http://localhost | http://localhost[:/]* | http://127.* | 'http://[::1]'*) ;;
	*) die 1 "over plain http the token could be read on the way" "give --api-url as https://host[:port]" ;;
	esac
}

# As the agent takes them.
host_names() { # NAMES
	[ -z "$1" ] || whole "$1," '^(([*]\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*,)+$' ||
		die 1 "not names of hosts: $1" "give --hosts as agent.example.com,*.example.com, without scheme and port"
}

log_level() { # LEVEL
	case $1 in
	'' | error | warn | info | debug | trace) ;;
	*) die 1 "not a log level: $1" "error, warn, info, debug or trace" ;;
	esac
}

# Which line is wrong, and nothing of what is in it.
api_tokens() { # FILE
	[ -z "$1" ] || [ -r "$1" ] || die 1 "cannot read $1" "check that the file exists and is yours"
	[ -z "$1" ] || wrong=$(grep -vnE '^[[:blank:]]*(#.*|(read|operate|admin)[[:blank:]]+[^[:blank:]]+[[:blank:]]+[^[:blank:]]{16,}[[:blank:]]*)?$' "$1" | cut -d: -f1 | head -n 1)
	[ -z "${wrong:-}" ] || die 1 "line $wrong of $1 is no API token" "write lines of SCOPE NAME TOKEN: read, operate or admin, and a token of 16 characters or more"
}

key_pair() { # CERTIFICATE KEY
	[ -n "$1$2" ] || return 0
	[ -n "$1" ] && [ -n "$2" ] || die 1 "a certificate and its key belong together" "give both, --tls-cert-file and --tls-key-file"
	for file in "$1" "$2"; do
		[ -r "$file" ] || die 1 "cannot read $file" "check that the file exists and is yours"
	done
}
# <<< scripts/lib/values.sh

environment() {
	token=${PIPEOPS_TOKEN:-} TOKEN_FILE=${PIPEOPS_TOKEN_FILE:-} STANDALONE=${PIPEOPS_STANDALONE:-}
	api_token=${PIPEOPS_API_TOKEN:-} API_TOKEN_FILE=${PIPEOPS_API_TOKEN_FILE:-}
	HOSTS=${PIPEOPS_HOSTS:-} API_TOKENS_FILE=${PIPEOPS_API_TOKENS_FILE:-} POLICY_FILE=${PIPEOPS_POLICY_FILE:-}
	TLS_CERT=${PIPEOPS_TLS_CERT_FILE:-} TLS_KEY=${PIPEOPS_TLS_KEY_FILE:-}
	CLUSTER_NAME=${CLUSTER_NAME:-${PIPEOPS_CLUSTER_NAME:-}} API_URL=${PIPEOPS_API_URL:-} AGENT_ID=${PIPEOPS_AGENT_ID:-}
	PORT=${PIPEOPS_PORT:-} LOG_LEVEL=${LOG_LEVEL:-${PIPEOPS_LOG_LEVEL:-}} LOG_FORMAT=${PIPEOPS_LOG_FORMAT:-}
	CONFIG_DIR=${CONFIG_DIR:-.} FORCE=${FORCE:-} NO_INPUT=${NO_INPUT:-}
	DRY_RUN=''
	# No program that is started from here gets a secret by its environment.
	unset PIPEOPS_TOKEN PIPEOPS_API_TOKEN
	switches STANDALONE FORCE NO_INPUT
}

arguments() {
	while [ $# -gt 0 ]; do
		case $1 in
		--*=*)
			option=${1%%=*} value=${1#*=}
			shift
			set -- "$option" "$value" "$@"
			;;
		esac
		case $1 in
		--help | -h) usage && exit 0 ;;
		--standalone) STANDALONE=1 && shift && continue ;;
		--force) FORCE=1 && shift && continue ;;
		--no-input) NO_INPUT=1 && shift && continue ;;
		--token) no_secret_arguments --token PIPEOPS_TOKEN ;;
		--api-token) no_secret_arguments --api-token PIPEOPS_API_TOKEN ;;
		--token-file | --api-token-file | --api-tokens-file | --tls-cert-file | --tls-key-file | --hosts | --policy-file | --cluster-name | --api-url | --agent-id | --port | --log-level | --log-format | \
			--output) value_of "$1" $# ;;
		*) unknown "$1" ;;
		esac
		case $1 in
		--token-file) token='' TOKEN_FILE=$2 ;;
		--api-token-file) api_token='' API_TOKEN_FILE=$2 ;;
		--api-tokens-file) API_TOKENS_FILE=$2 ;;
		--tls-cert-file) TLS_CERT=$2 ;;
		--tls-key-file) TLS_KEY=$2 ;;
		--hosts) HOSTS=$2 ;;
		--policy-file) POLICY_FILE=$2 ;;
		--cluster-name) CLUSTER_NAME=$2 ;;
		--api-url) API_URL=$2 ;;
		--agent-id) AGENT_ID=$2 ;;
		--port) PORT=$2 ;;
		--log-level) LOG_LEVEL=$2 ;;
		--log-format) LOG_FORMAT=$2 ;;
		--output) CONFIG_DIR=$2 ;;
		esac
		shift 2
	done
}

check_values() {
	for file in agent.yaml agent.env; do
		[ -n "$FORCE" ] || [ ! -e "$CONFIG_DIR/$file" ] || die 1 "$CONFIG_DIR/$file is there" "give --force, or --output for another folder"
	done
	[ -z "$STANDALONE" ] || [ -z "$token$TOKEN_FILE$API_URL" ] || die 1 "--standalone has no control plane" "leave it out, or token and --api-url"
	[ "$TOKEN_FILE" != - ] || [ "$API_TOKEN_FILE" != - ] || die 1 "standard input has one token" "give the other as a file"
	check_token "$token"
	check_token "$api_token"
	name "cluster name" "$CLUSTER_NAME"
	control_plane_url "$API_URL"
	name "agent id" "$AGENT_ID"
	check_port "$PORT"
	log_level "$LOG_LEVEL"
	log_format "$LOG_FORMAT"
	host_names "$HOSTS"
	key_pair "$TLS_CERT" "$TLS_KEY"
	api_tokens "$API_TOKENS_FILE"
}

check_port() { [ -z "$1" ] || number port "$1" 65535; }

log_format() {
	case $1 in
	'' | text | json) ;;
	*) die 1 "not a log format: $1" "text or json" ;;
	esac
}

# What a shell, systemd and docker --env-file all read the same without quotes.
bare() { # WHAT NEXT VALUE
	[ "$(printf '%s!' "$3" | LC_ALL=C tr -d 'A-Za-z0-9._:/@%+=,-')" = "!" ] ||
		die 1 "the $1 has characters that a file of variables cannot carry" "$2"
}

check_token() { bare token "put it into a file of its own and give that with --token-file" "$1"; }

interview() {
	[ -t 0 ] && [ -z "$NO_INPUT" ] || return 0
	say "Enter takes what stands in brackets."
	if [ -z "$token$TOKEN_FILE$STANDALONE" ]; then
		hidden "Token for the control plane [none: standalone]" && token=$answer
		[ -n "$token" ] || STANDALONE=1
	fi
	[ -n "$STANDALONE$API_URL" ] || { question "URL of the control plane" https://api.pipeops.io control_plane_url && API_URL=$answer; }
	[ -n "$CLUSTER_NAME" ] || { question "Name of this cluster" default-cluster name "cluster name" && CLUSTER_NAME=$answer; }
	[ -n "$AGENT_ID" ] || { question "Id of this agent" "assigned by the control plane" name "agent id" && AGENT_ID=$answer; }
	[ -n "$PORT" ] || { question "Port" 8080 check_port && PORT=$answer; }
	[ -n "$LOG_LEVEL" ] || { question "Log level" info log_level && LOG_LEVEL=$answer; }
	[ -n "$LOG_FORMAT" ] || { question "Log format, text or json" text log_format && LOG_FORMAT=$answer; }
	[ -n "$api_token$API_TOKEN_FILE" ] || { hidden "Token that opens /api [none: closed]" && api_token=$answer; }
}

# Asks until the check is content.
question() { # TEXT DEFAULT CHECK...
	text=$1 default=$2
	shift 2
	while :; do
		printf '%s [%s]: ' "$text" "$default"
		read -r answer || die 1 "the input ended" "run the same line again, or --no-input"
		if ("$@" "$answer"); then return; fi
	done
}

# Nothing of it is shown, also not while it is typed.
hidden() { # TEXT
	while :; do
		terminal=$(stty -g)
		stty -echo
		printf '%s: ' "$1"
		read -r answer || answer_ended=1
		stty "$terminal" && terminal=''
		say ""
		[ -z "${answer_ended:-}" ] || die 1 "the input ended" "run the same line again, or --no-input"
		if (check_token "$answer"); then return; fi
	done
}

# Where the agent looks for it later, whatever the folder it is started in.
absolute() { # FILE
	[ -r "$1" ] || die 1 "cannot read $1" "check that the file exists and is yours"
	case $1 in
	/*) printf '%s' "$1" ;;
	*) printf '%s/%s' "$(pwd)" "$1" ;;
	esac
}

tokens() {
	if [ "$TOKEN_FILE" = - ] || [ "$API_TOKEN_FILE" = - ]; then
		secret token '' - "$work/token"
		check_token "$(cat "$work/token")"
		if [ "$TOKEN_FILE" = - ]; then token=$(cat "$work/token") TOKEN_FILE=; else api_token=$(cat "$work/token") API_TOKEN_FILE=; fi
	fi
	for file in "$TOKEN_FILE" "$API_TOKEN_FILE"; do
		[ -z "$file" ] || secret token '' "$file" "$work/token"
	done
	[ -z "$TOKEN_FILE" ] || TOKEN_FILE=$(absolute "$TOKEN_FILE")
	[ -z "$API_TOKEN_FILE" ] || API_TOKEN_FILE=$(absolute "$API_TOKEN_FILE")
	[ -z "$POLICY_FILE" ] || POLICY_FILE=$(absolute "$POLICY_FILE")
	[ -z "$API_TOKENS_FILE" ] || API_TOKENS_FILE=$(absolute "$API_TOKENS_FILE")
	[ -z "$TLS_CERT" ] || { TLS_CERT=$(absolute "$TLS_CERT") && TLS_KEY=$(absolute "$TLS_KEY"); }
	bare "path of a file" "choose a plainer one" "$TOKEN_FILE$API_TOKEN_FILE$API_TOKENS_FILE$TLS_CERT$TLS_KEY$POLICY_FILE"
	[ -n "$token$TOKEN_FILE$STANDALONE" ] ||
		die 1 "no token for the control plane" "set PIPEOPS_TOKEN or --token-file FILE, or run the agent --standalone"
}

# Every setting that is not the default, one a line: "key value".
chosen() {
	while read -r key value; do
		[ -z "$value" ] || printf '%s %s\n' "$key" "$value"
	done <<-END
		token $token
		token_file $TOKEN_FILE
		api_url $API_URL
		policy_file $POLICY_FILE
		cluster_name $CLUSTER_NAME
		agent_id $AGENT_ID
		port $PORT
		api_token $api_token
		api_token_file $API_TOKEN_FILE
		api_tokens_file $API_TOKENS_FILE
		tls_cert_file $TLS_CERT
		tls_key_file $TLS_KEY
		hosts $HOSTS
		log_level $LOG_LEVEL
		log_format $LOG_FORMAT
	END
}

as_yaml() {
	say "# pipeops-agent --config $1"
	chosen | sed '/^port /!s/^\([a-z_]*\) \(.*\)/\1: "\2"/; s/^port /port: /'
}

as_variables() {
	say "# set -a; . $1; or EnvironmentFile= of systemd, or docker run --env-file"
	chosen | while read -r key value; do
		printf 'PIPEOPS_%s=%s\n' "$(printf '%s' "$key" | tr '[:lower:]' '[:upper:]')" "$value"
	done
}

main() {
	environment
	arguments "$@"
	workspace
	check_values
	interview
	tokens
	for file in yaml env; do
		if [ $file = yaml ]; then as_yaml "$CONFIG_DIR/agent.yaml"; else as_variables "$CONFIG_DIR/agent.env"; fi |
			put 600 "$CONFIG_DIR/agent.$file" || die 1 "cannot write $CONFIG_DIR/agent.$file" "give --output for a folder of yours"
	done
	say "written: $CONFIG_DIR/agent.yaml and $CONFIG_DIR/agent.env, readable by you alone"
	chosen | sed 's/^\(\(api_\)\{0,1\}token\) .*/\1 (hidden)/; s/^/  /'
	[ -z "$STANDALONE" ] || say "  standalone: no token, no control plane"
	say "next: pipeops-agent check --config $CONFIG_DIR/agent.yaml"
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
