"""The servers that the benchmarks measure: Dohle, Apache Kafka and the bare loop, each started in a folder of its own
on free ports of the loopback. Standard library only."""

import functools
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOAD = ROOT / "build/bin/dohle-load"
CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
START_DEADLINE_S = 180


class Malfunction(Exception):
    """Something didn't do what it must for a figure to mean anything."""


def free_ports(count):
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def load(mode, port, **flags):
    """Runs the load generator and returns what it measured."""
    command = [str(LOAD), mode, "--port", str(port)]
    for name, value in flags.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Malfunction(f"{' '.join(command[1:])}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def properties(data, port, controller_port, extra):
    """One server.properties for both brokers: the keys are Kafka's."""
    lines = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "log.segment.delete.delay.ms": 1000,
        **extra,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


class Server:
    """A server's process. `start` may be called again after `stop` or `kill`: the data stays until `remove`."""

    name = ""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.process = None
        self.port = None

    @property
    def pid(self):
        return self.process.pid

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Malfunction(f"{self.name} has gone")

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def prepare(self):
        """What comes before the first start and isn't part of it."""

    def command(self):
        raise NotImplementedError

    def start(self, topic=None, partition=0):
        """Starts and returns the seconds from exec to the first request served (with a topic: a Produce to it)."""
        flags = ["--topic", topic, "--partition", str(partition)] if topic else []
        first = subprocess.Popen([str(LOAD), "first", "--port", str(self.port), *flags], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        try:
            first.stdout.readline()
            with open(self.directory / "output", "ab") as output:
                began = time.monotonic_ns()
                self.process = subprocess.Popen(self.command(), stdout=output, stderr=output, cwd=self.directory,
                                                stdin=subprocess.DEVNULL)
            deadline = time.monotonic() + START_DEADLINE_S
            while True:
                try:
                    out, err = first.communicate(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise Malfunction(f"{self.name} did not start: {self.tail()}") from None
        finally:
            first.kill()
            first.wait()
        if not out.strip():
            raise Malfunction(f"{self.name}: {err.strip()} {self.tail()}")
        return (json.loads(out)["monotonic_ns"] - began) * 1e-9

    def tail(self):
        path = self.directory / "output"
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def remove(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Broker(Server):
    extra = {}

    def prepare(self):
        self.port, controller_port, self.metrics_port = free_ports(3)
        self.config = self.directory / "server.properties"
        extra = {key: value.format(metrics_port=self.metrics_port) for key, value in self.extra.items()}
        self.config.write_text(properties(self.directory / "data", self.port, controller_port, extra))


class Dohle(Broker):
    name = "dohle"
    binary = ROOT / "build/bin/dohle-broker"
    extra = {"metrics.port": "{metrics_port}"}

    def prepare(self):
        super().prepare()
        done = subprocess.run([str(self.binary), "storage", "format", "--standalone", "-t", CLUSTER_ID, "-c", str(self.config)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Malfunction(f"dohle-broker storage format: {done.stdout}{done.stderr}")

    def command(self):
        return [str(self.binary), str(self.config)]


@functools.cache
def class_path():
    return subprocess.run([ROOT / "tests/support/kafka_jars.sh"], check=True, capture_output=True, text=True).stdout.strip()


def java_of_apache(*arguments):
    """The command of Apache's own start script: 1 GB of heap, G1."""
    return ["java", "-server", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
            "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15",
            "-Djava.awt.headless=true", "-cp", class_path(),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *arguments]


class Apache(Broker):
    """Apache Kafka 4.3.1 as its own start script runs it."""

    name = "apache"

    def prepare(self):
        super().prepare()
        done = subprocess.run(
            java_of_apache("kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID, "-c", str(self.config)),
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Malfunction(f"Apache's StorageTool: {done.stdout}{done.stderr}")

    def command(self):
        return java_of_apache("kafka.Kafka", str(self.config))


class Bare(Server):
    """The least that a server can do: see bare.h. It makes no topics."""

    name = "bare"
    record_bytes = 1024

    def start(self, topic=None, partition=0):
        (self.directory / "data").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [str(LOAD), "bare", "--directory", str(self.directory / "data"), "--record-bytes", str(self.record_bytes)],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Malfunction("the bare loop did not start")
        self.port = json.loads(line)["port"]
        return 0.0


def raise_file_limit():
    """10,000 partitions are 30,000 files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def needs(names):
    if not os.access(LOAD, os.X_OK):
        raise Malfunction(f"{LOAD} isn't built: run `make`")
    if "dohle" in names and not os.access(Dohle.binary, os.X_OK):
        raise Malfunction(f"{Dohle.binary} isn't built; --targets apache,bare measures the others")
