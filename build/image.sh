#!/bin/sh
# Builds the image without Docker: an OCI archive, for every architecture that is named or
# for both. usage: image.sh [OUTPUT [ARCHITECTURE=BINARY...]]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

output=${1:-bin/image.tar}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- amd64=bin/pipeops-agent-amd64 arm64=bin/pipeops-agent-arm64
for binary in "$@"; do
	[ -x "${binary#*=}" ] || die "${binary#*=} is missing: make build-all makes it"
done
build/setup.sh python
python3 build/image.py "$output" "$(version)" "$(revision)" "$(created)" "$@"
