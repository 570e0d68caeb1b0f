#!/bin/sh
# Runs the benchmarks, each beside its peer. usage: bench.sh [NAME]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/setup.sh rust
	[ -d tests/benches ] || die "tests/benches is missing"
	for source in tests/benches/src/bin/*; do
		name=$(basename "$source" .rs)
		if [ $# -eq 0 ] || [ "$1" = "$name" ]; then
			say "$name"
			cargo run --quiet --release --locked --package benches --bin "$name"
		fi
	done
}

main "$@"
