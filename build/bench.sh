#!/bin/sh
# Runs the benchmarks, each beside its peer. usage: bench.sh [NAME]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/build.sh
	export PIPEOPS_BIN="$root/bin/pipeops-agent"
	for source in tests/benches/src/bin/*; do
		name=$(basename "$source" .rs)
		if [ $# -eq 0 ] || [ "$1" = "$name" ]; then
			say "$name"
			cargo run --quiet --profile peers --locked --package benches --bin "$name"
		fi
	done
}

main "$@"
