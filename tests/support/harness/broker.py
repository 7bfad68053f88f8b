"""A broker under test: Apache Kafka (the oracle) or Dohle, in a directory of its own, on ports chosen at run time."""

import os
import random
import signal
import socket
import struct
import subprocess
import time

from . import packages
from .process import Failure, die_with_parent, run

CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"

# Small numbers where Kafka's defaults would make tests wait: nothing here changes what is tested.
_BASE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "3",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "2500",  # else Apache refuses its own new incarnation for 9 s after a kill
    "broker.heartbeat.interval.ms": "500",
    "group.min.session.timeout.ms": "500",
    "group.consumer.min.session.timeout.ms": "500",
    "group.consumer.session.timeout.ms": "2000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "300",
    "log.segment.delete.delay.ms": "1000",
    "log.retention.check.interval.ms": "1000",
}


def free_port():
    """Below the range that the kernel gives to connecting sockets, so that no client takes it in between."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def held_port():
    """A socket that keeps a port for a server of ours: others can't bind it, a server that sets SO_REUSEADDR (both kinds do) may listen on it."""
    while True:
        port = random.randrange(12000, 32000)
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", port))  # without the option: so that nobody else's held port is taken
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return holder
        except OSError:
            holder.close()


def answers(port, host="127.0.0.1"):
    """Does a Kafka broker answer ApiVersions v0 there?"""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
            header = connection.recv(4, socket.MSG_WAITALL)
            if len(header) < 4:
                return False
            size = struct.unpack(">i", header)[0]
            return len(connection.recv(size, socket.MSG_WAITALL)) == size
    except OSError:
        return False


class Broker:
    """start(), stop(), kill(), and both again on the same directory and ports."""

    name = "?"
    heap = "512m"  # of those that run in a JVM

    def __init__(self, directory, overrides=None):
        self.directory = directory
        self.data = directory / "data"
        self.log_path = directory / f"{self.name}.log"
        self.overrides = overrides or {}  # None as value leaves a property out
        self.port = self.controller_port = None
        self.process = None
        self.environment = {}  # what the broker's process gets beside ours
        self.prefix = ()  # words in front of its command
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def bootstrap(self):
        return f"localhost:{self.port}"

    def write_properties(self):
        properties = {
            **_BASE,
            "controller.quorum.bootstrap.servers": f"localhost:{self.controller_port}",
            "listeners": f"PLAINTEXT://localhost:{self.port},CONTROLLER://localhost:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://localhost:{self.port}",
            "log.dirs": str(self.data),
            **self.overrides,
        }
        path = self.directory / "server.properties"
        path.write_text("".join(f"{k}={v}\n" for k, v in properties.items() if v is not None))
        return path

    def format(self, properties, *words):
        """Formats the directories; words: what the tool is told about voters and features."""
        raise NotImplementedError

    def command(self, properties):
        raise NotImplementedError

    def launch(self, properties):
        """Starts the process; returns where its log begins."""
        with open(self.log_path, "ab") as log:
            position = log.tell()
            self.process = subprocess.Popen([*self.prefix, *self.command(properties)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                                            env={**os.environ, **self.environment}, preexec_fn=die_with_parent)
        return position

    def start(self, timeout_s=60):
        """Starts and waits until it answers. New ports are tried when somebody took ours before the first start."""
        first = self.port is None
        for _ in range(5 if first else 1):
            if first:
                self.port, self.controller_port = free_port(), free_port()
            properties = self.write_properties()
            if not (self.data / "meta.properties").exists():
                self.format(properties, "--standalone")
            position = self.launch(properties)
            end = time.monotonic() + timeout_s
            while self.process.poll() is None and time.monotonic() < end:
                if answers(self.port):
                    return self
                time.sleep(0.02)
            if self.process.poll() is None:
                self.kill()
                raise Failure(f"{self.name} does not answer {timeout_s} s after its start\n{self.log_tail()}")
            if not (first and b"in use" in self._log_from(position)):
                break
        raise Failure(f"{self.name} ended with code {self.process.returncode} at its start\n{self.log_tail()}")

    def stop(self, timeout_s=60):
        """A clean stop (SIGTERM); anything but a clean end is a Failure."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.name} did not stop within {timeout_s} s of SIGTERM\n{self.log_tail()}") from None
        if code not in (0, 143, -signal.SIGTERM):
            raise Failure(f"{self.name} ended with code {code} after SIGTERM\n{self.log_tail()}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def take_over(self, other):
        """The next start is on the directory and the ports of another broker, which must be down."""
        self.data, self.port, self.controller_port = other.data, other.port, other.controller_port
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def restart(self):
        self.stop()
        self.start()

    def kill_and_restart(self):
        self.kill()
        self.start()

    def _log_from(self, position):
        with open(self.log_path, "rb") as log:
            log.seek(position)
            return log.read()

    def log_tail(self, lines=30):
        text = self._log_from(max(0, os.path.getsize(self.log_path) - 10000)).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


class Apache(Broker):
    """Apache Kafka, from Maven's jars."""

    name = "apache"

    def _java(self, *options):
        return ["java", f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *options, "-cp",
                f"{packages.kafka_jars()}/*", "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.log.kafka.server=info"]

    def format(self, properties, *words):
        run([*self._java(), "kafka.tools.StorageTool", "format", *words, "-t", CLUSTER_ID, "-c", properties])

    def command(self, properties):
        return [*self._java(), "kafka.Kafka", str(properties)]


class Dohle(Broker):
    """The broker of this repository; DOHLE_BROKER names another executable than build/bin/dohle-broker."""

    name = "dohle"

    def __init__(self, directory, overrides=None):
        super().__init__(directory, {"metrics.port": "0", **(overrides or {})})

    def _executable(self):
        path = os.environ.get("DOHLE_BROKER") or packages.ROOT / "build/bin/dohle-broker"
        if not os.access(path, os.X_OK):
            raise Failure(f"{path} is not there: build it first")
        return str(path)

    def format(self, properties, *words):
        run([self._executable(), "storage", "format", *words, "-t", CLUSTER_ID, "-c", properties])

    def command(self, properties):
        return [self._executable(), str(properties)]


KINDS = {"apache": Apache, "dohle": Dohle}
