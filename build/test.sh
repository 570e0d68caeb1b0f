#!/bin/sh
# Runs every test: scripts, units, the built static binary, and all of it against a real local Kubernetes.
# usage: test.sh [arguments of cargo test]      for instance: test.sh --lib k8s::
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	# The /bin/sh of Debian and of Alpine; without arguments it takes two more and twice as long.
	[ $# -gt 0 ] || build/test-scripts.sh dash "busybox ash"
	build/build.sh
	export PIPEOPS_BIN="$root/bin/pipeops-agent"
	build/setup.sh helm
	PIPEOPS_TEST_HELM="$(venv build/helm.txt)/bin/python"
	export PIPEOPS_TEST_HELM
	cluster_up
	status=0
	if [ $# -gt 0 ]; then
		cargo test --locked "$@" || status=$?
		exit "$status"
	fi
	cargo test --locked -- --skip budget:: || status=$?
	# One by one, beside nothing else: these judge times.
	cargo test --locked --test integration budget:: -- --test-threads=1 --show-output || status=$?
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || build/test-e2e.sh || status=$?
	exit "$status"
}

# The tests need a cluster of their own, beside any other that runs on this machine.
cluster_up() {
	export CLUSTER_NAME="test-$$"
	export CLUSTER_LINK="198.18.$(($$ % 200 + 20))"
	trap 'tests/cluster/cluster down || :' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	status=0
	tests/cluster/cluster metrics || status=$?
	case $status in
	0) ;;
	3)
		say "NOTE: no real Kubernetes on this machine (see the line above): the tests that need it say so and are skipped"
		return
		;;
	*) die "the local Kubernetes did not start" ;;
	esac
	eval "$(tests/cluster/cluster env)"
}

main "$@"
