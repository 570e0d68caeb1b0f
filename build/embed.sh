#!/bin/sh
# Copies files into those that must work alone: between "# >>> FILE" and "# <<< FILE".
# usage: embed.sh [--check]     --check changes nothing and fails where a copy is old
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	old=
	# Manifests and parts first: scripts carry them, with what these carry.
	for file in deployments/rbac-*.yaml scripts/lib/*.sh scripts/*.sh; do
		fresh=$(embedded "$file")
		[ "$fresh" != "$(cat "$file")" ] || continue
		old="$old $file"
		[ "${1:-}" = --check ] || printf '%s\n' "$fresh" >"$file"
	done
	[ "${1:-}" != --check ] || [ -z "$old" ] || die "old copies in:$old; run build/embed.sh"
}

embedded() { # FILE
	awk '
		!inside && /^# >>> / { print; inside = $3; while ((getline line < inside) > 0) print line; close(inside) }
		inside && $0 == "# <<< " inside { inside = "" }
		!inside
	' "$1"
}

main "$@"
