#!/bin/sh
# Installs k3s and the PipeOps agent on this machine, or the agent alone on a cluster that
# is there. Running it again changes nothing, or exactly what is asked for.
# shellcheck disable=SC2317,SC2329 # no script uses all of the parts that are copied into it
set -eu

program=install.sh

usage() {
	cat <<'HELP'
usage: install.sh [OPTION]...      secrets come from the environment or from files

  Agent                                 environment             default
  --token-file FILE      (- is stdin)   PIPEOPS_TOKEN[_FILE]    required, or --standalone
  --standalone           no token       PIPEOPS_STANDALONE=1
  --api-token-file FILE  opens /api     PIPEOPS_API_TOKEN[_FILE]
  --api-tokens-file FILE more of them   PIPEOPS_API_TOKENS_FILE
  --tls-cert-file FILE, --tls-key-file FILE    also by TLS, port 8443
                                        PIPEOPS_TLS_CERT_FILE, PIPEOPS_TLS_KEY_FILE
  --hosts NAME,...       more names     PIPEOPS_HOSTS           those in the cluster
  --cluster-name NAME                   CLUSTER_NAME            default-cluster
  --api-url URL                         PIPEOPS_API_URL         https://api.pipeops.io
  --agent-id NAME                       PIPEOPS_AGENT_ID        assigned
  --port PORT                           PIPEOPS_PORT            8080
  --log-level LEVEL                     LOG_LEVEL               info
  --rbac LEVEL           what commands of the control plane may change: read-only, minimal,
                         standard, full RBAC                    standard
  --rbac-namespaces A,B  of minimal     RBAC_NAMESPACES         default
  --image IMAGE                         PIPEOPS_IMAGE           that of the manifest
  --manifest FILE|URL                   PIPEOPS_MANIFEST        embedded

  Kubernetes
  --existing-cluster     no k3s         EXISTING_CLUSTER=1
  --kubeconfig FILE                     KUBECONFIG
  --context NAME                        KUBE_CONTEXT
  --node-type server|agent              NODE_TYPE               server
  --k3s-version VERSION  v1.33.4+k3s1   K3S_VERSION             newest of the channel
  --k3s-channel CHANNEL                 K3S_CHANNEL             stable
  --k3s-url URL          for agents     K3S_URL
  --k3s-token-file FILE  for agents     K3S_TOKEN[_FILE]
  --airgap DIR           no network     PIPEOPS_AIRGAP

  Run
  --dry-run              print actions  DRY_RUN=1
  --manifest-only        print it       MANIFEST_ONLY=1
  --timeout SECONDS                     TIMEOUT                 180
  --help

Exit codes: 0 done, 1 wrong or missing settings, 2 system not supported, 3 k3s failed,
4 agent failed. What is set stays set when a later run does not mention it.
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

# >>> scripts/lib/values.sh
# Copied into each script that takes settings by build/embed.sh: every value, before the first write.
name() { # WHAT VALUE
	case $2 in
	[!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) die 1 "not a $1: $2" "letters, digits, '-', '_' and '.', at most 63, first a letter or digit" ;;
	esac
	[ ${#2} -le 63 ] || die 1 "the $1 is longer than 63" "choose a shorter one"
}

# What goes into YAML between quotes.
plain() { # WHAT VALUE
	[ "$(printf '%s!' "$2" | LC_ALL=C tr -d 'A-Za-z0-9._:/@%?=&~+,*[]-')" = "!" ] ||
		die 1 "the $1 has characters that it cannot have" "check the value: $2"
}

number() { # WHAT VALUE MOST
	case $2 in
	*[!0-9]* | '' | 0* | ??????*) die 1 "not a $1: $2" "a number from 1 to $3" ;;
	esac
	[ "$2" -le "$3" ] || die 1 "not a $1: $2" "a number from 1 to $3"
}

# grep would be content with one line of many.
whole() { # VALUE PATTERN
	printf '%s' "$1" | tr '\n' ' ' | grep -Eq "$2"
}

# As the agent takes it. It may hold a password, so it is not shown.
control_plane_url() { # URL
	[ -n "$1" ] || return 0
	whole "$1" '^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?$' ||
		die 1 "not the URL of a control plane" "give --api-url as https://host[:port][/path], without user and query"
	case $1 in
	https://* | http://localhost | http://localhost[:/]* | http://127.* | 'http://[::1]'*) ;;
	*) die 1 "over plain http the token could be read on the way" "give --api-url as https://host[:port]" ;;
	esac
}

# As the agent takes them.
host_names() { # NAMES
	[ -z "$1" ] || whole "$1," '^(([*]\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*,)+$' ||
		die 1 "not names of hosts: $1" "give --hosts as agent.example.com,*.example.com, without scheme and port"
}

log_level() { # LEVEL
	case $1 in
	'' | error | warn | info | debug | trace) ;;
	*) die 1 "not a log level: $1" "error, warn, info, debug or trace" ;;
	esac
}

# Which line is wrong, and nothing of what is in it.
api_tokens() { # FILE
	[ -z "$1" ] || [ -r "$1" ] || die 1 "cannot read $1" "check that the file exists and is yours"
	[ -z "$1" ] || wrong=$(grep -vnE '^[[:blank:]]*(#.*|(read|operate|admin)[[:blank:]]+[^[:blank:]]+[[:blank:]]+[^[:blank:]]{16,}[[:blank:]]*)?$' "$1" | cut -d: -f1 | head -n 1)
	[ -z "${wrong:-}" ] || die 1 "line $wrong of $1 is no API token" "write lines of SCOPE NAME TOKEN: read, operate or admin, and a token of 16 characters or more"
}

key_pair() { # CERTIFICATE KEY
	[ -n "$1$2" ] || return 0
	[ -n "$1" ] && [ -n "$2" ] || die 1 "a certificate and its key belong together" "give both, --tls-cert-file and --tls-key-file"
	for file in "$1" "$2"; do
		[ -r "$file" ] || die 1 "cannot read $file" "check that the file exists and is yours"
	done
}
# <<< scripts/lib/values.sh

# >>> scripts/lib/agent.sh
# Copied into the scripts that apply the agent's manifest by build/embed.sh.

ours=app.kubernetes.io/name=pipeops-agent,app.kubernetes.io/part-of=pipeops

# A manifest that is given by name.
take_manifest() { # FILE|URL TARGET
	case $1 in
	https://*/?*) download "${1%/*}" "${1##*/}" "$2" ;;
	*://*) die 1 "a manifest from $1 could be anyone's" "use https or a file" ;;
	*) cat "$1" >"$2" || die 1 "cannot read $1" "check the path of --manifest" ;;
	esac
}

check_manifest() { # FILE
	namespace=$(awk '/^---/ { kind = "" } /^kind:/ { kind = $2 } kind == "Namespace" && /^  name:/ { print $2; exit }' "$1")
	[ -n "$namespace" ] || die 1 "the manifest has no Namespace" "give the agent's manifest to --manifest"
	grep -q '^kind: Deployment' "$1" || die 1 "the manifest has no Deployment" "give the agent's manifest to --manifest"
}

version_in() { # MANIFEST
	sed -n 's|^ *app.kubernetes.io/version: *"\{0,1\}\([^" ]*\)"\{0,1\} *$|\1|p' "$1" | head -n 1
}

# JSON, an object a line, as a manifest.
documents() { awk 'NF { print "---"; print }'; }

# What was applied, an object a line; Secrets are not among it.
applied() { # NAMESPACE
	for scope in "namespace,serviceaccount,configmap,service,deployment,networkpolicy,poddisruptionbudget -n $1" \
		"priorityclass,clusterrole,clusterrolebinding,role,rolebinding -A"; do
		# shellcheck disable=SC2086 # two or three words
		kube get $scope -l "$ours" \
			-o 'jsonpath={range .items[*]}{.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}{"\n"}{end}' || return 1
	done
}

# Whether the cluster is the k3s of this machine.
on_k3s() {
	command -v k3s >/dev/null && [ -r "$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml" ] || return 1
	[ -z "$KUBECONFIG" ] || [ "$KUBECONFIG" = "$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml" ]
}

# k3s takes images from its folder at each start; this one it takes now.
carry_images() {
	[ -n "$AIRGAP" ] || return 0
	find "$AIRGAP" -type f \( -name '*image*.tar' -o -name '*image*.tar.gz' -o -name '*image*.tar.zst' -o -name 'agent*.tar' \) \
		! -name 'k3s-airgap-images*' >"$work/images"
	while IFS= read -r archive; do
		if ! on_k3s; then
			warn "the image must be on each node: ctr -n k8s.io images import ${archive##*/}"
			continue
		fi
		put 600 "$PIPEOPS_ROOT/var/lib/rancher/k3s/agent/images/${archive##*/}" <"$archive"
		run k3s ctr images import "$archive" || die 4 "k3s did not take the image ${archive##*/}" "nothing of the agent was changed; read the line above and run the same line again"
	done <"$work/images"
}

# What an object of ours has; nothing where there is none. That the API server does not say is another
# thing, save in a dry run, which needs no cluster.
stored() { # KIND NAME JSONPATH
	kube -n "$namespace" get "$1" "$2" --ignore-not-found -o "jsonpath=$3" 2>"$work/error" || [ -n "$DRY_RUN" ] || {
		cat "$work/error" >&2
		return 1
	}
}

# A setting that is not given keeps the value of the last run.
settings() {
	for setting in CLUSTER_NAME API_URL AGENT_ID PORT LOG_LEVEL HOSTS TLS API_TOKENS IMAGE RBAC RBAC_NAMESPACES; do
		eval "value=\$$setting"
		if [ -z "$value" ] && [ -s "$work/last" ]; then
			value=$(sed -n "s/^$setting=//p" "$work/last")
			plain "kept value of $setting" "$value"
			eval "$setting=\$value"
			[ -z "$value" ] || say "kept: $setting $value"
		fi
	done
}

# The rights of a level; where they are bound to namespaces, a binding for each that was chosen.
rights() { # RBAC-FILE TARGET
	awk -v namespace="$namespace" -v list="${RBAC_NAMESPACES:-default}" '
		BEGIN { RS = "---\n"; count = split(list, names, ",") }
		{ gsub(/namespace: pipeops-system/, "namespace: " namespace) }
		!/(^|\n)kind: RoleBinding/ { printf "---\n%s", $0; next }
		{ for (i = 1; i <= count; i++) { one = $0; sub(/\n  namespace: default\n/, "\n  namespace: " names[i] "\n", one); printf "---\n%s", one } }
	' "$1" >"$2"
}

# "KIND/NAME" or "KIND/NAME -n NAMESPACE" of each object in it.
names_in() { # MANIFEST
	awk '
		function tell() { if (kind != "") print kind "/" name place; kind = ""; place = "" }
		/^---/ { tell() }
		/^[A-Za-z]/ { part = $1 }
		/^kind:/ { kind = tolower($2) }
		part == "metadata:" && /^  name:/ { name = $2 }
		part == "metadata:" && /^  namespace:/ { place = " -n " $2 }
		END { tell() }
	' "$1"
}

# What a manifest of one's own grants: the level is the manifest's then.
own_rights() { # MANIFEST
	names_in "$1" | grep -E '^(cluster)?role(binding)?/pipeops-agent-(workloads|exec-logs|nodes|config|namespaces|full)( |$)'
}

# What the last run granted and this one does not goes first: a level that is left is left.
withdraw_rights() {
	stored configmap pipeops-agent-install '{.data.rights}' >"$work/last-rights" || return 1
	while IFS= read -r object; do
		if [ -z "$object" ] || grep -qxF -- "$object" "$work/rights"; then continue; fi
		# shellcheck disable=SC2086 # KIND/NAME -n NAMESPACE
		if [ -n "$DRY_RUN" ]; then say "would delete: $object"; else kube delete $object --ignore-not-found || return 1; fi
	done <"$work/last-rights"
}

# One folder for kubectl: the manifest, the rights, what was chosen as patches, and a record of it.
kustomization() { # FOLDER
	resources="agent.yaml, record.yaml"
	if [ -s "$1/rights.yaml" ]; then
		resources="$resources, rights.yaml"
		names_in "$1/rights.yaml" >"$work/rights"
	fi
	cat <<-YAML >"$1/kustomization.yaml"
		resources: [$resources]
		patches:
		  - path: deployment.yaml
		    target: {kind: Deployment, name: pipeops-agent}
	YAML
	[ -z "$PORT" ] || cat <<-YAML >>"$1/kustomization.yaml"
		  - target: {kind: Deployment, name: pipeops-agent}
		    patch: '[{"op": "replace", "path": "/spec/template/spec/containers/0/ports/0/containerPort", "value": $PORT}]'
	YAML
	component "$1" "$TLS" PIPEOPS_TLS_CERT_FILE Deployment tls_deployment
	component "$1" "$TLS" PIPEOPS_TLS_CERT_FILE Service tls_service
	component "$1" "$API_TOKENS" PIPEOPS_API_TOKENS_FILE Deployment api_tokens_deployment
	{
		cat <<-YAML
			apiVersion: apps/v1
			kind: Deployment
			metadata: {name: pipeops-agent}
			spec:
			  template:
			    metadata: {annotations: {pipeops.io/secret-version: "$secret_version"}}
			    spec:
			      containers:
			        - name: agent
		YAML
		[ -z "$IMAGE" ] || printf '          image: "%s"\n' "$IMAGE"
		[ -z "$CLUSTER_NAME$API_URL$AGENT_ID$PORT$LOG_LEVEL$HOSTS" ] || printf '          env:\n'
		variable PIPEOPS_CLUSTER_NAME "$CLUSTER_NAME"
		variable PIPEOPS_API_URL "$API_URL"
		variable PIPEOPS_AGENT_ID "$AGENT_ID"
		variable PIPEOPS_PORT "$PORT"
		variable PIPEOPS_LOG_LEVEL "$LOG_LEVEL"
		variable PIPEOPS_HOSTS "$HOSTS"
	} >"$1/deployment.yaml"
	cat <<-YAML >"$1/record.yaml"
		apiVersion: v1
		kind: ConfigMap
		metadata:
		  name: pipeops-agent-install
		  namespace: $namespace
		  labels: {app.kubernetes.io/name: pipeops-agent, app.kubernetes.io/part-of: pipeops}
		data:
		  settings: |
		    CLUSTER_NAME=$CLUSTER_NAME
		    API_URL=$API_URL
		    AGENT_ID=$AGENT_ID
		    PORT=$PORT
		    LOG_LEVEL=$LOG_LEVEL
		    HOSTS=$HOSTS
		    TLS=$TLS
		    API_TOKENS=$API_TOKENS
		    IMAGE=$IMAGE
		    RBAC=$RBAC
		    RBAC_NAMESPACES=$RBAC_NAMESPACES
		    OWN_MANIFEST=$OWN_MANIFEST
		  rights: |
	YAML
	sed 's/^/    /' "$work/rights" >>"$1/record.yaml"
}

variable() { # NAME VALUE
	[ -n "$2" ] || return 0
	other=
	# Only where the manifest has it from elsewhere: apply would see a change in a null each time.
	! grep -Eq "name: $1( |,|\$)|\"name\":\"$1\",\"valueFrom\"" "$work/apply/agent.yaml" || other=', valueFrom: null'
	printf '            - {name: %s, value: "%s"%s}\n' "$1" "$2" "$other"
}

# A patch of a component, if that is wanted and not in the manifest already: what was applied has it.
component() { # FOLDER WANTED VARIABLE KIND PATCH
	[ -n "$2" ] && ! grep -q "$3" "$1/agent.yaml" || return 0
	"$5" >"$1/patch-$5.json"
	cat <<-YAML >>"$1/kustomization.yaml"
		  - target: {kind: $4, name: pipeops-agent}
		    path: patch-$5.json
	YAML
}

tls_deployment() {
	cat <<'PATCH'
# >>> deployments/components/tls/deployment.json
[
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "PIPEOPS_TLS_CERT_FILE", "value": "/etc/pipeops-agent-tls/tls.crt"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "PIPEOPS_TLS_KEY_FILE", "value": "/etc/pipeops-agent-tls/tls.key"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/ports/-",
   "value": {"name": "https", "containerPort": 8443}},
  {"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/-",
   "value": {"name": "tls", "mountPath": "/etc/pipeops-agent-tls", "readOnly": true}},
  {"op": "add", "path": "/spec/template/spec/volumes/-",
   "value": {"name": "tls", "secret": {"secretName": "pipeops-agent-tls", "defaultMode": 288}}}
]
# <<< deployments/components/tls/deployment.json
PATCH
}

tls_service() {
	cat <<'PATCH'
# >>> deployments/components/tls/service.json
[{"op": "add", "path": "/spec/ports/-", "value": {"name": "https", "port": 8443, "targetPort": "https"}}]
# <<< deployments/components/tls/service.json
PATCH
}

api_tokens_deployment() {
	cat <<'PATCH'
# >>> deployments/components/api-tokens/deployment.json
[
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "PIPEOPS_API_TOKENS_FILE", "value": "/etc/pipeops-agent-api-tokens/tokens"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/-",
   "value": {"name": "api-tokens", "mountPath": "/etc/pipeops-agent-api-tokens", "readOnly": true}},
  {"op": "add", "path": "/spec/template/spec/volumes/-",
   "value": {"name": "api-tokens", "secret": {"secretName": "pipeops-agent-api-tokens", "defaultMode": 288}}}
]
# <<< deployments/components/api-tokens/deployment.json
PATCH
}
# <<< scripts/lib/agent.sh

environment() {
	token=${PIPEOPS_TOKEN:-} TOKEN_FILE=${PIPEOPS_TOKEN_FILE:-} STANDALONE=${PIPEOPS_STANDALONE:-}
	api_token=${PIPEOPS_API_TOKEN:-} API_TOKEN_FILE=${PIPEOPS_API_TOKEN_FILE:-}
	CLUSTER_NAME=${CLUSTER_NAME:-} API_URL=${PIPEOPS_API_URL:-} AGENT_ID=${PIPEOPS_AGENT_ID:-}
	PORT=${PIPEOPS_PORT:-} LOG_LEVEL=${LOG_LEVEL:-} IMAGE=${PIPEOPS_IMAGE:-} MANIFEST=${PIPEOPS_MANIFEST:-}
	HOSTS=${PIPEOPS_HOSTS:-} API_TOKENS_FILE=${PIPEOPS_API_TOKENS_FILE:-}
	TLS_CERT=${PIPEOPS_TLS_CERT_FILE:-} TLS_KEY=${PIPEOPS_TLS_KEY_FILE:-}
	RBAC=${RBAC:-} RBAC_NAMESPACES=${RBAC_NAMESPACES:-}
	EXISTING_CLUSTER=${EXISTING_CLUSTER:-} KUBECONFIG=${KUBECONFIG:-} KUBE_CONTEXT=${KUBE_CONTEXT:-}
	NODE_TYPE=${NODE_TYPE:-server} K3S_VERSION=${K3S_VERSION:-} K3S_CHANNEL=${K3S_CHANNEL:-}
	K3S_URL=${K3S_URL:-} k3s_token=${K3S_TOKEN:-} JOIN_FILE=${K3S_TOKEN_FILE:-} AIRGAP=${PIPEOPS_AIRGAP:-}
	DRY_RUN=${DRY_RUN:-} MANIFEST_ONLY=${MANIFEST_ONLY:-} TIMEOUT=${TIMEOUT:-180}
	K3S_INSTALLER_URL=${K3S_INSTALLER_URL:-https://get.k3s.io}
	# For tests: another root, and where the kernel's figures are.
	PIPEOPS_ROOT=${PIPEOPS_ROOT:-} proc=${PIPEOPS_PROC:-/proc} sys=${PIPEOPS_SYS:-/sys}
	# No program that is started from here gets a secret by its environment.
	unset PIPEOPS_TOKEN PIPEOPS_API_TOKEN K3S_TOKEN K3S_TOKEN_FILE
	PATH=$PATH:$PIPEOPS_ROOT/usr/local/bin
	switches STANDALONE EXISTING_CLUSTER DRY_RUN MANIFEST_ONLY
}

arguments() {
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
		--standalone) STANDALONE=1 && shift && continue ;;
		--existing-cluster) EXISTING_CLUSTER=1 && shift && continue ;;
		--dry-run) DRY_RUN=1 && shift && continue ;;
		--manifest-only) MANIFEST_ONLY=1 && shift && continue ;;
		--token) no_secret_arguments --token PIPEOPS_TOKEN ;;
		--api-token) no_secret_arguments --api-token PIPEOPS_API_TOKEN ;;
		--k3s-token) no_secret_arguments --k3s-token K3S_TOKEN ;;
		esac
		case $1 in
		--token-file | --api-token-file | --api-tokens-file | --tls-cert-file | --tls-key-file | --hosts | --cluster-name | --api-url | --agent-id | --port | --log-level | --rbac | --rbac-namespaces | --image | \
			--manifest | --kubeconfig | --context | --node-type | --k3s-version | --k3s-channel | --k3s-url | \
			--k3s-token-file | --airgap | --timeout) value_of "$1" $# ;;
		*) unknown "$1" ;;
		esac
		case $1 in
		--token-file) token='' TOKEN_FILE=$2 ;;
		--api-token-file) api_token='' API_TOKEN_FILE=$2 ;;
		--api-tokens-file) API_TOKENS_FILE=$2 ;;
		--tls-cert-file) TLS_CERT=$2 ;;
		--tls-key-file) TLS_KEY=$2 ;;
		--hosts) HOSTS=$2 ;;
		--cluster-name) CLUSTER_NAME=$2 ;;
		--api-url) API_URL=$2 ;;
		--agent-id) AGENT_ID=$2 ;;
		--port) PORT=$2 ;;
		--log-level) LOG_LEVEL=$2 ;;
		--rbac) RBAC=$2 ;;
		--rbac-namespaces) RBAC_NAMESPACES=$2 ;;
		--image) IMAGE=$2 ;;
		--manifest) MANIFEST=$2 ;;
		--kubeconfig) KUBECONFIG=$2 ;;
		--context) KUBE_CONTEXT=$2 ;;
		--node-type) NODE_TYPE=$2 ;;
		--k3s-version) K3S_VERSION=$2 ;;
		--k3s-channel) K3S_CHANNEL=$2 ;;
		--k3s-url) K3S_URL=$2 ;;
		--k3s-token-file) k3s_token='' JOIN_FILE=$2 ;;
		--airgap) AIRGAP=$2 ;;
		--timeout) TIMEOUT=$2 ;;
		esac
		shift 2
	done
}

# Every value, before the first write.
check_values() {
	name "cluster name" "$CLUSTER_NAME"
	name "agent id" "$AGENT_ID"
	control_plane_url "$API_URL"
	plain "image" "$IMAGE"
	number "port" "${PORT:-8080}" 65535
	number "timeout" "$TIMEOUT" 86400
	log_level "$LOG_LEVEL"
	host_names "$HOSTS"
	key_pair "$TLS_CERT" "$TLS_KEY"
	api_tokens "$API_TOKENS_FILE"
	TLS=${TLS_CERT:+yes} API_TOKENS=${API_TOKENS_FILE:+yes}
	[ -z "$RBAC_NAMESPACES" ] || RBAC=${RBAC:-minimal}
	rights_level "$RBAC" "$RBAC_NAMESPACES"
	case $AIRGAP$MANIFEST in
	?*https://*) [ -z "$AIRGAP" ] || die 1 "--airgap takes nothing from the network" "carry $MANIFEST and give it as a file" ;;
	esac
	case $NODE_TYPE in
	server) [ -z "$K3S_URL" ] || [ -n "$EXISTING_CLUSTER" ] || die 1 "K3S_URL is for workers" "add --node-type agent, or leave it out" ;;
	agent)
		[ -z "$EXISTING_CLUSTER" ] || die 1 "--node-type agent installs k3s, --existing-cluster does not" "leave one out"
		case $K3S_URL in
		https://?*) plain "k3s URL" "$K3S_URL" ;;
		*) die 1 "a worker needs the URL of its server" "set --k3s-url https://SERVER:6443" ;;
		esac
		[ -n "$k3s_token$JOIN_FILE" ] || die 1 "a worker needs the token of its cluster" \
			"set K3S_TOKEN or --k3s-token-file FILE; the server has it in /var/lib/rancher/k3s/server/node-token"
		;;
	*) die 1 "not a node type: $NODE_TYPE" "server or agent" ;;
	esac
	check_k3s_values
}

rights_level() { # LEVEL NAMESPACES
	case $1 in
	'' | read-only | minimal | standard | full) ;;
	*) die 1 "not a level of rights: $1" "give --rbac as minimal, standard, full, or read-only" ;;
	esac
	case $2 in
	'') return 0 ;;
	*[!a-z0-9,-]* | [-,]* | *[-,] | *[-,],* | *,-*) die 1 "not names of namespaces: $2" "give --rbac-namespaces as one,other" ;;
	esac
	[ "$1" = minimal ] || die 1 "only the level minimal is bound to namespaces" "leave --rbac-namespaces out, or give --rbac minimal"
}

# The manifest as it stands: of --manifest, of the air-gap folder, of this repository, or the copy below.
manifest() { # TARGET
	beside=$(dirname "$0")/../deployments/agent.yaml
	if [ -n "$MANIFEST" ]; then
		take_manifest "$MANIFEST" "$1"
	elif [ -n "$AIRGAP" ] && [ -f "$AIRGAP/agent.yaml" ]; then
		cat "$AIRGAP/agent.yaml" >"$1"
	elif [ "${0##*/}" = install.sh ] && [ -f "$beside" ]; then
		cat "$beside" >"$1"
	else
		embedded_manifest >"$1"
	fi
	check_manifest "$1"
}

# The rights of the level, from where the manifest is from.
grant() { # TARGET
	if own_rights "$work/apply/agent.yaml" >"$work/rights"; then
		[ -z "$asked" ] || die 1 "the manifest grants rights of its own" "leave --rbac out, or the roles out of the manifest"
		RBAC=manifest RBAC_NAMESPACES=''
		return
	fi
	[ "$RBAC" != manifest ] || RBAC=''
	RBAC=${RBAC:-standard}
	case $RBAC in
	minimal) RBAC_NAMESPACES=${RBAC_NAMESPACES:-default} ;;
	*) RBAC_NAMESPACES='' ;;
	esac
	: >"$work/rights"
	[ "$RBAC" != read-only ] || return 0
	file=
	[ "${0##*/}" != install.sh ] || file=$(dirname "$0")/../deployments/rbac-$RBAC.yaml
	[ -z "$AIRGAP" ] || file=$AIRGAP/rbac-$RBAC.yaml
	case $MANIFEST in
	'' | https://*) ;;
	*) file=$(dirname "$MANIFEST")/rbac-$RBAC.yaml ;;
	esac
	if [ ! -f "$file" ]; then
		file=$work/rbac.yaml
		embedded_rights >"$file"
	fi
	rights "$file" "$1"
}

# A version that upgrade.sh brought stays, and so does a manifest of one's own: what was applied is applied again.
keep_version() {
	kept_rights='' OWN_MANIFEST=${MANIFEST:+yes}
	there=$(kube -n "$namespace" get deployment pipeops-agent -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/version}' 2>/dev/null) || return 0
	[ -z "$MANIFEST" ] && [ -s "$work/last" ] || return 0
	if grep -qx OWN_MANIFEST=yes "$work/last"; then
		OWN_MANIFEST=yes
	elif [ -z "$there" ] || [ "$there" = "$(version_in "$work/apply/agent.yaml")" ]; then
		return 0
	fi
	applied "$namespace" >"$work/applied" || die 4 "cannot read what was applied" "read the line above and run the same line again"
	grep -q '"kind":"Deployment"' "$work/applied" || return 0
	say "kept: version $there of the agent${OWN_MANIFEST:+, by the manifest that was given}; upgrade.sh brings it to another"
	if grep -qx "RBAC=$RBAC" "$work/last" && grep -qx "RBAC_NAMESPACES=$RBAC_NAMESPACES" "$work/last"; then
		kept_rights=yes
		stored configmap pipeops-agent-install '{.data.rights}' >"$work/rights" || failed_apply
	else
		grep -v '"kind":"\(Cluster\)\{0,1\}Role\(Binding\)\{0,1\}",.*"name":"pipeops-agent-' "$work/applied" >"$work/rest"
		mv "$work/rest" "$work/applied"
	fi
	grep -v '"name":"pipeops-agent-install"' "$work/applied" | documents >"$work/apply/agent.yaml"
}

# Secrets pass through private files and the API, never through arguments or annotations.
deploy_secret() {
	mkdir "$work/old" "$work/new"
	for key in token api-token; do
		stored secret pipeops-agent-secret "{.data['$key']}" >"$work/secret" ||
			die 4 "cannot read what the secret has" "read the line above and run the same line again"
		base64 -d <"$work/secret" >"$work/old/$key" 2>/dev/null || :
		[ -s "$work/old/$key" ] || rm -f "$work/old/$key"
	done
	for key in token api-token; do
		if [ -s "$work/given/$key" ]; then
			cp "$work/given/$key" "$work/new/$key"
		elif [ -s "$work/old/$key" ]; then
			cp "$work/old/$key" "$work/new/$key"
		fi
	done
	[ -z "$STANDALONE" ] || rm -f "$work/new/token"
	if [ ! -e "$work/new/token" ] && [ -z "$STANDALONE" ] && [ ! -s "$work/last" ]; then
		die 1 "no token for the control plane" "set PIPEOPS_TOKEN or --token-file FILE, or run the agent --standalone"
	fi
	if same token && same api-token; then
		[ -z "$(ls "$work/old")" ] || say "kept: secret pipeops-agent-secret"
	elif [ -n "$DRY_RUN" ]; then
		say "would write: secret pipeops-agent-secret in namespace $namespace"
	else
		make_namespace
		kube -n "$namespace" create secret generic pipeops-agent-secret --from-file="$work/new" --dry-run=client -o yaml >"$work/secret.yaml" || failed_apply
		kube apply --server-side --force-conflicts --field-manager=pipeops-install -f "$work/secret.yaml" || failed_apply
	fi
	secret_version=$(kube -n "$namespace" get secret pipeops-agent-secret -o 'jsonpath={.metadata.resourceVersion}' 2>/dev/null || :)
}

make_namespace() {
	awk 'BEGIN { RS = "---\n" } /(^|\n)kind: Namespace/ || /"kind":"Namespace"/' "$work/apply/agent.yaml" >"$work/namespace.yaml"
	kube apply -f "$work/namespace.yaml" || failed_apply
}

# What components mount: kubectl reads the files. The agent takes a change without a restart.
mounted_secret() { # NAME SORT FLAG...
	if [ -n "$DRY_RUN" ]; then
		say "would write: secret $1 in namespace $namespace"
		return
	fi
	mounted=$1 sort=$2
	shift 2
	make_namespace
	kube -n "$namespace" create secret "$sort" "$mounted" "$@" --dry-run=client -o yaml >"$work/secret.yaml" ||
		die 1 "kubectl makes no secret $mounted of what was given" "read the line above; a key must be that of its certificate, both PEM"
	kube apply --server-side --force-conflicts --field-manager=pipeops-install -f "$work/secret.yaml" || failed_apply
}

same() { # KEY
	[ "$(cat "$work/old/$1" 2>/dev/null)" = "$(cat "$work/new/$1" 2>/dev/null)" ]
}

failed_apply() {
	die 4 "the API server refused it" "read the line above; then run the same line again"
}

deploy() {
	reachable || [ -n "$DRY_RUN" ] ||
		die 4 "the Kubernetes API does not answer: $refusal" "try: $kubectl get --raw /readyz; give --kubeconfig and --context where they are not the default"
	[ "$(manager "$namespace")" != Helm ] || die 1 "Helm installed this agent" "change it with: helm upgrade"
	# An answer that is missing is not a first run: that would forget what was set.
	stored configmap pipeops-agent-install '{.data.settings}' >"$work/last" || die 4 "cannot read what was set before" "read the line above and run the same line again"
	asked=$RBAC
	settings
	keep_version
	[ -n "$kept_rights" ] || grant "$work/apply/rights.yaml"
	for place in $(printf '%s' "$RBAC_NAMESPACES" | tr ',' ' '); do
		[ -n "$DRY_RUN" ] || kube get namespace "$place" >/dev/null 2>&1 ||
			die 1 "no namespace $place, which --rbac-namespaces names" "kubectl create namespace $place, then run the same line again"
	done
	deploy_secret
	[ -z "$TLS_CERT" ] || mounted_secret pipeops-agent-tls tls --cert="$TLS_CERT" --key="$TLS_KEY"
	[ -z "$API_TOKENS_FILE" ] || mounted_secret pipeops-agent-api-tokens generic --from-file=tokens="$API_TOKENS_FILE"
	kustomization "$work/apply"
	# Where all of it is refused, nothing of it is changed; a first run has no namespace to try it in.
	[ ! -s "$work/last" ] || kube apply -k "$work/apply" --dry-run=server >/dev/null || failed_apply
	carry_images
	withdraw_rights || failed_apply
	if [ -n "$DRY_RUN" ]; then
		kube kustomize "$work/apply" >"$work/all.yaml" 2>/dev/null || cat "$work/apply"/[ar]*.yaml >"$work/all.yaml"
		awk '/^---/ { kind = "" } /^kind:/ { kind = $2 } kind && /^  name:/ { print "would apply: " kind " " $2; kind = "" }' "$work/all.yaml"
		return
	fi
	kube apply -k "$work/apply" || failed_apply
	if ! kube -n "$namespace" rollout status deployment/pipeops-agent --timeout="${TIMEOUT}s"; then
		kube -n "$namespace" get pods -l app.kubernetes.io/name=pipeops-agent >&2 || :
		die 4 "the agent did not become ready within $TIMEOUT s" \
			"$kubectl -n $namespace describe pods; $kubectl -n $namespace logs deployment/pipeops-agent; then run the same line again"
	fi
	pod=$(kube -n "$namespace" get pods -l app.kubernetes.io/name=pipeops-agent --field-selector=status.phase=Running -o 'jsonpath={.items[0].metadata.name}')
	kube get --raw "/api/v1/namespaces/$namespace/pods/$pod:${PORT:-8080}/proxy/health" >/dev/null ||
		die 4 "the agent runs but /health does not answer" "$kubectl -n $namespace logs $pod"
}

summary() {
	say ""
	say "installed: the agent in namespace $namespace, pod $pod, cluster name ${CLUSTER_NAME:-default-cluster}"
	[ -e "$work/new/token" ] || say "standalone: without a token it reports to no control plane"
	say "next: health-check.sh; $kubectl -n $namespace logs deployment/pipeops-agent"
}

main() {
	environment
	arguments "$@"
	workspace
	check_values
	mkdir "$work/apply" "$work/given"
	secret_version=
	secret "token" "$token" "$TOKEN_FILE" "$work/given/token"
	secret "API token" "$api_token" "$API_TOKEN_FILE" "$work/given/api-token"
	if [ -n "$MANIFEST_ONLY" ]; then
		find_kubectl || die 1 "no kubectl here" "install kubectl; it puts the settings into the manifest"
		manifest "$work/apply/agent.yaml"
		asked=$RBAC OWN_MANIFEST=''
		grant "$work/apply/rights.yaml"
		kustomization "$work/apply"
		kube kustomize "$work/apply"
		exit 0
	fi
	[ "$NODE_TYPE" = agent ] || manifest "$work/apply/agent.yaml"
	if [ -z "$EXISTING_CLUSTER" ]; then
		check_system
		machine_part
		[ "$NODE_TYPE" = server ] || exit 0
	fi
	if ! find_kubectl; then
		[ -n "$DRY_RUN" ] || die 1 "no kubectl here" "install kubectl, or leave --existing-cluster out to install k3s"
		kubectl=kubectl
	fi
	deploy
	[ -n "$DRY_RUN" ] || summary
}

machine_part() {
	# Never a cluster that the environment happens to name.
	KUBECONFIG=$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml KUBE_CONTEXT=
	if [ "$NODE_TYPE" = agent ]; then
		secret "k3s token" "$k3s_token" "$JOIN_FILE" "$work/given/join"
		join "$work/given/join"
		[ -n "$DRY_RUN" ] || say "installed: this worker; on the server: k3s kubectl get nodes"
		return
	fi
	if [ -z "$token$TOKEN_FILE$STANDALONE" ] && [ ! -e "$(k3s_record)" ] && ! command -v k3s >/dev/null; then
		die 1 "no token for the control plane" "set PIPEOPS_TOKEN or --token-file FILE, or run the agent --standalone"
	fi
	install_k3s server --secrets-encryption
	[ -z "$DRY_RUN" ] || return 0
	find_kubectl || die 3 "k3s is installed but not found" "look for k3s in /usr/local/bin and run the same line again"
	wait_for kube wait --for=condition=Ready nodes --all --timeout=5s ||
		die 3 "the node did not become ready within $TIMEOUT s" "$(logs_of k3s); then run the same line again"
}

embedded_manifest() {
	cat <<'MANIFEST'
# >>> deployments/agent.yaml
# The agent in a cluster: kubectl apply -f deployments/agent.yaml
#
# It only reads: rbac-standard.yaml, rbac-minimal.yaml and rbac-full.yaml let commands change
# things. Without a token for a control plane it is standalone, and without an API token only
# tokens of Kubernetes open the routes below /api. Both are in a Secret, each key optional:
#   kubectl -n pipeops-system create secret generic pipeops-agent-secret \
#     --from-file=token=FILE --from-file=api-token=FILE \
#     --from-literal=api-url=https://api.pipeops.io --from-literal=cluster-name=NAME
# A change of Secret or ConfigMap holds from the next start:
#   kubectl -n pipeops-system rollout restart deployment pipeops-agent
apiVersion: v1
kind: Namespace
metadata:
  name: pipeops-system
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/warn: restricted
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: pipeops-agent
  namespace: pipeops-system
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
automountServiceAccountToken: false
---
# What the agent watches, for all namespaces at once. It writes nothing and sees no Secret.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # Lists, counts and changes: /api/k8s/*, /api/status/*, heartbeats and status reports. The
  # identity of the cluster is the uid of the namespace kube-system. get, describe, events.
  - apiGroups: [""]
    resources: [nodes, pods, namespaces, services, events]
    verbs: [get, list, watch]
  # The same of deployments.
  - apiGroups: [apps]
    resources: [deployments]
    verbs: [get, list, watch]
  # What nodes and pods use, where there is a metrics server; top.
  - apiGroups: [metrics.k8s.io]
    resources: [nodes, pods]
    verbs: [get, list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pipeops-agent
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
---
# Scheduled before ordinary pods and evicted after them, at no other pod's expense.
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata:
  name: pipeops-agent
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
description: The agent that tells how the cluster is. It evicts nobody.
value: 100000
preemptionPolicy: Never
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: pipeops-agent-config
  namespace: pipeops-system
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
data:
  log_level: info
  # The probes, the Service and the network policy have this number too.
  port: "8080"
  # What commands may do here (docs/commands.md): the ConfigMap pipeops-agent-policy has it as
  # policy.yaml, and this line has the agent look there; without the file it does not start.
  # policy_file: /etc/pipeops-agent/policy.yaml
  # Names by which it is asked from outside the cluster, as an ingress hands them on; those of the Service it knows.
  # hosts: agent.example.com
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: pipeops-agent
  namespace: pipeops-system
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
spec:
  replicas: 1
  # One agent at a time speaks for the cluster; docs/adr/0012-commands.md says what else keeps two apart.
  strategy: {type: Recreate}
  selector:
    matchLabels:
      app.kubernetes.io/name: pipeops-agent
      app.kubernetes.io/instance: pipeops-agent
  template:
    metadata:
      labels:
        app.kubernetes.io/name: pipeops-agent
        app.kubernetes.io/instance: pipeops-agent
        app.kubernetes.io/version: 0.1.0
        app.kubernetes.io/component: agent
        app.kubernetes.io/part-of: pipeops
        app.kubernetes.io/managed-by: kubectl
    spec:
      serviceAccountName: pipeops-agent
      # It has a token of its own below, which is renewed each hour.
      automountServiceAccountToken: false
      # A service named pipeops would set PIPEOPS_PORT.
      enableServiceLinks: false
      priorityClassName: pipeops-agent
      # The only node may be a control plane, and short of memory when it matters most.
      tolerations:
        - {key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}
        - {key: node.kubernetes.io/memory-pressure, operator: Exists, effect: NoSchedule}
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        fsGroup: 1000
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: agent
          image: pipeops/agent:0.1.0
          imagePullPolicy: IfNotPresent
          env:
            - {name: PIPEOPS_STATE_DIR, value: /var/lib/pipeops-agent}
            - name: PIPEOPS_LOG_LEVEL
              valueFrom: {configMapKeyRef: {name: pipeops-agent-config, key: log_level}}
            - name: PIPEOPS_PORT
              valueFrom: {configMapKeyRef: {name: pipeops-agent-config, key: port}}
            - name: PIPEOPS_POLICY_FILE
              valueFrom: {configMapKeyRef: {name: pipeops-agent-config, key: policy_file, optional: true}}
            - name: PIPEOPS_HOSTS
              valueFrom: {configMapKeyRef: {name: pipeops-agent-config, key: hosts, optional: true}}
            - name: PIPEOPS_TOKEN
              valueFrom: {secretKeyRef: {name: pipeops-agent-secret, key: token, optional: true}}
            - name: PIPEOPS_API_URL
              valueFrom: {secretKeyRef: {name: pipeops-agent-secret, key: api-url, optional: true}}
            - name: PIPEOPS_CLUSTER_NAME
              valueFrom: {secretKeyRef: {name: pipeops-agent-secret, key: cluster-name, optional: true}}
            - name: PIPEOPS_API_TOKEN
              valueFrom: {secretKeyRef: {name: pipeops-agent-secret, key: api-token, optional: true}}
          ports:
            - {name: http, containerPort: 8080}
          # Starts within a second; a large cluster takes a little longer to be listed.
          startupProbe: {httpGet: {path: /health, port: http}, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 30}
          livenessProbe: {httpGet: {path: /health, port: http}, periodSeconds: 10, timeoutSeconds: 3}
          readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5, timeoutSeconds: 3}
          # Measured: under 4 MB idle, under 6 MB with 5,000 pods, 8 MB while it lists them.
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits: {cpu: 500m, memory: 32Mi}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: state, mountPath: /var/lib/pipeops-agent}
            - {name: policy, mountPath: /etc/pipeops-agent, readOnly: true}
            - {name: service-account, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
      volumes:
        # Agent id, journal of commands, audit file, changes that wait: 16 MiB (PIPEOPS_STATE_SIZE);
        # components/pvc keeps them when the pod is replaced.
        - name: state
          emptyDir: {sizeLimit: 32Mi}
        - name: policy
          configMap: {name: pipeops-agent-policy, optional: true}
        - name: service-account
          projected:
            sources:
              - serviceAccountToken: {path: token, expirationSeconds: 3607}
              - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
              - downwardAPI: {items: [{path: namespace, fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}]}
---
apiVersion: v1
kind: Service
metadata:
  name: pipeops-agent
  namespace: pipeops-system
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
spec:
  type: ClusterIP
  selector:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
  ports:
    - {name: http, port: 8080, targetPort: http}
  # Also an agent that is not ready says why.
  publishNotReadyAddresses: true
# <<< deployments/agent.yaml
MANIFEST
}

embedded_rights() {
	case $RBAC in
	minimal)
		cat <<'RBAC'
# >>> deployments/rbac-minimal.yaml
# Commands in named namespaces only:
#   kubectl apply -f deployments/rbac-minimal.yaml
# names the namespace "default"; for each other NAME:
#   sed 's/namespace: default/namespace: NAME/' deployments/rbac-minimal.yaml | kubectl apply -f -
#
# Beside it the agent reads what agent.yaml lets it read, in all namespaces. It changes
# nothing elsewhere, and neither nodes nor namespaces anywhere.
# >>> deployments/rbac/workloads.yaml
# Operations on workloads and what stands beside them.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-workloads
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # get, describe, logs, wait; run, apply, create, delete, label, annotate, patch, replace.
  - apiGroups: [""]
    resources: [pods, services, serviceaccounts, persistentvolumeclaims, replicationcontrollers]
    verbs: [get, list, watch, create, update, patch, delete]
  # describe: where a service leads, and what happened.
  - apiGroups: [""]
    resources: [endpoints, events]
    verbs: [get, list, watch]
  # The same, where Kubernetes keeps it now.
  - apiGroups: [discovery.k8s.io]
    resources: [endpointslices]
    verbs: [get, list, watch]
  # The same, and: rollout restart, pause, resume, undo and status; set image, env, resources.
  - apiGroups: [apps]
    resources: [deployments, statefulsets, daemonsets, replicasets]
    verbs: [get, list, watch, create, update, patch, delete]
  # scale, and autoscale, which reads it.
  - apiGroups: [apps]
    resources: [deployments/scale, statefulsets/scale, replicasets/scale]
    verbs: [get, update, patch]
  # scale of the oldest kind.
  - apiGroups: [""]
    resources: [replicationcontrollers/scale]
    verbs: [get, update, patch]
  # rollout history and undo of stateful sets and daemon sets.
  - apiGroups: [apps]
    resources: [controllerrevisions]
    verbs: [get, list, watch]
  # create job --from, and the rest as for deployments.
  - apiGroups: [batch]
    resources: [jobs, cronjobs]
    verbs: [get, list, watch, create, update, patch, delete]
  # autoscale.
  - apiGroups: [autoscaling]
    resources: [horizontalpodautoscalers]
    verbs: [get, list, watch, create, update, patch, delete]
  # apply of what belongs to a workload: how it is reached.
  - apiGroups: [networking.k8s.io]
    resources: [ingresses, networkpolicies]
    verbs: [get, list, watch, create, update, patch, delete]
  # The same: how many of its pods may be missing.
  - apiGroups: [policy]
    resources: [poddisruptionbudgets]
    verbs: [get, list, watch, create, update, patch, delete]
# <<< deployments/rbac/workloads.yaml
---
# >>> deployments/rbac/exec-logs.yaml
# Logs of containers, and commands in them.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-exec-logs
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # Which containers there are.
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list, watch]
  # logs.
  - apiGroups: [""]
    resources: [pods/log]
    verbs: [get]
  # exec and cp; attach and run -it; port-forward. The API server asks for create, for get over a
  # WebSocket before Kubernetes 1.35.
  - apiGroups: [""]
    resources: [pods/exec, pods/attach, pods/portforward]
    verbs: [get, create]
# <<< deployments/rbac/exec-logs.yaml
---
# >>> deployments/rbac/config.yaml
# Settings of workloads. Secrets are in a role of their own.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-config
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # get, describe, create configmap, apply, patch, replace, delete.
  - apiGroups: [""]
    resources: [configmaps]
    verbs: [get, list, watch, create, update, patch, delete]
# <<< deployments/rbac/config.yaml
---
# >>> deployments/components/minimal/bindings.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: pipeops-agent-workloads
  namespace: default
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-workloads}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: pipeops-agent-exec-logs
  namespace: default
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-exec-logs}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: pipeops-agent-config
  namespace: default
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-config}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
# <<< deployments/components/minimal/bindings.yaml
# <<< deployments/rbac-minimal.yaml
RBAC
		;;
	standard)
		cat <<'RBAC'
# >>> deployments/rbac-standard.yaml
# Commands in the whole cluster, on everything but Secrets, rights and custom resources:
#   kubectl apply -f deployments/rbac-standard.yaml
# after agent.yaml; kubectl apply -k deployments/ has it in.
#
# Who may start pods in a namespace may give them its service accounts and Secrets: these
# rights are an operator's, not a visitor's. rbac-minimal.yaml keeps them to some namespaces.
# >>> deployments/rbac/workloads.yaml
# Operations on workloads and what stands beside them.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-workloads
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # get, describe, logs, wait; run, apply, create, delete, label, annotate, patch, replace.
  - apiGroups: [""]
    resources: [pods, services, serviceaccounts, persistentvolumeclaims, replicationcontrollers]
    verbs: [get, list, watch, create, update, patch, delete]
  # describe: where a service leads, and what happened.
  - apiGroups: [""]
    resources: [endpoints, events]
    verbs: [get, list, watch]
  # The same, where Kubernetes keeps it now.
  - apiGroups: [discovery.k8s.io]
    resources: [endpointslices]
    verbs: [get, list, watch]
  # The same, and: rollout restart, pause, resume, undo and status; set image, env, resources.
  - apiGroups: [apps]
    resources: [deployments, statefulsets, daemonsets, replicasets]
    verbs: [get, list, watch, create, update, patch, delete]
  # scale, and autoscale, which reads it.
  - apiGroups: [apps]
    resources: [deployments/scale, statefulsets/scale, replicasets/scale]
    verbs: [get, update, patch]
  # scale of the oldest kind.
  - apiGroups: [""]
    resources: [replicationcontrollers/scale]
    verbs: [get, update, patch]
  # rollout history and undo of stateful sets and daemon sets.
  - apiGroups: [apps]
    resources: [controllerrevisions]
    verbs: [get, list, watch]
  # create job --from, and the rest as for deployments.
  - apiGroups: [batch]
    resources: [jobs, cronjobs]
    verbs: [get, list, watch, create, update, patch, delete]
  # autoscale.
  - apiGroups: [autoscaling]
    resources: [horizontalpodautoscalers]
    verbs: [get, list, watch, create, update, patch, delete]
  # apply of what belongs to a workload: how it is reached.
  - apiGroups: [networking.k8s.io]
    resources: [ingresses, networkpolicies]
    verbs: [get, list, watch, create, update, patch, delete]
  # The same: how many of its pods may be missing.
  - apiGroups: [policy]
    resources: [poddisruptionbudgets]
    verbs: [get, list, watch, create, update, patch, delete]
# <<< deployments/rbac/workloads.yaml
---
# >>> deployments/rbac/exec-logs.yaml
# Logs of containers, and commands in them.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-exec-logs
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # Which containers there are.
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list, watch]
  # logs.
  - apiGroups: [""]
    resources: [pods/log]
    verbs: [get]
  # exec and cp; attach and run -it; port-forward. The API server asks for create, for get over a
  # WebSocket before Kubernetes 1.35.
  - apiGroups: [""]
    resources: [pods/exec, pods/attach, pods/portforward]
    verbs: [get, create]
# <<< deployments/rbac/exec-logs.yaml
---
# >>> deployments/rbac/nodes.yaml
# Care of nodes. Bind it in the whole cluster: nodes are in no namespace.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-nodes
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # cordon, uncordon, taint, label and annotate; delete of a node that is gone.
  - apiGroups: [""]
    resources: [nodes]
    verbs: [get, list, watch, patch, delete]
  # drain: what runs there.
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list, watch]
  # drain: what a daemon set would start again is left.
  - apiGroups: [apps]
    resources: [daemonsets]
    verbs: [get, list, watch]
  # drain: the orderly end of a pod.
  - apiGroups: [""]
    resources: [pods/eviction]
    verbs: [create]
  # describe and get of the storage that nodes offer.
  - apiGroups: [""]
    resources: [persistentvolumes]
    verbs: [get, list, watch]
  # The same: its classes.
  - apiGroups: [storage.k8s.io]
    resources: [storageclasses]
    verbs: [get, list, watch]
  # describe node: when it was last heard of.
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [get, list, watch]
# <<< deployments/rbac/nodes.yaml
---
# >>> deployments/rbac/config.yaml
# Settings of workloads. Secrets are in a role of their own.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-config
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # get, describe, create configmap, apply, patch, replace, delete.
  - apiGroups: [""]
    resources: [configmaps]
    verbs: [get, list, watch, create, update, patch, delete]
# <<< deployments/rbac/config.yaml
---
# >>> deployments/rbac/namespaces.yaml
# Namespaces and the limits that hold in them.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-namespaces
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # get, describe, create namespace, apply, label and annotate, delete.
  - apiGroups: [""]
    resources: [namespaces]
    verbs: [get, list, watch, create, update, patch, delete]
  # describe namespace; apply of limits.
  - apiGroups: [""]
    resources: [resourcequotas, limitranges]
    verbs: [get, list, watch, create, update, patch, delete]
# <<< deployments/rbac/namespaces.yaml
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pipeops-agent-workloads
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-workloads}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pipeops-agent-exec-logs
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-exec-logs}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pipeops-agent-nodes
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-nodes}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pipeops-agent-config
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-config}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pipeops-agent-namespaces
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-namespaces}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
# <<< deployments/rbac-standard.yaml
RBAC
		;;
	full)
		cat <<'RBAC'
# >>> deployments/rbac-full.yaml
# Full access, opt in with care: who holds the control plane then holds the cluster.
#   kubectl apply -f deployments/rbac-full.yaml
# after agent.yaml. kubectl delete -f takes it back.
# >>> deployments/components/full/rbac.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pipeops-agent-full
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
rules:
  # Every command on every kind, Secrets, roles and custom resources too. The verbs are named:
  # escalate, bind and impersonate are not among them, so no role that it writes has more than it
  # has. A pod or a token of another service account may: the cluster is held all the same.
  - apiGroups: ["*"]
    resources: ["*"]
    verbs: [get, list, watch, create, update, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pipeops-agent-full
  labels:
    app.kubernetes.io/name: pipeops-agent
    app.kubernetes.io/instance: pipeops-agent
    app.kubernetes.io/version: 0.1.0
    app.kubernetes.io/component: agent
    app.kubernetes.io/part-of: pipeops
    app.kubernetes.io/managed-by: kubectl
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pipeops-agent-full}
subjects:
  - {kind: ServiceAccount, name: pipeops-agent, namespace: pipeops-system}
# <<< deployments/components/full/rbac.yaml
# <<< deployments/rbac-full.yaml
RBAC
		;;
	esac
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
