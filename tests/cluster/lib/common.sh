# shellcheck shell=bash
# shellcheck disable=SC2153 # CLUSTER_HOME is the caller's
# Names of this cluster's things, and how the script speaks and waits.

CLUSTER_NAME=${CLUSTER_NAME:-dev}
CLUSTER_DIR=${TMPDIR:-/tmp}/pipeops-cluster-$CLUSTER_NAME
CLUSTER_NETNS=pipeops-$CLUSTER_NAME
CLUSTER_CGROUP=pipeops-$CLUSTER_NAME
export CLUSTER_CACHE=${PIPEOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pipeops-agent}
case $(uname -m) in
x86_64) CLUSTER_ARCH=amd64 ;;
aarch64) CLUSTER_ARCH=arm64 ;;
*) CLUSTER_ARCH= ;;
esac
export CLUSTER_ARCH

say() { printf 'cluster %s: %s\n' "$CLUSTER_NAME" "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# Exit 3: not a failure, but this machine cannot. Callers skip what needs a cluster.
impossible() {
	say "not possible on this machine: $*"
	exit 3
}

check_names() {
	[[ $CLUSTER_NAME =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] ||
		die "CLUSTER_NAME must be up to 32 of a-z, 0-9 and -"
	[[ ${CLUSTER_LINK:-1.2.3} =~ ^([0-9]{1,3}\.){2}[0-9]{1,3}$ ]] ||
		die "CLUSTER_LINK must be three numbers, such as 198.18.57"
	# The node hides these folders from itself: see node_namespace.
	case $CLUSTER_DIR in /run/* | /var/run/* | /var/lib/* | /var/log/*)
		CLUSTER_DIR=/tmp/pipeops-cluster-$CLUSTER_NAME
		;;
	esac
}

exists() { [ -d "$CLUSTER_DIR" ] || [ -e "/run/netns/$CLUSTER_NETNS" ]; }

must_exist() { [ -f "$CLUSTER_DIR/kubeconfig" ] || die "not running; start it with: cluster up"; }

# Waits until a command succeeds, looking ten times a second.
wait_for() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || die "$what: not in time; the logs are in $CLUSTER_DIR/logs"
		sleep 0.1
	done
}

# A template of config/ with its @NAMES@ filled in.
render() { # TEMPLATE
	sed -e "s|@DIR@|$CLUSTER_DIR|g" -e "s|@NAME@|$CLUSTER_NAME|g" -e "s|@CGROUP@|$CLUSTER_CGROUP|g" \
		-e "s|@KUBERNETES_VERSION@|$KUBERNETES_VERSION|g" \
		-e "s|@ADDRESS@|$CLUSTER_ADDRESS|g" -e "s|@CNI_BIN@|${CNI_BIN:-}|g" "$CLUSTER_HOME/config/$1"
}

kubectl() { "$(tool kubectl)" --kubeconfig="$CLUSTER_DIR/kubeconfig" "$@"; }
