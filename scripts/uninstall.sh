#!/bin/sh
# Removes the agent, and k3s where install.sh brought it. Goes on after a failed step and
# says what was removed, kept and failed.
# shellcheck disable=SC2317,SC2329 # no script uses all of the parts that are copied into it
set -eu

program=uninstall.sh

usage() {
	cat <<'HELP'
usage: uninstall.sh [OPTION]...

  --yes                  do not ask     ASSUME_YES=1
  --k3s                  k3s too, with all its data, if install.sh installed it
                                        REMOVE_K3S=1
  --namespace NAME                      NAMESPACE               pipeops-system
  --kubeconfig FILE                     KUBECONFIG
  --context NAME                        KUBE_CONTEXT
  --dry-run              print actions  DRY_RUN=1
  --timeout SECONDS      for deletions  TIMEOUT                 120
  --help

Exit codes: 0 done, 1 wrong options or not confirmed, 3 k3s was not removed,
4 something of the agent was not removed.
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
	ASSUME_YES=${ASSUME_YES:-} REMOVE_K3S=${REMOVE_K3S:-} NAMESPACE=${NAMESPACE:-pipeops-system}
	KUBECONFIG=${KUBECONFIG:-} KUBE_CONTEXT=${KUBE_CONTEXT:-} DRY_RUN=${DRY_RUN:-} TIMEOUT=${TIMEOUT:-120}
	PIPEOPS_ROOT=${PIPEOPS_ROOT:-}
	PATH=$PATH:$PIPEOPS_ROOT/usr/local/bin
	record=$PIPEOPS_ROOT/var/lib/pipeops-install
	removed='' kept='' failed='' code=0
	switches ASSUME_YES REMOVE_K3S DRY_RUN
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
		--yes | -y) ASSUME_YES=1 && shift && continue ;;
		--k3s) REMOVE_K3S=1 && shift && continue ;;
		--dry-run) DRY_RUN=1 && shift && continue ;;
		--namespace | --kubeconfig | --context | --timeout) value_of "$1" $# ;;
		*) unknown "$1" ;;
		esac
		case $1 in
		--namespace) NAMESPACE=$2 ;;
		--kubeconfig) KUBECONFIG=$2 ;;
		--context) KUBE_CONTEXT=$2 ;;
		--timeout) TIMEOUT=$2 ;;
		esac
		shift 2
	done
	case $NAMESPACE in
	'' | -* | *[!a-z0-9-]* | default | kube-*) die 1 "not a namespace of the agent: $NAMESPACE" "give --namespace as it was installed, usually pipeops-system" ;;
	esac
	case $TIMEOUT in
	'' | *[!0-9]*) die 1 "not a timeout: $TIMEOUT" "a number of seconds" ;;
	esac
}

confirm() {
	[ -z "$ASSUME_YES$DRY_RUN" ] || return 0
	[ -t 0 ] || die 1 "nobody to ask" "run: $program --yes${REMOVE_K3S:+ --k3s}"
	printf 'Remove the agent (namespace %s)%s? [y/N] ' "$NAMESPACE" "${REMOVE_K3S:+ and k3s with all its data}"
	read -r answer || answer=''
	case $answer in
	y | Y | yes) ;;
	*) die 1 "not confirmed" "nothing was changed" ;;
	esac
}

agent() {
	ours=app.kubernetes.io/name=pipeops-agent,app.kubernetes.io/part-of=pipeops
	# With k3s goes what is in it, whatever cluster the environment names.
	if [ -n "$REMOVE_K3S" ] && [ -f "$record/k3s" ]; then
		KUBECONFIG=$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml KUBE_CONTEXT=''
	fi
	if ! find_kubectl; then
		note kept "the agent: neither kubectl nor k3s is here"
		return
	fi
	if ! reachable; then
		[ -n "$REMOVE_K3S" ] && [ -f "$record/k3s" ] || broken "the agent: the Kubernetes API does not answer: $refusal; try $kubectl get --raw /readyz"
		return
	fi
	if [ "$(manager "$NAMESPACE")" = Helm ]; then
		note kept "the agent: Helm installed it; helm uninstall removes it"
		return
	fi
	# The Deployment first, so that nothing is written while the rest goes.
	for kind in deployment service configmap poddisruptionbudget networkpolicy persistentvolumeclaim serviceaccount; do
		remove_labelled "$kind" -n "$NAMESPACE"
	done
	for kind in secret tls api-tokens; do
		remove_named "secret/pipeops-agent-$kind" -n "$NAMESPACE"
	done
	# Rights may be granted in any namespace.
	remove_everywhere rolebinding
	remove_everywhere role
	for kind in clusterrolebinding clusterrole priorityclass; do
		remove_labelled "$kind"
	done
	remove_namespace
	remove_backups
}

remove_everywhere() { # KIND
	if ! kube get "$1" -A -l "$ours" -o 'jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}' >"$work/found" 2>"$work/error"; then
		broken "$1: $(cat "$work/error")"
		return
	fi
	while read -r place name; do
		remove_named "$1/$name" -n "$place"
	done <"$work/found"
}

# Of this cluster, once there is nothing left to go back to.
remove_backups() {
	cluster=$(kube get namespace kube-system -o 'jsonpath={.metadata.uid}' 2>/dev/null || :)
	[ -n "$cluster" ] || return 0
	# Those of upgrade.sh --backup-dir first: where they are is told by a file in the usual place.
	cat "$(backup_dir)/$cluster/elsewhere" >"$work/elsewhere" 2>/dev/null || :
	while IFS= read -r folder; do
		remove_backups_in "$folder/$cluster"
	done <"$work/elsewhere"
	remove_backups_in "$(backup_dir)/$cluster"
	[ -d "$(backup_dir)/$cluster" ] || run rmdir "$(backup_dir)" "$record" 2>/dev/null || :
}

remove_backups_in() { # FOLDER
	backups=$1
	[ -d "$backups" ] || return 0
	if [ "$code" -ne 0 ]; then
		note kept "backups in $backups: something of the agent is still there"
	elif run rm -rf "$backups"; then
		[ -n "$DRY_RUN" ] || note removed "backups in $backups"
	else
		broken "backups in $backups"
	fi
}

remove_labelled() { # KIND SCOPE...
	found=$(kube get "$@" -l "$ours" -o name 2>&1) || {
		case $found in *"not found"* | *"doesn't have a resource type"*) return 0 ;; esac
		broken "$1: $found"
		return 0
	}
	shift
	for object in $found; do
		remove_named "$object" "$@"
	done
}

remove_named() { # KIND/NAME SCOPE...
	object=$1
	shift
	if [ -n "$DRY_RUN" ]; then
		say "would delete: $object $*"
	elif answer=$(kube delete "$object" "$@" --ignore-not-found --timeout="${TIMEOUT}s" 2>&1); then
		[ -z "$answer" ] || note removed "$object${2:+ in $2}"
	else
		broken "$object: $answer"
	fi
}

# The namespace goes only when it is the agent's and nobody else lives in it.
remove_namespace() {
	if ! owner=$(kube get namespace "$NAMESPACE" --ignore-not-found -o "jsonpath={.metadata.name}:{.metadata.labels['app\.kubernetes\.io/name']}" 2>"$work/error"); then
		broken "namespace $NAMESPACE: $(cat "$work/error")"
		return 0
	fi
	case $owner in
	'' | :) return 0 ;;
	*:pipeops-agent) ;;
	*)
		note kept "namespace $NAMESPACE: it is not the agent's"
		return 0
		;;
	esac
	# Who cannot be seen may be there.
	if ! kube get pods,deployments,statefulsets,daemonsets,jobs,cronjobs,services,ingresses,configmaps,secrets,serviceaccounts,persistentvolumeclaims \
		-n "$NAMESPACE" -l 'app.kubernetes.io/name!=pipeops-agent' -o name >"$work/found" 2>"$work/error"; then
		broken "namespace $NAMESPACE: cannot see whether others are in it: $(cat "$work/error")"
		return 0
	fi
	# Every namespace has two of its own.
	others=$(grep -Ev '^(secret/pipeops-agent-(secret|tls|api-tokens)|configmap/kube-root-ca.crt|serviceaccount/default)$' "$work/found" || :)
	if [ -n "$others" ]; then
		note kept "namespace $NAMESPACE: others are in it: $(printf '%s' "$others" | tr '\n' ' ')"
	else
		remove_named "namespace/$NAMESPACE"
	fi
}

k3s_itself() {
	[ -f "$record/k3s" ] || {
		[ -z "$REMOVE_K3S" ] || note kept "k3s: install.sh did not install it; k3s-uninstall.sh removes it"
		return 0
	}
	if [ -z "$REMOVE_K3S" ]; then
		note kept "k3s: --k3s removes it"
		return 0
	fi
	script=$PIPEOPS_ROOT/usr/local/bin/k3s-uninstall.sh
	! grep -q '^role=agent' "$record/k3s" || script=$PIPEOPS_ROOT/usr/local/bin/k3s-agent-uninstall.sh
	if [ -n "$DRY_RUN" ]; then
		say "would run: $script"
		say "would delete: $record"
	elif [ ! -x "$script" ]; then
		code=3
		note failed "k3s: no $script; its installation was interrupted: run install.sh again, then this"
	elif "$script" >"$work/k3s.log" 2>&1; then
		rm -rf "$record" "$PIPEOPS_ROOT/etc/rancher/k3s/join-token"
		note removed "k3s and its data"
	else
		code=3
		note failed "k3s: $(tail -n 3 "$work/k3s.log" | tr '\n' ' ')"
	fi
}

note() { # removed|kept|failed TEXT
	eval "$1=\"\$$1
  $1: \$2\""
}

broken() { # TEXT
	code=4
	note failed "$1"
}

main() {
	environment
	arguments "$@"
	confirm
	workspace
	agent
	k3s_itself
	say "summary:${removed:-
  removed: nothing}$kept$failed"
	[ "$code" -eq 0 ] || printf '%s: error: not everything could be removed\n  next: correct what failed and run the same line again\n' "$program" >&2
	told
	exit "$code"
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
