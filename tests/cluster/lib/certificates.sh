# shellcheck shell=bash
# Certificates and kubeconfigs of one cluster, made anew for each.

certificates() {
	[ ! -e "$CLUSTER_DIR/kubeconfig" ] || return 0
	authority ca
	authority front-proxy-ca
	local here=DNS:localhost,IP:127.0.0.1,IP:$CLUSTER_ADDRESS
	certificate ca apiserver /CN=kube-apiserver \
		"$here,IP:10.96.0.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
	certificate ca kubelet-serving "/CN=system:node:$CLUSTER_NODE/O=system:nodes" "$here,DNS:$CLUSTER_NODE"
	certificate ca metrics-serving /CN=metrics-server "$here"
	certificate ca service-account /CN=service-accounts
	certificate ca kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
	certificate front-proxy-ca front-proxy /CN=front-proxy
	kubeconfig controller-manager /CN=system:kube-controller-manager
	kubeconfig scheduler /CN=system:kube-scheduler
	kubeconfig kubelet "/O=system:nodes/CN=system:node:$CLUSTER_NODE"
	kubeconfig proxy /CN=system:kube-proxy
	kubeconfig admin /O=system:masters/CN=admin
	ln -s pki/admin.kubeconfig "$CLUSTER_DIR/kubeconfig"
}

authority() { # NAME
	request "$1" -extensions authority -subj "/CN=$CLUSTER_NAME-$1"
}

certificate() { # AUTHORITY NAME SUBJECT [SANS]
	SANS=${4:-DNS:localhost} request "$2" -extensions leaf -subj "$3" \
		-CA "$CLUSTER_DIR/pki/$1.crt" -CAkey "$CLUSTER_DIR/pki/$1.key"
}

request() { # NAME OPTIONS...
	local file=$CLUSTER_DIR/pki/$1
	shift
	SANS=${SANS:-DNS:localhost} openssl req -x509 -config "$CLUSTER_HOME/config/openssl.cnf" -days 365 -nodes -newkey ec \
		-pkeyopt ec_paramgen_curve:prime256v1 -keyout "$file.key" -out "$file.crt" "$@" 2>"$CLUSTER_DIR/logs/openssl.log" ||
		die "openssl: $(tail -n 1 "$CLUSTER_DIR/logs/openssl.log")"
}

# Everything inline, so that the file can be copied to wherever it is wanted.
kubeconfig() { # NAME SUBJECT
	local pki=$CLUSTER_DIR/pki
	certificate ca "$1" "$2"
	cat >"$pki/$1.kubeconfig" <<-END
		apiVersion: v1
		kind: Config
		current-context: $CLUSTER_NAME
		clusters:
		- name: $CLUSTER_NAME
		  cluster:
		    server: https://$CLUSTER_ADDRESS:6443
		    certificate-authority-data: $(base64 -w 0 "$pki/ca.crt")
		contexts:
		- name: $CLUSTER_NAME
		  context: {cluster: $CLUSTER_NAME, user: $1}
		users:
		- name: $1
		  user:
		    client-certificate-data: $(base64 -w 0 "$pki/$1.crt")
		    client-key-data: $(base64 -w 0 "$pki/$1.key")
	END
}
