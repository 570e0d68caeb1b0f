#!/bin/sh
# Writes build/cold.ld anew: builds with symbols, follows a local Kubernetes with a changing workload under callgrind,
# once alone and once with a control plane and clients, and lists what did not run.
# Wants valgrind and `make cluster-up`. Takes ten minutes; the list ages slowly.
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

seconds=100
agent=http://127.0.0.1:18079
plane=127.0.0.1:18078
plane_pid=
space=profile-$$
export PIPEOPS_API_TOKEN=secret

main() {
	command -v valgrind >/dev/null || die "valgrind is missing: apt-get install valgrind"
	eval "$(tests/cluster/cluster env)"
	[ -n "${KUBECONFIG:-}" ] || die "no cluster: make cluster-up"
	folder=$(mktemp -d)
	trap clean EXIT
	cargo build --quiet --locked --package control-plane
	build/build.sh
	cp "${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-musl/release/pipeops-agent" "$folder/agent"
	kubectl create namespace $space
	sed "s/@NAME@/$space/g" tests/integration/cluster/zoo.yaml | kubectl -n $space apply -f - >"$folder/applied"
	profile alone workload
	CONTROL_PLANE_TOKEN=token "${CARGO_TARGET_DIR:-target}/debug/control-plane" --listen $plane >"$folder/plane" 2>&1 &
	plane_pid=$!
	PIPEOPS_API_URL=http://$plane PIPEOPS_TOKEN=token profile served clients
	build/cold.py "$folder/agent" "$folder/alone" "$folder/served" >build/cold.ld.new
	mv build/cold.ld.new build/cold.ld
	say "build/cold.ld: $(wc -l <build/cold.ld) lines"
}

clean() {
	kubectl -n $space patch pod kept -p '{"metadata":{"finalizers":null}}' || :
	kubectl delete namespace $space --wait=false || :
	[ -z "$plane_pid" ] || kill "$plane_pid" || :
	rm -rf "$folder"
}

kubectl() { "$PIPEOPS_TEST_KUBECTL" "$@"; }

# Its own port, and an end that callgrind sees.
profile() { # NAME DURING
	timeout --signal=TERM $seconds valgrind --tool=callgrind --demangle=no --callgrind-out-file="$folder/$1" \
		"$folder/agent" --state-dir "$folder/state-$1" --listen 127.0.0.1:18079 >"$folder/log" 2>&1 &
	running=$!
	curl --silent --retry 30 --retry-all-errors --retry-delay 1 $agent/ready >"$folder/ready"
	"$2"
	wait $running || [ $? -eq 124 ] || die "the agent failed: $(tail -n 3 "$folder/log")"
}

# Objects of each kind that come, change and go, with their events.
workload() {
	kubectl -n $space create deployment new --image=busybox:1 --replicas=2 -- sleep 1d
	kubectl -n $space expose deployment new --port=80
	kubectl -n $space rollout status deployment new --timeout=60s
	kubectl -n $space scale deployment new --replicas=1
	kubectl -n $space label pod --all seen=yes --overwrite
	kubectl -n $space delete deployment,service new --timeout=60s
	kubectl create namespace $space-too
	kubectl delete namespace $space-too --wait=false
} >>"$folder/applied"

# What probes, people and the control plane ask for, as long as it runs.
clients() {
	workload
	while kill -0 $running 2>/dev/null; do
		for path in health ready version api/health/detailed api/status/features api/metrics/runtime api/status/connectivity; do
			curl --silent --max-time 9 --header "Authorization: Bearer $PIPEOPS_API_TOKEN" $agent/$path || :
		done
		"$folder/agent" probe live --port 18079 || :
	done >>"$folder/applied" 2>&1
}

main "$@"
