#!/bin/sh
# Copies files into the scripts that must work alone: between "# >>> FILE" and "# <<< FILE".
# usage: embed.sh [--check]     --check changes nothing and fails where a copy is old
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	old=
	for script in scripts/*.sh; do
		fresh=$(embedded "$script")
		[ "$fresh" != "$(cat "$script")" ] || continue
		old="$old $script"
		[ "${1:-}" = --check ] || printf '%s\n' "$fresh" >"$script"
	done
	[ "${1:-}" != --check ] || [ -z "$old" ] || die "old copies in:$old; run build/embed.sh"
}

embedded() { # SCRIPT
	awk '
		/^# >>> / { print; file = $3; while ((getline line < file) > 0) print line; close(file); inside = 1; next }
		/^# <<< / { inside = 0 }
		!inside
	' "$1"
}

main "$@"
