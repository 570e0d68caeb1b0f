# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by run: from the installation to the removal.

installed() {
	within 60 "a cluster in which nothing ends" settled
	everything >"$work/before"
	site deployments >"$work/agent.yaml"
	installed=yes
	install --token-file "$work/token" --api-url "https://$plane_url" --cluster-name "$cluster"
	! grep -i warning "$work/install.log" || fail "warnings of the API server"
	# That the namespace really refuses what is not restricted.
	if ours run loose --image=busybox:1 --dry-run=server >"$work/loose.log" 2>&1; then
		fail "a pod without any restriction is let in"
	fi
	grep -q 'violates PodSecurity "restricted' "$work/loose.log" || fail "not refused by Pod Security"
	seen
	told="pod $(pod)"
}

install() {
	script install.sh --existing-cluster --manifest "$work/agent.yaml" --timeout 90 "$@" >"$work/install.log" 2>&1
}

# The manifests with what this site needs, by the kustomization of the how-to.
site() { # DEPLOYMENTS
	beside "$1"
	split docs/how-to/private-ca.md
	cp "$work/blocks/1.yaml" "$work/site/kustomization.yaml"
	cp "$work/tls/ca.pem" "$work/site/ca.pem"
	real kustomize "$work/site"
}

# Where the agent is now.
seen() {
	within 60 "an agent that runs" running
	address=$(of_pod .status.podIP)
}

installed_again() {
	was="$(container) $(ours get deployment pipeops-agent -o 'jsonpath={.metadata.generation}')"
	install
	is="$(container) $(ours get deployment pipeops-agent -o 'jsonpath={.metadata.generation}')"
	[ "$was" = "$is" ] || fail "was $was, is $is"
}

registered() {
	plane "await?call=status&count=2&timeout=60" >/dev/null || fail "two status reports: not within 60 s"
	agent_id=$(agents | jq -r '.[0].id')
	same_agent
	uid=$(kube get namespace kube-system -o 'jsonpath={.metadata.uid}')
	version=$(kube get --raw /version | jq -r .gitVersion)
	nodes=$(kube get nodes -o name | wc -l)
	agents | jq -e --argjson nodes "$nodes" --arg uid "$uid" --arg name "$cluster" --arg version "$version" '.[0]
		| .registration.cluster.uid == $uid and .registration.cluster.name == $name
		and .registration.cluster.version == $version and .registration.cluster.node_count == $nodes
		and any(.status.nodes[]; .name == "node-1" and .ready)' >/dev/null || fail "$(agents)"
	told=$agent_id
}

probed() {
	for probe in started live ready; do
		ours exec deployment/pipeops-agent -- /pipeops-agent probe "$probe" >"$work/probe.log" || fail "probe $probe"
	done
	script health-check.sh >"$work/health-check.log" 2>&1 || fail "health-check.sh ended with $?"
	ours logs deployment/pipeops-agent >"$work/agent.log"
	grep -q "registered as $agent_id" "$work/agent.log" || fail "the log does not say that it is registered"
	! grep -q "$token" "$work/agent.log" || fail "the token is in the log"
	! grep -q ERROR "$work/agent.log" || fail "errors in the log"
	grep -o '([a-z0-9, -]*)$' docs/diagrams/components.md | tr -d '(),' | tr ' ' '\n' | sort >"$work/drawn"
	cat "/proc/$(process)"/task/*/comm | grep -vxE 'pipeops-agent|request' | sort >"$work/threads"
	diff "$work/drawn" "$work/threads" >"$work/threads.log" || fail "docs/diagrams/components.md has other threads"
}

commanded() {
	ask 30 '"get", "nodes", "-o", "name"' '.output == "node/node-1\n"'
}

# Queued, and done as it should be.
ask() { # SECONDS ARGUMENTS FILTER
	plane "agents/$agent_id/commands" -d "{\"type\": \"kubectl\", \"payload\": {\"args\": [$2], \"timeout_seconds\": $1}}" >/dev/null
	within "$1" "the result of a command" command_done "$3"
}

command_done() { # FILTER
	plane "agents/$agent_id/commands" |
		jq -e ".[-1].result | .success and .exit_code == 0 and ($1)"
}

uninstalled() {
	script uninstall.sh --yes --timeout 60 >"$work/uninstall.log" 2>&1
	installed=''
	# What the garbage collector still takes away.
	within 60 "the cluster as it was" as_before
	told="$(wc -l <"$work/before") objects"
}

# What other tests left is gone.
settled() { ! kube get namespaces | grep Terminating; }

as_before() {
	everything >"$work/after"
	diff "$work/before" "$work/after"
}

# Every object of every kind, but what comes and goes by itself.
everything() {
	kinds=$(kube api-resources --verbs=list -o name |
		grep -Ev '^(events|leases|componentstatuses|.*\.metrics\.k8s\.io|events\.events\.k8s\.io|leases\.coordination.*)(\.|$)' | paste -sd,)
	kube get "$kinds" -A -o 'jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}' 2>"$work/everything.log" | sort
}
