#!/bin/sh
# Prints what CHANGELOG.md says of a version; fails when that is nothing.
# usage: notes.sh vVERSION
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	wanted=${1:?usage: notes.sh vVERSION}
	notes=$(awk -v heading="## [${wanted#v}]" '
		/^## / { inside = index($0, heading) == 1; next }
		inside' CHANGELOG.md)
	[ -n "$(printf '%s' "$notes" | tr -d '[:space:]')" ] || die "CHANGELOG.md says nothing of $wanted: move the notes under [Unreleased] there"
	printf '%s\n' "$notes" | sed '1{/^$/d;}'
}

main "$@"
