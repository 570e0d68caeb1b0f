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

@test "token as argument warns, from standard input does not; IPv6" {
	script join-worker.sh 192.0.2.1 "$secret" --dry-run
	is 0 "other users"
	run $SCRIPT_SHELL "$scripts/join-worker.sh" 2001:db8::1 - --dry-run <<<"$secret"
	is 0 "https://[2001:db8::1]:6443 answers" "would run: sh"
	unchanged
}
