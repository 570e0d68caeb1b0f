# shellcheck shell=bash
# What the machine itself must offer: root, namespaces and Debian packages.

# The control plane first, then what a node needs beside it: COMMAND=PACKAGE.
control_commands="ip=iproute2 openssl=openssl curl=curl"
node_commands="containerd=containerd runc=runc iptables=iptables conntrack=conntrack busybox=busybox-static"

require_machine() { # control|node
	[ "$(uname -s)" = Linux ] || impossible "$(uname -s) is not Linux"
	[ -n "$CLUSTER_ARCH" ] || impossible "amd64 and arm64 are supported, not $(uname -m)"
	[ "$(id -u)" -eq 0 ] || impossible "a cluster needs root, for namespaces and mounts"
	unshare --net --mount true 2>/dev/null || impossible "network and mount namespaces are not allowed here"
	require_packages "$1"
	CNI_BIN=$(cni_bin) || [ "$1" = control ] || impossible "the CNI plugins are missing"
	export CNI_BIN
}

require_packages() { # control|node
	local pairs=$control_commands missing=()
	[ "$1" = control ] || pairs="$pairs $node_commands"
	for pair in $pairs; do
		[ -n "$(command -v "${pair%=*}")" ] || missing+=("${pair#*=}")
	done
	if [ "$1" = node ]; then
		cni_bin >/dev/null || missing+=(containernetworking-plugins)
		static_busybox || missing+=(busybox-static)
	fi
	[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

install_packages() { # PACKAGE...
	command -v apt-get >/dev/null || impossible "missing, and no apt-get to install it: $*"
	say "installing Debian packages: $*"
	mkdir -p "$CLUSTER_CACHE"
	(
		flock 9
		without_services apt_get "$@"
	) 9>"$CLUSTER_CACHE/packages.lock" || impossible "apt-get could not install: $*"
	hash -r
}

apt_get() { # PACKAGE...
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 9>&-
}

# Installing containerd must not start it on the host. For a subshell: its end, by a signal
# too, takes the policy away.
without_services() { # COMMAND...
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 0755 $policy
	fi
	"$@"
}

cni_bin() {
	for folder in /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do
		if [ -x "$folder/bridge" ]; then
			echo "$folder"
			return
		fi
	done
	return 1
}

# Its bytes become the one image that pods run, which holds no libraries.
static_busybox() { ! ldd "$(command -v busybox)" >/dev/null 2>&1; }
