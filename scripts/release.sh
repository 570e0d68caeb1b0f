#!/bin/sh
# Makes everything that one version consists of. For the repository alone: it needs build/.
here=$PWD
# shellcheck source=build/lib.sh
. "$(dirname "$0")/../build/lib.sh"

program=release.sh

usage() {
	cat <<'HELP'
usage: release.sh [OPTION]...

  --output DIR      RELEASE_OUTPUT       dist; the files go into DIR/vVERSION
  --binaries DIR    RELEASE_BINARIES     has pipeops-agent-amd64 and -arm64; built when not given
  --snapshot        RELEASE_SNAPSHOT=1   a changed tree or a commit without the tag will do

The same commit gives the same bytes:
  pipeops-agent-VERSION-linux-amd64.tar.gz   binary, LICENSE, README.md; likewise -linux-arm64
  pipeops-agent-VERSION-image.tar            image for both, an OCI archive
  pipeops-agent-VERSION.tgz                  the Helm chart
  pipeops-agent-VERSION-install.tar.gz       to carry: scripts, deployments, image, chart
  pipeops-agent-VERSION.cdx.json             bill of materials, CycloneDX
  agent.yaml, rbac-*.yaml, install.sh and the other scripts, SHA256SUMS of all

Exit codes: 0 done, 1 wrong settings, no version to release, or a step that failed.
HELP
}

fail() { # WHAT NEXT
	printf '%s: error: %s\n  next: %s\n' "$program" "$1" "$2" >&2
	exit 1
}

arguments() {
	output=${RELEASE_OUTPUT:-$root/dist} binaries=${RELEASE_BINARIES:-} snapshot=${RELEASE_SNAPSHOT:-}
	while [ $# -gt 0 ]; do
		case $1 in
		--snapshot) snapshot=1 && shift && continue ;;
		--help | -h) usage && exit 0 ;;
		--output | --binaries) [ $# -gt 1 ] || fail "$1 needs a value" "$program --help" ;;
		--output=* | --binaries=*)
			option=${1%%=*} value=${1#*=}
			shift
			set -- "$option" "$value" "$@"
			;;
		*) fail "unknown argument: ${1%%=*}" "$program --help lists the options" ;;
		esac
		case $1 in
		--output) output=$2 ;;
		--binaries) binaries=$2 ;;
		esac
		shift 2
	done
	output=$(from_here "$output")
	[ -z "$binaries" ] || binaries=$(from_here "$binaries")
}

# The folder of the repository is the one we are in now, not the caller's.
from_here() { # PATH
	case $1 in
	/*) printf '%s' "$1" ;;
	*) printf '%s' "$here/$1" ;;
	esac
}

# A version is a commit with its tag, and nothing else.
check_tree() {
	grep -q "image: pipeops/agent:$version\$" deployments/agent.yaml ||
		fail "deployments/agent.yaml names another image than pipeops/agent:$version" "build/version.sh $version"
	build/embed.sh --check >/dev/null 2>&1 || fail "a script carries an older manifest" "build/embed.sh"
	[ -z "$snapshot" ] || return 0
	[ -z "$(git status --porcelain)" ] || fail "the tree has changes" "commit them, or say --snapshot"
	git tag --points-at HEAD | grep -qx "v$version" ||
		fail "this commit has no tag v$version" "git tag v$version, or say --snapshot"
	grep -q "^## \[$version\]" CHANGELOG.md ||
		fail "CHANGELOG.md has no section [$version]" "move what is under [Unreleased] there"
}

check_binaries() {
	for architecture in amd64 arm64; do
		binary=$binaries/pipeops-agent-$architecture
		[ -x "$binary" ] || fail "$binary is missing" "make build-all, or leave --binaries out"
		grep -aqF "$(git rev-parse --short=12 HEAD)" "$binary" ||
			fail "$binary was built from another commit" "make build-all, or leave --binaries out"
	done
}

# Whatever is in the folder of this version and was not made here stays.
check_output() {
	for file in "$target"/* "$target"/.[!.]*; do
		[ -e "$file" ] || continue
		[ "$file" = "$target/SHA256SUMS" ] || grep -q "  ${file##*/}\$" "$target/SHA256SUMS" 2>/dev/null ||
			fail "$file is none of the files of a release" "move it away, or choose another --output"
	done
}

main() {
	arguments "$@"
	export LC_ALL=C
	version=$(version)
	name=pipeops-agent-$version
	target=$output/v$version
	check_tree
	check_output
	if [ -z "$binaries" ]; then
		build/build.sh amd64 arm64
		binaries=$root/bin
	fi
	check_binaries
	mkdir -p "$output"
	work=$(mktemp -d "$output/.release.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	new=$work/new
	mkdir "$new"
	make_files
	(cd "$new" && sha256sum -- *) >"$work/sums"
	mv "$work/sums" "$new/SHA256SUMS"
	chmod 755 "$new"
	if [ -d "$target" ]; then
		check_output
		rm -r "$target"
	fi
	mv "$new" "$target"
	say "$target: $(wc -l <"$target/SHA256SUMS") files and SHA256SUMS"
}

make_files() {
	for architecture in amd64 arm64; do
		folder=$name-linux-$architecture
		mkdir "$work/$folder"
		cp "$binaries/pipeops-agent-$architecture" "$work/$folder/pipeops-agent"
		cp LICENSE README.md "$work/$folder"
		pack "$folder"
	done
	build/image.sh "$new/$name-image.tar" "amd64=$binaries/pipeops-agent-amd64" "arm64=$binaries/pipeops-agent-arm64"
	build/chart.sh "$new/$name.tgz"
	build/sbom.sh "$new/$name.cdx.json"
	cp deployments/agent.yaml deployments/rbac-*.yaml "$new"
	for script in scripts/*.sh; do
		[ "$script" = scripts/release.sh ] || cp "$script" "$new"
	done
	bundle
}

# The folder to carry to where there is no internet.
bundle() {
	folder=$name-install
	mkdir -p "$work/$folder/airgap" "$work/$folder/scripts" "$work/$folder/chart"
	cp "$new/$name.tgz" "$work/$folder/chart"
	cp "$new"/*.sh "$work/$folder/scripts"
	git ls-files deployments | tar -cf - -T - | tar -xf - -C "$work/$folder"
	cp "$new"/*.yaml "$new/$name-image.tar" "$work/$folder/airgap"
	cp build/bundle.md "$work/$folder/README.md"
	(cd "$work/$folder/airgap" && sha256sum -- *) >"$work/sums"
	mv "$work/sums" "$work/$folder/airgap/SHA256SUMS"
	pack "$folder"
}

# Nothing of the moment, the user or the order of a folder goes in.
pack() { # FOLDER
	find "$work/$1" -type d -exec chmod 755 {} +
	tar --format=ustar --sort=name --mtime="@$(epoch)" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
		-C "$work" -cf "$work/$1.tar" "$1"
	gzip -n9 <"$work/$1.tar" >"$new/$1.tar.gz"
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
