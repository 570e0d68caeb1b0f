# shellcheck shell=bash
# Removing every trace, whatever state things are in. Nothing is asked of the cluster:
# its data is thrown away, so its processes are simply killed.

down() {
	exists || [ -n "$(cgroups)" ] || return 0
	kill_all
	if [ -e "$CLUSTER_DIR/pin" ]; then
		umount -q "$CLUSTER_DIR/pin/mnt" || :
		umount -q "$CLUSTER_DIR/pin" || :
	fi
	remove_network
	cgroups | while read -r group; do
		retry rmdir "$group"
	done
	# Should anything still be mounted there, it stays untouched.
	[ ! -d "$CLUSTER_DIR" ] || retry rm -rf --one-file-system "$CLUSTER_DIR"
	if exists || [ -n "$(cgroups)" ]; then
		die "something is left: see $CLUSTER_DIR, ip netns and /sys/fs/cgroup/*/$CLUSTER_CGROUP"
	fi
}

# Again until none is left: a shim or a runc may be starting another meanwhile.
kill_all() {
	local pids
	for _ in {1..100}; do
		pids=$(all_pids) || return 0
		# shellcheck disable=SC2086 # a list of numbers
		kill -KILL $pids 2>/dev/null || :
		sleep 0.1
	done
	die "these processes do not end: ${pids//$'\n'/ }"
}

remove_network() {
	[ ! -e "/run/netns/$CLUSTER_NETNS" ] || ip netns del "$CLUSTER_NETNS"
	# What ip itself leaves behind once it has made a first namespace.
	if [ -d /run/netns ] && [ -z "$(ls -A /run/netns)" ]; then
		umount -q /run/netns || :
		rmdir /run/netns 2>/dev/null || :
	fi
	local link
	link=$(cat "$CLUSTER_DIR/link" 2>/dev/null) || return 0
	# The kernel removes the link with the namespace, a little later.
	for _ in {1..50}; do
		! ip link del "pc-$link" 2>/dev/null || return 0
		[ -e "/sys/class/net/pc-$link" ] || return 0
		sleep 0.1
	done
}

retry() { # COMMAND...
	for _ in {1..30}; do
		! "$@" 2>/dev/null || return 0
		sleep 0.1
	done
	"$@"
}
