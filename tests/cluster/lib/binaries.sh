# shellcheck shell=bash
# Where Kubernetes' programs come from: a given folder, the cache, the official
# releases, or, where only a Go module proxy is in reach, a build from source.

KUBERNETES_TOOLS="kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"

# The path of a program that is there.
tool() { # NAME
	for folder in "${PIPEOPS_K8S_BIN:-}" "${KUBEBUILDER_ASSETS:-}" "$(cached "$(group_of "$1")")"; do
		if [ -n "$folder" ] && [ -x "$folder/$1" ]; then
			echo "$folder/$1"
			return
		fi
	done
	return 1
}

ensure_tools() { # NAME...
	for name in "$@"; do
		tool "$name" >/dev/null || obtain "$(group_of "$name")"
		tool "$name" >/dev/null || die "$name is missing from $(cached "$(group_of "$name")"): delete that folder"
	done
}

group_of() { # TOOL
	case $1 in
	etcd | metrics-server | kwok | kube-router) echo "$1" ;;
	*) echo kubernetes ;;
	esac
}

version_of() { # GROUP
	case $1 in
	kubernetes) echo "$KUBERNETES_VERSION" ;;
	etcd) echo "$ETCD_VERSION" ;;
	metrics-server) echo "$METRICS_SERVER_VERSION" ;;
	kwok) echo "$KWOK_VERSION" ;;
	kube-router) echo "$KUBE_ROUTER_VERSION" ;;
	esac
}

cached() { echo "$CLUSTER_CACHE/$1/v$(version_of "$1")-$CLUSTER_ARCH"; } # GROUP

# One caller at a time; a half-made folder never gets the final name.
obtain() { # GROUP
	local group=$1 final
	final=$(cached "$group")
	mkdir -p "$CLUSTER_CACHE/$group"
	(
		flock 9
		[ ! -d "$final" ] || exit 0
		rm -rf "$CLUSTER_CACHE/$group"/.new.*
		work=$(mktemp -d "$CLUSTER_CACHE/$group/.new.XXXXXX") || die "no temporary folder"
		download "$group" "$work" || build "$group" "$work"
		chmod 0755 "$work" "$work"/*
		mv "$work" "$final" || die "no folder $final"
	) 9>"$CLUSTER_CACHE/$group/lock" || exit $?
}

download() { # GROUP FOLDER
	local version arch=$CLUSTER_ARCH upper=${CLUSTER_ARCH^^} release=https://github.com/kubernetes-sigs
	version=v$(version_of "$1")
	case $1 in
	kubernetes)
		local sum=KUBERNETES_SHA512_$upper
		fetch "https://dl.k8s.io/$version/kubernetes-server-linux-$arch.tar.gz" "$2/server" sha512sum "${!sum}" || return 1
		# shellcheck disable=SC2046,SC2086 # a list of plain words
		tar -xzf "$2/server" -C "$2" --strip-components=3 $(printf 'kubernetes/server/bin/%s ' $KUBERNETES_TOOLS)
		rm "$2/server"
		;;
	etcd)
		local sum=ETCD_SHA256_$upper archive=etcd-$version-linux-$arch
		fetch "https://github.com/etcd-io/etcd/releases/download/$version/$archive.tar.gz" "$2/archive" sha256sum "${!sum}" || return 1
		tar -xzf "$2/archive" -C "$2" --strip-components=1 "$archive/etcd"
		rm "$2/archive"
		;;
	metrics-server)
		local sum=METRICS_SERVER_SHA256_$upper
		fetch "$release/metrics-server/releases/download/$version/metrics-server-linux-$arch" "$2/$1" sha256sum "${!sum}"
		;;
	kwok)
		local sum=KWOK_SHA256_$upper
		fetch "$release/kwok/releases/download/$version/kwok-linux-$arch" "$2/$1" sha256sum "${!sum}"
		;;
	# No sum of it is known.
	*) return 1 ;;
	esac
}

fetch() { # URL FILE SUM-COMMAND SUM
	say "downloading $1"
	if ! curl --silent --fail --location --connect-timeout 3 --max-time 900 --output "$2" "$1"; then
		say "out of reach"
		rm -f "$2"
		return 1
	fi
	if ! echo "$4  $2" | "$3" --check --status; then
		say "thrown away: its checksum is not the one in tests/cluster/versions"
		rm -f "$2"
		return 1
	fi
}

build() { # GROUP FOLDER
	local module=$CLUSTER_HOME/go/$1 version stamp=k8s.io/component-base/version
	version=v$(version_of "$1")
	command -v go >/dev/null || impossible "$1 $version can neither be downloaded nor built: install Go from https://go.dev/dl"
	grep -Eq "/($1|$1/v2|etcd/server/v3) $version\$" "$module/go.mod" || die "go/$1/go.mod and the file versions disagree"
	say "building $1 $version from the Go module proxy, once (minutes)"
	export GOFLAGS='' CGO_ENABLED=0
	# shellcheck disable=SC2046 # a list of plain words
	(cd "$module" && go list -mod=readonly -deps $(packages "$1") >/dev/null) ||
		impossible "the Go module proxy gives no $1 $version"
	local minor=${version#*.}
	# shellcheck disable=SC2046 # a list of plain words
	(cd "$module" && go build -mod=readonly -trimpath -buildvcs=false -o "$2/" \
		-ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" \
		$(packages "$1") 9>&-) || die "$1 $version does not build"
	# Go names a program after the last word of its path.
	[ "$1" != etcd ] || mv "$2/server" "$2/etcd"
}

packages() { # GROUP
	# shellcheck disable=SC2086 # a list of plain words
	case $1 in
	kubernetes) printf 'k8s.io/kubernetes/cmd/%s ' $KUBERNETES_TOOLS ;;
	etcd) echo go.etcd.io/etcd/server/v3 ;;
	kube-router) echo github.com/cloudnativelabs/kube-router/v2/cmd/kube-router ;;
	*) echo "sigs.k8s.io/$1/cmd/$1" ;;
	esac
}
