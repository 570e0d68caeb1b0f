# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by demo.sh, whose variables these are: starts the parts, and ends them all, however the demo ends.

tell() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" | tr -d '\000-\011\013-\037\177'; }

# A command in a process group of its own: a signal to the demo ends the wait at once, and
# clean_up ends the command with all that it started.
limited() { # SECONDS COMMAND...
	timeout --kill-after=10 "$@" 9>&- &
	running=$!
	outcome=0
	wait "$running" 2>/dev/null || outcome=$?
	running=
	return "$outcome"
}

# The cluster has one name on a machine, so there is one demo at a time. The kernel gives
# the lock back however the demo ends; what a killed one left is removed by the next.
lock() {
	mkdir -p "$PIPEOPS_CACHE"
	exec 9>"$PIPEOPS_CACHE/demo.lock"
	flock -n 9 || die "another demo runs on this machine; end it first"
}

make_folder() {
	work=$PIPEOPS_CACHE/demo
	rm -rf "$work"
	mkdir -m 0700 "$work"
}

start_cluster() {
	export CLUSTER_NAME=demo
	export CLUSTER_LINK="${CLUSTER_LINK:-198.18.240}"
	cluster=ours
	# Of a demo that was killed.
	limited 120 tests/cluster/cluster down
	began=$(date +%s)
	outcome=0
	limited 3600 tests/cluster/cluster metrics || outcome=$?
	case $outcome in
	0) ;;
	3)
		cluster=''
		die "no Kubernetes can run on this machine, as the line above says; use one of yours: make demo CLUSTER=mine"
		;;
	*) die "the local Kubernetes did not start; use one of yours: make demo CLUSTER=mine" ;;
	esac
	eval "$(tests/cluster/cluster env)"
	tell "cluster up in $(($(date +%s) - began)) s: $(kube get nodes --output json | words '[.items[] | node] | join("; ")')"
}

start_control_plane() {
	secret token
	lasting "${CARGO_TARGET_DIR:-target}/debug/control-plane" --listen 127.0.0.1:0 --tls "$work/tls" \
		--token-file "$work/token" >"$work/control-plane.log" 2>&1 9>&- &
	control_plane_pid=$!
	control_plane_url=$(logged control-plane "$control_plane_pid" 's/^listening on //p')
	[ -n "$control_plane_url" ] || ended "$control_plane_pid" control-plane
	tell "control plane at $control_plane_url, pid $control_plane_pid: TLS with a CA of its own, the token in a file of mode $(stat -c %a "$work/token")"
}

# Nothing of the caller's environment: the agent has one kubeconfig and these settings.
start_agent() {
	secret api-token
	# For curl: what stands in a file is in no list of processes.
	(umask 077 && sed 's/^/Authorization: Bearer /' "$work/api-token" >"$work/api-header")
	started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	lasting env -i PATH="$PATH" KUBECONFIG="$KUBECONFIG" PIPEOPS_CLUSTER_NAME="${mine:+mine}${cluster:+demo}" \
		PIPEOPS_API_URL="$control_plane_url" PIPEOPS_CA_FILE="$work/tls/ca.pem" PIPEOPS_TOKEN_FILE="$work/token" \
		PIPEOPS_HEARTBEAT_INTERVAL=5s PIPEOPS_STATUS_INTERVAL=10s PIPEOPS_STATE_DIR="$work/state" \
		PIPEOPS_LISTEN=127.0.0.1:0 PIPEOPS_API_TOKEN_FILE="$work/api-token" \
		bin/pipeops-agent >"$work/agent.log" 2>&1 9>&- &
	agent_pid=$!
	agent_address=$(logged agent "$agent_pid" 's/.*listening on \([0-9.:]*\).*/\1/p')
	[ -n "$agent_address" ] || ended "$agent_pid" agent
	tell "agent started: pid $agent_pid, http://$agent_address, $(footprint), $(wc -c <bin/pipeops-agent) bytes on disk"
}

# Becomes a program that Ctrl-C does not reach, so that parts end in order, and that does
# not outlive the demo even if that is killed. For use with &.
lasting() { exec setpriv --pdeathsig TERM setsid "$@"; } # COMMAND...

# A new random token, readable by its owner alone.
secret() { (umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$work/$1"); } # FILE

# What sed finds in a log within 10 s; nothing when the process ends before.
logged() { # LOG PID SED
	tries=100
	while [ "$tries" -gt 0 ]; do
		found=$(sed -n "$3" "$work/$1.log" 2>/dev/null | head -n 1)
		[ -z "$found" ] || break
		alive "$2" || break
		sleep 0.1
		tries=$((tries - 1))
	done
	printf '%s' "$found"
}

# A zombie has no program any more.
alive() { [ -e "/proc/$1/exe" ]; } # PID

must_run() {
	alive "$control_plane_pid" || ended "$control_plane_pid" control-plane
	alive "$agent_pid" || ended "$agent_pid" agent
}

ended() { # PID LOG
	outcome=0
	wait "$1" 2>/dev/null || outcome=$?
	fail "the $2 ended with status $outcome" "$2"
}

clean_up() {
	status=$?
	trap - EXIT
	trap '' HUP INT PIPE TERM
	set +e
	if [ -n "$running" ]; then
		kill -TERM "$running" 2>/dev/null
		wait "$running" 2>/dev/null
	fi
	[ -z "$agent_pid" ] || end_agent
	[ -z "$control_plane_pid" ] || end "$control_plane_pid"
	if [ -n "$cluster" ]; then
		tests/cluster/cluster down 9>&- || status=1
		tell "cluster removed"
	fi
	[ -z "$work" ] || rm -rf "$work"
	exit "$status"
}

end_agent() {
	alive "$agent_pid" || return
	end "$agent_pid"
	if read_record && [ -n "$agent_id" ]; then
		tell "agent ended: $(record farewell)"
	else
		tell "agent ended"
	fi
}

# Asks a process to end; insists after 10 s.
end() { # PID
	alive "$1" || return
	kill -TERM "$1" 2>/dev/null
	tries=100
	while alive "$1"; do
		[ "$tries" -gt 0 ] || kill -KILL "$1" 2>/dev/null
		sleep 0.1
		tries=$((tries - 1))
	done
	wait "$1" 2>/dev/null
}
