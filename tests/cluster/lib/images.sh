# shellcheck shell=bash
# The images that are always there, made of this machine's static busybox: no registry
# is needed. pause only holds a pod's namespaces open.

image_references="localhost/pause:1 docker.io/library/busybox:1 docker.io/library/busybox:latest"

import_base_images() {
	[ ! -e "$CLUSTER_DIR/images-imported" ] || return 0
	make_image "$CLUSTER_DIR/image"
	tar -C "$CLUSTER_DIR/image" -cf - . | import -
	rm -rf "$CLUSTER_DIR/image"
	touch "$CLUSTER_DIR/images-imported"
}

import() { in_node ctr --namespace k8s.io images import "$@" >>"$CLUSTER_DIR/logs/images.log" 2>&1; }

# In the format of docker save. Both images are one: the command tells them apart.
make_image() { # FOLDER
	local root=$1/root busybox digest
	busybox=$(command -v busybox)
	mkdir -p "$root"/{bin,etc,root} "$root/tmp"
	chmod 1777 "$root/tmp"
	cp "$busybox" "$root/bin/busybox"
	for applet in $("$busybox" --list); do
		[ "$applet" = busybox ] || ln "$root/bin/busybox" "$root/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$1/layer.tar" .
	rm -rf "$root"
	digest=$(sha256sum "$1/layer.tar" | cut -d' ' -f1)
	image_config "$digest" '["/bin/sh"]' >"$1/busybox.json"
	image_config "$digest" '["/bin/sleep","36500d"]' >"$1/pause.json"
	local tags=${image_references#* }
	cat >"$1/manifest.json" <<-END
		[{"Config": "pause.json", "RepoTags": ["${image_references%% *}"], "Layers": ["layer.tar"]},
		 {"Config": "busybox.json", "RepoTags": ["${tags/ /\", \"}"], "Layers": ["layer.tar"]}]
	END
}

image_config() { # LAYER-DIGEST COMMAND
	cat <<-END
		{"architecture": "$CLUSTER_ARCH", "os": "linux", "created": "1970-01-01T00:00:00Z",
		 "config": {"Cmd": $2, "Env": ["PATH=/bin"], "WorkingDir": "/"},
		 "rootfs": {"type": "layers", "diff_ids": ["sha256:$1"]}}
	END
}
