# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by run: steps with a time and a way to see why they failed, and the three that are
# asked: kubectl, the control plane, the agent.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"

namespace=pipeops-system
token="token-of-the-e2e-test"
cluster=shop-floor-7
# What is known so far; empty is not yet.
made='' work='' doing='' installed='' plane_pid='' plane_url=''

now() { date +%s; }
say() { printf 'e2e: %s\n' "$*"; }

fail() {
	printf 'e2e: %s\n' "$*" >&2
	exit 1
}

begin() { # FOLDER life|load|all
	began=$(now)
	trap end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	work=$(mktemp -d)
	PATH=$(dirname "$PIPEOPS_TEST_KUBECTL"):$PATH
	made=$1
	images="this next broken"
	[ "$2" != load ] || images=this
	for image in $images; do
		part load "$made/$image.tar"
	done
	start_control_plane
}

# Not in a condition, so that a command that fails in it ends the run.
step() { # WHAT FUNCTION
	doing=$1 since=$(now) told=''
	"$2"
	say "ok  $(($(now) - since)) s  $doing${told:+: $told}"
	doing=''
}

# However it ends: nothing of it stays, and a failure says what there was to see.
end() {
	status=$?
	trap - EXIT
	trap '' HUP INT TERM
	set +e
	if [ -n "$doing" ]; then
		say "FAILED after $(($(now) - since)) s: $doing" >&2
		explain >&2
	fi
	[ -z "$installed" ] || script uninstall.sh --yes --timeout 60 >/dev/null 2>&1
	stop_control_plane
	rm -rf "$work"
	exit "$status"
}

explain() {
	for what in "get pods -o wide" "describe pods" "logs deployment/pipeops-agent --tail=40" "get events"; do
		printf -- '--- kubectl %s\n' "$what"
		# shellcheck disable=SC2086 # words
		ours $what 2>&1 | tail -n 60
	done
	for log in "$work"/*.log; do
		printf -- '--- %s\n' "$log"
		tail -n 20 "$log"
	done
}

# Until COMMAND succeeds, looking five times a second.
within() { # SECONDS WHAT COMMAND...
	limit=$(($(now) + $1)) what=$2
	shift 2
	until "$@" >"$work/within.log" 2>&1; do
		[ "$(now)" -lt "$limit" ] || fail "$what: not in time"
		sleep 0.2
	done
}

# Our own, which asks less of the processor; the real one is in the PATH of what a user runs.
kube() { timeout 90 "$PIPEOPS_BIN" kubectl "$@"; }
real() { timeout 90 "$PIPEOPS_TEST_KUBECTL" "$@"; }
ours() { kube -n "$namespace" "$@"; }
part() { timeout 120 "$PIPEOPS_TEST_CLUSTER_CMD" "$@"; } # VERB PART

# As a user runs it: of the variables of this test it gets the kubeconfig alone. (kubectl ends before it is worth its
# while to collect garbage.)
as_user() { env -i PATH="$PATH" HOME="$work" KUBECONFIG="$KUBECONFIG" GOGC=off timeout 180 "$@"; }

script() { # NAME ARGUMENT...
	name=$1
	shift
	as_user "scripts/$name" "$@"
}

pod() {
	ours get pods -l app.kubernetes.io/name=pipeops-agent -o 'jsonpath={.items[*].metadata.name}'
}

of_pod() { # JSONPATH
	ours get pods -l app.kubernetes.io/name=pipeops-agent -o "jsonpath={.items[0]$1}"
}

restarts() { of_pod '.status.containerStatuses[0].restartCount'; }
container() { of_pod '.status.containerStatuses[0].containerID'; }
running() { ours rollout status deployment/pipeops-agent --timeout=90s >/dev/null; }

in_network() { nsenter --net="/run/netns/$PIPEOPS_TEST_NETNS" "$@"; }

# Straight from the pod's address, which needs no API server.
says() { # PATH STATUS JQ
	code=$(in_network curl -s -m 3 -o "$work/answer.log" -w '%{http_code}' "http://$address:8080$1")
	[ "$code" = "$2" ] && jq -e "$3" "$work/answer.log" >/dev/null
}

start_control_plane() {
	[ -n "$plane_url" ] || printf '%s' "$token" >"$work/token"
	link=${CLUSTER_LINK:?}.1
	set -- --token-file "$work/token" --listen "${plane_url:-$link:0}" --tls "$work/tls" --name "$link"
	# Under load it would write all that at each change, and is not started again.
	[ "$half" = load ] || set -- "$@" --file "$work/agents.json"
	setpriv --pdeathsig TERM setsid "${CARGO_TARGET_DIR:-target}/debug/control-plane" "$@" >"$work/control-plane.log" 2>&1 &
	plane_pid=$!
	within 20 "the control plane" grep '^listening on' "$work/control-plane.log"
	plane_url=$(sed -n 's,^listening on https://,,p' "$work/control-plane.log")
	# A second stands for the thirty that are the default.
	plane settings -d '{"heartbeat": 1, "status": 1}'
}

stop_control_plane() {
	[ -n "$plane_pid" ] || return 0
	kill "$plane_pid" 2>/dev/null || :
	wait "$plane_pid" 2>/dev/null || :
	plane_pid=''
}

plane() { # PATH CURL-ARGUMENT...
	path=$1
	shift
	curl -sS --fail --max-time 150 --cacert "$work/tls/ca.pem" "$@" "https://$plane_url/$path"
}

# How many it has acknowledged since its start.
beats() { plane "await?call=heartbeat&count=0" | jq .count; }

more_beats() { # COUNT SECONDS
	plane "await?call=heartbeat&count=$(($(beats) + $1))&timeout=$2" >/dev/null || fail "$1 heartbeats: not within $2 s"
}

agents() { plane agents; }

# The one agent it knows, all the time.
same_agent() {
	known=$(agents | jq -r '[.[].id] | join(" ")')
	[ "$known" = "$agent_id" ] || fail "the control plane knows $known, not $agent_id alone"
}
