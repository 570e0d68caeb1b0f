#!/bin/sh
# Builds the static binary and checks that it is static, small and runs.
# usage: build.sh [amd64] [arm64]      none: bin/pipeops-agent for this machine
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

max_bytes=3000000

main() {
	build/setup.sh rust
	reproducible
	mkdir -p bin
	if [ $# -eq 0 ]; then
		build "$(machine)" bin/pipeops-agent
		return
	fi
	for architecture in "$@"; do
		build "$architecture" "bin/pipeops-agent-$architecture"
	done
}

# The same commit gives the same bytes, wherever it is built.
reproducible() {
	sysroot=$(rustc --print sysroot)
	export RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc \
-Z fmt-debug=shallow -Z location-detail=none -C force-unwind-tables=no"
}

# The standard library is built with the rest, for size and without backtraces, for which a stripped
# binary has no names: 0.29 MB less. Panics tell their message, not their line, and {:?} of a derived type its
# name: 0.11 MB less. Cargo takes these flags from a stable toolchain only with RUSTC_BOOTSTRAP
# (docs/adr/0009-release-profile.md).
compile() { # SUBCOMMAND TARGET
	build/compiled.sh take release "$2/release"
	RUSTC_BOOTSTRAP=1 cargo "$1" -Z build-std=std,panic_abort -Z build-std-features=optimize_for_size \
		--release --locked --target "$2" --package pipeops-agent
	build/compiled.sh keep release "$2/release"
}

# ring's switch for small machines leaves out its tables of multiples of curve points, for which a handshake takes
# milliseconds longer: 0.19 MB less, of which 0.04 MB go into making up for it (-O2). The two functions for which
# ring's Rust then looks in vain exist under other names, without the shortcuts (docs/adr/0009-release-profile.md).
small_ring() { # TARGET
	export "CFLAGS_$(echo "$1" | tr - _)=-DOPENSSL_SMALL -O2 -fno-asynchronous-unwind-tables"
	version=$(sed -n '/^name = "ring"$/{n;s/version = "\(.*\)"/\1/p;}' Cargo.lock | tr . _)
	aliases=
	for alias in p256_point_mul_base_vartime=p256_point_mul_base x25519_scalar_mult_adx=x25519_scalar_mult_generic_masked; do
		aliases="$aliases -C link-arg=-Wl,--defsym=ring_core_${version}__${alias%=*}=ring_core_${version}__${alias#*=}"
	done
}

build() { # ARCHITECTURE OUTPUT
	case $1 in
	amd64) target=x86_64-unknown-linux-musl ;;
	arm64) target=aarch64-unknown-linux-musl ;;
	*) die "unknown architecture: $1 (amd64 or arm64)" ;;
	esac
	built=${CARGO_TARGET_DIR:-target}/$target/release/pipeops-agent
	# A new file, then a rename: a running agent keeps its own.
	if [ "$1" = "$(machine)" ]; then
		# ring's C code calls nothing of libc, so the system's compiler will do.
		small_ring "$target"
		# Relative relocations packed: 90 KB become 1 KB.
		export "CC_$(echo "$target" | tr - _)=cc"
		# The linker of the toolchain takes equal functions as one. What an agent at rest does not run is placed
		# apart, so that it is not in memory.
		lld="$sysroot/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/gcc-ld"
		link="-C link-arg=-B$lld -C link-arg=-fuse-ld=lld -C link-arg=-Wl,--icf=all -C link-arg=-Wl,-T,build/cold.ld"
		RUSTFLAGS="$RUSTFLAGS -C link-arg=-Wl,-z,pack-relative-relocs $link $aliases" compile build "$target"
		# Stripped here: by Cargo, functions have other names, other equals of which the linker keeps one, and so
		# other places than in the profile behind build/cold.ld.
		strip -o "$2.new" "$built"
	else
		build/setup.sh cross
		PATH=$(venv build/cross.txt)/bin:$PATH CARGO_PROFILE_RELEASE_STRIP=true compile zigbuild "$target"
		cp "$built" "$2.new"
	fi
	mv "$2.new" "$2"
	verify "$1" "$2"
}

verify() { # ARCHITECTURE BINARY
	bytes=$(wc -c <"$2")
	[ "$bytes" -le $max_bytes ] || die "$2 has $bytes bytes; the limit is $max_bytes"
	if readelf -lW "$2" | grep -q INTERP || readelf -dW "$2" | grep -q NEEDED; then
		die "$2 is not static"
	fi
	if [ "$1" = "$(machine)" ]; then
		ran=$("$2" --version | head -n 1)
	elif command -v "qemu-$(uname_of "$1")-static" >/dev/null; then
		ran="$("qemu-$(uname_of "$1")-static" "$2" --version | head -n 1) (emulated)"
	else
		ran="not run: no qemu-user-static here"
	fi
	say "$2: $bytes bytes, static, $1: $ran"
}

uname_of() { [ "$1" = arm64 ] && echo aarch64 || echo x86_64; }

main "$@"
