#!/usr/bin/env bats
# generate-config.sh. That the agent takes what it writes: tests/integration/config/generated.rs.
load helper

setup_file() { export TERM=dumb; }

typed() { # LINE... -- ARGUMENT...
	lines=()
	while [ "$1" != -- ]; do
		lines+=("$1")
		shift
	done
	shift
	# shellcheck disable=SC2086 # "busybox ash" is two words
	run timeout 60 python3 "$BATS_TEST_DIRNAME/typist.py" "${lines[@]}" -- $SCRIPT_SHELL "$scripts/generate-config.sh" --output "$T/out" "$@"
	case $output in *"$secret"*) fail "the secret is in the output" ;; esac
}

@test "by flags and environment: both files, private, the summary without secrets" {
	PIPEOPS_TOKEN=$secret PIPEOPS_API_TOKEN=other-$secret script generate-config.sh --output "$T/out" --cluster-name edge-7 \
		--api-url https://plane.example/v1 --agent-id agent-7 --port 9090 --log-level debug --log-format json
	is 0 "cluster_name edge-7" "token (hidden)" "api_token (hidden)" "next: pipeops-agent check --config $T/out/agent.yaml"
	[ "$(stat -c '%a %n' "$T"/out/*)" = "600 $T/out/agent.env
600 $T/out/agent.yaml" ]
	diff - <(sed 1d "$T/out/agent.yaml") <<-END
		token: "$secret"
		api_url: "https://plane.example/v1"
		cluster_name: "edge-7"
		agent_id: "agent-7"
		port: 9090
		api_token: "other-$secret"
		log_level: "debug"
		log_format: "json"
	END
	run env -i sh -c "set -a && . '$T/out/agent.env' && env"
	is 0 "PIPEOPS_TOKEN=$secret" PIPEOPS_API_URL=https://plane.example/v1 PIPEOPS_CLUSTER_NAME=edge-7 PIPEOPS_AGENT_ID=agent-7 \
		PIPEOPS_PORT=9090 "PIPEOPS_API_TOKEN=other-$secret" PIPEOPS_LOG_LEVEL=debug PIPEOPS_LOG_FORMAT=json
}

@test "what is not given is not written; a token of a file is named, not copied" {
	echo "$secret" >"$T/token"
	cd "$T"
	script generate-config.sh --token-file token
	is 0 "token_file $T/token"
	[ "$(sed 1d agent.yaml)" = "token_file: \"$T/token\"" ]
	[ "$(sed 1d agent.env)" = "PIPEOPS_TOKEN_FILE=$T/token" ]
	run $SCRIPT_SHELL "$scripts/generate-config.sh" --output "$T/out" --token-file - <"$T/token"
	is 0 "token (hidden)"
	[ "$(sed 1d "$T/out/agent.yaml")" = "token: \"$secret\"" ]
}

@test "a policy is named, and must be there" {
	cd "$T"
	script generate-config.sh --standalone --policy-file policy.yaml
	is 1 "cannot read policy.yaml"
	[ ! -e agent.yaml ]
	echo "read_only: true" >policy.yaml
	PIPEOPS_POLICY_FILE=policy.yaml script generate-config.sh --standalone
	is 0 "policy_file $T/policy.yaml"
	[ "$(sed 1d agent.yaml)" = "policy_file: \"$T/policy.yaml\"" ]
	[ "$(sed 1d agent.env)" = "PIPEOPS_POLICY_FILE=$T/policy.yaml" ]
}

@test "certificate, tokens and names: files are named, with their whole path" {
	cd "$T"
	echo certificate >tls.crt
	(umask 077 && echo "$secret" >tls.key && echo "admin ops $secret" >tokens)
	script generate-config.sh --standalone --tls-cert-file tls.crt --tls-key-file tls.key --api-tokens-file tokens --hosts 'agent.example.com,*.shop.example'
	is 0 "tls_key_file $T/tls.key"
	diff - <(sed 1d agent.yaml) <<-END
		api_tokens_file: "$T/tokens"
		tls_cert_file: "$T/tls.crt"
		tls_key_file: "$T/tls.key"
		hosts: "agent.example.com,*.shop.example"
	END
	run env -i PATH="$PATH" sh -c "cd / && set -a && . '$T/agent.env' && env"
	is 0 "PIPEOPS_TLS_CERT_FILE=$T/tls.crt" "PIPEOPS_API_TOKENS_FILE=$T/tokens" 'PIPEOPS_HOSTS=agent.example.com,*.shop.example'
	script generate-config.sh --standalone --force --tls-cert-file tls.crt
	is 1 "belong together"
}

@test "standalone" {
	script generate-config.sh --output "$T/out" --standalone
	is 0 "standalone: no token"
	[ "$(sed 1d "$T/out/agent.yaml")" = "" ]
}

@test "1: nothing is overwritten without --force" {
	script generate-config.sh --output "$T/out" --standalone
	echo mine >"$T/out/agent.env"
	rm "$T/out/agent.yaml"
	script generate-config.sh --output "$T/out" --standalone
	is 1 "agent.env is there" "--force"
	[ "$(cat "$T/out/agent.env")" = mine ]
	[ ! -e "$T/out/agent.yaml" ]
	chmod 644 "$T/out/agent.env"
	PIPEOPS_TOKEN=$secret script generate-config.sh --output "$T/out" --force
	is 0 "written"
	[ "$(stat -c %a "$T/out/agent.env")" = 600 ]
}

@test "no token is left behind: in a file that was there for others to read, or by a write that fails" {
	mkdir "$T/out"
	(umask 022 && : >"$T/out/agent.yaml.new" && ln "$T/out/agent.yaml.new" "$T/peek")
	PIPEOPS_TOKEN=$secret script generate-config.sh --output "$T/out"
	is 0
	[ ! -s "$T/peek" ]
	rm "$T"/out/agent.*
	printf '#!/bin/sh\nexit 1\n' >"$T/bin/chmod"
	/bin/chmod 755 "$T/bin/chmod"
	# busybox has chmod in itself.
	case $SCRIPT_SHELL in *busybox*) return ;; esac
	PIPEOPS_TOKEN=$secret script generate-config.sh --output "$T/out"
	is 1 "cannot write" "next: "
	[ -z "$(ls -A "$T/out")" ]
}

@test "1: wrong or missing values; nothing is written" {
	script generate-config.sh --output "$T/out"
	is 1 "no token" "next: "
	export PIPEOPS_TOKEN=$secret
	for wrong in --port=0 --port=x --log-level=loud --log-format=xml --cluster-name=-x --agent-id='a b' --api-url=ftp://x \
		--api-url=http://plane.example --api-url="https://me:$secret@x" --api-url='https://x?y' --standalone --token=x \
		--api-token=x --token-file=/nowhere --nonsense; do
		script generate-config.sh --output "$T/out" "$wrong"
		is 1 "next: "
	done
	for wrong in PIPEOPS_API_URL=https://plane.example PIPEOPS_HOSTS=agent.example.com; do
		export "$wrong"$'\nread_only: true'
		script generate-config.sh --output "$T/out"
		is 1 "next: "
		unset "${wrong%%=*}"
	done
	PIPEOPS_TOKEN="a\$(b)" script generate-config.sh --output "$T/out"
	is 1 "--token-file"
	printf 'two words' >"$T/token"
	script generate-config.sh --output "$T/out" --token-file "$T/token"
	is 1 "blanks"
	script generate-config.sh --output "$T/out" --token-file - --api-token-file -
	is 1 "one token"
	echo >"$T/taken"
	script generate-config.sh --output "$T/taken/out"
	is 1 "cannot write" "next: "
	[ ! -e "$T/out" ]
	unchanged
}

@test "on a terminal: asks, checks each answer, shows no token" {
	typed "$secret" ftp://x https://plane.example edge-7 '' 99999 9090 '' json '' --
	is 0 "Token for the control plane" "not the URL of a control plane" "not a port: 99999" "written: "
	diff - <(sed 1d "$T/out/agent.yaml") <<-END
		token: "$secret"
		api_url: "https://plane.example"
		cluster_name: "edge-7"
		port: 9090
		log_format: "json"
	END
}

@test "on a terminal: what is given is not asked; an empty token is standalone" {
	typed '' '' '' '' '' "$secret" -- --cluster-name edge-7
	is 0 "standalone: no token"
	case $output in *"Name of this cluster"* | *"URL of"*) fail "asked" ;; esac
	[ "$(sed 1d "$T/out/agent.yaml")" = "cluster_name: \"edge-7\"
api_token: \"$secret\"" ]
	typed -- --force --standalone --no-input
	is 0 "written: "
}

@test "on a terminal: interrupted, nothing is written" {
	typed ^C --
	[ "$status" -ne 0 ]
	[ ! -e "$T/out" ]
}
