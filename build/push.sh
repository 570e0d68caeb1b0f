#!/bin/sh
# Pushes the image of an OCI archive, every platform of it, with the digest it has.
# usage: push.sh ARCHIVE REPOSITORY REF      for instance: push.sh bin/image.tar ghcr.io/me/agent refs/tags/v1.2.3
#   a version becomes the tags 1.2.3 and latest (a pre-release not latest), the branch main becomes edge
#   REGISTRY_USER and REGISTRY_TOKEN: who may push; without them nobody logs in
#   GITHUB_OUTPUT: a file that is told name and digest of what was pushed
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	[ $# -eq 3 ] || die "usage: push.sh ARCHIVE REPOSITORY REF"
	archive=$1 repository=$2
	tags=$(tags "$3")
	build/setup.sh registry
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	# Credentials that outlive this script are nobody's.
	export REGISTRY_AUTH_FILE="$work/auth.json"
	if [ -n "${REGISTRY_TOKEN:-}" ]; then
		printf '%s' "$REGISTRY_TOKEN" | skopeo login --username "$REGISTRY_USER" --password-stdin "${repository%%/*}"
	fi
	for tag in $tags; do
		skopeo copy --quiet --all --preserve-digests "oci-archive:$archive" "docker://$repository:$tag"
		say "$repository:$tag"
	done
	[ -z "${GITHUB_OUTPUT:-}" ] || printf 'name=%s\ndigest=%s\n' "$repository" "$(digest)" >>"$GITHUB_OUTPUT"
}

# Of the index, which names the image of each platform.
digest() {
	tar -xOf "$archive" index.json | sed 's/.*"digest":"\([^"]*\)".*/\1/'
}

tags() { # REF
	case $1 in
	refs/heads/main) echo edge ;;
	refs/tags/v*-*) echo "${1#refs/tags/v}" ;;
	refs/tags/v*) echo "${1#refs/tags/v} latest" ;;
	*) die "no image is pushed for $1: a tag vX.Y.Z or the branch main" ;;
	esac
}

main "$@"
