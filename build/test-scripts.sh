#!/bin/sh
# Tests the scripts of scripts/ under every shell they must run in.
# usage: test-scripts.sh [SHELL...]      for instance: test-scripts.sh "busybox ash"
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/setup.sh scripts
	[ $# -gt 0 ] || set -- dash "bash --posix" mksh "busybox ash"
	logs=$(mktemp -d)
	trap 'rm -rf "$logs"' EXIT
	for shell in "$@"; do
		under "$shell" &
	done
	wait
	failed=
	for shell in "$@"; do
		if [ -e "$logs/$shell.ok" ]; then
			say "ok      $shell: $(grep -c '^ok' "$logs/$shell") tests"
		else
			say "FAILED  $shell"
			grep -v '^ok' "$logs/$shell"
			failed=1
		fi
	done
	[ -z "$failed" ] || exit 1
}

# Where there is no network but what the tests stand in for, if this machine lets us.
alone() {
	if unshare -rn true 2>/dev/null; then unshare -rn "$@"; else "$@"; fi
}

under() { # SHELL
	if SCRIPT_SHELL=$1 alone bats tests/scripts >"$logs/$1" 2>&1; then : >"$logs/$1.ok"; fi
}

main "$@"
