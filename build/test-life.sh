#!/bin/sh
# Runs on a cluster of its own what wants a new node, and then an agent's life on that node.
# usage: test-life.sh
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	export PIPEOPS_BIN="${PIPEOPS_BIN:-$root/bin/pipeops-agent}"
	[ -x "$PIPEOPS_BIN" ] || build/build.sh
	cluster_up
	if [ -n "${PIPEOPS_TEST_CLUSTER:-}" ]; then
		cargo test --locked --test integration budget::memory::a_new_local_node -- --show-output
		build/test-e2e.sh life
	fi
}

main "$@"
