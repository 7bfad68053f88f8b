#!/usr/bin/env python3
"""Makes a docker archive from local files, without a registry or a container engine.

    mkimage.py OUT.tar NAME:TAG [--entrypoint JSON] [--cmd JSON] [--env K=V]… [--user U] [SRC:DEST[:MODE] | LINK->TARGET]…

The same input gives the same bytes.
"""

import argparse
import hashlib
import io
import json
import os
import pathlib
import platform
import tarfile

EPOCH = "1970-01-01T00:00:00Z"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"


class Layer:
    """A tar in memory whose directories come by themselves."""

    def __init__(self):
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.GNU_FORMAT)
        self._directories = set()

    def directory(self, path):
        for parent in reversed([path, *pathlib.PurePosixPath(path).parents]):
            name = str(parent).strip("/")
            if name and name not in self._directories:
                self._directories.add(name)
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name in ("tmp", "var/tmp") else 0o755
                self._tar.addfile(entry)

    def link(self, path, target):
        entry = self._entry(path, 0o777)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def file(self, path, content, mode):
        entry = self._entry(path, mode)
        entry.size = len(content)
        self._tar.addfile(entry, io.BytesIO(content))

    def _entry(self, path, mode):
        self.directory(os.path.dirname(path))
        entry = tarfile.TarInfo(path.strip("/"))
        entry.mode = mode
        return entry

    def bytes(self):
        self._tar.close()
        return self._buffer.getvalue()


def layer(items):
    out = Layer()
    for path in ("/etc", "/tmp", "/proc", "/sys", "/dev", "/root", "/var"):
        out.directory(path)
    for item in items:
        link, arrow, target = item.partition("->")
        if arrow:
            out.link(link, target)
        else:
            source, destination, *mode = item.split(":")
            out.file(destination, pathlib.Path(source).read_bytes(), int(mode[0], 8) if mode else 0o755)
    out.file("/etc/passwd", PASSWD.encode(), 0o644)
    out.file("/etc/group", GROUP.encode(), 0o644)
    return out.bytes()


def configuration(options, diff_id):
    config = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *options.env],
              "WorkingDir": "/"}
    for key in ("entrypoint", "cmd"):
        if getattr(options, key):
            config[key.capitalize()] = json.loads(getattr(options, key))
    if options.user:
        config["User"] = options.user
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return json.dumps({
        "architecture": machine, "os": "linux", "config": config, "created": EPOCH,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + diff_id]},
        "history": [{"created": EPOCH, "created_by": "mkimage"}]}).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("name")
    parser.add_argument("items", nargs="*")
    parser.add_argument("--entrypoint")
    parser.add_argument("--cmd")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--user", default="")
    options = parser.parse_intermixed_args()
    content = layer(options.items)
    diff_id = hashlib.sha256(content).hexdigest()
    config = configuration(options, diff_id)
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [options.name], "Layers": [diff_id + ".tar"]}]).encode()
    with tarfile.open(options.out, "w") as archive:
        for name, data in ((config_name, config), (diff_id + ".tar", content), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main()
