#!/bin/sh
# Makes the GitHub release of a tag from the files of scripts/release.sh and the notes of CHANGELOG.md.
# usage: publish.sh vVERSION FOLDER      GH_TOKEN: may write releases
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	[ $# -eq 2 ] || die "usage: publish.sh vVERSION FOLDER"
	tag=$1 folder=$2
	(cd "$folder" && sha256sum --check --quiet SHA256SUMS) || die "a file of $folder differs from SHA256SUMS"
	notes=$(mktemp)
	trap 'rm -f "$notes"' EXIT
	build/notes.sh "$tag" >"$notes"
	set -- "$tag" --verify-tag --title "$tag" --notes-file "$notes"
	case $tag in *-*) set -- "$@" --prerelease ;; esac
	gh release create "$@" "$folder"/*
}

main "$@"
