#!/bin/sh
# Runs on a cluster of its own what waits and what wants a new node, and then an agent's life on that node.
# usage: test-life.sh
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	export PIPEOPS_BIN="${PIPEOPS_BIN:-$root/bin/pipeops-agent}"
	[ -x "$PIPEOPS_BIN" ] || build/build.sh
	cluster_up
	# Both wait, most of the time; the images are made meanwhile.
	cargo test --locked --test integration -- budget::memory::a_new_local_node budget::time::an_idle_agent --show-output &
	waits=$!
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || build/test-e2e.sh images
	wait $waits
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || timeout --kill-after=60 1200 tests/e2e/run "$root/target/e2e" life
}

main "$@"
