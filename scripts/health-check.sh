#!/bin/sh
# Checks the cluster, the agent, its endpoints, its rights and its way to the control plane.
# Changes nothing.
# shellcheck disable=SC2317,SC2329 # no script uses all of the parts that are copied into it
set -eu

program=health-check.sh

usage() {
	cat <<'HELP'
usage: health-check.sh [OPTION]...

  --json                 for machines   JSON=1
  --namespace NAME                      NAMESPACE               pipeops-system
  --port PORT            of the agent   PIPEOPS_PORT            that of its pod
  --kubeconfig FILE                     KUBECONFIG
  --context NAME                        KUBE_CONTEXT
  --timeout SECONDS      per request    TIMEOUT                 10
  --help

Exit codes: 0 all in order, 1 wrong options or no kubectl, 3 the cluster is not in order,
4 the agent is not.
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
	JSON=${JSON:-} NAMESPACE=${NAMESPACE:-pipeops-system} PORT=${PIPEOPS_PORT:-}
	KUBECONFIG=${KUBECONFIG:-} KUBE_CONTEXT=${KUBE_CONTEXT:-} TIMEOUT=${TIMEOUT:-10}
	PIPEOPS_ROOT=${PIPEOPS_ROOT:-} DRY_RUN=''
	PATH=$PATH:$PIPEOPS_ROOT/usr/local/bin
	code=0 forward='' pod='' secure=''
	switches JSON
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
		--json) JSON=1 && shift && continue ;;
		--namespace | --port | --kubeconfig | --context | --timeout) value_of "$1" $# ;;
		*) unknown "$1" ;;
		esac
		case $1 in
		--namespace) NAMESPACE=$2 ;;
		--port) PORT=$2 ;;
		--kubeconfig) KUBECONFIG=$2 ;;
		--context) KUBE_CONTEXT=$2 ;;
		--timeout) TIMEOUT=$2 ;;
		esac
		shift 2
	done
	case ${PORT:-0}:$TIMEOUT in
	*[!0-9]*:* | *:*[!0-9]* | *:) die 1 "not a number: ${PORT:-$TIMEOUT}" "give --port and --timeout as numbers" ;;
	esac
}

# One line of the report; a failure sets the exit code, the first wins.
report() { # ok|failed|skipped NAME DETAIL [CODE]
	# Whatever a server or a terminal's colours put into it.
	detail=$(printf '%s' "$3" | LC_ALL=C tr '\001-\037' ' ')
	if [ -n "$JSON" ]; then
		printf '{"name":"%s","state":"%s","detail":"%s"}\n' "$2" "$1" \
			"$(printf '%s' "$detail" | sed 's/\\/\\\\/g; s/"/\\"/g')" >>"$work/report"
	else
		printf '%-8s %-18s %s\n' "$1" "$2" "$detail"
	fi
	if [ "$1" = failed ] && [ "$code" -eq 0 ]; then code=$4; fi
}

ask() { # KUBECTL-ARGUMENTS...
	kube --request-timeout="${TIMEOUT}s" "$@" 2>&1
}

cluster() {
	if ! answer=$(ask get --raw /readyz); then
		report failed api-server "$answer; next: $(logs_of k3s), or check --kubeconfig" 3
		[ "$kubectl" != "k3s kubectl" ] || report failed k3s "it does not serve its API; next: $(logs_of k3s)" 3
		return 1
	fi
	report ok api-server "$answer"
	[ "$kubectl" != "k3s kubectl" ] || report ok k3s "$(k3s --version 2>/dev/null | head -n 1), and it serves this API"
	nodes=$(ask get nodes -o 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{" "}{end}') || nodes=unknown=$nodes
	unready=$(printf '%s' "$nodes" | tr ' ' '\n' | grep -v '=True$' | tr '\n' ' ' || :)
	if [ -n "$nodes" ] && [ -z "$unready" ]; then
		report ok nodes "$nodes"
	else
		report failed nodes "not ready: ${unready:-there is none}; next: $kubectl describe nodes" 3
	fi
}

deployment() {
	if ! answer=$(ask -n "$NAMESPACE" get deployment pipeops-agent -o 'jsonpath={.status.readyReplicas}/{.spec.replicas} {.spec.template.spec.containers[0].image}'); then
		report failed deployment "$answer; next: install.sh, or --namespace where it is another" 4
		return 1
	fi
	case $answer in
	1/1\ *) report ok deployment "$answer" ;;
	*) report failed deployment "not ready: $answer; next: $kubectl -n $NAMESPACE describe pods" 4 ;;
	esac
	running=$(ask -n "$NAMESPACE" get pods -l app.kubernetes.io/name=pipeops-agent --field-selector=status.phase=Running \
		-o 'jsonpath={range .items[*]}{.metadata.name} {.spec.containers[0].ports[0].containerPort} {.status.containerStatuses[0].restartCount} {.spec.containers[0].ports[?(@.name=="https")].containerPort}{"\n"}{end}') || running=
	read -r pod port restarts secure <<-END || :
		$running
	END
	if [ -z "$pod" ]; then
		report failed pod "none is running; next: $kubectl -n $NAMESPACE describe pods" 4
		return 1
	fi
	PORT=${PORT:-${port:-8080}}
	report ok pod "$pod, $restarts restarts"
}

# As anyone with rights on the pod: through the API server.
open_endpoints() {
	if [ -n "$secure" ]; then
		if answer=$(ask get --raw "/api/v1/namespaces/$NAMESPACE/pods/https:$pod:$secure/proxy/health"); then
			report ok tls "answers on port $secure"
		else
			report failed tls "$answer; next: $kubectl -n $NAMESPACE logs $pod" 4
		fi
	fi
	for path in /health /ready /version; do
		if answer=$(ask get --raw "/api/v1/namespaces/$NAMESPACE/pods/$pod:$PORT/proxy$path"); then
			report ok "$path" "$answer"
		else
			report failed "$path" "$answer; next: $kubectl -n $NAMESPACE logs $pod" 4
		fi
	done
}

# As someone with the API token, which goes from file to file only.
guarded_endpoints() {
	kube -n "$NAMESPACE" get secret pipeops-agent-secret -o "jsonpath={.data['api-token']}" 2>/dev/null | base64 -d >"$work/token" 2>/dev/null || :
	if [ ! -s "$work/token" ] || ! command -v curl >/dev/null; then
		report skipped /api "needs an API token in the secret pipeops-agent-secret, and curl"
		report skipped control-plane "asked by /api/status/connectivity"
		return
	fi
	printf 'Authorization: Bearer %s\n' "$(cat "$work/token")" >"$work/header"
	kube -n "$NAMESPACE" port-forward "pod/$pod" ":$PORT" >"$work/forward" 2>&1 &
	forward=$!
	if ! wait_for grep -q '^Forwarding' "$work/forward"; then
		report failed /api "no way to the pod: $(cat "$work/forward")" 4
		return
	fi
	address=$(sed -n 's/^Forwarding from \(127[^ ]*\).*/\1/p' "$work/forward")
	for path in /metrics /api/health/detailed /api/status/features /api/metrics/runtime /api/metrics/history /api/status/cluster /api/status/changes \
		/api/k8s/nodes /api/k8s/pods /api/k8s/namespaces /api/k8s/deployments /api/k8s/services /api/k8s/events; do
		if guarded "$path"; then
			report ok "$path" "answers"
		else
			report failed "$path" "$(cat "$work/error")" 4
		fi
	done
	control_plane
}

guarded() { # PATH
	curl -fsS --noproxy '*' --max-time 35 -H "@$work/header" -o "$work/answer" "http://$address$1" 2>"$work/error"
}

control_plane() {
	if ! guarded /api/status/connectivity; then
		report failed control-plane "$(cat "$work/error")" 4
	elif ! grep -q '"control_plane":' "$work/answer"; then
		report skipped control-plane "standalone: the agent has no token for one"
	elif grep -q '"control_plane":{"reachable":true' "$work/answer"; then
		report ok control-plane reachable
	else
		report failed control-plane "not reachable; next: $kubectl -n $NAMESPACE logs $pod" 4
	fi
}

# The rights of the level that install.sh was told; without it what the agent watches.
rights() {
	kube -n "$NAMESPACE" get configmap pipeops-agent-install -o 'jsonpath={.data.settings}' >"$work/settings" 2>/dev/null || :
	level=$(sed -n 's/^RBAC=//p' "$work/settings")
	for kind in nodes pods namespaces services events deployments.apps; do
		may "watch $kind" -A
	done
	case $level in
	minimal)
		for place in $(sed -n 's/^RBAC_NAMESPACES=//p' "$work/settings" | tr ',' ' '); do
			operations -n "$place"
		done
		;;
	standard)
		operations -A
		may "patch nodes" -A
		may "create namespaces" -A
		;;
	full)
		may "update secrets" -A
		may "create clusterroles.rbac.authorization.k8s.io" -A
		;;
	esac
}

operations() { # SCOPE...
	may "patch deployments.apps" "$@"
	may "create pods --subresource=exec" "$@"
	may "update configmaps" "$@"
}

may() { # "VERB KIND" SCOPE...
	right=$1
	shift
	# shellcheck disable=SC2086 # two or three words
	if answer=$(ask auth can-i $right "$@" "--as=system:serviceaccount:$NAMESPACE:pipeops-agent"); then
		report ok "$right" "allowed, $*"
	else
		report failed "$right" "$answer, $*; next: install.sh${level:+ --rbac $level} grants it" 4
	fi
}

main() {
	environment
	arguments "$@"
	workspace
	if ! find_kubectl; then
		report failed kubectl "neither kubectl nor k3s is here; next: install kubectl, or run this on the server" 1
	elif cluster && deployment; then
		open_endpoints
		guarded_endpoints
		rights
	fi
	if [ -n "$JSON" ]; then
		printf '{"healthy":%s,"checks":[%s]}\n' "$([ "$code" -eq 0 ] && echo true || echo false)" "$(paste -sd, "$work/report")"
	elif [ "$code" -eq 0 ]; then
		say "healthy"
	else
		say "NOT healthy: see what failed above"
	fi
	told
	exit "$code"
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
