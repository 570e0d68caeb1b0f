#!/bin/sh
# Builds and runs the agent; on every change of a source, builds and runs it again.
# Arguments are the agent's. Looks once a second; Ctrl-C ends both.
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

agent=

main() {
	build/setup.sh rust
	stamp=$(mktemp)
	trap 'stop; rm -f "$stamp"' EXIT
	trap 'exit 0' INT TERM
	while :; do
		touch "$stamp"
		if cargo build --package pipeops-agent; then
			stop
			# The agent would warn of a setting it does not have.
			env -u PIPEOPS_CACHE "${CARGO_TARGET_DIR:-target}/debug/pipeops-agent" "$@" &
			agent=$!
		fi
		until changed; do sleep 1; done
	done
}

changed() { [ -n "$(find src Cargo.toml Cargo.lock -newer "$stamp" -type f -print -quit)" ]; }

stop() {
	[ -n "$agent" ] || return 0
	kill "$agent" 2>/dev/null || :
	wait "$agent" 2>/dev/null || :
	agent=
}

main "$@"
