#!/bin/sh
# The Helm chart as one file; the same commit gives the same bytes. usage: chart.sh [OUTPUT]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

output=${1:-bin/pipeops-agent-$(version).tgz}
mkdir -p "$(dirname "$output")"
# What is in manifests/ are links.
tar --dereference --sort=name --mtime="@$(epoch)" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
	-C deployments/helm -cf - pipeops-agent | gzip -9n >"$output"
say "$output"
