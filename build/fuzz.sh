#!/bin/sh
# Fuzzes what reads text from outside, each target for FUZZ_SECONDS (20), beginning with its seeds.
# What was found last time is kept below target/fuzz. A failure leaves its input in tests/fuzz/seeds/TARGET,
# where it is tested from then on.
# usage: fuzz.sh [TARGET...]      FUZZ_SECONDS=600 fuzz.sh yaml
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/setup.sh rust
	compile
	[ $# -gt 0 ] || set -- tests/fuzz/seeds/*
	failed=
	for target in "$@"; do
		run "$(basename "$target")" || failed="$failed $(basename "$target")"
	done
	[ -z "$failed" ] || die "failed:$failed"
}

# Counters at each edge and comparison for libFuzzer, which a stable toolchain puts in by flags of LLVM; arithmetic
# that overflows panics.
compile() {
	passes="-C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 -C llvm-args=-sanitizer-coverage-trace-compares \
-C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table"
	host=$(rustc -vV | sed -n 's/^host: //p')
	RUSTFLAGS="$passes -C codegen-units=1 -C debug-assertions -C overflow-checks" CARGO_TARGET_DIR=target/fuzz \
		cargo build --locked --profile peers --package fuzz --features libfuzzer --target "$host"
}

run() { # TARGET
	seeds=tests/fuzz/seeds/$1
	[ -d "$seeds" ] || die "there is no target $1: see tests/fuzz/seeds"
	corpus=target/fuzz/corpus/$1
	log=target/fuzz/$1.log
	mkdir -p "$corpus"
	if env FUZZ_TARGET="$1" "target/fuzz/$host/peers/fuzz" -max_total_time="${FUZZ_SECONDS:-20}" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
		-artifact_prefix="$seeds/" "$corpus" "$seeds" >"$log" 2>&1; then
		say "$1: $(sed -n 's/^Done \([0-9]*\) runs.*/\1 inputs/p' "$log"), $(find "$corpus" -type f | wc -l) of interest"
	else
		tail -n 25 "$log" >&2
		return 1
	fi
}

main "$@"
