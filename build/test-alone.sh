#!/bin/sh
# Runs on a cluster of its own what wants a new node or waits, and then, one by one, the tests that stop its parts.
# usage: test-alone.sh
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	cluster_up
	failed=
	tests --show-output budget::memory::a_new_local_node budget::time::an_idle_agent
	tests --test-threads 1 alone::
	[ -z "$failed" ]
}

# Those that follow run in any case.
tests() { # ARGUMENTS OF THE TESTS
	cargo test --locked --test integration -- "$@" || failed=yes
}

main "$@"
