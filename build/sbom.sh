#!/bin/sh
# Writes what the binary consists of, bin/pipeops-agent.cdx.json (CycloneDX), and the sums of
# all that was built, bin/SHA256SUMS.
# usage: sbom.sh [OUTPUT]      OUTPUT: the bill of materials alone, into that file
#        sbom.sh --check FILE  whether that file is valid
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	case ${1:-} in
	--check) check "${2:?}" ;;
	?*) write "$1" ;;
	*)
		write bin/pipeops-agent.cdx.json
		# Of the image, too, where there is one.
		sums=$(cd bin && rm -f SHA256SUMS && sha256sum -- *)
		printf '%s\n' "$sums" >bin/SHA256SUMS
		;;
	esac
}

write() { # OUTPUT
	build/setup.sh rust python
	mkdir -p "$(dirname "$1")"
	python3 build/sbom.py "$1" "$(version)" "$(revision)" "$(created)" \
		x86_64-unknown-linux-musl aarch64-unknown-linux-musl
}

# By the schema of its version, and its licences by the list of SPDX.
check() { # FILE
	build/setup.sh lint-python
	"$(venv build/lint.txt)/bin/python" - "$1" <<'PYTHON'
import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing

text = open(sys.argv[1]).read()
bom = json.loads(text)
problems = list(JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"])).validate_str(text, all_errors=True) or [])
licensing = get_spdx_licensing()
for part in bom["components"]:
    for licence in part["licenses"]:
        expression = licence.get("expression") or licence["license"]["id"]
        problems += [f"{part['name']}: {error}" for error in licensing.validate(expression).errors]
sys.exit("\n".join(map(str, problems)) or 0)
PYTHON
}

main "$@"
