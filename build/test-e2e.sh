#!/bin/sh
# Installs, disturbs, upgrades and removes the agent on a real node, as a user does: tests/e2e/README.md.
# usage: test-e2e.sh [life|load]      with the cluster that `cluster env` exported, else with one of its own
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

made=$root/target/e2e

main() {
	half=${1:-all}
	case $half in all | life | load) ;; *) die "usage: test-e2e.sh [life|load]" ;; esac
	build/setup.sh rust python demo
	export PIPEOPS_BIN="${PIPEOPS_BIN:-$root/bin/pipeops-agent}"
	[ -x "$PIPEOPS_BIN" ] || build/build.sh
	cluster
	cargo build --quiet --locked --package control-plane
	mkdir -p "$made"
	build/image.sh "$made/this.tar" "$(machine)=$PIPEOPS_BIN"
	[ "$half" = load ] || others
	timeout --kill-after=60 1200 tests/e2e/run "$made" "$half"
}

# The versions that come after it.
others() {
	tree next "$(later 1)"
	tree broken "$(later 2)"
	next_build
	(cd "$made/next" && build/image.sh "$made/next.tar" "$(machine)=$made/next-agent")
	# It starts, finds no program of its name and ends.
	(cd "$made/broken" && build/image.sh "$made/broken.tar" "$(machine)=$(command -v busybox)")
}

# Alone it starts a cluster, and takes it down.
cluster() {
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || return 0
	cluster_up
	[ -z "${PIPEOPS_TEST_CLUSTER:-}" ] || return 0
	say "NOTE: no real Kubernetes on this machine (see the line above): nothing is tested"
	exit 0
}

later() { # PATCHES
	have=$(version)
	echo "${have%.*}.$((${have##*.} + $1))"
}

# This source as another version.
tree() { # NAME VERSION
	rm -rf "${made:?}/$1"
	mkdir -p "$made/$1"
	tracked | tar -cf - -T - | tar -C "$made/$1" -xmf -
	"$made/$1/build/version.sh" "$2"
}

# Unoptimised, because here its version is what matters: seconds instead of minutes. It is kept for whoever comes with
# the same files, and what it depends on for all. What another clone left of the agent, Cargo takes for this one unless
# the files are newer: that is why tree() touches them.
next_build() {
	target=$(uname -m)-unknown-linux-musl
	dependencies=$PIPEOPS_CACHE/e2e
	mkdir -p "$dependencies"
	(
		flock 9
		key=$(contents)
		if [ "$(cat "$dependencies/kept" 2>/dev/null)" != "$key" ]; then
			rm -f "$dependencies/kept"
			cd "$made/next"
			env "CC_$(echo "$target" | tr - _)=cc" CARGO_PROFILE_DEV_STRIP=true \
				CARGO_TARGET_DIR="$dependencies" cargo build --quiet --locked --target "$target" --package pipeops-agent 9>&-
			echo "$key" >"$dependencies/kept"
		fi
		cp "$dependencies/$target/debug/pipeops-agent" "$made/next-agent"
	) 9>"$dependencies/lock"
}

# Of the next version's source, of the commit that it names and of the compiler.
contents() {
	{
		revision
		rustc -vV
		(cd "$made/next" && find . -type f -exec sha256sum {} + | sort)
	} | sha256sum
}

main "$@"
