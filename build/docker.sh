#!/bin/sh
# Builds or runs the image; where no Docker daemon answers, build makes an archive instead.
# usage: docker.sh build | run [agent arguments] | dev [agent arguments]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

image=pipeops/agent

main() {
	verb=${1:-none}
	case $verb in
	build) build ;;
	run)
		shift
		need_docker
		exec docker run --rm --init=false --publish 8080:8080 $image:latest "$@"
		;;
	dev)
		shift
		need_docker
		docker build --tag $image:dev --file build/Dockerfile.dev .
		exec docker run --rm --publish 8080:8080 --volume "$root:/src" $image:dev "$@"
		;;
	*) die "usage: docker.sh build | run [agent arguments] | dev [agent arguments]" ;;
	esac
}

build() {
	if docker_answers; then
		DOCKER_BUILDKIT=1 docker build --tag $image:latest --tag "$image:$(version)" --file build/Dockerfile \
			--build-arg VERSION="$(version)" --build-arg REVISION="$(revision)" --build-arg CREATED="$(created)" .
		return
	fi
	say "no Docker daemon answers: building an OCI archive of the same image"
	build/build.sh amd64 arm64
	build/image.sh
	build/sbom.sh
	say "import bin/image.tar with: ctr -n k8s.io images import, k3s ctr images import, or skopeo copy oci-archive:bin/image.tar"
}

need_docker() {
	docker_answers || die "no Docker daemon answers: see https://docs.docker.com/engine/install/, start it, or join its group"
}

docker_answers() { docker info >/dev/null 2>&1; }

main "$@"
