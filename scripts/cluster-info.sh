#!/bin/sh
# Shows how to reach the cluster, how to join a worker, and how the agent is. Changes nothing.
# shellcheck disable=SC2317,SC2329 # no script uses all of the parts that are copied into it
set -eu

program=cluster-info.sh

usage() {
	cat <<'HELP'
usage: cluster-info.sh [OPTION]...

  --show-token           the cluster's  SHOW_TOKEN=1
  --namespace NAME                      NAMESPACE               pipeops-system
  --kubeconfig FILE                     KUBECONFIG
  --context NAME                        KUBE_CONTEXT
  --help

Exit codes: 0 shown, 1 wrong options or no kubectl, 3 the cluster does not answer,
4 the agent is not installed or not ready.
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

environment() {
	SHOW_TOKEN=${SHOW_TOKEN:-} NAMESPACE=${NAMESPACE:-pipeops-system}
	KUBECONFIG=${KUBECONFIG:-} KUBE_CONTEXT=${KUBE_CONTEXT:-}
	PIPEOPS_ROOT=${PIPEOPS_ROOT:-} DRY_RUN=''
	PATH=$PATH:$PIPEOPS_ROOT/usr/local/bin
	switches SHOW_TOKEN
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
		--show-token) SHOW_TOKEN=1 && shift && continue ;;
		--namespace | --kubeconfig | --context) value_of "$1" $# ;;
		*) unknown "$1" ;;
		esac
		case $1 in
		--namespace) NAMESPACE=$2 ;;
		--kubeconfig) KUBECONFIG=$2 ;;
		--context) KUBE_CONTEXT=$2 ;;
		esac
		shift 2
	done
}

field() { printf '%-14s %s\n' "$1" "$2"; }

main() {
	environment
	arguments "$@"
	find_kubectl || die 1 "neither kubectl nor k3s is here" "install kubectl, or run this on the server"
	address=$(kube --request-timeout=10s get nodes -l node-role.kubernetes.io/control-plane \
		-o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}' 2>/dev/null || :)
	# A node of both families has two.
	address=${address%% *}
	reachable || die 3 "the Kubernetes API does not answer: $refusal" "$(logs_of k3s), or check --kubeconfig and --context"
	nodes=$(kube --request-timeout=10s get nodes -o name) || die 3 "the nodes cannot be read" "read the line above; check --kubeconfig and --context"
	field "server" "${address:-not named by a node}"
	field "nodes" "$(printf '%s\n' "$nodes" | grep -c . || :)"
	field "kubeconfig" "${KUBECONFIG:-$(kubeconfig)}"
	join
	agent
}

kubeconfig() {
	if [ "$kubectl" = kubectl ]; then
		printf '%s/.kube/config' "${HOME:-}"
	else
		printf '%s/etc/rancher/k3s/k3s.yaml' "$PIPEOPS_ROOT"
	fi
}

# The token opens the cluster: it is shown to those who ask for it by name.
join() {
	file=$PIPEOPS_ROOT/var/lib/rancher/k3s/server/node-token
	if [ ! -r "$file" ]; then
		field "join token" "not here: run this as root on the k3s server"
		return
	fi
	if [ -n "$SHOW_TOKEN" ]; then
		field "join token" "$(cat "$file")"
	else
		field "join token" "in $file (--show-token shows it)"
	fi
	field "join a worker" "sh join-worker.sh ${address:-SERVER} -     with the token on standard input"
}

agent() {
	ready=$(kube -n "$NAMESPACE" get deployment pipeops-agent -o 'jsonpath={.status.readyReplicas}/{.spec.replicas} ready, {.spec.template.spec.containers[0].image}' 2>/dev/null) ||
		die 4 "the agent is not in namespace $NAMESPACE" "install.sh, or --namespace where it is another"
	field "agent" "$ready, namespace $NAMESPACE"
	level=$(kube -n "$NAMESPACE" get configmap pipeops-agent-install -o 'jsonpath={.data.settings}' 2>/dev/null |
		sed -n 's/^RBAC=\(..*\)/\1/p; s/^RBAC_NAMESPACES=\(..*\)/in \1/p' | tr '\n' ' ')
	[ -z "$level" ] || field "rights" "$level"
	case $ready in
	1/1\ *) ;;
	*) die 4 "the agent is not ready" "health-check.sh says why" ;;
	esac
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
