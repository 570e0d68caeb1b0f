#!/bin/sh
# Runs every linter, then names those that failed.
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

failed=

main() {
	build/setup.sh rust lint
	PATH=$(venv build/lint.txt)/bin:$PATH
	for tool in "$PIPEOPS_CACHE"/cargo/*/bin; do
		PATH=$tool:$PATH
	done

	step rustfmt cargo fmt --all --check
	build/compiled.sh take debug
	step clippy cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	step "cargo-deny (bans, licenses, sources)" cargo deny --locked check --hide-inclusion-graph bans licenses sources
	advisories
	step cargo-machete cargo machete
	step shellcheck each shell shellcheck
	step shfmt each shell shfmt -i 0 -d
	step "embed (copies inside scripts and manifests)" build/embed.sh --check
	manifests
	step "promtool (alerts, and what they come of)" alerts
	step hadolint each docker hadolint
	step yamllint each yaml yamllint --strict
	step "zizmor (workflows)" zizmor --offline --quiet --no-progress --persona pedantic .github
	step "check-jsonschema (.github)" github_files
	step "sbom (CycloneDX, SPDX)" bill_of_materials
	step "rumdl (Markdown, links between pages)" each markdown rumdl check --no-cache --quiet
	step "mermaid (diagrams)" build/diagrams.sh
	step typos typos --hidden --force-exclude
	step openapi each openapi openapi-spec-validator
	[ -z "$failed" ] || die "failed:$failed"
	say "all clean"
}

step() { # NAME COMMAND...
	name=$1
	shift
	if output=$("$@" 2>&1); then
		say "ok      $name"
	else
		say "FAILED  $name"
		printf '%s\n' "$output"
		failed="$failed ${name%% *}"
	fi
}

each() { # SORT COMMAND...
	names=$(files "$1")
	shift
	[ -z "$names" ] || printf '%s\n' "$names" | xargs -r "$@"
}

github_files() {
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml &&
		check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml &&
		check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml &&
		check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/wish.yml &&
		check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
}

manifests() {
	# The oldest version that the chart takes, that of the local cluster, and the newest.
	for version in 1.27.0 1.35.0 1.37.0; do
		step "kubernetes-validate ($version)" each manifests kubernetes-validate --strict --quiet -k $version
	done
	step "helm (lint, values, the same as the plain manifests)" "$(venv build/helm.txt)/bin/python" build/chart.py check
	step "checkov (each refusal has a reason)" scan
}

scan() { files manifests | grep '^deployments/' | PATH=$(venv build/checkov.txt)/bin:$PATH xargs python3 build/checkov.py; }

alerts() {
	promtool=$PIPEOPS_CACHE/prometheus/promtool
	if [ ! -x "$promtool" ]; then
		say "skipped promtool: there is none for this machine"
		return
	fi
	"$promtool" check rules deployments/monitoring/alerts.yaml && "$promtool" test rules tests/monitoring/alerts.yaml
}

bill_of_materials() {
	file=$(mktemp)
	status=0
	{ build/sbom.sh "$file" && build/sbom.sh --check "$file"; } || status=1
	rm -f "$file"
	return $status
}

# The advisory database is the one thing a linter needs the network for.
advisories() {
	if timeout 10 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
		step "cargo-deny (advisories)" cargo deny check advisories
	else
		say "skipped cargo-deny (advisories): github.com/RustSec/advisory-db is out of reach"
	fi
}

main "$@"
