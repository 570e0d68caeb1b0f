# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by demo.sh, whose variables these are: tells what happens, and knows what must have been seen.

# From the start of the agent, when the demo ends by itself.
story_seconds=120
# The workload grows and shrinks every so many beats.
scale_beats=4

story() {
	end_by=$(($(date +%s) + story_seconds))
	while :; do
		tell_pods
		# This is where the demo waits: a second, or less when a beat comes.
		! arrived heartbeat "$beats" 1 || tell_beat
		[ -z "$agent_id" ] || ! arrived status "$statuses" 0 || tell_status
		tell_commands
		tell_readiness
		must_run
		[ -n "$once" ] || continue
		[ -n "$(missing)" ] || break
		[ "$(date +%s)" -lt "$end_by" ] || fail "not everything was seen in $story_seconds s" agent
	done
	tell "seen: registration, $beats acknowledged beats, CPU and memory, pod $pod in the agent's list and in the control plane's counts, commands with their output, one of them while it ran"
}

# Whether more calls of a sort were acknowledged than were told.
arrived() { # CALL TOLD SECONDS
	outcome=0
	control_plane "/await?call=$1&count=$(($2 + 1))&timeout=$3" >/dev/null || outcome=$?
	case $outcome in
	0) read_record ;;
	22) return 1 ;;
	*)
		must_run
		fail "the control plane does not answer: $(cat "$work/curl.log")" control-plane
		;;
	esac
}

tell_beat() {
	if [ -z "$agent_id" ]; then
		agent_id=$(record .id)
		tell "registered as $agent_id: $(record registration)"
	fi
	beats=$(record .heartbeats)
	tell "$(record heartbeat)"
	tell "the agent uses $(footprint)"
	[ -n "$mine" ] || workload
}

tell_status() {
	statuses=$(record .statuses)
	tell "$(record status)"
	[ "$(record has_usage)" != true ] || usage=seen
}

# What happened to pods since the last look; the first look only takes the place.
tell_pods() {
	agent "/api/status/changes${since:+?since=$since}" >"$work/changes.json" || return 0
	if [ -n "$since" ]; then
		words '.changes[]? | pod_change' "$work/changes.json" >"$work/changes"
		more=$(($(wc -l <"$work/changes") - 20))
		[ "$more" -le 0 ] || tell "$more more changes of pods, then:"
		tail -n 20 "$work/changes" | while read -r line; do tell "$line"; done
	fi
	since=$(jq '.last_id // empty' "$work/changes.json")
	find_pod
}

# The pod to be seen: of the workload, or any on a cluster that is only read.
find_pod() {
	if [ -z "$pod" ]; then
		pod=$(listed_pod "${cluster:+.namespace == \"demo\" and .created >= \$started}${mine:+true}")
		[ -z "$pod" ] || tell "the agent lists pod $pod"
	fi
	[ -n "$agent_id" ] && [ -n "$pod" ] && [ -z "$pod_reported" ] || return 0
	[ "$(record has_pod)" != true ] || pod_reported=seen
}

tell_readiness() {
	now=$(readiness)
	[ "$now" = "$ready" ] || tell "the agent is $now"
	ready=$now
}

# Created at the first beat, so that every pod of it is a change the agent must notice.
workload() {
	if [ -z "$pods_before" ]; then
		pods_before=$(record '.heartbeat.metadata.counts.pods // 0')
		replicas=2
		kube apply --filename build/demo/workload.yaml >/dev/null
	elif [ -z "$once" ] && [ $((beats % scale_beats)) -eq 0 ]; then
		replicas=$((6 - replicas))
		kube --namespace demo scale deployment/hello --replicas "$replicas" >/dev/null
	else
		return 0
	fi
	tell "workload: deployment demo/hello is to have $replicas pods"
}

# What is still to be seen, a line each.
missing() {
	[ -n "$agent_id" ] || echo "a registration"
	[ "$beats" -ge 2 ] || echo "two acknowledged beats, only $beats"
	[ -n "$usage" ] || echo "a status with CPU and memory above zero"
	[ -n "$pod" ] || echo "a pod${cluster:+ created after the start} in the agent's list"
	[ -n "$pod_reported" ] || echo "that pod in the control plane's counts and status"
	[ -n "$answered" ] || echo "a command with output and exit code 0"
	[ -n "$streamed" ] || echo "output of a command that still runs"
}

fail() { # REASON LOG
	{
		tell "FAILED: $1"
		missing | while read -r line; do tell "not seen: $line"; done
		tell "the last lines of the log of the $2:"
		tail -n 10 "$work/$2.log"
	} >&2
	exit 1
}
