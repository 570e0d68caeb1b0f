#!/bin/sh
# Gives this tree another version: the package, the manifests, the chart, and the copies of them that others carry.
# usage: version.sh X.Y.Z[-PRE]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

any='[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]*[0-9A-Za-z])?'

main() {
	[ $# -eq 1 ] || die "usage: version.sh X.Y.Z[-PRE]"
	# Without a + for the build: the tag of an image cannot have one.
	printf '%s\n' "$1" | grep -Eqx "$any" || die "not a version: $1"
	sed -i "/^\[package\]/,/^version/s/^version = .*/version = \"$1\"/" Cargo.toml
	sed -i "/^name = \"pipeops-agent\"/,/^version/s/^version = .*/version = \"$1\"/" Cargo.lock
	# Whichever version they have. Files, not the links to them that the chart has.
	find deployments tests/chart -type f -name '*.yaml' -exec \
		sed -i -E "s#([vV]ersion: |pipeops/agent:|pipeops-agent-)$any(\.tgz)?( |\$)#\1$1\3\4#" {} +
	build/embed.sh
}

main "$@"
