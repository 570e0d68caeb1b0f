# shellcheck shell=sh disable=SC2154
# Sourced by demo.sh, whose variables these are: asks the control plane, the agent and the
# cluster. How the answers are put into words is in words.jq.

# curl's exit code 22 is an answer that means no, 408 of /await for instance.
control_plane() { # PATH [OPTION...]
	path=$1
	shift
	curl --silent --show-error --fail --max-time 10 --noproxy '*' --cacert "$work/tls/ca.pem" \
		"$@" "$control_plane_url$path" 2>"$work/curl.log"
}

agent() { # PATH
	curl --silent --show-error --max-time 10 --noproxy '*' --header @"$work/api-header" \
		"http://$agent_address$1" 2>"$work/curl.log"
}

kube() { tests/cluster/cluster kubectl "$@"; }

words() { jq --raw-output -L build/demo "include \"words\"; $1" ${2:+"$2"}; } # FILTER [FILE]

# The control plane's record of the agent, kept so that all figures told are of one moment.
read_record() { control_plane /agents >"$work/record.json"; }

record() { # FILTER
	jq --raw-output -L build/demo --arg pod "$pod" --argjson before "${pods_before:-0}" --argjson number "$statuses" \
		"include \"words\"; .[0] | $1" "$work/record.json"
}

footprint() { agent /api/metrics/runtime | words footprint; }

readiness() { agent /ready | words readiness; }

# The first pod of the agent's list that is as the filter wants it, as NAMESPACE/NAME.
listed_pod() { # FILTER
	agent /api/k8s/pods | jq --raw-output -L build/demo --arg started "$started" \
		"include \"words\"; first(.items[]? | select($1) | pod_name)"
}
