#!/usr/bin/env bats
# What every script keeps to.
load helper

@test "help fits a screen and says the exit codes" {
	for file in "$scripts"/*.sh; do
		script "${file##*/}" --help
		is 0 "usage: ${file##*/}" "Exit codes: 0"
		[ "${#lines[@]}" -le 45 ]
	done
	unchanged
}

@test "unknown options, missing values and secrets as arguments" {
	for file in "$scripts"/*.sh; do
		script "${file##*/}" --nonsense=x
		is 1 "unknown argument: --nonsense" "next: "
	done
	for name in install.sh join-worker.sh; do
		script $name --token x
		is 1 "process list" "next: "
	done
	unchanged
}

@test "1: no place for temporary files: said, with what to do" {
	export PIPEOPS_TOKEN=$secret ASSUME_YES=1 MASTER_IP=192.0.2.1 K3S_TOKEN=$secret
	for name in install join-worker uninstall upgrade health-check generate-config; do
		TMPDIR=/nowhere script $name.sh
		is 1 "no temporary folder in /nowhere" "next: "
	done
	unchanged
}

@test "a step that nobody thought of fails, as all may on a full disk: said, once, with what to do" {
	# busybox and mksh have cat in themselves.
	case $SCRIPT_SHELL in *busybox* | *mksh*) return ;; esac
	printf '#!/bin/sh\necho "cat: write error: No space left on device" >&2\nexit 1\n' >"$T/bin/cat"
	chmod 755 "$T/bin/cat"
	script install.sh --existing-cluster --standalone
	is 1 "No space left" "a step failed" "next: "
	script generate-config.sh --token-file /nowhere
	is 1 "next: "
	[ "$(printf '%s\n' "$output" | grep -c 'next: ')" -eq 1 ] || fail "said twice"
}

@test "variables of the environment are not taken for the scripts' own" {
	mkdir "$T/other"
	work=$T/other terminal=x resume=x patience=x forward=$$ PIPEOPS_TOKEN=$secret script install.sh --existing-cluster
	is 0
	work=$T/other forward=$$ script install.sh --nonsense
	is 1
	[ -z "$(ls -A "$T/other")" ]
}

@test "a truncated download does nothing" {
	export PIPEOPS_TOKEN=$secret ASSUME_YES=1 EXISTING_CLUSTER=1 MASTER_IP=192.0.2.1 K3S_TOKEN=$secret
	for file in "$scripts"/*.sh; do
		size=$(wc -c <"$file")
		for at in 1 20 200 1000 3000 5000 $((size / 2)) $((size - 400)) $((size - 40)) $((size - 20)) $((size - 15)) \
			$((size - 12)) $((size - 10)) $((size - 9)) $((size - 8)) $((size - 6)) $((size - 4)) $((size - 3)) $((size - 2)); do
			head -c "$at" "$file" >"$T/cut.sh"
			$SCRIPT_SHELL "$T/cut.sh" </dev/null >/dev/null 2>&1 || :
			[ ! -s "$T/calls" ] || fail "$file cut at $at of $size ran"
		done
		unchanged
	done
}

@test "the copies of shared parts are current" {
	run "$BATS_TEST_DIRNAME/../../build/embed.sh" --check
	is 0
}
