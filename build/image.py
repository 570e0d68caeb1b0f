"""Builds the final stage of build/Dockerfile without Docker: an OCI archive for every
architecture at once (https://github.com/opencontainers/image-spec, image-layout.md).

usage: image.py OUTPUT VERSION REVISION CREATED ARCHITECTURE=BINARY...

Same binaries, same arguments, same bytes: no clock, no user and no order of a folder goes
in. Layers are gzip'ed; what zlib makes may differ between machines, what is in it may not.
"""

import hashlib
import io
import json
import pathlib
import re
import sys
import tarfile
import zlib

DOCKERFILE = pathlib.Path(__file__).with_name("Dockerfile")
NAME = "docker.io/pipeops/agent"
OCI = "application/vnd.oci.image."


def main(output, version, revision, created, *binaries):
    values = {"VERSION": version, "REVISION": revision, "CREATED": created}
    stage = final_stage(DOCKERFILE.read_text(), values)
    blobs = {}

    def blob(kind, data, **more):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": OCI + kind, "digest": f"sha256:{digest}", "size": len(data), **more}

    manifests = []
    for architecture, path in sorted(binary.split("=", 1) for binary in binaries):
        layer = tar([("pipeops-agent", pathlib.Path(path).read_bytes(), 0o755)])
        config = {
            "created": created,
            "architecture": architecture,
            "os": "linux",
            "config": stage,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI + "manifest.v1+json",
            "config": blob("config.v1+json", encode(config)),
            "layers": [blob("layer.v1.tar+gzip", gzip(layer))],
        }
        platform = {"architecture": architecture, "os": "linux"}
        manifests.append(blob("manifest.v1+json", encode(manifest), platform=platform))

    image = {
        "schemaVersion": 2,
        "mediaType": OCI + "index.v1+json",
        "manifests": manifests,
        "annotations": stage["Labels"],
    }
    # The first name is for containerd, the second for all that follow the specification.
    names = {"io.containerd.image.name": f"{NAME}:{version}", "org.opencontainers.image.ref.name": version}
    root = blob("index.v1+json", encode(image), annotations=names)
    index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [root]}
    files = [(f"blobs/sha256/{digest}", data, 0o644) for digest, data in sorted(blobs.items())]
    files += [("index.json", encode(index), 0o644), ("oci-layout", encode({"imageLayoutVersion": "1.0.0"}), 0o644)]
    pathlib.Path(output).write_bytes(tar(files))
    print(f"{NAME}:{version} {root['digest']}")


def final_stage(dockerfile, values):
    """The configuration that the last stage describes; what it cannot describe is refused."""
    lines = re.sub(r"\\\n", " ", dockerfile).splitlines()
    lines = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    start = max(number for number, (word, _) in enumerate(lines) if word == "FROM")
    config = {"Labels": {}}
    for word, rest in lines[start:]:
        if word in ("FROM", "COPY"):
            expected = {"FROM": "scratch", "COPY": "--from=build /src/bin/pipeops-agent-$TARGETARCH /pipeops-agent"}
            if rest != expected[word]:
                sys.exit(f"{DOCKERFILE}: {word} {rest}: image.py only knows {expected[word]}")
        elif word == "USER":
            config["User"] = rest
        elif word == "EXPOSE":
            config["ExposedPorts"] = {f"{port}/tcp": {} for port in rest.split()}
        elif word == "ENTRYPOINT":
            config["Entrypoint"] = json.loads(rest)
        elif word == "LABEL":
            for key, value in re.findall(r'(\S+)="([^"]*)"', rest):
                config["Labels"][key] = re.sub(r"\$(\w+)", lambda name: values[name[1]], value)
        elif word != "ARG":
            sys.exit(f"{DOCKERFILE}: image.py does not know {word}")
    return config


def tar(files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as writer:
        for name, data, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            writer.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def gzip(data):
    # Without the time and name that gzip would note.
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(data) + deflate.flush()
    ending = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + body + ending


def encode(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
