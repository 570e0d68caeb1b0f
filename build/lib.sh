# shellcheck shell=sh
# Sourced by the scripts beside it: where things are, and how a script speaks.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

# Tools and downloads live outside the tree; deleting the folder is always safe.
export PIPEOPS_CACHE="${PIPEOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pipeops-agent}"
PATH=$PATH:$HOME/.cargo/bin

# A clone that is thrown away is compiled once.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() {
	say "$*" >&2
	exit 1
}

# A virtual environment is named after its pins, so new pins make a new one.
venv() { # PINS
	printf '%s/python/%s-%s' "$PIPEOPS_CACHE" "$(basename "$1" .txt)" "$(cksum <"$1" | cut -d' ' -f1)"
}

# The same for packages of npm, named after their lock file.
modules() { # FOLDER
	printf '%s/npm/%s-%s' "$PIPEOPS_CACHE" "$(basename "$1")" "$(cksum <"$1/package-lock.json" | cut -d' ' -f1)"
}

# The browser of this machine, as its system or its maker calls it.
browser() {
	for name in chromium chromium-browser google-chrome google-chrome-stable; do
		! command -v "$name" || return 0
	done
	return 1
}

# "amd64" or "arm64": the word of container images and Kubernetes.
machine() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64 | arm64) echo arm64 ;;
	*) die "no build for $(uname -m); amd64 and arm64 are supported" ;;
	esac
}

# What is built, for labels and names. Nothing of the moment goes in: the time is the commit's.
version() { sed -n '/^\[package\]/,$s/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }
revision() { git rev-parse HEAD 2>/dev/null || echo unknown; }
epoch() { echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"; }
created() { date -u -d "@$(epoch)" +%Y-%m-%dT%H:%M:%SZ; }

# The project's files of one sort, new ones included: shell, yaml, manifests, markdown, openapi or docker.
files() {
	case $1 in
	shell) tracked | while read -r file; do
		head -n 1 "$file" | grep -Eq '^#(!.*[ /]b?a?sh$| shellcheck shell=)' && echo "$file" || :
	done ;;
	yaml) tracked | grep -E '\.ya?ml$|^\.yamllint$' || : ;;
	manifests) tracked | grep -E '^(deployments|tests/chart)/.*\.yaml$' | grep -Ev '/(helm|k3s)/|/(kustomization|values|alerts|operator)\.yaml$' || : ;;
	markdown) tracked | grep '\.md$' || : ;;
	openapi) tracked | grep '^docs/.*\.yaml$' | xargs -r grep -l '^openapi:' || : ;;
	docker) tracked | grep '^build/Dockerfile' || : ;;
	*) die "unknown sort: $1" ;;
	esac
}

tracked() {
	git ls-files --cached --others --exclude-standard | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# What is done on EXIT is done then, too.
exit_on_signals() {
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# Of a script that has a cluster; one that has begun more than that has its own.
at_end() { tests/cluster/cluster down || :; }

# A cluster for the tests of this script alone, beside any other that runs on this machine: where there
# can be one, PIPEOPS_TEST_CLUSTER is set. It goes when the shell ends that asked for it.
cluster_up() {
	export CLUSTER_NAME="test-$$"
	# It finds a link that nobody has.
	unset CLUSTER_LINK PIPEOPS_TEST_CLUSTER
	trap at_end EXIT
	exit_on_signals
	status=0
	tests/cluster/cluster metrics || status=$?
	case $status in
	0) ;;
	3) return 0 ;; # There can be none on this machine, which it says.
	*) die "the local Kubernetes did not start" ;;
	esac
	eval "$(tests/cluster/cluster env)"
}
