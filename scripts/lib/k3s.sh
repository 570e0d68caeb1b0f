# Copied into each script that installs k3s by build/embed.sh.
k3s_record() { say "$PIPEOPS_ROOT/var/lib/pipeops-install/k3s"; }

# k3s runs on Linux of both machine words that the agent is built for.
check_system() {
	# The variables are for tests and for images that are prepared on another machine.
	system=${PIPEOPS_SYSTEM:-$(uname -s)}
	machine=${PIPEOPS_MACHINE:-$(uname -m)}
	case $machine in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) die 2 "no build for $machine" "use a 64-bit machine: x86_64 or aarch64 (a Raspberry Pi needs the 64-bit system)" ;;
	esac
	case $system in
	Linux) ;;
	Darwin) die 2 "k3s does not run on macOS" "run this in a Linux VM (lima, multipass), or use --existing-cluster with your kubeconfig" ;;
	*) die 2 "k3s does not run on $system" "use Linux, or --existing-cluster with your kubeconfig" ;;
	esac
	release=$PIPEOPS_ROOT/etc/os-release
	ids=$(sed -n 's/^ID=//p; s/^ID_LIKE=//p' "$release" 2>/dev/null | tr -d "\"'" | tr '\n' ' ')
	for id in $ids; do
		case $id in
		ubuntu | debian | raspbian | centos | rhel | fedora | rocky | almalinux | ol | amzn | alpine | opensuse* | suse | sles)
			say "system: $id on $arch"
			return
			;;
		esac
	done
	die 2 "Linux distribution not supported: ${ids:-no /etc/os-release}" \
		"use Ubuntu, Debian, Raspberry Pi OS, CentOS, RHEL or a relative, Alpine or openSUSE; or --existing-cluster"
}

check_k3s_values() {
	case $K3S_VERSION in
	*[!a-z0-9.+-]*) die 1 "not a k3s version: $K3S_VERSION" "give it as v1.33.4+k3s1, or a channel with --k3s-channel" ;;
	'' | v[0-9]*.[0-9]*.[0-9]*+k3s[0-9]*) ;;
	*) die 1 "not a k3s version: $K3S_VERSION" "give it as v1.33.4+k3s1, or a channel with --k3s-channel" ;;
	esac
	case $K3S_CHANNEL in
	*[!a-z0-9.v]*) die 1 "not a k3s channel: $K3S_CHANNEL" "stable, latest, or a minor version as v1.33" ;;
	esac
	[ -z "$AIRGAP" ] || check_airgap
}

# Fails closed: a folder without sums is not trusted.
check_airgap() {
	[ -d "$AIRGAP" ] || die 1 "no such folder: $AIRGAP" "give the folder of the air-gap bundle to --airgap"
	AIRGAP=$(cd "$AIRGAP" && pwd)
	check_whole_folder "$AIRGAP"
	for needed in k3s k3s-install.sh; do
		[ -n "$EXISTING_CLUSTER" ] || [ -f "$AIRGAP/$needed" ] ||
			die 1 "$AIRGAP has no $needed" "put k3s and its installer as k3s-install.sh there: sha256sum k3s k3s-install.sh >>SHA256SUMS"
	done
}

# All findings at once; nothing was changed yet.
preflight() { # PORT...
	problems=
	is_root || problem "not root: run this with sudo"
	memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' "$proc/meminfo" 2>/dev/null)
	[ "${memory:-999999}" -ge 500000 ] || problem "k3s needs 512 MB of memory, this machine has $((memory / 1024))"
	# Where k3s will live; that may be a disk of its own.
	place=$PIPEOPS_ROOT/var/lib/rancher
	while [ ! -d "$place/" ] && [ "$place" != "${place%/*}" ]; do place=${place%/*}; done
	disk=$(df -Pk "$place/" | awk 'NR == 2 { print $4 }')
	[ "${disk:-9999999}" -ge 2000000 ] || problem "k3s needs 2 GB of free disk, in ${place:-/} are $((disk / 1024)) MB"
	if [ -r "$proc/cgroups" ] && ! grep -q '^memory.*1$' "$proc/cgroups" && ! grep -qw memory "$sys/fs/cgroup/cgroup.controllers" 2>/dev/null; then
		problem "no memory control group: add cgroup_memory=1 cgroup_enable=memory to /boot/firmware/cmdline.txt (Raspberry Pi) or the kernel's command line, and reboot"
	fi
	[ "$(date +%Y)" -ge 2025 ] || problem "the clock says $(date): set it, or certificates are not valid"
	for port in "$@"; do
		if listens "$port"; then problem "port $port is taken: stop what listens there (ss -ltnp)"; fi
	done
	if [ -z "$AIRGAP" ] && command -v getent >/dev/null; then
		getent hosts get.k3s.io >/dev/null || problem "the name get.k3s.io does not resolve: check DNS, or use --airgap DIR"
	fi
	if [ -z "$problems" ]; then
		say "preflight: ok"
		return
	fi
	die 3 "preflight found:$problems" "correct these and run the same line again; nothing was changed"
}

is_root() { [ "$(id -u)" -eq 0 ] || [ -n "$PIPEOPS_ROOT$DRY_RUN" ]; }

problem() {
	problems="$problems
  - $*"
}

listens() { # PORT
	hex=$(printf ':%04X' "$1")
	cat "$proc/net/tcp" "$proc/net/tcp6" 2>/dev/null |
		awk -v port="$hex" 'substr($2, length($2) - 4) == port && $4 == "0A" { found = 1 } END { exit !found }'
}

# What there is stays, unless something else is asked for or an earlier run was interrupted.
install_k3s() { # server|agent ARGUMENTS-OF-K3S
	role=$1
	shift
	service=k3s
	[ "$role" = server ] || service=k3s-agent
	have=$(k3s --version 2>/dev/null | sed -n 's/^k3s version \([^ ]*\).*/\1/p')
	record=$(k3s_record)
	# A version that was named is of no channel.
	version=$K3S_VERSION channel=${K3S_CHANNEL:-stable}
	[ -z "$version" ] || channel=''
	[ -z "$have" ] || other_role
	if [ -n "$have" ] && [ "$(recorded state)" != installing ]; then
		asked_of_k3s
		if [ -z "$change" ]; then
			say "kept: k3s $have"
			return
		fi
		[ -f "$record" ] || die 3 "this k3s was not installed by install.sh, which would change how it runs: $change" \
			"change it as it was installed, or leave that out"
		is_root || die 3 "not root" "run the same line with sudo"
		say "k3s: $change"
	else
		case $role in
		server) preflight 6443 10250 ;;
		*) preflight 10250 ;;
		esac
	fi
	# Recorded before it begins, so that uninstall.sh knows also after an interruption.
	[ -n "$have" ] && [ ! -f "$record" ] || write_record installing
	[ "$role" = server ] || keep_join_token
	if [ -n "$AIRGAP" ]; then
		carry_k3s
	elif [ -n "$DRY_RUN" ]; then
		say "would download: $K3S_INSTALLER_URL"
	else
		fetch "$K3S_INSTALLER_URL" "$work/k3s-install.sh" ||
			die 3 "cannot download $K3S_INSTALLER_URL" "check the network or the proxy and run the same line again; or use --airgap DIR"
		# A cut download must not run.
		head -n 1 "$work/k3s-install.sh" | grep -q '^#!' || die 3 "$K3S_INSTALLER_URL did not answer with a script" "check the proxy and run the same line again"
		sh -n "$work/k3s-install.sh" 2>/dev/null || die 3 "the download of $K3S_INSTALLER_URL is not whole" "run the same line again"
	fi
	# A k3s that waits with a wrong token would go on doing so.
	export INSTALL_K3S_EXEC="$role $*" INSTALL_K3S_CHANNEL="${channel:-stable}" INSTALL_K3S_FORCE_RESTART=true
	[ -z "$version" ] || export INSTALL_K3S_VERSION="$version"
	# The installer would wait for a worker that never joins, without an end; we wait ourselves.
	[ "$role" = server ] || export INSTALL_K3S_TYPE=exec
	say "k3s: installing (${version:-channel $channel}, $role)"
	umask 022
	run sh "$work/k3s-install.sh" ||
		die 3 "the installer of k3s failed" "read its lines above and: $(logs_of $service); then run the same line again"
	umask 077
	[ ! -f "$record" ] || write_record installed
}

recorded() { sed -n "s/^$1=//p" "$record" 2>/dev/null || :; } # KEY

write_record() { # STATE
	printf 'state=%s\nrole=%s\nchannel=%s\nurl=%s\n' "$1" "$role" "$channel" "${K3S_URL:-}" | put 600 "$record" ||
		die 3 "cannot write $record" "make room there and run the same line again"
}

# Its own installer leaves one of these; a machine is one or the other.
other_role() {
	case $role in
	server) other=k3s-agent-uninstall.sh what="a worker of a cluster" ;;
	*) other=k3s-uninstall.sh what="a k3s server" ;;
	esac
	! command -v $other >/dev/null || die 3 "this machine is $what already" "use another machine; or remove that k3s with: $other"
}

# What is to be different from the k3s that is here; nothing else changes with it.
asked_of_k3s() {
	change=
	if [ "$role" = agent ] && ! joins_there; then
		change="worker of $K3S_URL" version=$have channel=$(recorded channel)
	fi
	if [ -n "$K3S_VERSION" ]; then
		[ "$K3S_VERSION" = "$have" ] || change="from $have to $K3S_VERSION" version=$K3S_VERSION channel=''
	elif [ -n "$K3S_CHANNEL" ] && [ "$K3S_CHANNEL" != "$(recorded channel)" ]; then
		change="from $have to the newest of $K3S_CHANNEL" version='' channel=$K3S_CHANNEL
	fi
}

carry_k3s() {
	# Nor does it look for a package of SELinux rules on the network.
	export INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_SKIP_SELINUX_RPM=true INSTALL_K3S_SELINUX_WARN=true
	put 755 "$PIPEOPS_ROOT/usr/local/bin/k3s" <"$AIRGAP/k3s"
	cp "$AIRGAP/k3s-install.sh" "$work/k3s-install.sh"
	for archive in "$AIRGAP"/*.tar "$AIRGAP"/*.tar.gz "$AIRGAP"/*.tar.zst; do
		[ ! -f "$archive" ] || put 600 "$PIPEOPS_ROOT/var/lib/rancher/k3s/agent/images/${archive##*/}" <"$archive"
	done
}

join_token() { say "$PIPEOPS_ROOT/etc/rancher/k3s/join-token"; }

# Whether the worker that is here has that server and that token.
joins_there() {
	[ "$(cat "$cluster_token")" = "$(cat "$(join_token)" 2>/dev/null)" ] && [ "$K3S_URL" = "$(recorded url)" ]
}

# A path that only root reads; k3s takes it from there at every start.
keep_join_token() {
	K3S_TOKEN_FILE=$(join_token)
	put 600 "$K3S_TOKEN_FILE" <"$cluster_token" || die 3 "cannot write $K3S_TOKEN_FILE" "make room there and run the same line again"
	export K3S_TOKEN_FILE K3S_URL
}

# The kubelet's own right: it may read its own node.
joined() {
	k3s kubectl --kubeconfig "$PIPEOPS_ROOT/var/lib/rancher/k3s/agent/kubelet.kubeconfig" \
		wait --for=condition=Ready "node/$(printf '%s' "${K3S_NODE_NAME:-$(uname -n)}" | tr '[:upper:]' '[:lower:]')" --timeout=5s
}

# A worker is one when its server says so.
join() { # FILE-WITH-THE-TOKEN
	cluster_token=$1
	install_k3s agent
	[ -z "$DRY_RUN" ] || return 0
	wait_for joined || die 3 "the node did not become ready within $TIMEOUT s" \
		"$(logs_of k3s-agent); a wrong token says 'not authorized'; then run the same line again"
	say "joined: the server says this node is ready"
}
