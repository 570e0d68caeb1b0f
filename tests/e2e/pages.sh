# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by run: what the pages tell their readers to do. Blocks that say "sh test" are run,
# YAML is shown to the API server.

yaml_accepted() {
	count=0
	# The namespace that a page binds rights in.
	kube create namespace shop >/dev/null
	for page in docs/deployment.md docs/how-to/*.md; do
		split "$page"
		for file in "$work"/blocks/*.yaml; do
			[ -e "$file" ] || continue
			accepted "$file" >"$work/accepted.log" 2>&1 || fail "$page: $(cat "$work/accepted.log")"
			count=$((count + 1))
		done
	done
	kube delete namespace shop --timeout=60s >/dev/null
	told="$count blocks"
}

# Each block of YAML as a file.
split() { # PAGE
	rm -rf "$work/blocks"
	mkdir "$work/blocks"
	awk -v folder="$work/blocks" '/^```yaml/ { name = folder "/" ++count ".yaml"; next }
		/^```/ { name = "" } name { print >name }' "$1"
}

# A kustomization is built first; what a page says to put beside it is there.
accepted() { # FILE
	if grep -q '^kind: Kustomization' "$1"; then
		beside deployments
		cp "$1" "$work/site/kustomization.yaml"
		cp "$work/tls/ca.pem" "$work/site/ca.pem"
		real kustomize "$work/site" >"$work/built.yaml" && real apply --dry-run=server -f "$work/built.yaml"
	else
		real apply --dry-run=server -f "$1"
	fi
}

# A folder beside deployments.
beside() { # DEPLOYMENTS
	rm -rf "$work/site" "$work/deployments"
	mkdir "$work/site"
	cp -r "$1" "$work/deployments"
}

# From an empty cluster and back to it, page by page.
commands_run() {
	rm -rf "$work/deployments"
	cp -r deployments "$work/deployments"
	ln -sfn "$root/scripts" "$work/scripts"
	mkdir -p "$work/bin"
	cp "$made/this.tar" "$work/bin/image.tar"
	installed=yes
	commands docs/tutorial.md "$work"
	commands docs/how-to/air-gap.md "$work"
	echo changed >>"$work/airgap/agent.yaml"
	! script install.sh --existing-cluster --airgap "$work/airgap" --standalone >"$work/changed.log" 2>&1 ||
		fail "a folder with a changed file was taken"
	commands docs/how-to/minimal-rights.md "$work"
	[ "$(grep -xE 'yes|no' "$work/page.log" | tr '\n' ' ')" = "yes yes no no " ] || fail "$(cat "$work/page.log")"
	kube delete namespace shop till --timeout=60s >/dev/null
	commands docs/how-to/traefik.md "$work"
	kube label namespace kube-system pipeops.io/agent-access- >/dev/null
	script uninstall.sh --yes --timeout 60 >"$work/uninstall.log" 2>&1
	installed=''
	within 60 "the cluster as it was" as_before
	told="$(grep -c '^[^#]' "$work/commands") lines"
}

commands() { # PAGE FOLDER
	{
		# What a command leaves running ends with the others.
		# shellcheck disable=SC2016 # for the shell that runs them
		echo 'trap "kill \${!:-} 2>/dev/null || :" EXIT'
		awk '/^```sh test$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$1"
	} >"$work/page.sh"
	cat "$work/page.sh" >>"$work/commands"
	(cd "$2" && as_user sh -eux "$work/page.sh") >"$work/page.log" 2>&1 ||
		fail "$1: its commands failed, see page.log"
}
