"""Clusters of several nodes under test, each Apache Kafka or Dohle, with static or dynamic voters.

Addresses are settled at a node's making (network.py), so that the properties of all can name them before any node runs. What
the two kinds of node get to read is the same file.
"""

import base64
import os
import signal
import subprocess
import uuid

from . import broker as brokers
from .cluster_state import ClusterState
from .network import Loopback
from .process import Failure
from .scenario import check, eventually

APACHE, DOHLE = "apache", "dohle"
BOTH, BROKER, CONTROLLER = "broker,controller", "broker", "controller"

# What Dohle doesn't serve yet: finalised at 0, so that no node of either kind counts on it.
LEVELS = {"group.version": 0, "transaction.version": 0, "share.version": 0, "streams.version": 0}

_SETTINGS = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "group.coordinator.rebalance.protocols": "classic",
    "auto.create.topics.enable": "false",
    "auto.leader.rebalance.enable": "false",  # preferred leaders come back when a scenario asks for them
    "controlled.shutdown.enable": "true",
    "broker.session.timeout.ms": "4000",  # nodes that share a busy machine fence each other with less
}


def random_uuid():
    """As Kafka writes them: base64 without padding, never with a dash in front."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


class Node:
    """One member: an id, addresses and a data directory that stay, and the program of one kind or the other that runs on them."""

    def __init__(self, cluster, node_id, kind, roles):
        self.cluster, self.node_id, self.roles = cluster, node_id, roles
        self.directory = cluster.directory / f"node-{node_id}"
        self.directory_id = random_uuid()
        self.paused = False
        self.apart = False  # its network is cut: it isn't asked anything
        self.host, self.port, self.controller_port, self._prefix = cluster.network.place(node_id)
        self.environment = {}  # what its process gets beside ours
        self._formatted = False
        self._running = False  # as far as we have to do with it
        self.overrides = {}  # properties of this node alone
        self.become(kind)

    def become(self, kind):
        """The next start is of this kind, on the same directory. The node must be down."""
        if not (self.directory / "data").exists():
            self.directory.mkdir(parents=True, exist_ok=True)
        self.kind = kind
        self.program = self.cluster.programs[kind](self.directory)
        self.program.port, self.program.controller_port = self.port, self.controller_port
        self.program.prefix, self.program.environment = self._prefix, self.environment
        return self

    @property
    def data(self):
        return self.program.data

    @property
    def log_path(self):
        return self.program.log_path

    @property
    def pid(self):
        return self.program.process.pid

    @property
    def bootstrap(self):
        return f"{self.host}:{self.port}"

    @property
    def controller_address(self):
        return f"{self.host}:{self.controller_port}"

    def is_broker(self):
        return BROKER in self.roles

    def is_controller(self):
        return CONTROLLER in self.roles

    def alive(self):
        return self.program.alive()

    def serves(self):
        return self.alive() and not self.paused and not self.apart

    def write_properties(self):
        listeners = [f"PLAINTEXT://{self.bootstrap}"] if self.is_broker() else []
        listeners += [f"CONTROLLER://{self.controller_address}"] if self.is_controller() else []
        self.program.overrides.update({
            **_SETTINGS,
            **self.cluster.quorum_properties(),
            "process.roles": self.roles,
            "node.id": str(self.node_id),
            "listeners": ",".join(listeners),
            "advertised.listeners": listeners[0] if self.is_broker() else None,
            **self.cluster.overrides,
            **self.overrides,
        })
        return self.program.write_properties()

    def launch(self):
        """Starts the program and doesn't wait; formats the directory before the first time."""
        properties = self.write_properties()
        if not self._formatted:
            self.program.format(properties, *self.cluster.format_words(self))
            self._formatted = True
        self.program.launch(properties)
        self.paused, self._running = False, True
        return self

    def forget(self):
        """The directory was emptied: the next start formats it again."""
        self._formatted = False

    def death(self):
        """What is to be said of a process that ended unasked; None of all others."""
        if not self._running or self.alive():
            return None
        return f"node {self.node_id} ({self.kind}) ended with code {self.program.process.returncode}\n{self.program.log_tail()}"

    def _answers_or_died(self):
        return self.death() or brokers.answers(self.port if self.is_broker() else self.controller_port, self.host)

    def await_answer(self, timeout_s=90):
        try:
            answer = eventually(self._answers_or_died, f"node {self.node_id} ({self.kind}) answers", timeout_s, 0.05)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.program.log_tail()}") from None
        if answer is not True:
            raise Failure(answer)
        return self

    def start(self, timeout_s=90):
        return self.launch().await_answer(timeout_s)

    def stop(self, timeout_s=60):
        self._running = False
        self.program.stop(timeout_s)

    def leave(self):
        """Asks for a clean stop and doesn't wait."""
        self._running = False
        self.program.process.send_signal(signal.SIGTERM)

    def kill(self):
        self._running = False
        self.program.kill()
        self.paused = False

    def pause(self):
        """SIGSTOP: connections stay, nothing answers."""
        self.program.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.program.process.send_signal(signal.SIGCONT)
        self.paused = False

    def cpu_s(self):
        fields = (self._proc("stat")).rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        return next(int(line.split()[1]) * 1024 for line in self._proc("status").splitlines() if line.startswith("VmRSS:"))

    def _proc(self, name):
        with open(f"/proc/{self.pid}/{name}", encoding="ascii", errors="replace") as file:
            return file.read()

    def close(self):
        if self.program.process is not None and self.alive():
            self.kill()


class Cluster:
    """nodes: {id: (kind, roles)}. voters: "static" (controller.quorum.voters, kraft.version 0) or "dynamic" (KIP-853)."""

    def __init__(self, directory, nodes, voters="static", overrides=None, programs=None, network=None):
        self.directory = directory
        self.network = network or Loopback()
        self.voters = voters
        self.overrides = overrides or {}
        self.programs = programs or brokers.KINDS
        self.nodes = {}
        for node_id, (kind, roles) in nodes.items():
            self.nodes[node_id] = Node(self, node_id, kind, roles)
        self.state = ClusterState(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def brokers(self):
        return [node for node in self.nodes.values() if node.is_broker()]

    def controllers(self):
        return [node for node in self.nodes.values() if node.is_controller()]

    @property
    def bootstrap(self):
        """Of all brokers, so that clients find one that lives; those that serve come first."""
        return ",".join(node.bootstrap for node in sorted(self.brokers(), key=lambda node: not node.serves()))

    @property
    def bootstrap_controllers(self):
        return ",".join(node.controller_address for node in self.controllers())

    def add(self, node_id, kind, roles):
        """One more node, not started; no initial voter."""
        self.nodes[node_id] = Node(self, node_id, kind, roles)
        self.nodes[node_id].directory_id = None
        return self.nodes[node_id]

    def _initial_voters(self):
        return [node for node in self.controllers() if node.directory_id]

    def quorum_properties(self):
        if self.voters == "static":
            names = ",".join(f"{node.node_id}@{node.controller_address}" for node in self._initial_voters())
            return {"controller.quorum.voters": names, "controller.quorum.bootstrap.servers": None}
        return {"controller.quorum.bootstrap.servers": self.bootstrap_controllers}

    def format_words(self, node):
        features = [word for name, level in LEVELS.items() for word in ("--feature", f"{name}={level}")]
        if self.voters == "static":
            return features
        if not node.is_controller() or not node.directory_id:
            return ["--no-initial-controllers", *features]
        voters = ",".join(f"{n.node_id}@{n.controller_address}:{n.directory_id}" for n in self._initial_voters())
        return ["--initial-controllers", voters, *features]

    def start(self, timeout_s=150):
        """Starts all, and waits until the brokers know of each other."""
        for node in self.nodes.values():
            node.launch()
        for node in self.nodes.values():
            node.await_answer(timeout_s)
        self.await_brokers(timeout_s)
        return self

    def await_brokers(self, timeout_s=60):
        """Until every broker that serves is registered and unfenced in the eyes of every other."""
        wanted = {node.node_id for node in self.brokers() if node.serves()}
        for node in self.brokers():
            if node.serves():
                eventually(lambda n=node: self.state.brokers(n) == wanted, f"brokers {sorted(wanted)} in node {node.node_id}'s eyes", timeout_s)

    def await_whole(self, *topics, timeout_s=60):
        """Until every partition of the topics (default: all) has a leader and all its replicas in sync."""
        eventually(lambda: self.state.whole(topics), f"all replicas in sync: {topics or 'all topics'}", timeout_s)

    def restart(self, node):
        node.stop()
        node.start()
        self.await_brokers()

    def stop(self, timeout_s=20):
        """A clean stop of all. Apache's last nodes wait in vain for a controller to let them go, and are killed then."""
        for node in self.nodes.values():
            if node.alive():
                node.leave()
        for node in self.nodes.values():
            try:
                node.program.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                node.kill()

    def check_alive(self):
        """No node's process ended unasked."""
        deaths = [death for node in self.nodes.values() if (death := node.death())]
        check(not deaths, "\n".join(deaths))

    def close(self):
        for node in self.nodes.values():
            node.close()
        self.state.close()
        self.network.close()
