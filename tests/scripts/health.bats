#!/usr/bin/env bats
# health-check.sh and cluster-info.sh.
load helper

with_api_token() {
	mkdir "$T/cluster/secret"
	printf '%s' "$secret" >"$T/cluster/secret/api-token"
}

json() {
	script health-check.sh --json
	printf '%s\n' "$output" | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["healthy"], *[c["name"] for c in d["checks"] if c["state"] == sys.argv[1]], sep=",")' "$1"
}

@test "0: healthy, without and with an API token" {
	script health-check.sh
	is 0 "ok       api-server" "ok       /ready" "skipped  /api" "watch pods" "healthy"
	with_api_token
	script health-check.sh
	is 0 "ok       /metrics" "ok       /api/k8s/pods" "ok       control-plane"
	[ "$(json failed)" = True ]
	not_called 'kubectl.* \(apply\|create\|delete\|patch\)'
}

@test "TLS, where the pod has it" {
	script health-check.sh
	case $output in *tls*) fail "there is none" ;; esac
	echo 8443 >"$T/https"
	script health-check.sh
	is 0 "ok       tls                answers on port 8443"
	touch "$T/tls-fails"
	script health-check.sh
	is 4 "failed   tls                handshake failure"
}

@test "1: options, no kubectl" {
	script health-check.sh --timeout x
	is 1 "not a number"
	script health-check.sh --timeout=
	is 1 "not a number"
	mkdir "$T/few"
	for each in printf mktemp rm tr sed paste; do
		ln -s "$(type -P $each)" "$T/few/$each"
	done
	for name in health-check.sh cluster-info.sh; do
		run env PATH="$T/few" $SCRIPT_SHELL "$scripts/$name"
		is 1 "neither kubectl nor k3s"
	done
	PATH=$T/few:/nowhere run $SCRIPT_SHELL "$scripts/health-check.sh" --json
	is 1 '{"healthy":false,"checks":[{"name":"kubectl","state":"failed"'
}

@test "JSON whatever the server says" {
	printf '\033[31m"red"\033[0m \\ \r\n\t\001' >"$T/api-down"
	[ "$(json failed)" = False,api-server ]
}

@test "1: not root on the server: said so, by each" {
	PIPEOPS_TOKEN=$secret script install.sh
	chmod 000 "$T/root/etc/rancher/k3s/k3s.yaml"
	# Root without the rights that make it root; busybox takes root's word for them.
	case $SCRIPT_SHELL in *busybox*) return ;; esac
	[ "$(id -u)" -ne 0 ] || less="setpriv --bounding-set=-dac_override,-dac_read_search"
	for name in health-check.sh cluster-info.sh upgrade.sh; do
		HOME=/nowhere run ${less:-} $SCRIPT_SHELL "$scripts/$name"
		is 1 "only root may read" "sudo"
	done
}

@test "3: the cluster" {
	touch "$T/not-ready"
	script health-check.sh
	is 3 "failed   nodes" "NOT healthy"
	touch "$T/api-down"
	script health-check.sh
	is 3 "failed   api-server" "connection refused" "next: "
	[ "$(json failed)" = False,api-server ]
}

@test "k3s of this machine" {
	PIPEOPS_TOKEN=$secret script install.sh
	script health-check.sh
	is 0 "ok       k3s                k3s version v1.33.4+k3s1"
	touch "$T/api-down"
	script health-check.sh
	is 3 "failed   k3s" "journalctl -u k3s"
}

@test "rights of the level that is installed" {
	script install.sh --existing-cluster --standalone
	script health-check.sh
	is 0 "patch deployments.apps allowed, -A" "patch nodes"
	script install.sh --existing-cluster --rbac-namespaces shop,web
	script health-check.sh
	is 0 "patch deployments.apps allowed, -n shop" "patch deployments.apps allowed, -n web"
	called 'auth can-i create pods --subresource=exec -n web --as=system:serviceaccount:pipeops-system:pipeops-agent'
	not_called 'can-i patch nodes -n'
	script cluster-info.sh
	is 0 "minimal in shop,web"
	script install.sh --existing-cluster --rbac full
	script health-check.sh
	is 0 "update secrets"
	touch "$T/no-rights"
	script health-check.sh
	is 4 "next: install.sh --rbac full grants it"
	script install.sh --existing-cluster --rbac read-only
	rm "$T/no-rights"
	: >"$T/calls"
	script health-check.sh
	is 0
	not_called 'can-i patch'
}

@test "4: the agent" {
	touch "$T/unhealthy"
	script health-check.sh
	is 4 "failed   /health"
	[ "$(json failed)" = False,/health,/ready,/version ]
	rm "$T/unhealthy"
	touch "$T/no-rights"
	script health-check.sh
	is 4 "failed   watch pods"
	rm "$T/no-rights"
	with_api_token
	touch "$T/plane-down"
	script health-check.sh
	is 4 "failed   control-plane"
	touch "$T/no-agent"
	script health-check.sh
	is 4 "failed   deployment"
}

@test "cluster-info: address, join line, agent; the token only when asked for" {
	PIPEOPS_TOKEN=x script install.sh
	mkdir -p "$T/root/var/lib/rancher/k3s/server" "$T/root/etc/rancher/k3s"
	(umask 077 && echo "$secret" >"$T/root/var/lib/rancher/k3s/server/node-token")
	script cluster-info.sh
	printf ' 2001:db8::7' >"$T/second-address"
	script cluster-info.sh
	is 0 192.0.2.7 "join-worker.sh 192.0.2.7 -" "--show-token" "1/1 pipeops/agent"
	run $SCRIPT_SHELL "$scripts/cluster-info.sh" --show-token
	is 0 "$secret"
}

@test "cluster-info: 3 and 4" {
	touch "$T/no-agent"
	script cluster-info.sh
	is 4 "not in namespace"
	touch "$T/api-down"
	script cluster-info.sh
	is 3 "does not answer: connection refused" "next: "
}
