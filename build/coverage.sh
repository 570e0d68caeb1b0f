#!/bin/sh
# Line coverage of src: unit tests, integration tests and the agents those start; kubectl's commands, which a real
# Kubernetes judges, against one.
# Fails below the threshold. The page for people is coverage/html/index.html.
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

least=80

main() {
	build/setup.sh rust
	tools=$(rustc --print target-libdir)/../bin
	rm -rf coverage
	mkdir coverage
	instrument
	# The agent under test is the instrumented one, not the static one.
	unset PIPEOPS_BIN
	cargo test --locked --quiet
	cluster_up
	# make test judges these; here they count.
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || cargo test --locked --quiet --test integration -- cluster::kubectl ||
		say "NOTE: some tests failed in the instrumented build (see above)"
	report
}

# %4m: four files per binary, into which its processes merge as they end.
instrument() {
	export CARGO_TARGET_DIR="$root/target/coverage"
	export CARGO_INCREMENTAL=0
	export RUSTFLAGS="-C instrument-coverage"
	export LLVM_PROFILE_FILE="$root/coverage/%4m.profraw"
}

report() {
	"$tools/llvm-profdata" merge --sparse coverage/*.profraw -o coverage/all.profdata
	set -- --instr-profile=coverage/all.profdata --ignore-filename-regex='/(rustc|\.cargo|tests)/'
	# shellcheck disable=SC2046 # no file name here has a space
	set -- "$@" $(objects)
	"$tools/llvm-cov" show --format=html --output-dir=coverage/html "$@"
	"$tools/llvm-cov" export --format=lcov "$@" >coverage/lcov.info
	summarise coverage/lcov.info
}

# Unit tests stand last in a file and do not count: they would only flatter.
summarise() { # LCOV
	find src -name '*.rs' -exec awk '
		previous == "#[cfg(test)]" && /^mod / { print FILENAME ":" FNR }
		{ previous = $0 }' {} + >coverage/tests
	awk -F '[:,]' -v root="$root/" -v least=$least '
		FNR == NR { if (!($1 in tests)) tests[$1] = $2; next }
		/^SF:/ { file = substr($0, 4); sub(root, "", file) }
		/^DA:/ && (!(file in tests) || $2 < tests[file]) { lines[file]++; all++; if ($3 > 0) { hit[file]++; covered++ } }
		END {
			for (file in lines) printf "%6.1f %%  %s\n", 100 * hit[file] / lines[file], file | "sort -k3"
			close("sort -k3")
			printf "%6.1f %%  of %d lines of src (least: %d %%; coverage/html/index.html has the details)\n", 100 * covered / all, all, least
			exit covered * 100 < least * all
		}' coverage/tests "$1" || die "below $least %"
}

# What was run, as arguments of llvm-cov: the first bare, the rest with --object.
objects() {
	cargo test --locked --no-run --message-format=json 2>/dev/null |
		sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | sort -u | sed '2,$s/^/--object=/'
}

main "$@"
