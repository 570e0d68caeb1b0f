"""Writes the bill of materials of the binary: CycloneDX 1.6 as JSON
(https://cyclonedx.org/docs/1.6/json/).

usage: sbom.py OUTPUT VERSION REVISION CREATED TARGET...

It has the crates that cargo links into the binary on any of the targets, the standard library
with the crates that it is built with, and the C library under it. What only helps to build is left out: build scripts, procedural macros and
test dependencies; cargo-cyclonedx 0.5.9 lists ten crates of that sort. Same commit, same
bytes: no clock, no path, no random serial number.
"""

import json
import os
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
    own = next(ref for ref in crates if ref.startswith(f"pkg:cargo/{NAME}@"))
    hashes = {**checksums(ROOT), **checksums(library())}
    for part in crates.keys() - hashes.keys() - {own}:
        take_in(part, own, crates, uses)
    # It is on no registry of crates.
    application = {"type": "application", **component(f"pkg:generic/{NAME}@{version}", crates.pop(own))}
    std, musl = standard_library(targets, crates, uses), c_library()
    uses[application["bom-ref"]] = uses.pop(own) | {std["bom-ref"], musl["bom-ref"]}
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
        "components": libraries + [std, musl],
        "dependencies": [{"ref": ref, "dependsOn": sorted(used)} for ref, used in sorted(uses.items())],
    }
    pathlib.Path(output).write_text(json.dumps(bom, indent=2) + "\n")
    print(f"{pathlib.Path(output).name}: {len(bom['components'])} components")


def tree(target, crates, uses, arguments=("--package", NAME)):
    """What is linked on that target: `crates` gets every crate, `uses` who needs whom."""
    command = ["cargo", "tree", "--locked", "--target", target, "--no-dedupe", *arguments]
    command += ["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "\t{p}\t{l}\t{r}"]
    # The standard library is not for a stable toolchain: build/build.sh says so in the same way.
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1"}
    listed = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
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


def take_in(part, own, crates, uses):
    """Takes a package of this repository for what it is: a part of the whole."""
    del crates[part]
    uses[own] |= uses.pop(part)
    uses[own].discard(part)


def component(ref, crate):
    # Older crates write MIT/Apache-2.0, which is no SPDX expression.
    licence = re.sub(r"\s*/\s*", " OR ", crate["licence"])
    part = {"bom-ref": ref, "name": crate["name"], "version": crate["version"], "purl": ref}
    part["licenses"] = [{"expression": licence}]
    if crate["vcs"]:
        part["externalReferences"] = [{"type": "vcs", "url": crate["vcs"]}]
    return part


def checksums(folder):
    """Of the archives on crates.io, by reference."""
    lock = (folder / "Cargo.lock").read_text()
    entries = re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"', lock)
    return {f"pkg:cargo/{name}@{version}": checksum for name, version, checksum in entries}


def library():
    """The sources of the standard library."""
    command = ["rustc", "--print", "sysroot"]
    sysroot = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return pathlib.Path(sysroot) / "lib/rustlib/src/rust/library"


def standard_library(targets, crates, uses):
    """One component for what lies in its sources; the crates from outside go to the others."""
    channel = re.search(r'^channel = "(.+)"', (ROOT / "rust-toolchain.toml").read_text(), re.M)[1]
    ref = f"pkg:generic/rust-std@{channel}"
    parts, edges = {}, {}
    build = (ROOT / "build/build.sh").read_text()
    features = re.search(r"-Z build-std-features=(\S+)", build)[1]
    for target in targets:
        manifest = library() / "std/Cargo.toml"
        tree(target, parts, edges, ("--manifest-path", manifest, "--no-default-features", "--features", features))
    outside = checksums(library()).keys() & parts.keys()
    crates.update({part: parts[part] for part in outside})
    for part, used in edges.items():
        uses.setdefault(part if part in outside else ref, set()).update(used & outside)
    return {
        "type": "library",
        "bom-ref": ref,
        "name": "rust-std",
        "version": channel,
        "description": "the standard library of Rust",
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
