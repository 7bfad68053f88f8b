#!/usr/bin/env python3
"""Writes an OCI image of a program without a container engine and without a network: one layer that holds the stripped
binary, its shared libraries and a few files of /etc. The tar is an OCI layout and a docker archive at once, so
`ctr images import`, `podman load` and `docker load` take it. The same input gives the same bytes.

  packaging/image.py --program dohle-broker --binary build/bin/dohle-broker --output build/image/dohle-broker.tar
"""

import argparse
import dataclasses
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
EPOCH = "1970-01-01T00:00:00Z"
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


@dataclasses.dataclass(frozen=True)
class Program:
    """What differs between the images."""
    name: str
    most_bytes: int
    ports: tuple
    arguments: tuple = ()  # what it gets unless others are given
    data: str = "/"  # its working directory; a volume unless it is the root
    files: dict = dataclasses.field(default_factory=dict)  # path in the image -> file in the tree

    @property
    def path(self):
        return f"/{self.name}"


PROGRAMS = {program.name: program for program in [
    Program("dohle-broker", 40 * 10**6, (9092, 9404), ("/etc/dohle/server.properties",), "/var/lib/dohle",
            {"/etc/dohle/server.properties": "packaging/server.properties"}),
    Program("dohle-operator", 60 * 10**6, (9404,)),
]}

PASSWD = f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n"
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


def root_file_system(program, binary):
    """Path -> (mode, owner, content); content None is a directory."""
    files = {
        "/etc/passwd": (0o644, 0, PASSWD.encode()),
        "/etc/group": (0o644, 0, GROUP.encode()),
        "/etc/nsswitch.conf": (0o644, 0, b"hosts: files dns\n"),
        "/usr/share/doc/dohle/LICENSE": (0o644, 0, (ROOT / "LICENSE").read_bytes()),
        program.path: (0o755, 0, stripped(binary)),
        "/tmp": (0o1777, 0, None),
    }
    if program.data != "/":
        files[program.data] = (0o750, USER, None)
    for path, file in program.files.items():
        files[path] = (0o644, 0, (ROOT / file).read_bytes())
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


def configuration(program, layer):
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    labels = {"org.opencontainers.image.title": program.name, "org.opencontainers.image.version": version(),
              "org.opencontainers.image.licenses": "Apache-2.0"}
    return {
        "created": EPOCH, "architecture": machine, "os": "linux",
        "config": {
            "User": f"{USER}:{USER}", "WorkingDir": program.data, "Env": ["PATH=/"], "Labels": labels,
            "Entrypoint": [program.path], "Cmd": list(program.arguments), "StopSignal": "SIGTERM",
            "ExposedPorts": {f"{port}/tcp": {} for port in program.ports},
            "Volumes": {} if program.data == "/" else {program.data: {}},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": EPOCH, "created_by": "packaging/image.py"}],
    }


def build(program, binary, name):
    """The bytes of the archive."""
    layer = make_tar(root_file_system(program, binary))
    packed = gzip.compress(layer, compresslevel=6, mtime=0)
    config = to_json(configuration(program, layer))
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
    parser.add_argument("--program", choices=sorted(PROGRAMS), required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--name", help="default: localhost/PROGRAM")
    options = parser.parse_args()
    program = PROGRAMS[options.program]
    name = options.name or f"localhost/{program.name}"
    archive = build(program, options.binary, name)
    if len(archive) > program.most_bytes:
        raise SystemExit(f"image.py: {len(archive)} bytes; the image may have {program.most_bytes}")
    output = pathlib.Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(archive)
    print(f"{output}: {name}:{version()}, {len(archive) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
