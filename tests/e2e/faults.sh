# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by run: what happens to an agent that runs.

killed() {
	count=$(restarts)
	kill -KILL "$(process)"
	within 60 "a restart" restarted "$count"
	seen
	more_beats 2 60
	same_agent
}

restarted() { [ "$(restarts)" = $(($1 + 1)) ]; } # COUNT

# Both hierarchies of control groups: the folder of the agent's container.
group() {
	id=$(container)
	for hierarchy in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		[ ! -d "$hierarchy" ] || find "$hierarchy" -type d -name "${id#containerd://}" | head -n 1
	done | head -n 1
}

process() { head -n 1 "$(group)/cgroup.procs"; }

deleted() {
	before=$(pod)
	ours delete pod "$before" --timeout=60s >/dev/null
	plane transcript | jq -es 'any(.[]; .call == "heartbeat" and .request.body.status == "stopping")' >/dev/null ||
		fail "it did not say that it stops"
	seen
	[ "$(pod)" != "$before" ] || fail "still pod $before"
	more_beats 2 60
	same_agent
}

# What runs goes on without it.
containerd_restarted() {
	was="$(container) $(restarts) $(process)"
	part restart containerd
	more_beats 3 30
	within 60 "the node, ready" kube wait --for=condition=Ready node/node-1 --timeout=1s
	within 30 "an exec through containerd" ours exec deployment/pipeops-agent -- /pipeops-agent probe ready
	[ "$was" = "$(container) $(restarts) $(process)" ] || fail "was $was"
}

# Meanwhile it lives, says that it is not ready and why, and goes on telling what it knows.
api_server_gone() {
	was="$(container) $(restarts)"
	part stop apiserver
	gone=$(now)
	within 30 "an agent that says so" says /ready 503 '.checks.kubernetes.ok | not'
	while [ "$(now)" -lt $((gone + 60)) ]; do
		more_beats 5 30
		says /health 200 .status || fail "not alive: $(cat "$work/answer.log")"
	done
	part start apiserver
	# Its proxy waits longer and longer for it, too.
	within 180 "the API server behind its Service, as pods see it" in_network curl -sk --fail -m 2 https://10.96.0.1/readyz
	back=$(now)
	within 30 "an agent that is ready again" says /ready 200 .status
	told="ready again after $(($(now) - back)) s"
	# They wait longer and longer for an API server; new ones find it at once.
	part restart controller-manager
	part restart scheduler
	within 60 "an agent that Kubernetes calls ready" running
	[ "$was" = "$(container) $(restarts)" ] || fail "was $was, is $(container) $(restarts)"
}

control_plane_gone() {
	was="$(container) $(restarts)"
	stop_control_plane
	within 60 "twenty missed heartbeats" missed 20
	says /health 200 .status || fail "not alive: $(cat "$work/answer.log")"
	start_control_plane
	back=$(now)
	plane "await?call=heartbeat&count=2&timeout=75" >/dev/null || fail "two heartbeats: not within 75 s"
	within 10 "an agent that is ready again" says /ready 200 .status
	told="heartbeats again after $(($(now) - back)) s"
	same_agent
	ours logs deployment/pipeops-agent | grep -q 'connected again after' || fail "the log does not say so"
	[ "$was" = "$(container) $(restarts)" ] || fail "was $was, is $(container) $(restarts)"
}

missed() { # COUNT
	says /ready 503 "(.checks.control_plane.detail | capture(\"^(?<n>[0-9]+) beats missed\").n | tonumber) >= $1"
}

# The pods are there before the agent is, so that it lists them all at its start.
many_pods() {
	timeout 600 "$PIPEOPS_TEST_CLUSTER_CMD" scale 5000
	site deployments >"$work/agent.yaml"
	installed=yes
	install --token-file "$work/token" --api-url "https://$plane_url" --cluster-name "$cluster"
	seen
	within 60 "5,000 pods in a heartbeat" counted 5000
	more_beats 5 30
	agent_id=$(agents | jq -r '.[0].id')
	ask 240 '"get", "pods", "-A", "-o", "json"' .truncated
	[ "$(restarts)" = 0 ] || fail "restarted: $(of_pod .status.containerStatuses[0].lastState)"
	limit=$(figure memory.limit_in_bytes memory.max)
	peak=$(figure memory.max_usage_in_bytes memory.peak)
	resident=$(awk '/^VmHWM/ { print $2 * 1024 }' "/proc/$(process)/status")
	told="at most $((resident / 1000)) kB resident, $((peak / 1000)) kB with the files it read, of $((limit / 1000)) kB"
	[ "$limit" -le 33554432 ] || fail "the limit is $limit"
	# Its own memory; what the kernel keeps of files it gives back instead of killing.
	[ "$resident" -lt $((limit / 2)) ] || fail "$told"
}

# Of the agent's control group, as version 1 and version 2 name it.
figure() { # FILE FILE
	folder=$(group)
	for name in "$@"; do
		[ ! -e "$folder/$name" ] || cat "$folder/$name"
	done
}

counted() { # PODS
	agents | jq -e ".[0].heartbeat.metadata.counts.pods >= $1" >/dev/null
}
