# shellcheck shell=bash
# Simulated pods: kwok plays the kubelets of nodes that do not exist. The objects are
# real, made by deployments, and about as large as those of a real workload.

pods_per_node=100
# One deployment on each node.
pods_per_deployment=$pods_per_node

scale() { # PODS
	[[ ${1:-} =~ ^[0-9]+$ ]] || die "usage: cluster scale PODS"
	ensure_tools kwok
	if [ "$1" -eq 0 ]; then
		scale_away
		return
	fi
	local nodes=$((($1 + pods_per_node - 1) / pods_per_node))
	local deployments=$((($1 + pods_per_deployment - 1) / pods_per_deployment))
	start_simulation
	{
		render simulated-namespace.yaml
		for ((i = 1; i <= nodes; i++)); do numbered simulated-node.yaml "$i"; done
		for ((i = 1; i <= deployments; i++)); do
			numbered simulated-deployment.yaml "$i" $((($1 * i) / deployments - ($1 * (i - 1)) / deployments)) |
				sed "s|@NODE@|$i|"
		done
	} | apply_all
	surplus deployments "$deployments"
	# One that waits asks less of the server than one that asks; what counts is looked at after it.
	kubectl -n simulated wait --for=condition=Available --timeout=600s deployments --all >>"$CLUSTER_DIR/logs/scale.log" 2>&1 || :
	wait_for 600 "$1 simulated pods" pods_are "$1"
	surplus nodes "$nodes"
	say "$1 simulated pods on $nodes nodes"
}

start_simulation() {
	start kwok
	wait_ready kwok
}

numbered() { # TEMPLATE NUMBER [REPLICAS]
	echo ---
	sed -e "s|@NUMBER@|$2|g" -e "s|@REPLICAS@|${3:-}|g" "$CLUSTER_HOME/config/$1"
}

apply_all() { kubectl apply --server-side --force-conflicts -f - >>"$CLUSTER_DIR/logs/scale.log" 2>&1 || die "see logs/scale.log"; }

# Deletes those numbered above LAST.
surplus() { # RESOURCE LAST
	local extra
	extra=$(kubectl get "$1" -n simulated -o name | awk -F- -v last="$2" '/\/(orders|simulated)-/ && $NF > last')
	# shellcheck disable=SC2086 # names have no spaces
	[ -z "$extra" ] || kubectl delete -n simulated --wait=false $extra >>"$CLUSTER_DIR/logs/scale.log" 2>&1
}

# All ready, and none of an earlier scale still ending.
pods_are() { # COUNT
	local ready all
	ready=$(kubectl -n simulated get deployments -o 'jsonpath={range .items[*]}{.status.readyReplicas}{"\n"}{end}' |
		awk '{ sum += $1 } END { print sum + 0 }')
	all=$(kubectl get --raw '/api/v1/namespaces/simulated/pods?limit=1' |
		sed -n 's/.*"remainingItemCount":\([0-9]*\).*/\1/p; t; s/.*"items":\[{.*/0/p; t; s/.*/-1/p')
	[ "$ready $((all + 1))" != "$1 $1" ] || return 0
	# Who asks takes time from those who work on it.
	sleep 2
	return 1
}

scale_away() {
	kubectl get namespace simulated >/dev/null 2>&1 || return 0
	# kwok must still be there, to end the pods.
	start_simulation
	surplus deployments 0
	wait_for 600 "end of the simulated pods" pods_are 0
	surplus nodes 0
	kubectl delete namespace simulated --timeout=60s >>"$CLUSTER_DIR/logs/scale.log"
	end TERM kwok
}
