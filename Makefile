# Every target installs what it lacks, or says what to install. The work is in build/*.sh.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PREFIX ?= /usr/local

.PHONY: all build build-all test test-e2e test-scripts browser lint fmt coverage fuzz bench demo dev install clean \
	chart docker-build docker-run docker-dev cluster-up cluster-down help

all: lint test build ## lint, test and build

build: ## bin/pipeops-agent, static, for this machine
	@build/build.sh
	@build/sbom.sh

build-all: ## bin/pipeops-agent-amd64 and -arm64, static
	@build/build.sh amd64 arm64
	@build/sbom.sh

test: ## units and integration, against a real local Kubernetes
	@build/test.sh

test-e2e: ## install, disturb, upgrade and remove the agent on a real node
	@build/test-e2e.sh

test-scripts: ## the scripts under every shell that they must run in (make test: under one)
	@build/test-scripts.sh

browser: ## the dashboard of the shipped binary in a real browser, on a local Kubernetes
	@build/browser.sh

lint: ## formatting, clippy, dependencies, scripts, YAML, Markdown, spelling, OpenAPI
	@build/lint.sh

fmt: ## format Rust and shell sources
	@build/fmt.sh

coverage: ## line coverage of src; fails below 80 %
	@build/coverage.sh

fuzz: ## what reads text from outside, under libFuzzer (FUZZ_SECONDS=20 each, FUZZ=name for one)
	@build/fuzz.sh $(FUZZ)

bench: ## benchmarks beside their peers (BENCH=name for one)
	@build/bench.sh $(BENCH)

demo: ## the agent live on a local node (ONCE=1 ends by itself, CLUSTER=mine uses KUBECONFIG)
	@build/demo.sh

dev: ## rebuild and restart the agent on every change (ARGS="--port 8081")
	@build/dev.sh $(ARGS)

chart: ## the Helm chart as one file, bin/pipeops-agent-VERSION.tgz
	@build/chart.sh

install: build ## install to PREFIX/bin (default /usr/local)
	install -D -m 0755 bin/pipeops-agent "$(DESTDIR)$(PREFIX)/bin/pipeops-agent"

cluster-up: ## start the local Kubernetes: control plane, node, metrics
	@tests/cluster/cluster metrics

cluster-down: ## stop it and remove every trace
	@tests/cluster/cluster down

docker-build: ## image pipeops/agent:latest; bin/image.tar where no Docker runs
	@build/docker.sh build

docker-run: ## run that image on port 8080 (ARGS are the agent's)
	@build/docker.sh run $(ARGS)

docker-dev: ## make dev in a container
	@build/docker.sh dev $(ARGS)

clean: ## remove build output (caches in ~/.cache/pipeops-agent stay)
	rm -rf bin coverage target

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS='	' read -r name text; do \
		printf '  %-14s %s\n' "$$name" "$$text"; done
