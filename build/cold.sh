#!/bin/sh
# Writes build/cold.ld anew: builds with symbols, follows the local Kubernetes for a minute under callgrind, and lists
# what did not run. Wants valgrind and `make cluster-up`. Takes minutes; the list ages slowly.
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	command -v valgrind >/dev/null || die "valgrind is missing: apt-get install valgrind"
	eval "$(tests/cluster/cluster env)"
	[ -n "${KUBECONFIG:-}" ] || die "no cluster: make cluster-up"
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	CARGO_PROFILE_RELEASE_STRIP=none build/build.sh
	mv bin/pipeops-agent "$folder/agent"
	profile
	build/cold.py "$folder/agent" "$folder/profile" >build/cold.ld.new
	mv build/cold.ld.new build/cold.ld
	say "build/cold.ld: $(wc -l <build/cold.ld) lines"
}

# Its own port, and an end that callgrind sees.
profile() {
	PIPEOPS_API_TOKEN=secret timeout --signal=TERM 75 valgrind --tool=callgrind --demangle=no --callgrind-out-file="$folder/profile" \
		"$folder/agent" --state-dir "$folder/state" --listen 127.0.0.1 --port 18079 >"$folder/log" 2>&1 || {
		[ $? -eq 124 ] || die "the agent failed: $(tail -n 3 "$folder/log")"
	}
}

main "$@"
