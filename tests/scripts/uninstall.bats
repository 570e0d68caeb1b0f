#!/usr/bin/env bats
# uninstall.sh.
load helper

objects="deployment.apps/pipeops-agent
configmap/pipeops-agent-install
serviceaccount/pipeops-agent
secret/pipeops-agent-secret
secret/pipeops-agent-tls
secret/pipeops-agent-api-tokens
clusterrolebinding.rbac.authorization.k8s.io/pipeops-agent
clusterrole.rbac.authorization.k8s.io/pipeops-agent
priorityclass.scheduling.k8s.io/pipeops-agent
namespace/pipeops-system"

@test "1: nobody confirms" {
	printf '%s\n' "$objects" >"$T/cluster/objects"
	script uninstall.sh
	is 1 "uninstall.sh --yes"
	not_called delete
	run timeout 60 python3 "$BATS_TEST_DIRNAME/typist.py" ^D -- $SCRIPT_SHELL "$scripts/uninstall.sh"
	is 1 "not confirmed" "nothing was changed"
	not_called delete
}

@test "no in the environment is no" {
	PIPEOPS_TOKEN=$secret script install.sh
	printf '%s\n' "$objects" >"$T/cluster/objects"
	ASSUME_YES=no script uninstall.sh
	is 1 "nobody to ask"
	REMOVE_K3S=0 script uninstall.sh --yes
	is 0 "kept: k3s"
	REMOVE_K3S=never script uninstall.sh --yes
	is 1 "neither yes nor no: REMOVE_K3S=never"
	[ -e "$T/root/usr/local/bin/k3s" ]
}

@test "what Helm installed stays" {
	printf '%s\n' "$objects" >"$T/cluster/objects"
	echo Helm >"$T/manager"
	script uninstall.sh --yes
	is 0 "kept: the agent: Helm installed it" "removed: nothing"
	not_called 'kubectl delete'
}

@test "1: a namespace that cannot be the agent's" {
	for wrong in default kube-system -x A; do
		script uninstall.sh --yes --namespace "$wrong"
		is 1 "next: "
	done
	not_called delete
}

@test "removes all of the agent, k3s stays" {
	PIPEOPS_TOKEN=$secret script install.sh
	printf '%s\n' "$objects" >"$T/cluster/objects"
	script uninstall.sh --yes
	is 0 "removed: deployment.apps/pipeops-agent" "removed: clusterrole." "removed: namespace/pipeops-system" "kept: k3s: --k3s"
	[ ! -s "$T/cluster/objects" ]
	[ -e "$T/root/usr/local/bin/k3s" ]
	script uninstall.sh --yes
	is 0 "removed: nothing"
}

@test "removes what was granted in other namespaces, and the backups of this cluster" {
	printf '%s\n' "$objects" rolebinding/pipeops-agent-workloads >"$T/cluster/objects"
	echo shop pipeops-agent-workloads >"$T/rolebindings"
	backups=$T/root/var/lib/pipeops-install/backups
	mkdir -p "$backups/uid-of-the-cluster/1" "$backups/another/1"
	script uninstall.sh --dry-run
	is 0 "would delete: rolebinding/pipeops-agent-workloads -n shop" "would run: rm -rf $backups/uid-of-the-cluster"
	[ -e "$backups/uid-of-the-cluster" ]
	script uninstall.sh --yes
	is 0 "removed: rolebinding/pipeops-agent-workloads in shop" "removed: backups"
	called 'delete rolebinding/pipeops-agent-workloads -n shop'
	[ "$(ls "$backups")" = another ]
}

@test "4: goes on after errors, tells them, and the next run ends it" {
	printf '%s\n' "$objects" >"$T/cluster/objects"
	echo serviceaccount/pipeops-agent >"$T/undeletable"
	script uninstall.sh --yes
	is 4 "removed: deployment" "failed: serviceaccount/pipeops-agent: refused" "removed: clusterrole." "next: "
	mkdir -p "$T/root/var/lib/pipeops-install/backups/uid-of-the-cluster"
	script uninstall.sh --yes
	is 4 "kept: backups"
	rm "$T/undeletable"
	script uninstall.sh --yes
	is 0 "removed: serviceaccount/pipeops-agent"
}

@test "4: the API server is down" {
	touch "$T/api-down"
	script uninstall.sh --yes
	is 4 "does not answer: connection refused"
}

@test "a namespace with others in it stays" {
	printf '%s\n' "$objects" >"$T/cluster/objects"
	echo deployment.apps/other >"$T/others"
	script uninstall.sh --yes
	is 0 "kept: namespace pipeops-system: others are in it: deployment.apps/other"
	grep -q namespace/pipeops-system "$T/cluster/objects"
	called 'get pods,.*services,.*configmaps'
	printf '%s\n' configmap/kube-root-ca.crt serviceaccount/default secret/pipeops-agent-tls >"$T/others"
	script uninstall.sh --yes
	is 0 "removed: namespace/pipeops-system"
}

@test "4: a namespace that cannot be looked into stays" {
	printf '%s\n' "$objects" >"$T/cluster/objects"
	touch "$T/blind"
	script uninstall.sh --yes
	is 4 "cannot see whether others are in it: forbidden" "next: "
	grep -q namespace/pipeops-system "$T/cluster/objects"
}

@test "a namespace that was not made by the manifest stays" {
	printf '%s\n' "$objects" >"$T/cluster/objects"
	echo >"$T/owner"
	script uninstall.sh --yes
	is 0 "kept: namespace pipeops-system: it is not the agent's"
	grep -q namespace/pipeops-system "$T/cluster/objects"
}

@test "k3s: only if install.sh brought it" {
	T=$T "$BATS_TEST_DIRNAME/shims/k3s-installer"
	script uninstall.sh --yes --k3s
	is 0 "kept: k3s: install.sh did not install it"
	[ -e "$T/root/usr/local/bin/k3s" ]
}

@test "k3s: removed with its record; 3 when it is stuck" {
	PIPEOPS_TOKEN=$secret script install.sh
	touch "$T/k3s-stuck"
	script uninstall.sh --yes --k3s
	is 3 "failed: k3s: stuck" "next: "
	rm "$T/k3s-stuck"
	script uninstall.sh --yes --k3s
	is 0 "removed: k3s and its data"
	[ ! -e "$T/root/usr/local/bin/k3s" ]
	[ ! -e "$T/root/var/lib/pipeops-install" ]
}

@test "with k3s goes what is in it, not in the cluster that KUBECONFIG names" {
	PIPEOPS_TOKEN=$secret script install.sh
	printf '%s\n' "$objects" >"$T/cluster/objects"
	: >"$T/calls"
	KUBECONFIG=/other script uninstall.sh --yes --k3s --context other
	is 0 "removed: deployment" "removed: k3s and its data"
	not_called 'context other'
}

@test "dry run: every action, nothing changed" {
	printf '%s\n' "$objects" >"$T/cluster/objects"
	script uninstall.sh --dry-run
	is 0 "would delete: deployment.apps/pipeops-agent -n pipeops-system" "would delete: namespace/pipeops-system"
	not_called 'kubectl delete'
}
