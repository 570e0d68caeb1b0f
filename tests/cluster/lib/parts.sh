# shellcheck shell=bash disable=SC2153
# One function per part: the command line it runs with, the same on every start.

CLUSTER_NODE=node-1
CLUSTER_PARTS="etcd apiserver controller-manager scheduler containerd kubelet proxy metrics-server kwok kube-router"

start() { # PART
	alive "$1" || "start_${1//-/_}"
}

must_be_part() { # NAME
	case " $CLUSTER_PARTS " in *" ${1:-none} "*) ;; *) die "no part ${1:-named}; there are: $CLUSTER_PARTS" ;; esac
}

start_etcd() {
	spawn etcd network "$(tool etcd)" --name="$CLUSTER_NAME" --data-dir="$CLUSTER_DIR/etcd" --log-level=warn \
		--quota-backend-bytes=4294967296 --unsafe-no-fsync \
		--listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
		--listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
		--initial-cluster="$CLUSTER_NAME=http://127.0.0.1:2380"
}

start_apiserver() {
	local pki=$CLUSTER_DIR/pki
	spawn apiserver network "$(tool kube-apiserver)" --etcd-servers=http://127.0.0.1:2379 \
		--advertise-address="$CLUSTER_ADDRESS" --secure-port=6443 --service-cluster-ip-range=10.96.0.0/16 \
		--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
		--client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
		--kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
		--kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
		--service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/service-account.crt" \
		--service-account-signing-key-file="$pki/service-account.key" \
		--requestheader-client-ca-file="$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy \
		--requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
		--requestheader-extra-headers-prefix=X-Remote-Extra- \
		--proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" \
		--enable-aggregator-routing=true --profiling=false
}

start_controller_manager() {
	local pki=$CLUSTER_DIR/pki
	spawn controller-manager network "$(tool kube-controller-manager)" --kubeconfig="$pki/controller-manager.kubeconfig" \
		--leader-elect=false --use-service-account-credentials=true --root-ca-file="$pki/ca.crt" \
		--service-account-private-key-file="$pki/service-account.key" --bind-address=127.0.0.1 \
		--cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
		--kube-api-qps=500 --kube-api-burst=1000 --profiling=false
}

start_scheduler() {
	spawn scheduler network "$(tool kube-scheduler)" --config="$CLUSTER_DIR/config/scheduler.yaml" --bind-address=127.0.0.1
}

start_containerd() {
	node_cgroup
	spawn containerd node containerd --config "$CLUSTER_DIR/config/containerd.toml"
}

start_kubelet() {
	spawn kubelet node "$CLUSTER_DIR/bin/kubelet" --config="$CLUSTER_DIR/config/kubelet.yaml" \
		--kubeconfig="$CLUSTER_DIR/pki/kubelet.kubeconfig" --hostname-override=$CLUSTER_NODE --node-ip="$CLUSTER_ADDRESS"
}

start_proxy() {
	spawn proxy node "$CLUSTER_DIR/bin/kube-proxy" --kubeconfig="$CLUSTER_DIR/pki/proxy.kubeconfig" \
		--hostname-override=$CLUSTER_NODE --cluster-cidr=10.244.0.0/16 --proxy-mode=iptables \
		--conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
}

start_metrics_server() {
	local pki=$CLUSTER_DIR/pki
	spawn metrics-server network "$(tool metrics-server)" --secure-port=4443 --metric-resolution=10s --kubelet-request-timeout=5s \
		--kubeconfig="$pki/admin.kubeconfig" --authentication-kubeconfig="$pki/admin.kubeconfig" \
		--authorization-kubeconfig="$pki/admin.kubeconfig" --kubelet-certificate-authority="$pki/ca.crt" \
		--kubelet-preferred-address-types=InternalIP --node-selector='type!=kwok' \
		--tls-cert-file="$pki/metrics-serving.crt" --tls-private-key-file="$pki/metrics-serving.key"
}

start_kwok() {
	spawn kwok network "$(tool kwok)" --config="$CLUSTER_DIR/config/kwok.yaml" --kubeconfig="$CLUSTER_DIR/pki/admin.kubeconfig" \
		--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake --node-ip=127.0.0.1 \
		--server-address=127.0.0.1:10247 --node-lease-duration-seconds=40 --v=WARN
}

# Network policies only: pods and services are connected by others. Its own copy, because the
# node does not see every folder.
start_kube_router() {
	[ -e "$CLUSTER_DIR/bin/kube-router" ] || cp "$(tool kube-router)" "$CLUSTER_DIR/bin/kube-router"
	spawn kube-router node "$CLUSTER_DIR/bin/kube-router" --kubeconfig="$CLUSTER_DIR/pki/admin.kubeconfig" \
		--run-firewall=true --run-router=false --run-service-proxy=false --run-loadbalancer=false \
		--hostname-override=$CLUSTER_NODE --service-cluster-ip-range=10.96.0.0/16 --health-port=20244
}

wait_ready() { # PART
	wait_for 90 "$1" ended_or_ready "$1"
	alive "$1" || die "$1 ended: $(tail -n 1 "$CLUSTER_DIR/logs/$1.log"), see cluster logs $1"
}

ended_or_ready() { gone "$1" || ready "$1"; } # PART

ready() { # PART
	case $1 in
	etcd) healthy http://127.0.0.1:2379/health ;;
	apiserver) healthy https://127.0.0.1:6443/readyz ;;
	controller-manager) healthy https://127.0.0.1:10257/healthz ;;
	scheduler) healthy https://127.0.0.1:10259/healthz ;;
	containerd) in_node ctr version ;;
	kubelet) healthy http://127.0.0.1:10248/healthz ;;
	proxy) healthy http://127.0.0.1:10249/healthz ;;
	metrics-server) healthy https://127.0.0.1:4443/livez ;;
	kwok) healthy http://127.0.0.1:10247/healthz ;;
	kube-router) healthy http://127.0.0.1:20244/healthz ;;
	esac
}

healthy() { in_network curl --silent --insecure --fail --max-time 2 "$1"; } # URL

node_ready() { kubectl wait --for=condition=Ready --timeout=1s "node/$CLUSTER_NODE"; }

node_measured() { kubectl top node "$CLUSTER_NODE" --no-headers; }
