# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by run: from version to version with upgrade.sh, and back.

upgrade() { # ARGUMENT...
	script upgrade.sh --backup-dir "$work/backups" "$@" >"$work/upgrade.log" 2>&1
}

upgraded() {
	first=$(version)
	site "$made/next/deployments" >"$work/next.yaml"
	upgrade --manifest "$work/next.yaml" --timeout 90
	seen
	next=$(version)
	[ "$next" != "$first" ] || fail "still version $first"
	more_beats 2 30
	same_agent
	[ "$(agents | jq -r '.[0].registration.agent.version')" = "$next" ] || fail "the control plane was not told"
	told="from $first to $next"
}

went_back() {
	site "$made/broken/deployments" >"$work/broken.yaml"
	status=0
	upgrade --manifest "$work/broken.yaml" --timeout 20 || status=$?
	[ "$status" -eq 4 ] || fail "upgrade.sh ended with $status, not 4"
	seen
	[ "$(version)" = "$next" ] || fail "version $(version), not $next"
	more_beats 2 30
	same_agent
}

rolled_back() {
	upgrade --rollback --timeout 90
	seen
	[ "$(version)" = "$first" ] || fail "version $(version), not $first"
	more_beats 2 30
	same_agent
}

# What answers now.
version() {
	says /version 200 .version && jq -r .version "$work/answer.log"
}
