#!/bin/sh
# Runs the tests: scripts, units, the built static binary, and all of it against a real local Kubernetes. The agent's life
# on a node, from installation to removal, is a run of its own: test-e2e.sh.
# usage: test.sh [arguments of cargo test]      for instance: test.sh --lib k8s::
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

told=target/test

main() {
	build/setup.sh rust helm prometheus schemathesis
	PIPEOPS_TEST_HELM="$(venv build/helm.txt)/bin/python"
	PIPEOPS_TEST_PROMETHEUS_CLIENT="$(venv build/prometheus.txt)/bin/python"
	PIPEOPS_TEST_SCHEMATHESIS="$(venv build/schemathesis.txt)/bin/schemathesis"
	export PIPEOPS_TEST_HELM PIPEOPS_TEST_PROMETHEUS_CLIENT PIPEOPS_TEST_SCHEMATHESIS
	[ ! -e "$PIPEOPS_CACHE/prometheus/complete" ] || export PIPEOPS_TEST_PROMETHEUS="$PIPEOPS_CACHE/prometheus"
	rm -rf "$told"
	mkdir -p "$told"
	failed='' beside='' began=$(date +%s)
	trap stop_all EXIT
	exit_on_signals
	build/compiled.sh take debug
	beside build build/build.sh
	beside compile cargo test --locked --no-run "$@"
	export PIPEOPS_BIN="$root/bin/pipeops-agent"
	cluster_up
	[ -n "${PIPEOPS_TEST_CLUSTER:-}" ] ||
		say "NOTE: no real Kubernetes on this machine (see the line above): the tests that need it say so and are skipped"
	all_ended
	[ -z "$failed" ] || die "failed:$failed"
	[ $# -gt 0 ] || build/compiled.sh keep debug
	if [ $# -gt 0 ]; then
		cargo test --locked "$@"
		exit
	fi
	together
	apart
	[ -z "$failed" ] || die "failed:$failed"
}

# What waits more than it works; on two clusters, so that nobody stops another's parts. A module of the agent is called
# cluster, too, and has a budget: units go by themselves.
together() {
	began=$(date +%s)
	threads=$((2 * $(nproc)))
	beside alone build/test-alone.sh
	beside scripts nice env -u KUBECONFIG -u PIPEOPS_BIN build/test-scripts.sh dash
	beside units cargo test --locked --no-fail-fast --lib --bins
	beside local cargo test --locked --test integration -- --skip cluster:: --skip budget:: --test-threads $threads
	part cluster cargo test --locked --test integration cluster:: -- --skip alone:: --test-threads $threads
	part examples cargo test --locked --doc
	all_ended
}

# One by one, beside nothing else: these judge times.
apart() {
	part budgets cargo test --locked --test integration budget:: -- --test-threads 1 --show-output \
		--skip a_new_local_node --skip an_idle_agent
}

# The next part goes on, and how this one ended is said at the end.
part() { # NAME COMMAND...
	name=$1 since=$(date +%s)
	shift
	"$@" || failed="$failed $name"
	say "$name: $(($(date +%s) - since)) s"
}

# Begins a part that prints into a file.
beside() { # NAME COMMAND...
	file=$told/$1 name=$1
	shift
	# In a session, to be stopped with all that it has started.
	setsid "$@" >"$file" 2>&1 &
	beside="$beside $!:$name"
}

all_ended() {
	for one in $beside; do
		ended "${one%%:*}" "${one#*:}"
	done
	beside=''
}

ended() { # PID NAME
	wait "$1" || failed="$failed $2"
	cat "$told/$2"
	say "$2: $(($(date -r "$told/$2" +%s) - began)) s, beside the others"
}

stop_all() {
	for one in $beside; do
		pkill -TERM -s "${one%%:*}" || :
		wait "${one%%:*}" || :
	done
}

at_end() {
	stop_all
	tests/cluster/cluster down || :
}

main "$@"
