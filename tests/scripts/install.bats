#!/usr/bin/env bats
# install.sh, on a machine and a cluster of shims.
load helper

@test "help and every option in it" {
	script install.sh --help
	is 0 --token-file --dry-run "Exit codes"
	unchanged
}

@test "1: no token" {
	script install.sh
	is 1 "no token" "PIPEOPS_TOKEN"
	unchanged
}

@test "1: wrong values, each before anything is written" {
	export PIPEOPS_TOKEN=$secret
	for wrong in --port=0 --port=70000 --port=x --log-level=loud --node-type=boss --cluster-name=-x --cluster-name='a b' \
		--api-url=ftp://x --api-url='https://x"y' --image='a b' --k3s-version=1.2 --k3s-channel=a/b --timeout=never \
		--airgap=/nowhere --manifest=/nowhere --manifest=http://x/y --nonsense --token=x --node-type=agent \
		--rbac=all --rbac-namespaces=A --rbac-namespaces=a,,b --rbac-namespaces=-a --rbac-namespaces='a b'; do
		script install.sh "$wrong"
		is 1 "next: "
	done
	script install.sh --rbac standard --rbac-namespaces shop
	is 1 "only the level minimal"
	script install.sh --port
	is 1 "needs a value"
	unchanged
}

@test "1: a token of two words or two lines" {
	printf 'two words' >"$T/token"
	script install.sh --token-file "$T/token"
	is 1 "blanks"
	printf 'two\nlines\n' >"$T/token"
	script install.sh --token-file "$T/token"
	is 1 "blanks"
	unchanged
}

@test "2: systems it is not for" {
	export PIPEOPS_TOKEN=$secret
	PIPEOPS_SYSTEM=Darwin script install.sh
	is 2 "--existing-cluster"
	PIPEOPS_MACHINE=armv7l script install.sh
	is 2 "64-bit"
	echo 'ID=plan9' >"$T/root/etc/os-release"
	script install.sh
	is 2 "not supported: plan9"
	unchanged
}

@test "systems it is for" {
	for id in ubuntu debian raspbian centos rhel alpine '"opensuse-leap"' '"rocky"' "'ol'" 'mint\nID_LIKE="ubuntu debian"'; do
		printf "ID=$id\n" >"$T/root/etc/os-release"
		PIPEOPS_TOKEN=$secret script install.sh --dry-run
		is 0 "system: "
	done
	unchanged
}

@test "3: preflight names all it finds, and changes nothing" {
	printf 'MemTotal: 100000 kB\n' >"$T/proc/meminfo"
	printf 'memory\t0\t1\t0\n' >"$T/proc/cgroups"
	printf '#!/bin/sh\necho 1970\n' >"$T/bin/date"
	printf '#!/bin/sh\nprintf "Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/x 1000000 1 100000 99%%%% /\\n"\n' >"$T/bin/df"
	chmod 755 "$T/bin/date" "$T/bin/df"
	printf '  0: 00000000:192B 00000000:0000 0A\n' >"$T/proc/net/tcp"
	touch "$T/offline"
	PIPEOPS_TOKEN=$secret PIPEOPS_SYS=$T script install.sh
	is 3 "512 MB of memory, this machine has 97" "control group" "port 6443" "does not resolve" "next: "
	# busybox has date and df in itself.
	case $SCRIPT_SHELL in
	*busybox*) ;;
	*) is 3 "2 GB of free disk, in $T/root are 97 MB" "clock says 1970" ;;
	esac
	unchanged
}

@test "3: k3s not installed, then the same line again" {
	export PIPEOPS_TOKEN=$secret
	touch "$T/k3s-fails"
	script install.sh
	is 3 "run the same line again"
	rm "$T/k3s-fails"
	script install.sh
	is 0 "installed: the agent"
}

@test "3: a cut download of the installer of k3s does not run" {
	touch "$T/cut"
	PIPEOPS_TOKEN=$secret script install.sh
	is 3 "not whole"
	not_called 'k3s-install exec'
}

@test "4: the API server refuses; the agent does not become ready" {
	export PIPEOPS_TOKEN=$secret
	touch "$T/api-down"
	script install.sh --existing-cluster
	is 4 "does not answer" "next: "
	rm "$T/api-down"
	touch "$T/apply-fails"
	script install.sh --existing-cluster
	is 4 forbidden "next: "
	rm "$T/apply-fails"
	touch "$T/rollout-fails"
	script install.sh --existing-cluster
	is 4 "did not become ready" "describe pods"
	rm "$T/rollout-fails"
	script install.sh --existing-cluster
	is 0 "installed: the agent"
}

@test "an agent that was standalone stays so when something else changes" {
	script install.sh --existing-cluster --standalone
	script install.sh --existing-cluster --log-level debug
	is 0
	[ ! -e "$T/cluster/secret/token" ]
}

@test "k3s and the agent: version, no secret in arguments or environment" {
	PIPEOPS_TOKEN=$secret script install.sh --k3s-version v1.33.4+k3s1 --cluster-name edge-7
	is 0 "preflight: ok" "cluster name edge-7"
	called 'k3s-install exec=server --secrets-encryption version=v1.33.4+k3s1'
	[ "$(cat "$T/cluster/secret/token")" = "$secret" ]
	grep -q 'PIPEOPS_CLUSTER_NAME, value: "edge-7"' "$T/cluster/applied/deployment.yaml"
	run grep -r "$secret" "$T/cluster/applied" "$T/root"
	is 1
}

@test "another k3s version is the change asked for; none is none" {
	export PIPEOPS_TOKEN=$secret
	script install.sh --k3s-version v1.33.4+k3s1
	script install.sh
	is 0 "kept: k3s v1.33.4+k3s1"
	[ "$(grep -c k3s-install\  "$T/calls")" -eq 1 ]
	script install.sh --k3s-version v1.34.1+k3s1
	is 0 "from v1.33.4+k3s1 to v1.34.1+k3s1"
	called 'version=v1.34.1+k3s1'
}

@test "a k3s that was there is kept and not recorded as ours" {
	T=$T "$BATS_TEST_DIRNAME/shims/k3s-installer"
	: >"$T/calls"
	PIPEOPS_TOKEN=$secret script install.sh
	is 0 "kept: k3s"
	[ ! -e "$T/root/var/lib/pipeops-install/k3s" ]
}

@test "3: a k3s that was there is not made another, and a worker no server" {
	T=$T "$BATS_TEST_DIRNAME/shims/k3s-installer"
	: >"$T/calls"
	export PIPEOPS_TOKEN=$secret
	for asked in --k3s-version=v1.34.1+k3s1 --k3s-channel=latest; do
		script install.sh "$asked"
		is 3 "not installed by install.sh" "next: "
	done
	mv "$T/root/usr/local/bin/k3s-uninstall.sh" "$T/root/usr/local/bin/k3s-agent-uninstall.sh"
	script install.sh
	is 3 "a worker of a cluster already" "next: "
	not_called 'k3s-install exec'
}

@test "another channel is the change asked for; the same one is none" {
	export PIPEOPS_TOKEN=$secret
	script install.sh --k3s-channel v1.33
	called 'channel=v1.33'
	script install.sh --k3s-channel v1.33
	is 0 "kept: k3s"
	script install.sh
	is 0 "kept: k3s"
	[ "$(grep -c 'k3s-install ' "$T/calls")" -eq 1 ]
	script install.sh --k3s-channel v1.34
	is 0 "to the newest of v1.34"
	called 'version= channel=v1.34'
	script install.sh --k3s-version v1.34.1+k3s1
	script install.sh --k3s-channel v1.34
	is 0 "from v1.34.1+k3s1 to the newest of v1.34"
}

@test "the disk is that of /var/lib" {
	mkdir -p "$T/root/var/lib"
	printf '#!/bin/sh\ncase $* in *var/lib*) free=100000 ;; *) free=9000000 ;; esac\nprintf "Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/x 1000000 1 %%s 99%%%% /\\n" $free\n' >"$T/bin/df"
	chmod 755 "$T/bin/df"
	case $SCRIPT_SHELL in *busybox*) return ;; esac
	PIPEOPS_TOKEN=$secret script install.sh
	is 3 "in $T/root/var/lib are 97 MB"
}

@test "k3s mode never takes the cluster that KUBECONFIG names" {
	PIPEOPS_TOKEN=$secret KUBECONFIG=/other script install.sh --context other
	is 0
	not_called 'context other'
}

@test "a worker: token in a private file, no agent" {
	K3S_TOKEN=$secret K3S_URL=https://192.0.2.1:6443 NODE_TYPE=agent script install.sh
	is 0 "installed: this worker"
	called "exec=agent.*url=https://192.0.2.1:6443 tokenfile=$T/root/etc/rancher/k3s/join-token"
	[ "$(stat -c %a "$T/root/etc/rancher/k3s/join-token")" = 600 ]
	not_called 'kubectl apply'
	# Its own installer would wait for it without an end.
	called "restart=true type=exec"
	touch "$T/not-ready"
	K3S_TOKEN=$secret script install.sh --k3s-url https://192.0.2.1:6443 --node-type agent --timeout 1
	is 3 "not become ready within 1 s" "next: "
	K3S_TOKEN=$secret K3S_URL=https://192.0.2.1:6443 script install.sh --standalone
	is 1 "K3S_URL is for workers" "--node-type agent"
}

@test "existing cluster: no k3s, token from a file" {
	printf '%s\n' "$secret" >"$T/token"
	script install.sh --existing-cluster --token-file "$T/token"
	is 0 "installed: the agent"
	[ "$(cat "$T/cluster/secret/token")" = "$secret" ]
	not_called 'k3s-install exec'
}

@test "again without options: all kept, secret not written" {
	PIPEOPS_TOKEN=$secret script install.sh --existing-cluster --cluster-name edge-7 --port 9090 --api-url https://plane.example
	is 0
	cp -r "$T/cluster/applied" "$T/before"
	: >"$T/calls"
	script install.sh --existing-cluster
	is 0 "kept: CLUSTER_NAME edge-7" "kept: PORT 9090" "kept: secret"
	not_called 'create secret'
	diff -r "$T/before" "$T/cluster/applied"
}

@test "4: an API server that does not say what was set is not a first run" {
	PIPEOPS_TOKEN=$secret script install.sh --existing-cluster --cluster-name edge-7
	cp -r "$T/cluster/applied" "$T/before"
	touch "$T/forgetful"
	script install.sh --existing-cluster --standalone --log-level debug
	is 4 "in the time allotted" "cannot read what was set before" "next: "
	diff -r "$T/before" "$T/cluster/applied"
}

@test "1: an agent of Helm is Helm's" {
	echo Helm >"$T/manager"
	script install.sh --existing-cluster --standalone
	is 1 "Helm installed this agent" "helm upgrade"
	unchanged
}

@test "again with one option: that change alone; a new token makes a new pod" {
	PIPEOPS_TOKEN=$secret script install.sh --existing-cluster --cluster-name edge-7
	cp -r "$T/cluster/applied" "$T/before"
	script install.sh --existing-cluster --log-level debug
	is 0 "kept: CLUSTER_NAME edge-7"
	run diff "$T/before/deployment.yaml" "$T/cluster/applied/deployment.yaml"
	[ "$(printf '%s\n' "$output" | grep -c '^[<>]')" -eq 1 ]
	is 1 'PIPEOPS_LOG_LEVEL, value: "debug"'
	cp "$T/cluster/applied/deployment.yaml" "$T/before/"
	PIPEOPS_TOKEN=other-$secret script install.sh --existing-cluster
	run diff "$T/before/deployment.yaml" "$T/cluster/applied/deployment.yaml"
	is 1 secret-version
}

# A certificate and its key, as far as a script looks, and tokens.
files() {
	echo certificate >"$T/tls.crt"
	(umask 077 && echo "$secret" >"$T/tls.key" && printf '# of the shop\n\nread till %s\n' "$secret" >"$T/tokens")
}

@test "TLS, more tokens and names: secrets by files only, kept by the next run, also of another version" {
	files
	script install.sh --existing-cluster --standalone --tls-cert-file "$T/tls.crt" --tls-key-file "$T/tls.key" \
		--api-tokens-file "$T/tokens" --hosts 'agent.example.com,*.shop.example'
	is 0 "installed: the agent"
	called 'create secret tls pipeops-agent-tls --cert=.*tls.crt --key=.*tls.key --dry-run=client'
	called 'create secret generic pipeops-agent-api-tokens --from-file=tokens='
	[ "$(cat "$T/cluster/tls/tls.key")" = "$secret" ]
	run grep -r "$secret" "$T/cluster/applied"
	is 1
	for part in tls/deployment:tls_deployment tls/service:tls_service api-tokens/deployment:api_tokens_deployment; do
		grep -v '^# [<>]\{3\} ' "$T/cluster/applied/patch-${part#*:}.json" | diff "$BATS_TEST_DIRNAME/../../deployments/components/${part%:*}.json" -
	done
	grep -q 'PIPEOPS_HOSTS, value: "agent.example.com,\*.shop.example", valueFrom: null' "$T/cluster/applied/deployment.yaml"
	cp -r "$T/cluster/applied" "$T/before"
	: >"$T/calls"
	script install.sh --existing-cluster
	is 0 "kept: HOSTS agent.example.com,*.shop.example" "kept: TLS yes" "kept: API_TOKENS yes"
	not_called 'create secret'
	diff -r "$T/before" "$T/cluster/applied"
	mkdir -p "$T/releases/download/v99.2.0"
	sed "s/$have/99.2.0/" "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" >"$T/releases/download/v99.2.0/agent.yaml"
	(cd "$T/releases/download/v99.2.0" && sha256sum agent.yaml >SHA256SUMS)
	script upgrade.sh --to 99.2.0
	is 0 "to 99.2.0" "kept: TLS yes"
	diff "$T/before/patch-tls_deployment.json" "$T/cluster/applied/patch-tls_deployment.json"
	grep -qx '    API_TOKENS=yes' "$T/cluster/applied/record.yaml"
}

@test "TLS by the environment; what was applied is not patched again" {
	files
	export PIPEOPS_TLS_CERT_FILE=$T/tls.crt PIPEOPS_TLS_KEY_FILE=$T/tls.key PIPEOPS_API_TOKENS_FILE=$T/tokens PIPEOPS_HOSTS=agent.example.com
	script install.sh --existing-cluster --standalone --dry-run
	is 0 "would write: secret pipeops-agent-tls" "would write: secret pipeops-agent-api-tokens"
	unchanged
	script install.sh --existing-cluster --standalone
	is 0
	[ -e "$T/cluster/applied/patch-tls_service.json" ]
	{ cat "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" && echo "# PIPEOPS_TLS_CERT_FILE"; } >"$T/own.yaml"
	script install.sh --existing-cluster --standalone --manifest "$T/own.yaml"
	is 0
	[ ! -e "$T/cluster/applied/patch-tls_service.json" ]
	[ -e "$T/cluster/applied/patch-api_tokens_deployment.json" ]
}

@test "1: a key without its certificate, of another one, and tokens that are none" {
	files
	script install.sh --existing-cluster --standalone --tls-key-file "$T/tls.key"
	is 1 "belong together"
	script install.sh --existing-cluster --standalone --tls-key-file "$T/tls.key" --tls-cert-file /nowhere
	is 1 "cannot read /nowhere"
	script install.sh --existing-cluster --standalone --api-tokens-file /nowhere
	is 1 "cannot read /nowhere"
	for line in "root till $secret" "read till short" "read $secret" "read till $secret more"; do
		printf '# tokens\n%s\n' "$line" >"$T/tokens"
		chmod 600 "$T/tokens"
		script install.sh --existing-cluster --standalone --api-tokens-file "$T/tokens"
		is 1 "line 2 of" "SCOPE NAME TOKEN"
	done
	for wrong in 'http://a' 'a b' ',' '.a' 'a,,b'; do
		script install.sh --existing-cluster --standalone --hosts "$wrong"
		is 1 "not names of hosts"
	done
	unchanged
	touch "$T/other-key"
	script install.sh --existing-cluster --standalone --tls-cert-file "$T/tls.crt" --tls-key-file "$T/tls.key"
	is 1 "makes no secret pipeops-agent-tls" "next: "
	not_called 'apply -k'
}

@test "again after upgrade.sh: the version stays, the change alone is made" {
	script install.sh --existing-cluster --standalone
	mkdir -p "$T/releases/download/v99.2.0"
	sed "s/$have/99.2.0/" "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" >"$T/releases/download/v99.2.0/agent.yaml"
	(cd "$T/releases/download/v99.2.0" && sha256sum agent.yaml >SHA256SUMS)
	script upgrade.sh --to 99.2.0
	is 0 "upgraded"
	script install.sh --existing-cluster --log-level debug
	is 0 "kept: version 99.2.0 of the agent" "kept: RBAC standard"
	grep -q 'pipeops/agent:99.2.0' "$T/cluster/applied/agent.yaml"
	grep -q pipeops-agent-nodes "$T/cluster/applied/agent.yaml"
	[ ! -e "$T/cluster/applied/rights.yaml" ]
	[ -n "$(granted)" ]
	grep -q 'PIPEOPS_LOG_LEVEL, value: "debug", valueFrom: null' "$T/cluster/applied/deployment.yaml"
	touch "$T/refused"
	: >"$T/calls"
	script install.sh --existing-cluster --rbac full
	is 4 "refused it" "next: "
	not_called 'kubectl delete'
	rm "$T/refused"
	script install.sh --existing-cluster --rbac full
	is 0 "kept: version 99.2.0 of the agent"
	[ "$(granted)" = "clusterrole/pipeops-agent-full clusterrolebinding/pipeops-agent-full " ]
	run grep pipeops-agent-nodes "$T/cluster/applied/agent.yaml"
	is 1
	script install.sh --existing-cluster --manifest "$BATS_TEST_DIRNAME/../../deployments/agent.yaml"
	is 0
	run grep 'pipeops/agent:99.2.0' "$T/cluster/applied/agent.yaml"
	is 1
}

@test "interrupted while k3s is installed: the same line goes on" {
	export PIPEOPS_TOKEN=$secret
	touch "$T/k3s-interrupts"
	script install.sh
	[ "$status" -eq 143 ] || fail "not interrupted"
	grep -q '^state=installing' "$T/root/var/lib/pipeops-install/k3s"
	rm "$T/k3s-interrupts"
	script install.sh
	is 0 "installed: the agent"
	[ "$(grep -c '^k3s-install exec' "$T/calls")" -eq 2 ]
	grep -q '^state=installed' "$T/root/var/lib/pipeops-install/k3s"
}

@test "interrupted: ends by the signal, cleans up, and runs again" {
	export PIPEOPS_TOKEN=$secret
	touch "$T/interrupt"
	script install.sh --existing-cluster
	[ "$status" -eq 143 ] || fail "not interrupted"
	rm "$T/interrupt"
	script install.sh --existing-cluster
	is 0 "kept: secret" "installed: the agent"
}

granted() { sed -n '/^  rights: |/,$s/^    //p' "$T/cluster/applied/record.yaml" | sort | tr '\n' ' '; }

@test "rights: standard by default, kept by the next run; each level as its file says" {
	script install.sh --existing-cluster --standalone
	is 0
	[ "$(granted)" = "$(printf 'clusterrole/pipeops-agent-%s clusterrolebinding/pipeops-agent-%s ' config config exec-logs exec-logs namespaces namespaces nodes nodes workloads workloads |
		tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/^ //')" ] || fail "$(granted)"
	run diff <(grep -v '^---$' "$T/cluster/applied/rights.yaml") <(grep -v '^---$' "$BATS_TEST_DIRNAME/../../deployments/rbac-standard.yaml")
	is 0
	script install.sh --existing-cluster --standalone --rbac full
	is 0
	[ "$(granted)" = "clusterrole/pipeops-agent-full clusterrolebinding/pipeops-agent-full " ]
	: >"$T/calls"
	script install.sh --existing-cluster
	is 0 "kept: RBAC full"
	[ "$(granted)" = "clusterrole/pipeops-agent-full clusterrolebinding/pipeops-agent-full " ]
	not_called 'kubectl delete'
}

@test "rights: minimal in the namespaces that were chosen" {
	script install.sh --existing-cluster --standalone --rbac-namespaces shop,web
	is 0
	[ "$(granted)" = "$(printf 'clusterrole/pipeops-agent-%s ' config exec-logs workloads)$(for role in config exec-logs workloads; do
		printf 'rolebinding/pipeops-agent-%s -n shop rolebinding/pipeops-agent-%s -n web ' $role $role
	done)" ] || fail "$(granted)"
	[ "$(grep -c '^  namespace: \(shop\|web\)$' "$T/cluster/applied/rights.yaml")" -eq 6 ]
	run grep '^  namespace: default' "$T/cluster/applied/rights.yaml"
	is 1
	: >"$T/calls"
	script install.sh --existing-cluster --rbac-namespaces shop,nowhere
	is 1 "no namespace nowhere" "next: "
	not_called 'kubectl delete'
	script install.sh --existing-cluster --rbac minimal --rbac-namespaces shop
	is 0
	called 'kubectl delete rolebinding/pipeops-agent-workloads -n web --ignore-not-found'
	not_called 'delete rolebinding/pipeops-agent-workloads -n shop'
	not_called 'delete clusterrole/'
}

@test "rights: another level, and what the one before granted goes, before anything else is applied" {
	script install.sh --existing-cluster --standalone
	: >"$T/calls"
	script install.sh --existing-cluster --rbac minimal --dry-run
	is 0 "would delete: clusterrolebinding/pipeops-agent-nodes" "would apply: RoleBinding pipeops-agent-workloads"
	not_called 'kubectl delete'
	script install.sh --existing-cluster --rbac minimal
	is 0
	called 'kubectl delete clusterrolebinding/pipeops-agent-workloads --ignore-not-found'
	called 'kubectl delete clusterrole/pipeops-agent-nodes --ignore-not-found'
	not_called 'kubectl delete clusterrole/pipeops-agent-workloads'
	[ "$(grep -n 'kubectl delete' "$T/calls" | tail -n 1 | cut -d: -f1)" -lt "$(grep -n 'kubectl apply -k [^ ]*$' "$T/calls" | cut -d: -f1)" ]
	grep -q '^    RBAC_NAMESPACES=default$' "$T/cluster/applied/record.yaml"
	script install.sh --existing-cluster --rbac read-only
	is 0
	[ "$(granted)" = "" ]
	[ ! -s "$T/cluster/applied/rights.yaml" ]
	called 'kubectl delete clusterrole/pipeops-agent-workloads --ignore-not-found'
}

# As kubectl kustomize deployments writes it: names below labels, references on lines of their own.
whole() {
	sed 's/^  name: \(.*\)$/NAME \1/' "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" "$1" | awk '
		/^kind: / { kind = $2 } /^apiVersion/ && seen++ && last != "---" { print "---" } { last = $0 }
		/^NAME/ { name = $2; next } /^  labels:/ { print; print "    a: b"; print "  name: " name; next }
		/^roleRef: / { print "roleRef:\n  kind: ClusterRole\n  name: another"; next } { print }'
}

@test "rights: a manifest of one's own that grants some has the level manifest, until a plain one comes" {
	whole "$BATS_TEST_DIRNAME/../../deployments/rbac-standard.yaml" >"$T/whole.yaml"
	script install.sh --existing-cluster --standalone --manifest "$T/whole.yaml"
	is 0
	[ "$(granted | tr ' ' '\n' | grep -c '^cluster')" -eq 10 ] || fail "$(granted)"
	[ ! -e "$T/cluster/applied/rights.yaml" ]
	grep -q '^    RBAC=manifest$' "$T/cluster/applied/record.yaml"
	script install.sh --existing-cluster --manifest "$T/whole.yaml" --rbac full
	is 1 "rights of its own" "next: "
	: >"$T/calls"
	script install.sh --existing-cluster --manifest "$T/whole.yaml"
	is 0 "kept: RBAC manifest"
	script install.sh --existing-cluster --log-level debug
	is 0 "by the manifest that was given"
	grep -q '"kind":"Deployment"' "$T/cluster/applied/agent.yaml"
	[ "$(granted | tr ' ' '\n' | grep -c '^cluster')" -eq 10 ] || fail "$(granted)"
	not_called 'kubectl delete'
	whole "$BATS_TEST_DIRNAME/../../deployments/rbac-full.yaml" | sed "s/$have/99.2.0/" >"$T/next.yaml"
	script upgrade.sh --manifest "$T/next.yaml"
	is 0 "to 99.2.0"
	called 'kubectl delete clusterrole/pipeops-agent-nodes'
	[ "$(granted)" = "clusterrole/pipeops-agent-full clusterrolebinding/pipeops-agent-full " ]
	script install.sh --existing-cluster --manifest "$BATS_TEST_DIRNAME/../../deployments/agent.yaml"
	is 0
	grep -q '^    RBAC=standard$' "$T/cluster/applied/record.yaml"
	script upgrade.sh --image pipeops/agent:99.3.0
	script install.sh --existing-cluster
	is 0 "by the manifest that was given"
}

@test "rights: manifest only has them; alone the embedded ones are those of the repository" {
	mkdir "$T/alone"
	cp "$scripts/install.sh" "$T/alone"
	for level in read-only minimal standard full; do
		script install.sh --manifest-only --rbac $level
		is 0 "kind: Deployment"
		printf '%s\n' "$output" >"$T/beside"
		scripts=$T/alone script install.sh --manifest-only --rbac $level
		is 0
		printf '%s\n' "$output" | grep -v '^# [<>]\{3\} deployments/\(agent\|rbac\)' | diff - <(grep -v '^# [<>]\{3\} deployments/\(agent\|rbac\)' "$T/beside")
	done
	unchanged
}

@test "dry run: every action, nothing changed" {
	PIPEOPS_TOKEN=$secret script install.sh --dry-run
	is 0 "would write: $T/root/var/lib/pipeops-install/k3s" "would download: https://get.k3s.io" "would run: sh" \
		"would write: secret pipeops-agent-secret" "would apply: Deployment pipeops-agent" "would apply: ClusterRole pipeops-agent"
	unchanged
}

@test "manifest only: prints, touches nothing, needs no token" {
	script install.sh --manifest-only --cluster-name edge-7 --image registry.example/agent:2
	is 0 "kind: Deployment" 'value: "edge-7"' 'image: "registry.example/agent:2"'
	unchanged
}

@test "standalone: no token, and one that was there goes" {
	script install.sh --existing-cluster --standalone
	is 0 "standalone: "
	PIPEOPS_TOKEN=$secret script install.sh --existing-cluster
	[ -e "$T/cluster/secret/token" ]
	script install.sh --existing-cluster --standalone
	[ ! -e "$T/cluster/secret/token" ]
}

@test "alone, without the repository: the embedded manifest" {
	mkdir "$T/alone"
	cp "$scripts/install.sh" "$T/alone"
	scripts=$T/alone script install.sh --existing-cluster --standalone
	is 0
	grep -v '^# [<>]\{3\} ' "$T/cluster/applied/agent.yaml" | diff "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" -
	run $SCRIPT_SHELL -s -- --existing-cluster --standalone <"$scripts/install.sh"
	is 0 "installed: the agent"
}

@test "air gap: no network, sums checked, images carried" {
	mkdir "$T/gap"
	cp "$BATS_TEST_DIRNAME/shims/k3s-installer" "$T/gap/k3s-install.sh"
	echo k3s >"$T/gap/k3s"
	echo image >"$T/gap/agent.tar"
	cp "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" "$T/gap"
	(cd "$T/gap" && sha256sum ./* | sed 's#\./##' >"$T/sums" && mv "$T/sums" SHA256SUMS)
	touch "$T/offline"
	export PIPEOPS_TOKEN=$secret
	echo changed >>"$T/gap/agent.tar"
	script install.sh --airgap "$T/gap"
	is 1 "differs from SHA256SUMS"
	unchanged
	echo image >"$T/gap/agent.tar"
	script install.sh --airgap "$T/gap"
	is 0 "installed: the agent"
	not_called '^curl'
	[ -f "$T/root/var/lib/rancher/k3s/agent/images/agent.tar" ]
	called "skip=true selinux-skip=true"
	called "images import $T/gap/agent.tar"
	script install.sh --airgap "$T/gap" --manifest https://plane.example/agent.yaml
	is 1 "nothing from the network"
	rm "$T/gap/agent.yaml"
	script install.sh --airgap "$T/gap"
	is 1 "has no agent.yaml" "carry the folder again"
	cp "$BATS_TEST_DIRNAME/../../deployments/agent.yaml" "$T/gap"
	script install.sh --existing-cluster --kubeconfig /another --airgap "$T/gap"
	is 0 "must be on each node: ctr -n k8s.io images import agent.tar"
	not_called '^curl'
	echo stranger >"$T/gap/other"
	script install.sh --airgap "$T/gap"
	is 1 "does not name other"
}
