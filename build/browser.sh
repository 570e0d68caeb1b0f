#!/bin/sh
# Drives the dashboard of the shipped agent in a browser, on a real local Kubernetes; pictures are in target/browser.
# usage: browser.sh [arguments of node --test]      for instance: browser.sh --test-name-pattern=log
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/setup.sh rust browser
	CHROMIUM=$(browser) || nothing "there is no browser"
	# One that runs already may be used, too: eval "$(tests/cluster/cluster env)".
	[ -n "${PIPEOPS_TEST_CLUSTER:-}" ] || cluster_up
	[ -n "${PIPEOPS_TEST_CLUSTER:-}" ] || nothing "no real Kubernetes on this machine"
	build/build.sh
	cargo build --quiet --locked --package many-pods
	PIPEOPS_BIN=$root/bin/pipeops-agent
	PIPEOPS_TEST_MANY_PODS=${CARGO_TARGET_DIR:-target}/debug/many-pods
	export PIPEOPS_BIN PIPEOPS_TEST_MANY_PODS CHROMIUM PIPEOPS_TEST_SHOTS="$root/target/browser"
	rm -rf "$PIPEOPS_TEST_SHOTS"
	# Modules are looked for beside the file that asks for them.
	home=$(modules tests/browser)
	cp tests/browser/*.mjs "$home"
	PATH=$(venv build/diagrams/node.txt)/bin:$PATH
	status=0
	# Trouble comes last: it stops the API server.
	for suite in views trouble; do
		timeout --kill-after=10 400 node --test "$@" "$home/$suite.test.mjs" || status=$?
	done
	say "pictures: $PIPEOPS_TEST_SHOTS"
	exit "$status"
}

nothing() { # WHY
	say "NOTE: $1 (see the line above): nothing is tested"
	exit 0
}

main "$@"
