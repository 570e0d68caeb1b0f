#!/bin/sh
# Makes this machine a worker of a k3s cluster.
# shellcheck disable=SC2317,SC2329 # no script uses all of the parts that are copied into it
set -eu

program=join-worker.sh

usage() {
	cat <<'HELP'
usage: join-worker.sh [OPTION]... MASTER_IP [CLUSTER_TOKEN|-]

The token is better given by K3S_TOKEN, --token-file, or - (standard input): other users see
arguments. The server has it in /var/lib/rancher/k3s/server/node-token.

  --token-file FILE                     K3S_TOKEN[_FILE]
  --port PORT            of the server  MASTER_PORT             6443
  --k3s-version VERSION  v1.33.4+k3s1   K3S_VERSION             newest of the channel
  --k3s-channel CHANNEL                 K3S_CHANNEL             stable
  --airgap DIR           no network     PIPEOPS_AIRGAP
  --dry-run              print actions  DRY_RUN=1
  --timeout SECONDS      until joined   TIMEOUT                 180
  --help                 (MASTER_IP is MASTER_IP in the environment)

Exit codes: 0 joined, 1 wrong or missing settings, 2 system not supported, 3 not joined.
HELP
}

# >>> scripts/lib/common.sh
# Copied into each script by build/embed.sh, so that each works alone.
# Nobody's environment decides what is removed or ended.
work='' forward='' terminal='' resume='' patience=''

say() { printf '%s\n' "$*"; }
warn() { printf '%s: warning: %s\n' "$program" "$*" >&2; }

# Every failure says what to do next.
die() { # CODE WHAT NEXT
	printf '%s: error: %s\n  next: %s\n' "$program" "$2" "$3" >&2
	told
	exit "$1"
}

# Why it ends has been said; in a file, because a subshell may be what says it.
told() { [ -z "$work" ] || true 2>/dev/null >"$work/told" || :; }

# Only reads while --dry-run: what changes something goes through here.
run() {
	if [ -n "$DRY_RUN" ]; then
		say "would run: $*"
	else
		"$@"
	fi
}

# Standard input to a file, whole or not at all.
put() { # MODE FILE
	if [ -n "$DRY_RUN" ]; then
		cat >/dev/null
		say "would write: $2"
		return
	fi
	# A file that is there already could be anyone's to read.
	(umask 022 && mkdir -p "$(dirname "$2")") && rm -f "$2.new" || return 1
	cat >"$2.new" && chmod "$1" "$2.new" && mv "$2.new" "$2" && return
	rm -f "$2.new"
	return 1
}

# A private folder for everything temporary; it never outlives the script.
workspace() {
	umask 077
	work=$(mktemp -d) || die 1 "no temporary folder in ${TMPDIR:-/tmp}" "make room there, or set TMPDIR to a folder of yours"
	trap 'ended $?' EXIT
	trap 'interrupted 129' HUP
	trap 'interrupted 130' INT
	trap 'interrupted 143' TERM
}

# A command that failed where nobody thought of it, as all do on a full disk.
ended() { # CODE
	[ "$1" -eq 0 ] || [ -e "$work/told" ] || printf '%s: error: a step failed\n  next: %s\n' "$program" \
		"read the line above; see that ${TMPDIR:-/tmp} has room; then run the same line again" >&2
	cleanup
}

cleanup() {
	[ -z "$forward" ] || kill "$forward" 2>/dev/null || :
	[ -z "$terminal" ] || stty "$terminal"
	rm -rf "$work"
}

# Not every shell keeps the status of an exit inside a trap when another trap follows.
interrupted() { # CODE
	trap - EXIT
	[ -z "$resume" ] || warn "$resume"
	cleanup
	exit "$1"
}

value_of() { # OPTION COUNT
	[ "$2" -gt 1 ] || die 1 "$1 needs a value" "$program --help"
}

unknown() { # ARGUMENT
	die 1 "unknown argument: ${1%%=*}" "$program --help lists the options"
}

# REMOVE_K3S=no is no.
switches() { # VARIABLE...
	for switch in "$@"; do
		eval "value=\$$switch"
		case $value in
		'' | 0 | no | false | off) eval "$switch=" ;;
		1 | yes | true | on) ;;
		*) die 1 "neither yes nor no: $switch=$value" "set it to 1, or leave it out" ;;
		esac
	done
}

# Arguments are visible to every user of the machine.
no_secret_arguments() { # OPTION VARIABLE
	die 1 "$1 would show the secret in the process list" "set $2, or use $1-file FILE (- reads standard input)"
}

# The secret of a file, of standard input (-), or of the text.
secret() { # NAME TEXT FILE TARGET
	case $3 in
	'') printf '%s' "$2" ;;
	-) cat ;;
	*) cat "$3" ;;
	esac >"$4" || die 1 "cannot read the $1 from $3" "check that the file exists and is yours"
	# One line, as editors and echo write it.
	printf '%s' "$(cat "$4")" >"$4.line"
	mv "$4.line" "$4"
	if LC_ALL=C grep -q '[^!-~]' "$4" || [ "$(wc -l <"$4")" -gt 0 ]; then
		die 1 "the $1 has blanks or unprintable characters" "give the token alone, as it was issued"
	fi
	[ -n "$2$3" ] && [ ! -s "$4" ] && die 1 "the $1 is empty" "give the token alone, as it was issued"
	return 0
}

# Where upgrade.sh keeps its backups.
backup_dir() {
	if [ "$(id -u)" -eq 0 ] || [ -n "$PIPEOPS_ROOT" ]; then
		say "$PIPEOPS_ROOT/var/lib/pipeops-install/backups"
	else
		say "${XDG_STATE_HOME:-${HOME:-.}/.local/state}/pipeops-install/backups"
	fi
}

kube() {
	# shellcheck disable=SC2086 # "kubectl" or "k3s kubectl"
	if [ -n "$KUBE_CONTEXT" ]; then
		$kubectl --context "$KUBE_CONTEXT" "$@"
	else
		$kubectl "$@"
	fi
}

# Whether the API server answers; if not, its last word says why.
reachable() {
	refusal=$(kube get --raw /readyz --request-timeout=30s 2>&1) && return
	refusal=$(printf '%s\n' "$refusal" | tail -n 1)
	return 1
}

# Where a service of k3s says what it does.
logs_of() { # SERVICE
	if [ -x "$PIPEOPS_ROOT/sbin/openrc-run" ]; then say "rc-service $1 status; tail /var/log/$1.log"; else say "journalctl -u $1"; fi
}

# Who keeps the agent.
manager() { # NAMESPACE
	kube -n "$1" get deployment pipeops-agent --ignore-not-found -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}' 2>/dev/null || :
}

# kubectl of this machine, else that of k3s with its administrator's kubeconfig.
find_kubectl() {
	own=$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml
	[ -z "$KUBECONFIG" ] || export KUBECONFIG
	if [ -z "$KUBECONFIG" ] && command -v k3s >/dev/null && [ -r "$own" ]; then
		kubectl="k3s kubectl"
	elif [ -z "$KUBECONFIG" ] && [ -e "$own" ] && [ ! -r "$own" ] && [ ! -e "${HOME:-}/.kube/config" ]; then
		die 1 "only root may read $own" "run the same line with sudo, or give --kubeconfig"
	elif command -v kubectl >/dev/null; then
		kubectl=kubectl
	elif command -v k3s >/dev/null; then
		kubectl="k3s kubectl"
	else
		return 1
	fi
}

# Until COMMAND succeeds, at most so many seconds.
wait_for() { # COMMAND...
	waited=0
	until "$@" >/dev/null 2>&1; do
		[ "$waited" -lt "${patience:-$TIMEOUT}" ] || return 1
		sleep 2
		waited=$((waited + 2))
	done
}
# <<< scripts/lib/common.sh

# >>> scripts/lib/files.sh
# Copied into each script that takes files from elsewhere by build/embed.sh.
fetch() { # URL FILE
	if command -v curl >/dev/null; then
		curl --proto '=https' --tlsv1.2 -fsSL --retry 3 --connect-timeout 10 --max-time 300 -o "$2" "$1"
	elif command -v wget >/dev/null; then
		wget -q -T 60 -O "$2" "$1"
	else
		die 1 "neither curl nor wget is here" "install curl and run the same line again"
	fi
}

checksum() { # FILE
	if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# Fails closed: a file that SHA256SUMS does not name is not taken.
summed() { # FILE NAME SUMS
	sum=$(awk -v name="$2" '{ file = $2; sub(/^[*]/, "", file); sub(/^[.]\//, "", file); if (file == name) print $1 }' "$3")
	[ -n "$sum" ] && [ "$(checksum "$1")" = "$sum" ]
}

# A file, held against the SHA256SUMS that lies beside it.
download() { # FOLDER-URL NAME TARGET
	case $1 in
	https://?*) ;;
	*) die 1 "not a safe address: $1" "use https or a file" ;;
	esac
	for part in SHA256SUMS "$2"; do
		fetch "$1/$part" "$work/$part" ||
			die 4 "cannot download $1/$part" "check the address and the network and run the same line again; or carry the file"
	done
	summed "$work/$2" "$2" "$work/SHA256SUMS" ||
		die 4 "$1/$2 is not what SHA256SUMS says" "run the same line again; if it stays so, do not trust that address"
	mv "$work/$2" "$3"
}

# Every file that is in a folder.
check_folder() { # FOLDER
	[ -f "$1/SHA256SUMS" ] || die 1 "$1 has no SHA256SUMS" "carry the folder again"
	(cd "$1" && find . -type f ! -path ./SHA256SUMS) >"$work/files"
	while IFS= read -r file; do
		file=${file#./}
		summed "$1/$file" "$file" "$1/SHA256SUMS" && continue
		[ -n "$sum" ] || die 1 "SHA256SUMS does not name $file" "remove that file, or make the folder again"
		die 1 "$file of $1 differs from SHA256SUMS" "carry the folder again"
	done <"$work/files"
}

# Every file that should be in a folder too.
check_whole_folder() { # FOLDER
	check_folder "$1"
	sed 's/^[^ ]* [ *]//' "$1/SHA256SUMS" >"$work/files"
	while IFS= read -r file; do
		[ -f "$1/$file" ] || die 1 "$1 has no $file" "carry the folder again"
	done <"$work/files"
}
# <<< scripts/lib/files.sh

# >>> scripts/lib/k3s.sh
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
# <<< scripts/lib/k3s.sh

environment() {
	MASTER_IP=${MASTER_IP:-} MASTER_PORT=${MASTER_PORT:-6443}
	token=${K3S_TOKEN:-} TOKEN_FILE=${K3S_TOKEN_FILE:-}
	K3S_VERSION=${K3S_VERSION:-} K3S_CHANNEL=${K3S_CHANNEL:-} AIRGAP=${PIPEOPS_AIRGAP:-}
	DRY_RUN=${DRY_RUN:-} TIMEOUT=${TIMEOUT:-180} EXISTING_CLUSTER=''
	K3S_INSTALLER_URL=${K3S_INSTALLER_URL:-https://get.k3s.io}
	PIPEOPS_ROOT=${PIPEOPS_ROOT:-} proc=${PIPEOPS_PROC:-/proc} sys=${PIPEOPS_SYS:-/sys}
	# The name of k3s itself; its installer passes it on.
	K3S_NODE_NAME=${K3S_NODE_NAME:-}
	unset K3S_TOKEN K3S_TOKEN_FILE K3S_URL
	switches DRY_RUN
	PATH=$PATH:$PIPEOPS_ROOT/usr/local/bin
}

arguments() {
	position=0
	while [ $# -gt 0 ]; do
		case $1 in
		--*=*)
			option=${1%%=*} value=${1#*=}
			shift
			set -- "$option" "$value" "$@"
			;;
		esac
		case $1 in
		--help | -h) usage && exit 0 ;;
		--dry-run) DRY_RUN=1 && shift && continue ;;
		--token) no_secret_arguments --token K3S_TOKEN ;;
		--token-file | --port | --k3s-version | --k3s-channel | --airgap | --timeout) value_of "$1" $# ;;
		-) ;;
		-*) unknown "$1" ;;
		esac
		case $1 in
		--token-file) token='' TOKEN_FILE=$2 ;;
		--port) MASTER_PORT=$2 ;;
		--k3s-version) K3S_VERSION=$2 ;;
		--k3s-channel) K3S_CHANNEL=$2 ;;
		--airgap) AIRGAP=$2 ;;
		--timeout) TIMEOUT=$2 ;;
		*)
			positional "$1"
			shift
			continue
			;;
		esac
		shift 2
	done
}

positional() { # ARGUMENT
	position=$((position + 1))
	case $position in
	1) MASTER_IP=$1 ;;
	2)
		if [ "$1" = - ]; then
			token='' TOKEN_FILE=-
		else
			warn "other users of this machine could see the token in the argument; K3S_TOKEN or --token-file hide it"
			token=$1 TOKEN_FILE=''
		fi
		;;
	*) die 1 "more than two arguments" "$program MASTER_IP [CLUSTER_TOKEN|-]" ;;
	esac
}

check_values() {
	case $MASTER_IP in
	'') die 1 "no server given" "$program MASTER_IP, with the token in K3S_TOKEN" ;;
	*[!A-Za-z0-9.:-]* | -* | .*) die 1 "not an address: $MASTER_IP" "give an IP address or a host name, without https://" ;;
	*:*:*) address="[$MASTER_IP]" ;;
	*:*) die 1 "not an address: $MASTER_IP" "give the port with --port" ;;
	*) address=$MASTER_IP ;;
	esac
	case $MASTER_IP in
	*[!0-9.]*) ;;
	*) ipv4 ;;
	esac
	for number in "$MASTER_PORT" "$TIMEOUT"; do
		case $number in
		'' | 0* | *[!0-9]* | ??????*) die 1 "not a number: $number" "$program --help" ;;
		esac
	done
	[ "$MASTER_PORT" -le 65535 ] || die 1 "not a port: $MASTER_PORT" "a number from 1 to 65535"
	[ -n "$token$TOKEN_FILE" ] || die 1 "no token of the cluster" \
		"set K3S_TOKEN or --token-file FILE; the server has it in /var/lib/rancher/k3s/server/node-token"
	check_k3s_values
}

ipv4() {
	printf '%s\n' "$MASTER_IP" | awk -F. '{ ok = NF == 4; for (i = 1; i <= NF; i++) if ($i !~ /^[0-9]+$/ || $i > 255) ok = 0; exit !ok }' ||
		die 1 "not an address: $MASTER_IP" "an IPv4 address has four numbers up to 255"
}

# The server answers /ping to anyone; its certificate is checked by k3s with the token.
reach() {
	if command -v curl >/dev/null; then
		curl -ksS --connect-timeout 10 --max-time 20 -o /dev/null "$K3S_URL/ping"
	elif command -v wget >/dev/null; then
		wget -q -T 20 --no-check-certificate -O /dev/null "$K3S_URL/ping"
	else
		warn "neither curl nor wget is here to try whether $K3S_URL answers"
		return
	fi || die 3 "$K3S_URL does not answer" \
		"on the server: systemctl status k3s; open port $MASTER_PORT in its firewall; then run the same line again"
	say "server: $K3S_URL answers"
	# The kubelet's answer is a refusal; that it answers is enough.
	! command -v curl >/dev/null || curl -ks --connect-timeout 5 --max-time 10 -o /dev/null "https://$address:10250/" ||
		warn "port 10250 of the server is closed: logs and figures of its pods will be missing; open it between all nodes"
	say "pods talk over UDP 8472 between all nodes, which cannot be tried from here"
}

main() {
	environment
	arguments "$@"
	workspace
	check_values
	K3S_URL=https://$address:$MASTER_PORT
	secret "token" "$token" "$TOKEN_FILE" "$work/token"
	check_system
	reach
	join "$work/token"
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
