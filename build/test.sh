#!/bin/sh
# Runs every test: scripts, units, the built static binary, and all of it against a real local Kubernetes.
# usage: test.sh [arguments of cargo test]      for instance: test.sh --lib k8s::
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

new_node=budget::memory::a_new_local_node_is_followed_in_2_5_mb
told=target/new-node.txt

main() {
	build/build.sh
	export PIPEOPS_BIN="$root/bin/pipeops-agent"
	build/setup.sh helm prometheus schemathesis
	PIPEOPS_TEST_HELM="$(venv build/helm.txt)/bin/python"
	PIPEOPS_TEST_PROMETHEUS_CLIENT="$(venv build/prometheus.txt)/bin/python"
	PIPEOPS_TEST_SCHEMATHESIS="$(venv build/schemathesis.txt)/bin/schemathesis"
	export PIPEOPS_TEST_HELM PIPEOPS_TEST_PROMETHEUS_CLIENT PIPEOPS_TEST_SCHEMATHESIS
	[ ! -e "$PIPEOPS_CACHE/prometheus/complete" ] || export PIPEOPS_TEST_PROMETHEUS="$PIPEOPS_CACHE/prometheus"
	cluster_up
	[ -n "${PIPEOPS_TEST_CLUSTER:-}" ] ||
		say "NOTE: no real Kubernetes on this machine (see the line above): the tests that need it say so and are skipped"
	status=0
	if [ $# -gt 0 ]; then
		cargo test --locked "$@" || status=$?
		exit "$status"
	fi
	cargo test --locked --no-run
	mkdir -p target
	# While nobody else has been at the node. It waits most of the time, so the scripts are tested meanwhile, by the
	# /bin/sh of Debian and of Alpine; without arguments that takes two more and twice as long.
	cargo test --locked --test integration "$new_node" -- --show-output >"$told" 2>&1 &
	judging=$!
	env -u KUBECONFIG -u PIPEOPS_BIN build/test-scripts.sh dash "busybox ash" || status=$?
	wait $judging || status=$?
	cat "$told"
	cargo test --locked -- --skip budget:: || status=$?
	# One by one, beside nothing else: these judge times.
	cargo test --locked --test integration budget:: -- --test-threads=1 --show-output --skip "$new_node" || status=$?
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || build/test-e2e.sh || status=$?
	exit "$status"
}

main "$@"
