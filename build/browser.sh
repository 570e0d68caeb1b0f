#!/bin/sh
# Drives the dashboard of the built agent in a browser, on a real local Kubernetes; pictures are in target/browser.
# usage: browser.sh [arguments of node --test]      for instance: browser.sh --test-name-pattern=log
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/setup.sh rust browser
	home=$(modules tests/browser)
	cargo build --quiet --locked
	PIPEOPS_BIN="$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/pipeops-agent"
	CHROMIUM=$(command -v chromium)
	export PIPEOPS_BIN CHROMIUM PIPEOPS_TEST_SHOTS="$root/target/browser"
	# One that runs already may be used, too: eval "$(tests/cluster/cluster env)".
	[ -n "${PIPEOPS_TEST_CLUSTER:-}" ] || cluster_up
	[ -n "${PIPEOPS_TEST_CLUSTER:-}" ] || die "the dashboard is tested on a real Kubernetes; this machine has none (see the line above)"
	rm -rf "$PIPEOPS_TEST_SHOTS"
	# Modules are looked for beside the file that asks for them.
	cp tests/browser/*.mjs "$home"
	PATH=$(venv build/diagrams/node.txt)/bin:$PATH
	status=0
	# Trouble comes last: it stops the API server.
	for suite in views trouble; do
		node --test "$@" "$home/$suite.test.mjs" || status=$?
	done
	say "pictures: $PIPEOPS_TEST_SHOTS"
	exit "$status"
}

main "$@"
