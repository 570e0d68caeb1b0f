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
