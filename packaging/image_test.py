#!/usr/bin/env python3
"""The image is small, whole, reproducible, and its program runs as a user that isn't root on a read-only root file system.

  packaging/image_test.py [--program dohle-broker|dohle-operator] [--binary build/bin/dohle-broker]

Any binary with --version will do.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import image  # noqa: E402

program = image.PROGRAMS["dohle-broker"]
binary = str(image.ROOT / "build/bin/dohle-broker")


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.archive = image.build(program, binary, f"localhost/{program.name}")
        with tarfile.open(fileobj=io.BytesIO(cls.archive)) as tar:
            cls.files = {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}
        cls.manifest = cls.blob(json.loads(cls.files["index.json"])["manifests"][0])
        cls.config = cls.blob(cls.manifest["config"])
        cls.layer = gzip.decompress(cls.files["blobs/" + cls.manifest["layers"][0]["digest"].replace(":", "/")])

    @classmethod
    def blob(cls, descriptor):
        return json.loads(cls.files["blobs/" + descriptor["digest"].replace(":", "/")])

    def test_size(self):
        self.assertLess(len(self.archive), program.most_bytes)

    def test_every_blob_has_the_digest_that_it_is_called_by(self):
        blobs = [name for name in self.files if name.startswith("blobs/")]
        self.assertEqual(len(blobs), 3)
        for name in blobs:
            self.assertEqual(name, "blobs/sha256/" + hashlib.sha256(self.files[name]).hexdigest())
        for descriptor in [self.manifest["config"], *self.manifest["layers"]]:
            self.assertEqual(len(self.files["blobs/" + descriptor["digest"].replace(":", "/")]), descriptor["size"])

    def test_the_config_names_the_unpacked_layer(self):
        self.assertEqual(self.config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(self.layer).hexdigest()])

    def test_the_docker_manifest_names_the_same_blobs(self):
        docker = json.loads(self.files["manifest.json"])[0]
        self.assertEqual(docker["Config"], "blobs/" + self.manifest["config"]["digest"].replace(":", "/"))
        self.assertEqual(docker["Layers"], ["blobs/" + self.manifest["layers"][0]["digest"].replace(":", "/")])

    def test_reproducible(self):
        self.assertEqual(self.archive, image.build(program, binary, f"localhost/{program.name}"))

    def test_who_runs_what_where(self):
        config = self.config["config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(set(config["ExposedPorts"]), {f"{port}/tcp" for port in program.ports})
        self.assertEqual(config["Entrypoint"], [f"/{program.name}"])
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
            binary_there = tar.getmember(config["Entrypoint"][0].lstrip("/"))
            volumes = [tar.getmember(path.lstrip("/")) for path in config["Volumes"]]
            for path in config["Cmd"]:
                tar.getmember(path.lstrip("/"))
            names = tar.getnames()
        self.assertEqual((binary_there.mode & 0o111, binary_there.uid), (0o111, 0))
        self.assertEqual([(v.isdir(), v.uid, v.gid) for v in volumes], [(True, 65532, 65532)] * len(volumes))
        self.assertEqual(names, sorted(names))

    def test_nothing_that_others_could_write_or_that_gives_rights(self):
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
            for member in tar.getmembers():
                self.assertFalse(member.mode & 0o6000, member.name)
                self.assertTrue(not member.mode & 0o022 or member.name == "tmp", member.name)

    def test_runs_as_nobody_on_a_read_only_root(self):
        with tempfile.TemporaryDirectory() as root:
            os.chmod(root, 0o755)
            with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
                tar.extractall(root, filter="fully_trusted") if hasattr(tarfile, "data_filter") else tar.extractall(root)
            script = ('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && '
                      '{ touch "$1/written" 2>/dev/null && exit 77; }; '
                      'exec chroot $3 "$1" "$2" --version')
            if os.getuid() == 0:
                unshare, user = ["unshare", "--mount"], "--userspec=65532:65532"
            else:
                unshare, user = ["unshare", "--mount", "--map-root-user"], ""
                if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
                    self.skipTest("neither root nor user namespaces here")
            done = subprocess.run([*unshare, "sh", "-c", script, "sh", root, program.path, user],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"\d+\.\d+")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", choices=sorted(image.PROGRAMS), default=program.name)
    parser.add_argument("--binary")
    options, rest = parser.parse_known_args()
    program = image.PROGRAMS[options.program]
    binary = options.binary or str(image.ROOT / "build/bin" / program.name)
    unittest.main(argv=[sys.argv[0], *rest])
