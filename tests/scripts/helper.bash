# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# A machine and a cluster that exist only in one folder. SCRIPT_SHELL names the shell under test.

scripts=$BATS_TEST_DIRNAME/../../scripts
have=$(sed -n 's|^ *image: pipeops/agent:||p' "$scripts/../deployments/agent.yaml")
secret=s3cr3t-token-of-the-test

setup() {
	T=$BATS_TEST_TMPDIR
	mkdir -p "$T/bin" "$T/root/etc" "$T/root/usr/local/bin" "$T/proc/net" "$T/cluster" "$T/tmp"
	printf 'ID=debian\n' >"$T/root/etc/os-release"
	printf 'MemTotal:        4000000 kB\n' >"$T/proc/meminfo"
	printf 'memory\t0\t1\t1\n' >"$T/proc/cgroups"
	: >"$T/proc/net/tcp"
	: >"$T/calls"
	ln -s "$BATS_TEST_DIRNAME"/shims/* "$T/bin"
	# Absolute, because one test takes every program away.
	set -- ${SCRIPT_SHELL:-sh}
	SCRIPT_SHELL="$(command -v "$1") ${2:-}"
	export SCRIPT_SHELL T TMPDIR=$T/tmp PIPEOPS_ROOT=$T/root PIPEOPS_PROC=$T/proc PATH=$T/bin:/usr/bin:/bin
	export PIPEOPS_SYSTEM=Linux PIPEOPS_MACHINE=x86_64
	unset CLUSTER_NAME KUBECONFIG NODE_TYPE LOG_LEVEL
}

# Whatever a test does: no temporary file stays, no secret is in an argument, in an environment, or
# in a file that others may read.
teardown() {
	[ -z "$(ls -A "$T/tmp")" ] || { ls -A "$T/tmp" && return 1; }
	! grep -r "$secret" "$T/calls" || return 1
	open=$(find "$T/root" "$T/out" -type f ! -perm 600 -exec grep -l "$secret" {} + 2>/dev/null || :)
	[ -z "$open" ] || { echo "others may read the secret in $open" && return 1; }
}

script() { # NAME ARGUMENT...
	name=$1
	shift
	# shellcheck disable=SC2086 # "busybox ash" is two words
	run $SCRIPT_SHELL "$scripts/$name" "$@" </dev/null
	case $output in *"$secret"*) fail "the secret is in the output" ;; esac
}

fail() {
	printf '%s\n' "$@" "status: $status" "$output" "calls:" "$(cat "$T/calls")" >&2
	return 1
}

is() { # STATUS TEXT...
	[ "$status" -eq "$1" ] || fail "status, wanted $1"
	shift
	for text in "$@"; do
		case $output in *"$text"*) ;; *) fail "missing: $text" ;; esac
	done
}

called() { grep -q -- "$1" "$T/calls" || fail "not called: $1"; }
not_called() { ! grep -q -- "$1" "$T/calls" || fail "called: $1"; }

# Nothing of the machine or the cluster was changed.
unchanged() {
	[ "$(find "$T/root" "$T/cluster" -type f | sort)" = "$T/root/etc/os-release" ] || fail "$(find "$T/root" "$T/cluster" -type f)"
	not_called 'kubectl.* \(apply\|create\|delete\|patch\)'
	not_called 'k3s-install exec'
}
