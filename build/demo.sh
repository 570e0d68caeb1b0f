#!/bin/sh
# The agent live: a local Kubernetes node, the reference control plane, the agent and a workload.
# Every figure is read from the control plane, from the agent's API or with kubectl.
# usage: demo.sh                 until Ctrl-C
#        ONCE=1 demo.sh          ends by itself: 0 when all was seen, else 1 naming what was not
#        CLUSTER=mine demo.sh    on the cluster of KUBECONFIG, which is only read
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=build/demo/parts.sh
. "$root/build/demo/parts.sh"
# shellcheck source=build/demo/records.sh
. "$root/build/demo/records.sh"
# shellcheck source=build/demo/commands.sh
. "$root/build/demo/commands.sh"
# shellcheck source=build/demo/story.sh
. "$root/build/demo/story.sh"

# What is known so far; empty is not yet.
once='' mine='' work='' running='' cluster='' control_plane_pid='' agent_pid=''
agent_id='' beats=0 statuses=0 usage='' pods_before='' replicas='' pod='' pod_reported='' since='' ready=''
commands='' given='' follower='' read_log='' answered='' streamed=''

main() {
	check_options
	lock
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	limited 3600 build/setup.sh rust demo
	limited 3600 build/build.sh
	limited 3600 cargo build --quiet --locked --package control-plane
	make_folder
	if [ -n "$mine" ]; then
		tell "your cluster, only read: $KUBECONFIG"
	else
		start_cluster
	fi
	start_control_plane
	start_agent
	[ -n "$once" ] || tell "Ctrl-C ends the demo and removes everything"
	story
}

check_options() {
	case ${ONCE:-} in
	'' | 0) ;;
	1) once=yes ;;
	*) die "ONCE is 1 or empty, not $ONCE" ;;
	esac
	case ${CLUSTER:-} in
	'') ;;
	mine)
		mine=yes
		KUBECONFIG=${KUBECONFIG:-$HOME/.kube/config}
		[ -r "${KUBECONFIG%%:*}" ] || die "cannot read ${KUBECONFIG%%:*}: set KUBECONFIG to that of your cluster"
		;;
	*) die "CLUSTER is mine or empty, not $CLUSTER" ;;
	esac
}

main "$@"
