# shellcheck shell=bash
# Starting, finding and ending processes. Only those in this cluster's namespaces count
# as its own, whatever a pid file says.

# Each part runs in the network namespace; the node's parts in its mount namespace too.
spawn() { # PART network|node COMMAND...
	local part=$1 enter=(--net="/run/netns/$CLUSTER_NETNS")
	[ "$2" = network ] || enter+=(--mount="$CLUSTER_DIR/pin/mnt")
	shift 2
	# Memory for time: they collect garbage when it is four times what they use, not once.
	GOGC=400 setsid nsenter "${enter[@]}" -- "$@" </dev/null >>"$CLUSTER_DIR/logs/$part.log" 2>&1 &
	echo $! >"$CLUSTER_DIR/pids/$part"
	disown
	for _ in {1..50}; do
		! alive "$part" || return 0
		sleep 0.02
	done
	die "$part does not start: $(tail -n 1 "$CLUSTER_DIR/logs/$part.log")"
}

# The pid of a part that runs: a zombie, or another program with that pid, has not our network.
pid_of() { # PART
	local pid
	pid=$(cat "$CLUSTER_DIR/pids/$1" 2>/dev/null) || return 1
	[ "$(readlink "/proc/$pid/ns/net")" = "net:[$(stat -Lc %i "/run/netns/$CLUSTER_NETNS" 2>/dev/null)]" ] || return 1
	echo "$pid"
}

alive() { pid_of "$1" >/dev/null; } # PART

gone() { ! alive "$1"; } # PART

# Ends a part for good: when this returns, its port is free.
end() { # SIGNAL PART
	local pid
	pid=$(pid_of "$2") || return 0
	kill "-$1" "$pid" 2>/dev/null || :
	for _ in {1..30}; do
		! gone "$2" || return 0
		sleep 0.1
	done
	# The API server waits for its watches, up to a minute.
	kill -KILL "$pid" 2>/dev/null || :
	wait_for 10 "end of $2" gone "$2"
}

# Every process in the namespaces and, for containers with namespaces of their own, in
# the control group.
all_pids() {
	local names=() inode
	for file in "/run/netns/$CLUSTER_NETNS" "$CLUSTER_DIR/pin/mnt"; do
		inode=$(stat -Lc %i "$file" 2>/dev/null) || continue
		names+=(-o -lname "*:\\[$inode\\]")
	done
	{
		if [ ${#names[@]} -gt 0 ]; then
			find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/*' \( -false "${names[@]}" \) -printf '%h\n' 2>/dev/null |
				cut -d/ -f3
		fi
		cgroups | while read -r group; do cat "$group/cgroup.procs" 2>/dev/null || :; done
	} | grep -vx 0 | sort -u
}

# Deepest first, as they must be removed.
cgroups() {
	for root in "/sys/fs/cgroup/$CLUSTER_CGROUP" /sys/fs/cgroup/*/"$CLUSTER_CGROUP"; do
		[ ! -d "$root" ] || find "$root" -depth -type d 2>/dev/null
	done
}
