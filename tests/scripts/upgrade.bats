#!/usr/bin/env bats
# upgrade.sh, from the version of this tree to releases that exist only here.
load helper

backups() { echo "$T/root/var/lib/pipeops-install/backups/uid-of-the-cluster"; }

state() { sed -n 's/^state=//p' "$(backups)/$1/info"; }

runs() { # VERSION
	[ "$("$T/bin/kubectl" get --raw /x/proxy/version)" = "{\"version\":\"$1\"}" ] || fail "not running: $1"
}

installed() {
	PIPEOPS_TOKEN=$secret script install.sh --existing-cluster --cluster-name edge-7 "$@"
	is 0
	: >"$T/calls"
}

release() { # VERSION [NEW-OBJECT]
	mkdir -p "$T/releases/download/v$1"
	sed "s/$have/$1/; s|^# It only reads.*|# adds ${2:-}|; /^# adds $/d" "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" >"$T/releases/download/v$1/agent.yaml"
	(cd "$T/releases/download/v$1" && sha256sum agent.yaml >SHA256SUMS)
}

# All that an upgrade must not touch when it only looks.
untouched() {
	not_called 'kubectl.* apply -k [^ ]*$'
	not_called 'apply -f'
	not_called 'kubectl.* delete'
	[ ! -e "$T/root/var/lib/pipeops-install/backups" ] || fail "there is a backup"
}

@test "to a release: backs up, applies, verifies; settings stay, the secret is not read" {
	installed
	release 99.2.0
	script upgrade.sh --to v99.2.0
	is 0 "installed: $have" "release: https://github.com/PipeOpsHQ/pipeops-k8-agent/releases/download/v99.2.0" \
		"kept: CLUSTER_NAME edge-7" "upgraded: from $have to 99.2.0" "--rollback"
	runs 99.2.0
	[ "$(state 1)" = complete ]
	grep -q '"kind":"Deployment","image":"pipeops/agent:'"$have"'"' "$(backups)/1/objects.yaml"
	not_called 'get secret\|create secret'
	grep -q 'PIPEOPS_CLUSTER_NAME, value: "edge-7"' "$T/cluster/applied/deployment.yaml"
}

@test "backups: nobody else reads them, no secret is in them, five are kept" {
	installed
	for version in 2 3 4 5 6 7 8; do
		release 0.$version.0
		script upgrade.sh --to 0.$version.0
		is 0
	done
	[ "$(ls "$(backups)" | tr '\n' ' ')" = "3 4 5 6 7 " ]
	[ -z "$(find "$T/root/var/lib/pipeops-install/backups" -type d ! -perm 700 -o -type f ! -perm 600)" ]
	run grep -r "$secret\|\"kind\":\"Secret\"" "$T/root"
	is 1
}

@test "again: nothing to do" {
	installed
	release 99.2.0
	script upgrade.sh --to 99.2.0
	: >"$T/calls"
	script upgrade.sh --to 99.2.0
	is 0 "kept: version 99.2.0 runs" "nothing to do"
	not_called 'kubectl.* apply -k [^ ]*$'
	[ ! -e "$(backups)/2" ]
}

@test "without a version: the newest release" {
	installed
	release 99.3.0
	mkdir "$T/releases/latest"
	mv "$T/releases/download/v99.3.0" "$T/releases/latest/download"
	script upgrade.sh
	is 0 "upgraded: from $have to 99.3.0"
	script upgrade.sh --release-url https://mirror.example/releases/
	is 1 "not known" "--to VERSION"
}

@test "4: a new version that does not come up: back by itself, what it added goes" {
	installed
	release 99.2.0 configmap/pipeops-agent-extra
	touch "$T/broken-99.2.0"
	script upgrade.sh --to 99.2.0 --timeout 1
	is 4 "rolling back" "a line of the agent" "the upgrade to 99.2.0 failed; version $have runs again" "next: "
	runs $have
	[ "$(state 1)" = rolled-back ]
	called 'delete configmap/pipeops-agent-extra'
	rm "$T/broken-99.2.0"
	script upgrade.sh --to 99.2.0
	is 0 "upgraded: from $have to 99.2.0"
}

@test "4: another version answers than was wanted" {
	installed
	release 99.2.0
	echo $have >"$T/answers"
	script upgrade.sh --to 99.2.0
	is 4 "wanted version 99.2.0" "there is $have" "version $have runs again"
	[ "$(state 1)" = rolled-back ]
}

@test "4: what was before does not come up either" {
	installed
	release 99.2.0
	touch "$T/rollout-fails"
	script upgrade.sh --to 99.2.0
	is 4 "does not come up either" "next: " "$(backups)/1"
	[ "$(state 1)" = upgrading ]
	rm "$T/rollout-fails"
	script upgrade.sh --rollback
	is 0 "rolled back: to $have"
}

@test "4: an agent that was not ready before is back when it answers" {
	installed
	release 99.2.0
	touch "$T/unready"
	script upgrade.sh --to 99.2.0
	is 4 "not ready" "version $have runs again"
}

@test "4: the API server refuses the manifest; the release is not what its sums say, or not there" {
	installed
	release 99.2.0
	touch "$T/refused"
	script upgrade.sh --to 99.2.0
	is 4 "refuses" "nothing was changed"
	rm "$T/refused"
	echo '# more' >>"$T/releases/download/v99.2.0/agent.yaml"
	script upgrade.sh --to 99.2.0
	is 4 "not what SHA256SUMS says"
	: >"$T/releases/download/v99.2.0/SHA256SUMS"
	script upgrade.sh --to 99.2.0
	is 4 "not what SHA256SUMS says"
	rm "$T/releases/download/v99.2.0/SHA256SUMS"
	script upgrade.sh --to 99.2.0
	is 4 "cannot download"
	release 99.3.0
	mv "$T/releases/download/v99.3.0" "$T/releases/download/v99.4.0"
	script upgrade.sh --to 99.4.0
	is 4 "has a manifest of 99.3.0"
	untouched
}

@test "3: the API server is down" {
	touch "$T/api-down"
	script upgrade.sh --to 99.2.0
	is 3 "does not answer" "next: "
	untouched
}

@test "1: wrong values" {
	for wrong in --to=x --to=1 --to='1.2.3 x' --image='a b' --namespace=-x --timeout=x --airgap=/nowhere --k3s-version=v1.33.4+k3s1; do
		script upgrade.sh "$wrong"
		is 1 "next: "
	done
	script upgrade.sh --to 99.2.0 --rollback
	is 1 "more than one target"
	script upgrade.sh --rollback --image x
	is 1 "leave --image out"
	unchanged
}

@test "1: no agent, not of install.sh, of Helm; nothing to go back to" {
	script upgrade.sh --to 99.2.0
	is 1 "not in namespace" "install.sh"
	installed
	script upgrade.sh --rollback
	is 1 "no backup" "next: "
	echo Helm >"$T/manager"
	script upgrade.sh --to 99.2.0
	is 1 "helm upgrade"
	rm "$T/manager" "$T/cluster/settings"
	script upgrade.sh --to 99.2.0
	is 1 "did not install" "kubectl apply -k"
	untouched
}

@test "1: without what was applied there is no backup, and no upgrade" {
	installed
	release 99.2.0
	echo '"kind":"Deployment"' >"$T/not-applied"
	script upgrade.sh --to 99.2.0
	is 1 "does not say how it was applied" "next: "
	untouched
}

@test "1: a manifest over http, of another namespace, or none" {
	installed
	script upgrade.sh --manifest http://x/agent.yaml
	is 1 "https"
	sed 's/pipeops-system/elsewhere/' "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" >"$T/other.yaml"
	script upgrade.sh --manifest "$T/other.yaml"
	is 1 "for namespace elsewhere"
	script upgrade.sh --manifest /nowhere
	is 1 "cannot read"
	untouched
}

@test "a manifest from a file, and from a web folder with its sums" {
	installed
	release 99.2.0
	script upgrade.sh --manifest "$T/releases/download/v99.2.0/agent.yaml"
	is 0 "to 99.2.0"
	release 99.3.0
	script upgrade.sh --manifest https://plane.example/releases/download/v99.3.0/agent.yaml
	is 0 "to 99.3.0"
}

@test "the rights of the level are those of the new version; what it no longer grants goes" {
	installed --rbac-namespaces shop
	release 99.2.0
	script upgrade.sh --to 99.2.0
	is 0 "kept: the roles of the level minimal; there is no rbac-minimal.yaml"
	grep -q '^    rolebinding/pipeops-agent-workloads -n shop$' "$T/cluster/applied/record.yaml"
	[ ! -e "$T/cluster/applied/rights.yaml" ]
	release 99.3.0
	sed '/^# >>> deployments.rbac.config/,/^# <<< deployments.rbac.config/d' "$BATS_TEST_DIRNAME/../../deployments/rbac-minimal.yaml" >"$T/releases/download/v99.3.0/rbac-minimal.yaml"
	(cd "$T/releases/download/v99.3.0" && sha256sum rbac-minimal.yaml >>SHA256SUMS)
	: >"$T/calls"
	script upgrade.sh --to 99.3.0 --dry-run
	is 0 "would delete: clusterrole/pipeops-agent-config"
	not_called 'kubectl delete'
	script upgrade.sh --to 99.3.0
	is 0 "to 99.3.0"
	called 'kubectl delete clusterrole/pipeops-agent-config --ignore-not-found'
	grep -q '^  namespace: shop$' "$T/cluster/applied/rights.yaml"
	grep -q '^    RBAC_NAMESPACES=shop$' "$T/cluster/applied/record.yaml"
	echo '# more' >>"$T/releases/download/v99.3.0/rbac-minimal.yaml"
	script upgrade.sh --to 99.3.0
	is 4 "not what SHA256SUMS says"
}

@test "rollback by hand: one backup after the other, and forward again" {
	installed
	release 99.2.0
	release 99.3.0
	script upgrade.sh --to 99.2.0
	script upgrade.sh --to 99.3.0
	script upgrade.sh --rollback
	is 0 "rolled back: to 99.2.0"
	runs 99.2.0
	script upgrade.sh --rollback
	is 0 "rolled back: to $have"
	runs $have
	script upgrade.sh --rollback
	is 1 "no backup"
	script upgrade.sh --to 99.3.0
	is 0 "from $have to 99.3.0"
}

@test "interrupted: the same line goes on with the backup it has; or back" {
	installed
	release 99.2.0 configmap/pipeops-agent-extra
	touch "$T/interrupt"
	script upgrade.sh --to 99.2.0
	[ "$status" -eq 143 ] || fail "not interrupted"
	case $output in *"run the same line again"*) ;; *) fail "no word" ;; esac
	rm "$T/interrupt"
	[ "$(state 1)" = upgrading ]
	script upgrade.sh --to 99.2.0
	is 0 "kept: $(backups)/1" "upgraded: from $have to 99.2.0"
	[ ! -e "$(backups)/2" ]
	script upgrade.sh --rollback
	is 0 "rolled back: to $have"
	called 'delete configmap/pipeops-agent-extra'
}

@test "an image alone; a registry of one's own is followed" {
	installed --image registry.example:5000/agent:v$have
	release 99.2.0
	script upgrade.sh --to 99.2.0
	is 0 "image: registry.example:5000/agent:v99.2.0, as" "to 99.2.0"
	grep -q '^    IMAGE=registry.example:5000/agent:v99.2.0$' "$T/cluster/applied/record.yaml"
	script upgrade.sh --image registry.example:5000/agent:99.2.1
	is 0 "from 99.2.0 to 99.2.1"
	grep -q '"kind":"Deployment"' "$T/cluster/applied/agent.yaml"
	run grep pipeops-agent-install "$T/cluster/applied/agent.yaml"
	is 1
}

@test "1: an image that was chosen by hand and has no version" {
	installed --image registry.example/agent:mine
	release 99.2.0
	script upgrade.sh --to 99.2.0
	is 1 "chosen by hand" "--image"
	untouched
}

@test "dry run: every action, nothing changed" {
	installed
	release 99.2.0 configmap/pipeops-agent-extra
	script upgrade.sh --to 99.2.0 --dry-run
	is 0 "would apply: deployment.apps/pipeops-agent configured" "would apply: configmap/pipeops-agent-extra" "would write: $(backups)/1/objects.yaml"
	untouched
	script upgrade.sh --to 99.2.0
	script upgrade.sh --rollback --dry-run
	is 0 "would apply: $(backups)/1/objects.yaml, version $have" "would delete: configmap/pipeops-agent-extra"
	runs 99.2.0
}

@test "air gap on k3s: sums, image into k3s, no network" {
	PIPEOPS_TOKEN=$secret script install.sh
	mkdir -p "$T/root/etc/rancher/k3s"
	touch "$T/root/etc/rancher/k3s/k3s.yaml"
	: >"$T/calls"
	touch "$T/offline"
	release 99.2.0
	mkdir "$T/gap"
	cp "$T/releases/download/v99.2.0/agent.yaml" "$T/gap"
	echo image >"$T/gap/pipeops-agent-99.2.0-image.tar"
	script upgrade.sh --airgap "$T/gap"
	is 1 "no SHA256SUMS"
	(cd "$T/gap" && sha256sum agent.yaml >SHA256SUMS)
	script upgrade.sh --airgap "$T/gap"
	is 1 "does not name pipeops-agent-99.2.0-image.tar"
	(cd "$T/gap" && sha256sum -- *.tar >>SHA256SUMS && echo >>agent.yaml)
	script upgrade.sh --airgap "$T/gap"
	is 1 "agent.yaml of $T/gap differs"
	(cd "$T/gap" && sha256sum -- *.tar agent.yaml >SHA256SUMS)
	untouched
	script upgrade.sh --airgap "$T/gap"
	is 0 "upgraded: from $have to 99.2.0"
	called "images import $T/gap/pipeops-agent-99.2.0-image.tar"
	not_called '^curl'
	[ -f "$T/root/var/lib/rancher/k3s/agent/images/pipeops-agent-99.2.0-image.tar" ]
}

@test "a folder of one's own for backups is found again, and removed" {
	installed
	release 99.2.0
	mkdir "$T/own"
	(cd "$T" && script upgrade.sh --to 99.2.0 --backup-dir own && is 0 "backup: $T/own/uid-of-the-cluster/1")
	[ ! -e "$(backups)/1" ]
	script upgrade.sh --rollback
	is 0 "kept: --backup-dir $T/own"
	runs $have
	release 99.3.0
	script upgrade.sh --to 99.3.0 --backup-dir "$T/another"
	script upgrade.sh --to 99.2.0
	is 0 "kept: --backup-dir $T/another" "backup: $T/another/uid-of-the-cluster/2"
	[ -z "$(find "$T/root/var/lib/pipeops-install/backups" "$T/own" "$T/another" -mindepth 1 -type d ! -perm 700 -o -type f ! -perm 600)" ]
	script uninstall.sh --yes
	is 0 "removed: backups in $T/own/uid-of-the-cluster" "removed: backups in $T/another/uid-of-the-cluster"
	[ -d "$T/own" ]
	[ ! -e "$T/own/uid-of-the-cluster" ]
	[ ! -e "$T/root/var/lib/pipeops-install/backups" ]
}
