#!/bin/sh
# Runs the tests that stop parts of their cluster, one by one, on a cluster of their own.
# usage: test-alone.sh
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	cluster_up
	cargo test --locked --test integration alone:: -- --test-threads 1
}

main "$@"
