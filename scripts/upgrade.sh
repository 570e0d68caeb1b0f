#!/bin/sh
# Brings the agent to another version: backs up what was applied, applies the new manifest,
# looks whether that version answers, and goes back by itself when it does not.
# shellcheck disable=SC2317,SC2329 # no script uses all of the parts that are copied into it
set -eu

program=upgrade.sh

usage() {
	cat <<'HELP'
usage: upgrade.sh [OPTION]...      settings and tokens stay as they are

  To what                               environment             default
  --to VERSION           a release      PIPEOPS_VERSION         the newest
  --manifest FILE|URL    needs SHA256SUMS beside a URL
                                        PIPEOPS_MANIFEST
  --airgap DIR           no network     PIPEOPS_AIRGAP
  --image IMAGE          alone: nothing but the image changes
                                        PIPEOPS_IMAGE           that of the manifest
  --rollback             to the newest backup
                                        ROLLBACK=1

  Where
  --namespace NAME                      NAMESPACE               pipeops-system
  --kubeconfig FILE                     KUBECONFIG
  --context NAME                        KUBE_CONTEXT
  --backup-dir DIR       keeps five     PIPEOPS_BACKUP_DIR      /var/lib/pipeops-install/backups,
                                                                not root: ~/.local/state/...
  --release-url URL                     PIPEOPS_RELEASE_URL     GitHub

  Run
  --dry-run              print actions  DRY_RUN=1
  --timeout SECONDS                     TIMEOUT                 180
  --help

Exit codes: 0 that version runs, 1 wrong settings or no agent, 3 the cluster does not answer,
4 not upgraded. install.sh --k3s-version upgrades k3s.
HELP
}

# >>> scripts/lib/common.sh
# Copied into each script by build/embed.sh, so that each works alone.
# Nobody's environment decides what is removed or ended.
work='' forward='' terminal='' resume='' patience=''

say() { printf '%s\n' "$*"; }
warn() { printf '%s: warning: %s\n' "$program" "$*" >&2; }

# Every failure says what to do next.
die() { # CODE WHAT NEXT
	printf '%s: error: %s\n  next: %s\n' "$program" "$2" "$3" >&2
	told
	exit "$1"
}

# Why it ends has been said; in a file, because a subshell may be what says it.
told() { [ -z "$work" ] || true 2>/dev/null >"$work/told" || :; }

# Only reads while --dry-run: what changes something goes through here.
run() {
	if [ -n "$DRY_RUN" ]; then
		say "would run: $*"
	else
		"$@"
	fi
}

# Standard input to a file, whole or not at all.
put() { # MODE FILE
	if [ -n "$DRY_RUN" ]; then
		cat >/dev/null
		say "would write: $2"
		return
	fi
	# A file that is there already could be anyone's to read.
	(umask 022 && mkdir -p "$(dirname "$2")") && rm -f "$2.new" || return 1
	cat >"$2.new" && chmod "$1" "$2.new" && mv "$2.new" "$2" && return
	rm -f "$2.new"
	return 1
}

# A private folder for everything temporary; it never outlives the script.
workspace() {
	umask 077
	work=$(mktemp -d) || die 1 "no temporary folder in ${TMPDIR:-/tmp}" "make room there, or set TMPDIR to a folder of yours"
	trap 'ended $?' EXIT
	trap 'interrupted 129' HUP
	trap 'interrupted 130' INT
	trap 'interrupted 143' TERM
}

# A command that failed where nobody thought of it, as all do on a full disk.
ended() { # CODE
	[ "$1" -eq 0 ] || [ -e "$work/told" ] || printf '%s: error: a step failed\n  next: %s\n' "$program" \
		"read the line above; see that ${TMPDIR:-/tmp} has room; then run the same line again" >&2
	cleanup
}

cleanup() {
	[ -z "$forward" ] || kill "$forward" 2>/dev/null || :
	[ -z "$terminal" ] || stty "$terminal"
	rm -rf "$work"
}

# Not every shell keeps the status of an exit inside a trap when another trap follows.
interrupted() { # CODE
	trap - EXIT
	[ -z "$resume" ] || warn "$resume"
	cleanup
	exit "$1"
}

value_of() { # OPTION COUNT
	[ "$2" -gt 1 ] || die 1 "$1 needs a value" "$program --help"
}

unknown() { # ARGUMENT
	die 1 "unknown argument: ${1%%=*}" "$program --help lists the options"
}

# REMOVE_K3S=no is no.
switches() { # VARIABLE...
	for switch in "$@"; do
		eval "value=\$$switch"
		case $value in
		'' | 0 | no | false | off) eval "$switch=" ;;
		1 | yes | true | on) ;;
		*) die 1 "neither yes nor no: $switch=$value" "set it to 1, or leave it out" ;;
		esac
	done
}

# Arguments are visible to every user of the machine.
no_secret_arguments() { # OPTION VARIABLE
	die 1 "$1 would show the secret in the process list" "set $2, or use $1-file FILE (- reads standard input)"
}

# The secret of a file, of standard input (-), or of the text.
secret() { # NAME TEXT FILE TARGET
	case $3 in
	'') printf '%s' "$2" ;;
	-) cat ;;
	*) cat "$3" ;;
	esac >"$4" || die 1 "cannot read the $1 from $3" "check that the file exists and is yours"
	# One line, as editors and echo write it.
	printf '%s' "$(cat "$4")" >"$4.line"
	mv "$4.line" "$4"
	if LC_ALL=C grep -q '[^!-~]' "$4" || [ "$(wc -l <"$4")" -gt 0 ]; then
		die 1 "the $1 has blanks or unprintable characters" "give the token alone, as it was issued"
	fi
	[ -n "$2$3" ] && [ ! -s "$4" ] && die 1 "the $1 is empty" "give the token alone, as it was issued"
	return 0
}

# Where upgrade.sh keeps its backups.
backup_dir() {
	if [ "$(id -u)" -eq 0 ] || [ -n "$PIPEOPS_ROOT" ]; then
		say "$PIPEOPS_ROOT/var/lib/pipeops-install/backups"
	else
		say "${XDG_STATE_HOME:-${HOME:-.}/.local/state}/pipeops-install/backups"
	fi
}

kube() {
	# shellcheck disable=SC2086 # "kubectl" or "k3s kubectl"
	if [ -n "$KUBE_CONTEXT" ]; then
		$kubectl --context "$KUBE_CONTEXT" "$@"
	else
		$kubectl "$@"
	fi
}

# Whether the API server answers; if not, its last word says why.
reachable() {
	refusal=$(kube get --raw /readyz --request-timeout=30s 2>&1) && return
	refusal=$(printf '%s\n' "$refusal" | tail -n 1)
	return 1
}

# Where a service of k3s says what it does.
logs_of() { # SERVICE
	if [ -x "$PIPEOPS_ROOT/sbin/openrc-run" ]; then say "rc-service $1 status; tail /var/log/$1.log"; else say "journalctl -u $1"; fi
}

# Who keeps the agent.
manager() { # NAMESPACE
	kube -n "$1" get deployment pipeops-agent --ignore-not-found -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}' 2>/dev/null || :
}

# kubectl of this machine, else that of k3s with its administrator's kubeconfig.
find_kubectl() {
	own=$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml
	[ -z "$KUBECONFIG" ] || export KUBECONFIG
	if [ -z "$KUBECONFIG" ] && command -v k3s >/dev/null && [ -r "$own" ]; then
		kubectl="k3s kubectl"
	elif [ -z "$KUBECONFIG" ] && [ -e "$own" ] && [ ! -r "$own" ] && [ ! -e "${HOME:-}/.kube/config" ]; then
		die 1 "only root may read $own" "run the same line with sudo, or give --kubeconfig"
	elif command -v kubectl >/dev/null; then
		kubectl=kubectl
	elif command -v k3s >/dev/null; then
		kubectl="k3s kubectl"
	else
		return 1
	fi
}

# Until COMMAND succeeds, at most so many seconds.
wait_for() { # COMMAND...
	waited=0
	until "$@" >/dev/null 2>&1; do
		[ "$waited" -lt "${patience:-$TIMEOUT}" ] || return 1
		sleep 2
		waited=$((waited + 2))
	done
}
# <<< scripts/lib/common.sh

# >>> scripts/lib/files.sh
# Copied into each script that takes files from elsewhere by build/embed.sh.
fetch() { # URL FILE
	if command -v curl >/dev/null; then
		curl --proto '=https' --tlsv1.2 -fsSL --retry 3 --connect-timeout 10 --max-time 300 -o "$2" "$1"
	elif command -v wget >/dev/null; then
		wget -q -T 60 -O "$2" "$1"
	else
		die 1 "neither curl nor wget is here" "install curl and run the same line again"
	fi
}

checksum() { # FILE
	if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# Fails closed: a file that SHA256SUMS does not name is not taken.
summed() { # FILE NAME SUMS
	sum=$(awk -v name="$2" '{ file = $2; sub(/^[*]/, "", file); sub(/^[.]\//, "", file); if (file == name) print $1 }' "$3")
	[ -n "$sum" ] && [ "$(checksum "$1")" = "$sum" ]
}

# A file, held against the SHA256SUMS that lies beside it.
download() { # FOLDER-URL NAME TARGET
	case $1 in
	https://?*) ;;
	*) die 1 "not a safe address: $1" "use https or a file" ;;
	esac
	for part in SHA256SUMS "$2"; do
		fetch "$1/$part" "$work/$part" ||
			die 4 "cannot download $1/$part" "check the address and the network and run the same line again; or carry the file"
	done
	summed "$work/$2" "$2" "$work/SHA256SUMS" ||
		die 4 "$1/$2 is not what SHA256SUMS says" "run the same line again; if it stays so, do not trust that address"
	mv "$work/$2" "$3"
}

# Every file that is in a folder.
check_folder() { # FOLDER
	[ -f "$1/SHA256SUMS" ] || die 1 "$1 has no SHA256SUMS" "carry the folder again"
	(cd "$1" && find . -type f ! -path ./SHA256SUMS) >"$work/files"
	while IFS= read -r file; do
		file=${file#./}
		summed "$1/$file" "$file" "$1/SHA256SUMS" && continue
		[ -n "$sum" ] || die 1 "SHA256SUMS does not name $file" "remove that file, or make the folder again"
		die 1 "$file of $1 differs from SHA256SUMS" "carry the folder again"
	done <"$work/files"
}

# Every file that should be in a folder too.
check_whole_folder() { # FOLDER
	check_folder "$1"
	sed 's/^[^ ]* [ *]//' "$1/SHA256SUMS" >"$work/files"
	while IFS= read -r file; do
		[ -f "$1/$file" ] || die 1 "$1 has no $file" "carry the folder again"
	done <"$work/files"
}
# <<< scripts/lib/files.sh

# >>> scripts/lib/values.sh
# Copied into each script that takes settings by build/embed.sh: every value, before the first write.
name() { # WHAT VALUE
	case $2 in
	[!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) die 1 "not a $1: $2" "letters, digits, '-', '_' and '.', at most 63, first a letter or digit" ;;
	esac
	[ ${#2} -le 63 ] || die 1 "the $1 is longer than 63" "choose a shorter one"
}

# What goes into YAML between quotes.
plain() { # WHAT VALUE
	[ "$(printf '%s!' "$2" | LC_ALL=C tr -d 'A-Za-z0-9._:/@%?=&~+,*[]-')" = "!" ] ||
		die 1 "the $1 has characters that it cannot have" "check the value: $2"
}

number() { # WHAT VALUE MOST
	case $2 in
	*[!0-9]* | '' | 0* | ??????*) die 1 "not a $1: $2" "a number from 1 to $3" ;;
	esac
	[ "$2" -le "$3" ] || die 1 "not a $1: $2" "a number from 1 to $3"
}

# grep would be content with one line of many.
whole() { # VALUE PATTERN
	printf '%s' "$1" | tr '\n' ' ' | grep -Eq "$2"
}

# As the agent takes it. It may hold a password, so it is not shown.
control_plane_url() { # URL
	[ -n "$1" ] || return 0
	whole "$1" '^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?$' ||
		die 1 "not the URL of a control plane" "give --api-url as https://host[:port][/path], without user and query"
	case $1 in
	https://* | http://localhost | http://localhost[:/]* | http://127.* | 'http://[::1]'*) ;;
	*) die 1 "over plain http the token could be read on the way" "give --api-url as https://host[:port]" ;;
	esac
}

# As the agent takes them.
host_names() { # NAMES
	[ -z "$1" ] || whole "$1," '^(([*]\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*,)+$' ||
		die 1 "not names of hosts: $1" "give --hosts as agent.example.com,*.example.com, without scheme and port"
}

log_level() { # LEVEL
	case $1 in
	'' | error | warn | info | debug | trace) ;;
	*) die 1 "not a log level: $1" "error, warn, info, debug or trace" ;;
	esac
}

# Which line is wrong, and nothing of what is in it.
api_tokens() { # FILE
	[ -z "$1" ] || [ -r "$1" ] || die 1 "cannot read $1" "check that the file exists and is yours"
	[ -z "$1" ] || wrong=$(grep -vnE '^[[:blank:]]*(#.*|(read|operate|admin)[[:blank:]]+[^[:blank:]]+[[:blank:]]+[^[:blank:]]{16,}[[:blank:]]*)?$' "$1" | cut -d: -f1 | head -n 1)
	[ -z "${wrong:-}" ] || die 1 "line $wrong of $1 is no API token" "write lines of SCOPE NAME TOKEN: read, operate or admin, and a token of 16 characters or more"
}

key_pair() { # CERTIFICATE KEY
	[ -n "$1$2" ] || return 0
	[ -n "$1" ] && [ -n "$2" ] || die 1 "a certificate and its key belong together" "give both, --tls-cert-file and --tls-key-file"
	for file in "$1" "$2"; do
		[ -r "$file" ] || die 1 "cannot read $file" "check that the file exists and is yours"
	done
}
# <<< scripts/lib/values.sh

# >>> scripts/lib/agent.sh
# Copied into the scripts that apply the agent's manifest by build/embed.sh.

ours=app.kubernetes.io/name=pipeops-agent,app.kubernetes.io/part-of=pipeops

# A manifest that is given by name.
take_manifest() { # FILE|URL TARGET
	case $1 in
	https://*/?*) download "${1%/*}" "${1##*/}" "$2" ;;
	*://*) die 1 "a manifest from $1 could be anyone's" "use https or a file" ;;
	*) cat "$1" >"$2" || die 1 "cannot read $1" "check the path of --manifest" ;;
	esac
}

check_manifest() { # FILE
	namespace=$(awk '/^---/ { kind = "" } /^kind:/ { kind = $2 } kind == "Namespace" && /^  name:/ { print $2; exit }' "$1")
	[ -n "$namespace" ] || die 1 "the manifest has no Namespace" "give the agent's manifest to --manifest"
	grep -q '^kind: Deployment' "$1" || die 1 "the manifest has no Deployment" "give the agent's manifest to --manifest"
}

version_in() { # MANIFEST
	sed -n 's|^ *app.kubernetes.io/version: *"\{0,1\}\([^" ]*\)"\{0,1\} *$|\1|p' "$1" | head -n 1
}

# JSON, an object a line, as a manifest.
documents() { awk 'NF { print "---"; print }'; }

# What was applied, an object a line; Secrets are not among it.
applied() { # NAMESPACE
	for scope in "namespace,serviceaccount,configmap,service,deployment,networkpolicy,poddisruptionbudget -n $1" \
		"priorityclass,clusterrole,clusterrolebinding,role,rolebinding -A"; do
		# shellcheck disable=SC2086 # two or three words
		kube get $scope -l "$ours" \
			-o 'jsonpath={range .items[*]}{.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}{"\n"}{end}' || return 1
	done
}

# Whether the cluster is the k3s of this machine.
on_k3s() {
	command -v k3s >/dev/null && [ -r "$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml" ] || return 1
	[ -z "$KUBECONFIG" ] || [ "$KUBECONFIG" = "$PIPEOPS_ROOT/etc/rancher/k3s/k3s.yaml" ]
}

# k3s takes images from its folder at each start; this one it takes now.
carry_images() {
	[ -n "$AIRGAP" ] || return 0
	find "$AIRGAP" -type f \( -name '*image*.tar' -o -name '*image*.tar.gz' -o -name '*image*.tar.zst' -o -name 'agent*.tar' \) \
		! -name 'k3s-airgap-images*' >"$work/images"
	while IFS= read -r archive; do
		if ! on_k3s; then
			warn "the image must be on each node: ctr -n k8s.io images import ${archive##*/}"
			continue
		fi
		put 600 "$PIPEOPS_ROOT/var/lib/rancher/k3s/agent/images/${archive##*/}" <"$archive"
		run k3s ctr images import "$archive" || die 4 "k3s did not take the image ${archive##*/}" "nothing of the agent was changed; read the line above and run the same line again"
	done <"$work/images"
}

# What an object of ours has; nothing where there is none. That the API server does not say is another
# thing, save in a dry run, which needs no cluster.
stored() { # KIND NAME JSONPATH
	kube -n "$namespace" get "$1" "$2" --ignore-not-found -o "jsonpath=$3" 2>"$work/error" || [ -n "$DRY_RUN" ] || {
		cat "$work/error" >&2
		return 1
	}
}

# A setting that is not given keeps the value of the last run.
settings() {
	for setting in CLUSTER_NAME API_URL AGENT_ID PORT LOG_LEVEL HOSTS TLS API_TOKENS IMAGE RBAC RBAC_NAMESPACES; do
		eval "value=\$$setting"
		if [ -z "$value" ] && [ -s "$work/last" ]; then
			value=$(sed -n "s/^$setting=//p" "$work/last")
			plain "kept value of $setting" "$value"
			eval "$setting=\$value"
			[ -z "$value" ] || say "kept: $setting $value"
		fi
	done
}

# The rights of a level; where they are bound to namespaces, a binding for each that was chosen.
rights() { # RBAC-FILE TARGET
	awk -v namespace="$namespace" -v list="${RBAC_NAMESPACES:-default}" '
		BEGIN { RS = "---\n"; count = split(list, names, ",") }
		{ gsub(/namespace: pipeops-system/, "namespace: " namespace) }
		!/(^|\n)kind: RoleBinding/ { printf "---\n%s", $0; next }
		{ for (i = 1; i <= count; i++) { one = $0; sub(/\n  namespace: default\n/, "\n  namespace: " names[i] "\n", one); printf "---\n%s", one } }
	' "$1" >"$2"
}

# "KIND/NAME" or "KIND/NAME -n NAMESPACE" of each object in it.
names_in() { # MANIFEST
	awk '
		function tell() { if (kind != "") print kind "/" name place; kind = ""; place = "" }
		/^---/ { tell() }
		/^[A-Za-z]/ { part = $1 }
		/^kind:/ { kind = tolower($2) }
		part == "metadata:" && /^  name:/ { name = $2 }
		part == "metadata:" && /^  namespace:/ { place = " -n " $2 }
		END { tell() }
	' "$1"
}

# What a manifest of one's own grants: the level is the manifest's then.
own_rights() { # MANIFEST
	names_in "$1" | grep -E '^(cluster)?role(binding)?/pipeops-agent-(workloads|exec-logs|nodes|config|namespaces|full)( |$)'
}

# What the last run granted and this one does not goes first: a level that is left is left.
withdraw_rights() {
	stored configmap pipeops-agent-install '{.data.rights}' >"$work/last-rights" || return 1
	while IFS= read -r object; do
		if [ -z "$object" ] || grep -qxF -- "$object" "$work/rights"; then continue; fi
		# shellcheck disable=SC2086 # KIND/NAME -n NAMESPACE
		if [ -n "$DRY_RUN" ]; then say "would delete: $object"; else kube delete $object --ignore-not-found || return 1; fi
	done <"$work/last-rights"
}

# One folder for kubectl: the manifest, the rights, what was chosen as patches, and a record of it.
kustomization() { # FOLDER
	resources="agent.yaml, record.yaml"
	if [ -s "$1/rights.yaml" ]; then
		resources="$resources, rights.yaml"
		names_in "$1/rights.yaml" >"$work/rights"
	fi
	cat <<-YAML >"$1/kustomization.yaml"
		resources: [$resources]
		patches:
		  - path: deployment.yaml
		    target: {kind: Deployment, name: pipeops-agent}
	YAML
	[ -z "$PORT" ] || cat <<-YAML >>"$1/kustomization.yaml"
		  - target: {kind: Deployment, name: pipeops-agent}
		    patch: '[{"op": "replace", "path": "/spec/template/spec/containers/0/ports/0/containerPort", "value": $PORT}]'
	YAML
	component "$1" "$TLS" PIPEOPS_TLS_CERT_FILE Deployment tls_deployment
	component "$1" "$TLS" PIPEOPS_TLS_CERT_FILE Service tls_service
	component "$1" "$API_TOKENS" PIPEOPS_API_TOKENS_FILE Deployment api_tokens_deployment
	{
		cat <<-YAML
			apiVersion: apps/v1
			kind: Deployment
			metadata: {name: pipeops-agent}
			spec:
			  template:
			    metadata: {annotations: {pipeops.io/secret-version: "$secret_version"}}
			    spec:
			      containers:
			        - name: agent
		YAML
		[ -z "$IMAGE" ] || printf '          image: "%s"\n' "$IMAGE"
		[ -z "$CLUSTER_NAME$API_URL$AGENT_ID$PORT$LOG_LEVEL$HOSTS" ] || printf '          env:\n'
		variable PIPEOPS_CLUSTER_NAME "$CLUSTER_NAME"
		variable PIPEOPS_API_URL "$API_URL"
		variable PIPEOPS_AGENT_ID "$AGENT_ID"
		variable PIPEOPS_PORT "$PORT"
		variable PIPEOPS_LOG_LEVEL "$LOG_LEVEL"
		variable PIPEOPS_HOSTS "$HOSTS"
	} >"$1/deployment.yaml"
	cat <<-YAML >"$1/record.yaml"
		apiVersion: v1
		kind: ConfigMap
		metadata:
		  name: pipeops-agent-install
		  namespace: $namespace
		  labels: {app.kubernetes.io/name: pipeops-agent, app.kubernetes.io/part-of: pipeops}
		data:
		  settings: |
		    CLUSTER_NAME=$CLUSTER_NAME
		    API_URL=$API_URL
		    AGENT_ID=$AGENT_ID
		    PORT=$PORT
		    LOG_LEVEL=$LOG_LEVEL
		    HOSTS=$HOSTS
		    TLS=$TLS
		    API_TOKENS=$API_TOKENS
		    IMAGE=$IMAGE
		    RBAC=$RBAC
		    RBAC_NAMESPACES=$RBAC_NAMESPACES
		    OWN_MANIFEST=$OWN_MANIFEST
		  rights: |
	YAML
	sed 's/^/    /' "$work/rights" >>"$1/record.yaml"
}

variable() { # NAME VALUE
	[ -n "$2" ] || return 0
	other=
	# Only where the manifest has it from elsewhere: apply would see a change in a null each time.
	! grep -Eq "name: $1( |,|\$)|\"name\":\"$1\",\"valueFrom\"" "$work/apply/agent.yaml" || other=', valueFrom: null'
	printf '            - {name: %s, value: "%s"%s}\n' "$1" "$2" "$other"
}

# A patch of a component, if that is wanted and not in the manifest already: what was applied has it.
component() { # FOLDER WANTED VARIABLE KIND PATCH
	[ -n "$2" ] && ! grep -q "$3" "$1/agent.yaml" || return 0
	"$5" >"$1/patch-$5.json"
	cat <<-YAML >>"$1/kustomization.yaml"
		  - target: {kind: $4, name: pipeops-agent}
		    path: patch-$5.json
	YAML
}

tls_deployment() {
	cat <<'PATCH'
# >>> deployments/components/tls/deployment.json
[
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "PIPEOPS_TLS_CERT_FILE", "value": "/etc/pipeops-agent-tls/tls.crt"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "PIPEOPS_TLS_KEY_FILE", "value": "/etc/pipeops-agent-tls/tls.key"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/ports/-",
   "value": {"name": "https", "containerPort": 8443}},
  {"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/-",
   "value": {"name": "tls", "mountPath": "/etc/pipeops-agent-tls", "readOnly": true}},
  {"op": "add", "path": "/spec/template/spec/volumes/-",
   "value": {"name": "tls", "secret": {"secretName": "pipeops-agent-tls", "defaultMode": 288}}}
]
# <<< deployments/components/tls/deployment.json
PATCH
}

tls_service() {
	cat <<'PATCH'
# >>> deployments/components/tls/service.json
[{"op": "add", "path": "/spec/ports/-", "value": {"name": "https", "port": 8443, "targetPort": "https"}}]
# <<< deployments/components/tls/service.json
PATCH
}

api_tokens_deployment() {
	cat <<'PATCH'
# >>> deployments/components/api-tokens/deployment.json
[
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "PIPEOPS_API_TOKENS_FILE", "value": "/etc/pipeops-agent-api-tokens/tokens"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/-",
   "value": {"name": "api-tokens", "mountPath": "/etc/pipeops-agent-api-tokens", "readOnly": true}},
  {"op": "add", "path": "/spec/template/spec/volumes/-",
   "value": {"name": "api-tokens", "secret": {"secretName": "pipeops-agent-api-tokens", "defaultMode": 288}}}
]
# <<< deployments/components/api-tokens/deployment.json
PATCH
}
# <<< scripts/lib/agent.sh

environment() {
	TO=${PIPEOPS_VERSION:-} MANIFEST=${PIPEOPS_MANIFEST:-} AIRGAP=${PIPEOPS_AIRGAP:-} IMAGE=${PIPEOPS_IMAGE:-}
	ROLLBACK=${ROLLBACK:-} NAMESPACE=${NAMESPACE:-pipeops-system} BACKUP_DIR=${PIPEOPS_BACKUP_DIR:-}
	RELEASE_URL=${PIPEOPS_RELEASE_URL:-https://github.com/PipeOpsHQ/pipeops-k8-agent/releases/download}
	KUBECONFIG=${KUBECONFIG:-} KUBE_CONTEXT=${KUBE_CONTEXT:-} DRY_RUN=${DRY_RUN:-} TIMEOUT=${TIMEOUT:-180}
	PIPEOPS_ROOT=${PIPEOPS_ROOT:-}
	# These are settings of install.sh; here they stay what they were.
	CLUSTER_NAME='' API_URL='' AGENT_ID='' PORT='' LOG_LEVEL='' HOSTS='' TLS='' API_TOKENS='' RBAC='' RBAC_NAMESPACES=''
	PATH=$PATH:$PIPEOPS_ROOT/usr/local/bin
	resume='' patience=10
	switches ROLLBACK DRY_RUN
}

arguments() {
	while [ $# -gt 0 ]; do
		case $1 in
		--*=*)
			option=${1%%=*} value=${1#*=}
			shift
			set -- "$option" "$value" "$@"
			;;
		esac
		case $1 in
		--help | -h) usage && exit 0 ;;
		--rollback) ROLLBACK=1 && shift && continue ;;
		--dry-run) DRY_RUN=1 && shift && continue ;;
		--k3s-version) die 1 "this upgrades the agent alone" "install.sh --k3s-version VERSION, on the servers first; https://docs.k3s.io/upgrades says more" ;;
		--to | --manifest | --airgap | --image | --namespace | --kubeconfig | --context | --backup-dir | --release-url | \
			--timeout) value_of "$1" $# ;;
		*) unknown "$1" ;;
		esac
		case $1 in
		--to) TO=$2 ;;
		--manifest) MANIFEST=$2 ;;
		--airgap) AIRGAP=$2 ;;
		--image) IMAGE=$2 ;;
		--namespace) NAMESPACE=$2 ;;
		--kubeconfig) KUBECONFIG=$2 ;;
		--context) KUBE_CONTEXT=$2 ;;
		--backup-dir) BACKUP_DIR=$2 ;;
		--release-url) RELEASE_URL=$2 ;;
		--timeout) TIMEOUT=$2 ;;
		esac
		shift 2
	done
}

check_values() {
	TO=${TO#v}
	case $TO in
	'' | latest | [0-9]*.[0-9]*.[0-9]*) plain version "$TO" ;;
	*) die 1 "not a version: $TO" "give --to as 1.2.3" ;;
	esac
	plain image "$IMAGE"
	name namespace "$NAMESPACE"
	number timeout "$TIMEOUT" 86400
	targets=0
	for target in "$TO" "$MANIFEST" "$AIRGAP" "$ROLLBACK"; do
		[ -z "$target" ] || targets=$((targets + 1))
	done
	[ "$targets" -le 1 ] || die 1 "more than one target" "give one of --to, --manifest, --airgap and --rollback"
	[ -z "$ROLLBACK" ] || [ -z "$IMAGE" ] || die 1 "a backup has its own image" "leave --image out"
	[ -z "$AIRGAP" ] || [ -d "$AIRGAP" ] || die 1 "no such folder: $AIRGAP" "give the folder that was carried to --airgap"
	case $BACKUP_DIR in '' | /*) ;; *) BACKUP_DIR=$(pwd)/$BACKUP_DIR ;; esac
}

# What is installed, and whether it is ours to upgrade.
detect() {
	reachable ||
		die 3 "the Kubernetes API does not answer: $refusal" "try: $kubectl get --raw /readyz; give --kubeconfig and --context where they are not the default"
	found=$(kube -n "$NAMESPACE" get deployment pipeops-agent -o 'jsonpath={.spec.template.spec.containers[0].image}|{.spec.template.metadata.annotations.pipeops\.io/secret-version}|{.metadata.labels.app\.kubernetes\.io/version}|{.metadata.labels.app\.kubernetes\.io/managed-by}') ||
		die 1 "the agent is not in namespace $NAMESPACE" "install.sh installs it; --namespace where it is another"
	IFS='|' read -r old_image secret_version from manager <<-END
		$found
	END
	[ "$manager" != Helm ] || die 1 "Helm installed this agent" "upgrade it with: helm upgrade"
	kube -n "$NAMESPACE" get configmap pipeops-agent-install -o 'jsonpath={.data.settings}' >"$work/last" 2>/dev/null ||
		die 1 "install.sh did not install this agent" "apply the new manifest as the old one was, for instance with kubectl apply -k; or run install.sh --existing-cluster once"
	# A backup is of one cluster.
	cluster=$(kube get namespace kube-system -o 'jsonpath={.metadata.uid}') || die 3 "the cluster has no identity" "try: $kubectl get namespace kube-system"
	elsewhere=$(backup_dir)/$cluster/elsewhere
	if [ -z "$BACKUP_DIR" ] && [ -s "$elsewhere" ]; then
		BACKUP_DIR=$(tail -n 1 "$elsewhere")
		say "kept: --backup-dir $BACKUP_DIR"
	fi
	[ -n "$BACKUP_DIR" ] || BACKUP_DIR=$(backup_dir)
	backups=$BACKUP_DIR/$cluster
	for setting in PORT RBAC RBAC_NAMESPACES; do
		eval "$setting=\$(sed -n 's/^$setting=//p' \"\$work/last\")"
	done
	ready=no was=
	if running; then
		from=$version was=$version
		! ask /ready >/dev/null 2>&1 || ready=yes
	fi
	say "installed: ${from:-unknown version}, image $old_image, namespace $NAMESPACE"
	[ "$ready" = yes ] || warn "this agent is not ready (health-check.sh says why); an upgrade stays only if the new one is"
}

# Whether an agent answers: which pod, which version.
running() {
	version=
	pod=$(kube -n "$NAMESPACE" get pods -l app.kubernetes.io/name=pipeops-agent --field-selector=status.phase=Running -o 'jsonpath={.items[0].metadata.name}' 2>/dev/null) || return 1
	version=$(ask /version 2>/dev/null | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p')
	[ -n "$version" ]
}

ask() { # PATH
	kube get --raw "/api/v1/namespaces/$NAMESPACE/pods/$pod:${PORT:-8080}/proxy$1" --request-timeout=10s
}

# The new manifest, and the version that must answer then; none where only an image is named.
target() { # FILE
	OWN_MANIFEST=${MANIFEST:+yes}
	if [ -n "$MANIFEST" ]; then
		take_manifest "$MANIFEST" "$1"
		place=$(dirname "$MANIFEST")
	elif [ -n "$AIRGAP" ]; then
		carried "$1"
	elif [ -n "$TO" ] || [ -z "$IMAGE" ]; then
		release "$1"
	else
		# The record is made anew.
		applied "$NAMESPACE" >"$work/applied" || die 3 "cannot read what was applied" "read the line above and run the same line again"
		grep -v '"name":"pipeops-agent-install"' "$work/applied" | documents >"$1"
		namespace=$NAMESPACE wanted=$(tag "$IMAGE") OWN_MANIFEST=$(sed -n 's/^OWN_MANIFEST=//p' "$work/last")
		return
	fi
	check_manifest "$1"
	[ "$namespace" = "$NAMESPACE" ] || die 1 "the manifest is for namespace $namespace, the agent is in $NAMESPACE" "give --manifest FILE with $NAMESPACE in it"
	wanted=$(version_in "$1")
	[ -n "$wanted" ] || wanted=$(tag "$(sed -n 's|^.*image: *"\{0,1\}\([^" ]*\).*|\1|p' "$1" | head -n 1)")
	case $TO in
	'' | latest | "$wanted") ;;
	*) die 4 "the release $TO has a manifest of ${wanted:-no version}" "choose another release" ;;
	esac
	rights_beside
}

# The roles of the level that is installed, as the new version has them; else they stay as they are.
rights_beside() {
	if own_rights "$work/apply/agent.yaml" >"$work/own-rights"; then
		RBAC=manifest RBAC_NAMESPACES=''
		return
	fi
	file=rbac-$RBAC.yaml
	case $RBAC in
	'' | read-only) return 0 ;;
	esac
	case $place in
	https://*) ! grep -q "[ *]$file\$" "$work/SHA256SUMS" || download "$place" "$file" "$work/rbac.yaml" ;;
	*) [ ! -f "$place/$file" ] || cat "$place/$file" >"$work/rbac.yaml" ;;
	esac
	if [ -f "$work/rbac.yaml" ]; then
		rights "$work/rbac.yaml" "$work/apply/rights.yaml"
	else
		say "kept: the roles of the level $RBAC; there is no $file beside the new manifest"
	fi
}

# The version in an image's tag, where that is one.
tag() { # IMAGE
	name=${1%@*} name=${name##*/}
	case $name in
	*:[0-9]*.[0-9]*.[0-9]* | *:v[0-9]*.[0-9]*.[0-9]*) name=${name##*:} && say "${name#v}" ;;
	esac
}

release() { # FILE
	case $TO in
	'' | latest)
		[ "${RELEASE_URL%/download}" != "$RELEASE_URL" ] || die 1 "the newest release of $RELEASE_URL is not known" "give --to VERSION"
		folder=${RELEASE_URL%/download}/latest/download
		;;
	*) folder=$RELEASE_URL/v$TO ;;
	esac
	say "release: $folder"
	download "$folder" agent.yaml "$1"
	place=$folder
}

carried() { # FILE
	AIRGAP=$(cd "$AIRGAP" && pwd)
	check_folder "$AIRGAP"
	manifest=$AIRGAP/agent.yaml
	[ -f "$manifest" ] || manifest=$AIRGAP/deployments/agent.yaml
	[ -f "$manifest" ] || die 1 "$AIRGAP has no agent.yaml" "carry the folder again"
	cat "$manifest" >"$1"
	place=$(dirname "$manifest")
}

# An image in a registry of one's own follows to the same version there.
follow_image() {
	kept=$(sed -n 's/^IMAGE=//p' "$work/last")
	[ -z "$IMAGE" ] && [ -n "$kept" ] || return 0
	kept_version=$(tag "$kept")
	[ -n "$kept_version" ] && [ -n "$wanted" ] ||
		die 1 "the image $kept was chosen by hand" "give --image with that of ${wanted:-the new version}"
	kept=${kept%@*}
	IMAGE=${kept%"$kept_version"}$wanted
	[ "$IMAGE" = "$kept" ] || say "image: $IMAGE, as $kept before"
}

# What applying would change, by the API server itself; nothing is changed yet.
plan() {
	kube apply -k "$work/apply" --dry-run=server >"$work/plan" ||
		die 4 "the API server refuses the new manifest" "read the line above; nothing was changed"
	# Its words are not enough: "configured" is also what only defaults set apart. diff compares the results.
	changes=yes
	# Its temporary files are ours, also when it is interrupted.
	! (TMPDIR=$work && export TMPDIR && kube diff -k "$work/apply") >/dev/null 2>&1 || changes=no
	awk '/ created/ { print $1 }' "$work/plan" >"$work/added"
}

numbers() {
	for folder in "$backups"/[0-9]*; do
		[ ! -d "$folder" ] || say "${folder##*/}"
	done
}

newest_backup() { # STATE...
	newest=
	for number in $(numbers | sort -rn); do
		state=$(info "$backups/$number" state)
		for wanted_state in "$@"; do
			[ "$state" != "$wanted_state" ] || newest=$backups/$number
		done
		[ -z "$newest" ] || return 0
	done
	return 1
}

info() { sed -n "s/^$2=//p" "$1/info" 2>/dev/null; } # BACKUP KEY

mark() { # BACKUP STATE
	sed "s/^state=.*/state=$2/" "$1/info" >"$work/info"
	put 600 "$1/info" <"$work/info" || warn "cannot write $1/info"
}

# An interrupted upgrade has its backup already: the state between would be no place to go back to.
back_up() {
	if newest_backup upgrading; then
		backup=$newest
		from=$(info "$backup" from)
		say "kept: $backup, the backup of the upgrade that was interrupted"
		cat "$backup/added" >>"$work/added"
		sort -u "$work/added" | put 600 "$backup/added" || no_backup
		return
	fi
	last=$(numbers | sort -n | tail -n 1)
	backup=$backups/$((${last:-0} + 1))
	applied "$NAMESPACE" >"$work/applied" || die 3 "cannot read what was applied" "nothing was changed; read the line above and run the same line again"
	grep -q '"kind":"Deployment"' "$work/applied" ||
		die 1 "the Deployment does not say how it was applied" "run install.sh --existing-cluster once: it applies the same settings again"
	run mkdir -p "$backup" || no_backup
	documents <"$work/applied" | put 600 "$backup/objects.yaml" || no_backup
	put 600 "$backup/added" <"$work/added" || no_backup
	printf 'from=%s\nto=%s\nready=%s\nstate=upgrading\n' "$was" "${wanted:-$IMAGE}" "$ready" | put 600 "$backup/info" || no_backup
	remember || no_backup
	[ -n "$DRY_RUN" ] || say "backup: $backup"
}

# Where to look for backups that are not in the usual place: the last line is the latest.
remember() {
	[ "$BACKUP_DIR" != "$(backup_dir)" ] && [ "$BACKUP_DIR" != "$(tail -n 1 "$elsewhere" 2>/dev/null)" ] || return 0
	run mkdir -p "${elsewhere%/*}" &&
		{ grep -vxF "$BACKUP_DIR" "$elsewhere" 2>/dev/null || :; } >"$work/elsewhere" &&
		say "$BACKUP_DIR" >>"$work/elsewhere" &&
		put 600 "$elsewhere" <"$work/elsewhere"
}

no_backup() { die 1 "cannot write the backup $backup" "nothing of the agent was changed; make room, or give --backup-dir"; }

# The Deployment has come up and the right version answers.
verify() { # VERSION PATH
	[ "$2" = /health ] || kube -n "$NAMESPACE" rollout status deployment/pipeops-agent --timeout="${TIMEOUT}s" || return 1
	wait_for answers "$1" "$2" || {
		warn "wanted version ${1:-of any number} and an answer to $2; there is ${version:-no answer}"
		return 1
	}
}

answers() { # VERSION PATH
	running || return 1
	[ -z "$1" ] || [ "$version" = "$1" ] || return 1
	ask "$2"
}

# What was applied before, without what the upgrade added to it.
restore() { # BACKUP
	kube apply -f "$1/objects.yaml" || return 1
	while IFS= read -r object; do
		kube -n "$NAMESPACE" delete "$object" --ignore-not-found || return 1
	done <"$1/added"
	path=/ready
	[ "$(info "$1" ready)" = yes ] || path=/health patience=$TIMEOUT
	verify "$(info "$1" from)" $path
}

upgrade() {
	resume="interrupted: run the same line again, or $program --rollback"
	if withdraw_rights && kube apply -k "$work/apply" && verify "$wanted" /ready; then
		mark "$backup" complete
		forget_old
		say "upgraded: from ${from:-an unknown version} to $version, pod $pod"
		say "next: health-check.sh; $program --rollback goes back to $backup"
		return
	fi
	kube -n "$NAMESPACE" get pods -l app.kubernetes.io/name=pipeops-agent >&2 || :
	kube -n "$NAMESPACE" logs deployment/pipeops-agent --tail=20 >&2 || :
	say "rolling back"
	restore "$backup" || die 4 "the upgrade failed, and what was before does not come up either" \
		"$kubectl -n $NAMESPACE describe pods; then $program --rollback: the backup is in $backup"
	mark "$backup" rolled-back
	die 4 "the upgrade to ${wanted:-$IMAGE} failed; version ${version:-of before} runs again" "read the lines above; run the same line again when the cause is gone"
}

roll_back() {
	newest_backup complete upgrading || die 1 "no backup of this cluster in $backups" "run this where upgrade.sh ran, or give --backup-dir; or upgrade.sh --to the version"
	if [ -n "$DRY_RUN" ]; then
		say "would apply: $newest/objects.yaml, version $(info "$newest" from)"
		[ ! -s "$newest/added" ] || sed 's/^/would delete: /' "$newest/added"
		return
	fi
	resume="interrupted: run the same line again"
	restore "$newest" || die 4 "the version of before does not come up" "$kubectl -n $NAMESPACE describe pods; then run the same line again"
	mark "$newest" rolled-back
	say "rolled back: to $version, pod $pod, from $newest"
}

forget_old() {
	for number in $(numbers | sort -rn | tail -n +6); do
		rm -r "${backups:?}/$number"
	done
}

main() {
	environment
	arguments "$@"
	workspace
	check_values
	mkdir "$work/apply"
	find_kubectl || die 1 "neither kubectl nor k3s is here" "install kubectl, or run this on the server"
	detect
	if [ -n "$ROLLBACK" ]; then
		roll_back
		exit 0
	fi
	target "$work/apply/agent.yaml"
	follow_image
	settings
	kube -n "$NAMESPACE" get configmap pipeops-agent-install -o 'jsonpath={.data.rights}' >"$work/rights" ||
		die 3 "cannot read what was granted" "run the same line again"
	[ ! -s "$work/own-rights" ] || mv "$work/own-rights" "$work/rights"
	kustomization "$work/apply"
	plan
	if [ $changes = no ] && ! newest_backup upgrading; then
		[ -n "$version" ] && [ "$version" = "${wanted:-$version}" ] || verify "$wanted" /ready ||
			die 4 "that version is applied but does not answer" "health-check.sh; or $program --rollback"
		say "kept: version $version runs, pod $pod; nothing to do"
		exit 0
	fi
	[ -z "$DRY_RUN" ] || sed '/ unchanged/d; s/ (server dry run)//; s/^/would apply: /' "$work/plan"
	back_up
	carry_images
	[ -z "$DRY_RUN" ] || withdraw_rights
	[ -n "$DRY_RUN" ] || upgrade
}

# In braces: cut anywhere, this script does nothing.
{
	main "$@"
	exit
}
