# shellcheck shell=bash
# The cluster's own network namespace, its one link to the host, and the mount
# namespace in which the node believes that /run, /var/lib and /var/log are its own.

# host $LINK.1 <-> $LINK.2 namespace. The second is the address of everything in it.
network_up() {
	if [ -e "/run/netns/$CLUSTER_NETNS" ] && [ -f "$CLUSTER_DIR/link" ]; then
		known_link
		return
	fi
	# What a reboot or an interrupted start left.
	down
	mkdir -m 0700 "$CLUSTER_DIR"
	mkdir -p "$CLUSTER_DIR"/{pids,logs,pki,config}
	ip netns add "$CLUSTER_NETNS"
	new_link
	ip addr add "$CLUSTER_LINK.1/24" dev "pc-$CLUSTER_LINK"
	ip link set "pc-$CLUSTER_LINK" up
	ip -netns "$CLUSTER_NETNS" link set lo up
	ip -netns "$CLUSTER_NETNS" addr add "$CLUSTER_ADDRESS/24" dev eth0
	ip -netns "$CLUSTER_NETNS" link set eth0 up
	# Nothing is behind it: service addresses only need some route to be rewritten on.
	ip -netns "$CLUSTER_NETNS" route add default via "$CLUSTER_LINK.1"
	in_network sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	echo "$CLUSTER_LINK" >"$CLUSTER_DIR/link"
}

known_link() {
	CLUSTER_LINK=$(cat "$CLUSTER_DIR/link")
	CLUSTER_ADDRESS=$CLUSTER_LINK.2
}

# The link asked for, else the first that is free. The kernel decides between two callers.
new_link() {
	local wanted=${CLUSTER_LINK:-} candidates=(198.18.{0..19})
	[ -z "$wanted" ] || candidates=("$wanted")
	for CLUSTER_LINK in "${candidates[@]}"; do
		CLUSTER_ADDRESS=$CLUSTER_LINK.2
		! ip link add "pc-$CLUSTER_LINK" type veth peer name eth0 netns "$CLUSTER_NETNS" 2>/dev/null || return 0
	done
	down
	die "CLUSTER_LINK ${candidates[*]} is in use; choose another, such as 198.18.77"
}

in_network() { nsenter --net="/run/netns/$CLUSTER_NETNS" -- "$@"; }

in_node() { nsenter --net="/run/netns/$CLUSTER_NETNS" --mount="$CLUSTER_DIR/pin/mnt" -- "$@"; }

# Whatever the node mounts or writes there ends with the namespace, even after kill -9.
node_namespace() {
	[ ! -e "$CLUSTER_DIR/pin/mnt" ] || return 0
	mkdir -p "$CLUSTER_DIR"/{pin,bin,node/lib,node/log,node/sysctl}
	mount --bind "$CLUSTER_DIR/pin" "$CLUSTER_DIR/pin"
	mount --make-private "$CLUSTER_DIR/pin"
	touch "$CLUSTER_DIR/pin/mnt" "$CLUSTER_DIR"/bin/{kubelet,kube-proxy}
	unshare --mount="$CLUSTER_DIR/pin/mnt" --propagation private true
	in_node sh -eu -s "$CLUSTER_DIR" "$(tool kubelet)" "$(tool kube-proxy)" <<-'END'
		mount --bind "$2" "$1/bin/kubelet"
		mount --bind "$3" "$1/bin/kube-proxy"
		mount --make-rshared /
		mount -t tmpfs -o mode=0755 tmpfs /run
		mount --bind "$1/node/lib" /var/lib
		mount --bind "$1/node/log" /var/log
		# The kubelet sets these of the whole machine; here it sets copies.
		for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
			kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
			[ -e "/proc/sys/$name" ] || continue
			copy=$1/node/sysctl/$(basename "$name")
			cat "/proc/sys/$name" >"$copy"
			mount --bind "$copy" "/proc/sys/$name"
		done
	END
}

# The one control group under which all pods live: one per hierarchy in version 1.
node_cgroup() {
	local root=/sys/fs/cgroup group
	if [ -e $root/cgroup.controllers ]; then
		mkdir -p "$root/$CLUSTER_CGROUP"
		for controller in cpu cpuset io memory pids hugetlb; do
			echo "+$controller" >$root/cgroup.subtree_control || :
			echo "+$controller" >"$root/$CLUSTER_CGROUP/cgroup.subtree_control" || :
		done 2>/dev/null
		return
	fi
	for hierarchy in "$root"/*/; do
		group=$hierarchy$CLUSTER_CGROUP
		mkdir -p "$group"
		# A new cpuset has no processors until told.
		for file in cpuset.cpus cpuset.mems; do
			[ ! -e "$group/$file" ] || cat "$hierarchy$file" >"$group/$file"
		done
	done
}
