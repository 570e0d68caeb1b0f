#!/bin/sh
# Builds or runs the image. usage: docker.sh build | run [agent arguments]
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

image=pipeops/agent:latest

main() {
	verb=${1:-none}
	case $verb in
	build | run) shift ;;
	*) die "usage: docker.sh build | run [agent arguments]" ;;
	esac
	command -v docker >/dev/null || die "docker is missing: see https://docs.docker.com/engine/install/"
	docker info >/dev/null 2>&1 || die "no Docker daemon answers: start it (systemctl start docker), or join its group"
	case $verb in
	build) docker build --tag $image --file build/Dockerfile . ;;
	run) exec docker run --rm --init=false --publish 8080:8080 $image "$@" ;;
	esac
}

main "$@"
