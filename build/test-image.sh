#!/bin/sh
# Runs the image of an OCI archive in Docker, as deployments/agent.yaml does in Kubernetes: as its
# own user, read-only, without capabilities, in 32 MiB. The image stays as pipeops/agent:test.
# usage: test-image.sh [ARCHIVE]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

image=pipeops/agent:test
container=

main() {
	archive=${1:-bin/image.tar}
	build/setup.sh registry
	docker info >/dev/null 2>&1 || die "no Docker daemon answers"
	work=$(mktemp -d)
	trap 'stop; rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	skopeo copy --quiet --override-arch "$(machine)" "oci-archive:$archive" "docker-archive:$work/image.tar:$image"
	docker load --quiet --input "$work/image.tar"
	start
	check
	end
	say "$image: as user 1000, read-only, without a shell; healthy, and ended when asked"
}

# No cluster is there: the agent serves, and says that it has none.
start() {
	cat >"$work/kubeconfig" <<'YAML'
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
current-context: none
users: [{name: none, user: {token: none}}]
YAML
	chmod 755 "$work"
	chmod 644 "$work/kubeconfig"
	container=$(docker run --detach --read-only --cap-drop ALL --security-opt no-new-privileges --memory 32m \
		--tmpfs /state:uid=1000,size=1m --volume "$work/kubeconfig:/kubeconfig:ro" \
		--env KUBECONFIG=/kubeconfig --env PIPEOPS_STATE_DIR=/state $image)
}

check() {
	tries=0
	until docker exec "$container" /pipeops-agent probe live; do
		tries=$((tries + 1))
		[ $tries -lt 30 ] || die "not alive after 30 s: $(docker logs "$container" 2>&1 | tail -n 5)"
		sleep 1
	done
	pid=$(docker inspect --format '{{.State.Pid}}' "$container")
	[ "$(docker inspect --format '{{.Config.User}}' "$container")" = 1000:1000 ] || die "not the user 1000:1000"
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" = 1000 ] || die "it runs as another user than 1000"
	! docker exec "$container" sh -c true >/dev/null 2>&1 || die "there is a shell"
	[ "$(docker exec "$container" /pipeops-agent --version | head -n 1)" = "pipeops-agent $(version)" ] || die "another version"
}

end() {
	docker stop --time 10 "$container" >/dev/null
	code=$(docker inspect --format '{{.State.ExitCode}}' "$container")
	[ "$code" = 0 ] || die "ended with $code: $(docker logs "$container" 2>&1 | tail -n 5)"
}

stop() {
	[ -z "$container" ] || docker rm --force "$container" >/dev/null
}

main "$@"
