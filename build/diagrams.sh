#!/bin/sh
# Parses every Mermaid diagram of the pages with Mermaid itself.
# shellcheck source=build/lib.sh
. "$(dirname "$0")/lib.sh"

build/setup.sh diagrams
home=$(modules build/diagrams)
PATH=$(venv build/diagrams/node.txt)/bin:$PATH
# Modules are looked for beside the file that asks for them.
cp build/diagrams/check.mjs "$home/check.mjs"
files markdown | xargs node "$home/check.mjs"
