#!/bin/sh
# Keeps what Cargo compiled of other people's packages, so that another clone on this machine need not. Cargo knows
# by its fingerprints what of it still holds. Our own packages are left out: for Cargo, those of two clones are the same.
# usage: compiled.sh take|keep FOLDER...      of target, for instance: compiled.sh take debug
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	[ $# -ge 2 ] || die "usage: compiled.sh take|keep FOLDER..."
	verb=$1
	shift
	for name in "$@"; do
		kept=$PIPEOPS_CACHE/compiled/$(key "$name")
		folder=${CARGO_TARGET_DIR:-target}/$name
		case $verb in
		take) take ;;
		keep) keep ;;
		*) die "usage: compiled.sh take|keep FOLDER..." ;;
		esac
	done
}

# All that decides which packages there are, and who compiles them.
key() { # NAME
	{
		echo "$1"
		rustc -vV
		# shellcheck disable=SC2046 # a list of plain words
		cat Cargo.lock $(manifests)
	} | sha256sum | cut -c 1-16
}

manifests() { tracked | grep -E '(^|/)Cargo\.toml$'; }

# Only where nothing has been compiled yet.
take() {
	[ ! -d "$folder" ] || return 0
	mkdir -p "$folder"
	if [ -d "$kept" ]; then
		touch "$kept"
		cp -R -p "$kept/." "$folder"
	else
		: >"$folder/.unkept"
	fi
}

# All that was compiled since then. A half-made copy never gets the final name; what nobody took for a month goes.
keep() {
	[ -e "$folder/.unkept" ] || return 0
	rm "$folder/.unkept"
	mkdir -p "${kept%/*}"
	new=$(mktemp -d "$kept.XXXXXX")
	ours=$(ours)
	(cd "$folder" && find .fingerprint build deps -mindepth 1 -maxdepth 1 | grep -Ev "/(lib)?($ours)-[0-9a-f]{16}" |
		tar -cf - -T -) | tar -C "$new" -xpf -
	mv -T "$new" "$kept" 2>/dev/null || rm -rf "$new"
	find "${kept%/*}" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
}

# The names of our packages and programs, as files have them.
ours() {
	# shellcheck disable=SC2046 # a list of plain words
	sed -n 's/^name = "\(.*\)"/\1/p' $(manifests) | sed 'p; s/-/_/g' | sort -u | paste -s -d '|'
}

main "$@"
