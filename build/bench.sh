#!/bin/sh
# Runs the benchmarks, each beside its peer. usage: bench.sh [NAME]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/build.sh
	export PIPEOPS_BIN="$root/bin/pipeops-agent"
	case ${1-logs} in apply | get | latency | logs | relay) node_up ;; esac
	for source in tests/benches/src/bin/*; do
		name=$(basename "$source" .rs)
		if [ $# -eq 0 ] || [ "$1" = "$name" ]; then
			say "$name"
			[ "$name" != get ] || simulate 5000
			cargo run --quiet --profile peers --locked --package benches --bin "$name"
			[ "$name" != get ] || simulate 0
		fi
	done
}

simulate() { # PODS
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || tests/cluster/cluster scale "$1"
}

# Logs are read, objects applied and changed on a real node, where this machine can have one; else those
# benchmarks say so.
node_up() {
	export CLUSTER_NAME="bench-$$"
	export CLUSTER_LINK="198.18.$(($$ % 200 + 20))"
	trap 'tests/cluster/cluster down || :' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if tests/cluster/cluster node; then
		eval "$(tests/cluster/cluster env)"
	fi
}

main "$@"
