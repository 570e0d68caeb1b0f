"""Writes the bill of materials of the binary: CycloneDX 1.6 as JSON
(https://cyclonedx.org/docs/1.6/json/).

usage: sbom.py OUTPUT VERSION REVISION CREATED TARGET...

It has the crates that cargo links into the binary on any of the targets, and what the
toolchain adds. What only helps to build is left out: build scripts, procedural macros and
test dependencies; cargo-cyclonedx 0.5.9 lists ten crates of that sort. Same commit, same
bytes: no clock, no path, no random serial number.
"""

import json
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "pipeops-agent"


def main(output, version, revision, created, *targets):
    crates, uses = {}, {}
    for target in targets:
        tree(target, crates, uses)
    hashes = checksums()
    own = next(ref for ref in crates if ref.startswith(f"pkg:cargo/{NAME}@"))
    # It is on no registry of crates.
    application = {"type": "application", **component(f"pkg:generic/{NAME}@{version}", crates.pop(own))}
    toolchain = [standard_library(), c_library()]
    uses[application["bom-ref"]] = uses.pop(own) | {part["bom-ref"] for part in toolchain}
    libraries = [
        {"type": "library", **component(ref, crate), "hashes": [{"alg": "SHA-256", "content": hashes[ref]}]}
        for ref, crate in sorted(crates.items())
    ]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{NAME}@{version}+{revision}").urn,
        "version": 1,
        "metadata": {
            "timestamp": created,
            "component": application,
            "properties": [{"name": "git:commit", "value": revision}],
        },
        "components": libraries + toolchain,
        "dependencies": [{"ref": ref, "dependsOn": sorted(used)} for ref, used in sorted(uses.items())],
    }
    pathlib.Path(output).write_text(json.dumps(bom, indent=2) + "\n")
    print(f"{pathlib.Path(output).name}: {len(bom['components'])} components")


def tree(target, crates, uses):
    """What is linked on that target: `crates` gets every crate, `uses` who needs whom."""
    command = ["cargo", "tree", "--locked", "--package", NAME, "--target", target, "--no-dedupe"]
    command += ["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "\t{p}\t{l}\t{r}"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    above = []
    for line in listed.splitlines():
        depth, package, licence, repository = line.split("\t")
        name, version = package.split(" ")[:2]
        ref = f"pkg:cargo/{name}@{version.removeprefix('v')}"
        crates[ref] = {"name": name, "version": version.removeprefix("v"), "licence": licence, "vcs": repository}
        uses.setdefault(ref, set())
        del above[int(depth) :]
        if above:
            uses[above[-1]].add(ref)
        above.append(ref)


def component(ref, crate):
    # Older crates write MIT/Apache-2.0, which is no SPDX expression.
    licence = re.sub(r"\s*/\s*", " OR ", crate["licence"])
    part = {"bom-ref": ref, "name": crate["name"], "version": crate["version"], "purl": ref}
    part["licenses"] = [{"expression": licence}]
    if crate["vcs"]:
        part["externalReferences"] = [{"type": "vcs", "url": crate["vcs"]}]
    return part


def checksums():
    """Of the archives on crates.io, by reference."""
    lock = (ROOT / "Cargo.lock").read_text()
    entries = re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"', lock)
    return {f"pkg:cargo/{name}@{version}": checksum for name, version, checksum in entries}


def standard_library():
    channel = re.search(r'^channel = "(.+)"', (ROOT / "rust-toolchain.toml").read_text(), re.M)[1]
    ref = f"pkg:generic/rust-std@{channel}"
    return {
        "type": "library",
        "bom-ref": ref,
        "name": "rust-std",
        "version": channel,
        "description": "the standard library of Rust with what it vendors",
        "purl": ref,
        "cpe": f"cpe:2.3:a:rust-lang:rust:{channel}:*:*:*:*:*:*:*",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }


def c_library():
    # Without a version: the toolchain does not tell the one of its copy.
    return {
        "type": "library",
        "bom-ref": "pkg:generic/musl",
        "name": "musl",
        "description": "the C library under the standard library, as the toolchain brings it",
        "purl": "pkg:generic/musl",
        "licenses": [{"license": {"id": "MIT"}}],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
