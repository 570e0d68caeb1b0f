#!/bin/sh
# Formats Rust and shell sources in place.
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	build/setup.sh rust lint
	cargo fmt --all
	build/embed.sh
	# shellcheck disable=SC2046 # no file name here has a space
	"$(venv build/lint.txt)/bin/shfmt" -i 0 -w $(files shell)
}

main "$@"
