#!/usr/bin/env bats
# join-worker.sh.
load helper

@test "1: arguments" {
	export K3S_TOKEN=$secret
	for wrong in https://192.0.2.1 192.0.2 192.0.2.300 a_b 'a b' host:6443 .x; do
		script join-worker.sh "$wrong"
		is 1 "not an address" "next: "
	done
	script join-worker.sh
	is 1 "no server"
	script join-worker.sh 192.0.2.1 -
	is 1 "the token is empty"
	for wrong in --port=0 --port=99999 --port=x --timeout=x --k3s-version=9 --airgap=/nowhere; do
		script join-worker.sh 192.0.2.1 "$wrong"
		is 1 "next: "
	done
	script join-worker.sh 192.0.2.1 a b
	is 1 "more than two"
	unset K3S_TOKEN
	script join-worker.sh 192.0.2.1
	is 1 "no token" "node-token"
	unchanged
}

@test "2: not on macOS" {
	PIPEOPS_SYSTEM=Darwin K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 2 "next: "
}

@test "3: the server does not answer" {
	touch "$T/offline"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 3 "https://192.0.2.1:6443 does not answer" "firewall"
	unchanged
}

# A machine with few programs, and those that are named.
few() { # PROGRAM...
	mkdir "$T/few"
	for each in sh awk sed grep cat cp mv rm mkdir mktemp chmod dirname tr cut head wc id df date uname env printf sort find ls "$@"; do
		ln -s "$(type -P "$each")" "$T/few/$each"
	done
	PATH=$T/few
}

@test "no program to try the server with: said, and not taken for an answer" {
	# busybox has wget in itself.
	case $SCRIPT_SHELL in *busybox*) return ;; esac
	few
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1 --dry-run
	is 0 "neither curl nor wget"
	case $output in *"server: "*) fail "nobody asked" ;; esac
}

@test "a machine without the command hostname joins by the name that the kernel has" {
	few readlink
	PATH=$T/bin:$T/few
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 0 "joined: "
	called "Ready node/$(uname -n | tr '[:upper:]' '[:lower:]')"
}

@test "3: installed but not joined" {
	touch "$T/not-ready"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1 --timeout 1
	is 3 "not become ready within 1 s" "journalctl -u k3s-agent"
}

@test "interrupted while k3s is installed: the same line goes on" {
	export K3S_TOKEN=$secret
	touch "$T/k3s-interrupts"
	script join-worker.sh 192.0.2.1
	[ "$status" -eq 143 ] || fail "not interrupted"
	rm "$T/k3s-interrupts"
	script join-worker.sh 192.0.2.1
	is 0 "joined: "
	[ "$(grep -c '^k3s-install exec' "$T/calls")" -eq 2 ]
}

@test "the kubelet's port of the server is closed: a warning, and it joins" {
	touch "$T/port-10250-closed"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 0 "port 10250 of the server is closed" "UDP 8472" "joined: "
}

@test "joins: token private, server asked for this node" {
	K3S_NODE_NAME=Worker-1 K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 0 "joined: "
	called "exec=agent .*url=https://192.0.2.1:6443 tokenfile=$T/root/etc/rancher/k3s/join-token"
	called "wait --for=condition=Ready node/worker-1"
	[ "$(cat "$T/root/etc/rancher/k3s/join-token")" = "$secret" ]
	[ "$(stat -c %a "$T/root/etc/rancher/k3s/join-token")" = 600 ]
	: >"$T/calls"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 0 "kept: k3s"
	not_called 'k3s-install exec'
}

@test "3: a server or a worker of another's is left as it is, and not taken for joined" {
	T=$T "$BATS_TEST_DIRNAME/shims/k3s-installer"
	: >"$T/calls"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 3 "a k3s server already" "next: "
	mv "$T/root/usr/local/bin/k3s-uninstall.sh" "$T/root/usr/local/bin/k3s-agent-uninstall.sh"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 3 "not installed by install.sh" "next: "
	not_called 'k3s-install exec'
	[ ! -e "$T/root/etc/rancher/k3s/join-token" ]
}

@test "another token or server: k3s takes it, and begins anew; its version stays" {
	K3S_TOKEN=wrong-$secret script join-worker.sh 192.0.2.1 --k3s-version v1.33.4+k3s1
	: >"$T/calls"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1
	is 0 "joined: "
	called 'version=v1.33.4+k3s1 .*restart=true type=exec'
	[ "$(cat "$T/root/etc/rancher/k3s/join-token")" = "$secret" ]
	: >"$T/calls"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.2
	is 0 "k3s: worker of https://192.0.2.2:6443" "joined: "
	called 'url=https://192.0.2.2:6443 .*restart=true'
	: >"$T/calls"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.2
	is 0 "kept: k3s"
	not_called 'k3s-install exec'
}

@test "OpenRC: where its logs are" {
	mkdir -p "$T/root/sbin"
	printf '#!/bin/sh\n' >"$T/root/sbin/openrc-run"
	chmod 755 "$T/root/sbin/openrc-run"
	touch "$T/not-ready"
	K3S_TOKEN=$secret script join-worker.sh 192.0.2.1 --timeout 1
	is 3 "/var/log/k3s-agent.log"
}

@test "token as argument warns, from standard input does not; IPv6" {
	script join-worker.sh 192.0.2.1 "$secret" --dry-run
	is 0 "other users"
	run $SCRIPT_SHELL "$scripts/join-worker.sh" 2001:db8::1 - --dry-run <<<"$secret"
	is 0 "https://[2001:db8::1]:6443 answers" "would run: sh"
	unchanged
}
