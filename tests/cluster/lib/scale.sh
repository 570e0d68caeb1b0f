# shellcheck shell=bash
# Simulated pods: kwok plays the kubelets of nodes that do not exist. The objects are
# real, made by deployments, and about as large as those of a real workload.

pods_per_node=100
pods_per_deployment=50

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
			numbered simulated-deployment.yaml "$i" $((($1 * i) / deployments - ($1 * (i - 1)) / deployments))
		done
	} | apply_all
	surplus deployments "$deployments" --namespace=simulated
	wait_for 900 "$1 simulated pods" pods_are "$1"
	surplus nodes "$nodes" --selector=type=kwok
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
surplus() { # RESOURCE LAST KUBECTL-OPTIONS...
	local resource=$1 last=$2
	shift 2
	kubectl get "$resource" "$@" -o name | while read -r name; do
		[ "${name##*-}" -le "$last" ] || echo "$name"
	done | xargs -r -n 100 "$(tool kubectl)" --kubeconfig="$CLUSTER_DIR/kubeconfig" delete --wait=false "${@:1:1}" \
		>>"$CLUSTER_DIR/logs/scale.log"
}

# All ready, and none of an earlier scale left over.
pods_are() { # COUNT
	local ready
	ready=$(kubectl -n simulated get deployments -o 'jsonpath={range .items[*]}{.status.readyReplicas} {.status.replicas}{"\n"}{end}' |
		awk '{ ready += $1; all += $2 } END { print ready + 0, all + 0 }')
	[ "$ready" = "$1 $1" ]
}

scale_away() {
	kubectl get namespace simulated >/dev/null 2>&1 || return 0
	# kwok must still be there, to end the pods.
	start_simulation
	kubectl delete namespace simulated --timeout=900s >>"$CLUSTER_DIR/logs/scale.log"
	kubectl delete nodes --selector=type=kwok >>"$CLUSTER_DIR/logs/scale.log"
	end TERM kwok
}
