#!/usr/bin/env python3
"""Writes an OCI image of the broker without a container engine and without a network: one layer that holds the stripped
binary, its shared libraries and a few files of /etc. The tar is an OCI layout and a docker archive at once, so
`ctr images import`, `podman load` and `docker load` take it. The same input gives the same bytes.

  packaging/image.py --binary build/bin/dohle-broker --output build/image/dohle-broker.tar
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import platform
import re
import subprocess
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
USER = 65532  # nobody in particular: what other images without a root user take
MOST_BYTES = 40 * 10**6
EPOCH = "1970-01-01T00:00:00Z"
PROGRAM = "/usr/bin/dohle-broker"
DATA = "/var/lib/dohle"
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")

PASSWD = f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:{DATA}:/sbin/nologin\n"
GROUP = f"root:x:0:\nnonroot:x:{USER}:\n"


def version():
    return re.search(r"project\(dohle VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


def libraries(binary):
    """Path in the image -> file: every shared library that the binary loads, and the loader."""
    found = {}
    for line in subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout.splitlines():
        if "not found" in line:
            raise SystemExit(f"image.py: {binary} needs a library that isn't there: {line.strip()}")
        match = re.search(r"(?:=> )?(/\S+) \(0x", line)
        if match:
            found[match.group(1)] = pathlib.Path(match.group(1)).resolve()
    return found


def stripped(path):
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory, "stripped")
        subprocess.run(["strip", "--strip-unneeded", "-o", out, path], check=True)
        return out.read_bytes()


def root_file_system(binary):
    """Path -> (mode, owner, content); content None is a directory."""
    files = {
        "/etc/passwd": (0o644, 0, PASSWD.encode()),
        "/etc/group": (0o644, 0, GROUP.encode()),
        "/etc/nsswitch.conf": (0o644, 0, b"hosts: files dns\n"),
        "/etc/dohle/server.properties": (0o644, 0, (ROOT / "packaging/server.properties").read_bytes()),
        "/usr/share/doc/dohle/LICENSE": (0o644, 0, (ROOT / "LICENSE").read_bytes()),
        PROGRAM: (0o755, 0, stripped(binary)),
        DATA: (0o750, USER, None),
        "/tmp": (0o1777, 0, None),
    }
    for path, file in libraries(binary).items():
        files[path] = (0o755, 0, stripped(file))
    if CERTIFICATES.exists():
        files[str(CERTIFICATES)] = (0o644, 0, CERTIFICATES.read_bytes())
    for path in list(files):
        for parent in pathlib.PurePosixPath(path).parents:
            files.setdefault(str(parent), (0o755, 0, None))
    del files["/"]
    return files


def add(tar, name, mode, owner, content):
    entry = tarfile.TarInfo(name)
    entry.mode, entry.uid, entry.gid, entry.mtime = mode, owner, owner, 0
    if content is None:
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    else:
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))


def make_tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (mode, owner, content) in sorted(files.items()):
            add(tar, name.lstrip("/"), mode, owner, content)
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def to_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def configuration(layer):
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    labels = {"org.opencontainers.image.title": "dohle-broker", "org.opencontainers.image.version": version(),
              "org.opencontainers.image.licenses": "Apache-2.0"}
    return {
        "created": EPOCH, "architecture": machine, "os": "linux",
        "config": {
            "User": f"{USER}:{USER}", "WorkingDir": DATA, "Env": ["PATH=/usr/bin"], "Labels": labels,
            "Entrypoint": [PROGRAM], "Cmd": ["/etc/dohle/server.properties"], "StopSignal": "SIGTERM",
            "ExposedPorts": {"9092/tcp": {}, "9404/tcp": {}}, "Volumes": {DATA: {}},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": EPOCH, "created_by": "packaging/image.py"}],
    }


def build(binary, name):
    """The bytes of the archive."""
    layer = make_tar(root_file_system(binary))
    packed = gzip.compress(layer, compresslevel=6, mtime=0)
    config = to_json(configuration(layer))
    manifest = to_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config),
                   "size": len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(packed),
                    "size": len(packed)}],
    })
    reference = f"{name}:{version()}"
    index = to_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest),
            "size": len(manifest),
            "annotations": {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": version()},
        }],
    })
    blob = {data: "blobs/" + digest(data).replace(":", "/") for data in (packed, config, manifest)}
    files = {path: (0o644, 0, data) for data, path in blob.items()}
    files["blobs"] = files["blobs/sha256"] = (0o755, 0, None)
    files["oci-layout"] = (0o644, 0, to_json({"imageLayoutVersion": "1.0.0"}))
    files["index.json"] = (0o644, 0, index)
    files["manifest.json"] = (0o644, 0, to_json(
        [{"Config": blob[config], "Layers": [blob[packed]], "RepoTags": [reference]}]))
    return make_tar(files)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--name", default="localhost/dohle-broker")
    options = parser.parse_args()
    archive = build(options.binary, options.name)
    if len(archive) > MOST_BYTES:
        raise SystemExit(f"image.py: {len(archive)} bytes; the image may have {MOST_BYTES}")
    output = pathlib.Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(archive)
    print(f"{output}: {options.name}:{version()}, {len(archive) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
