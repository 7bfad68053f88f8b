"""Where a cluster's nodes have their addresses: ports of localhost, or each node in a network namespace of its own, so that the network between
any two of them, or between one and the clients, can be cut or made lossy, both ways or one way.

Namespaces need root. They live inside of namespaces of the whole run (`enter`), so that nothing of them is left when its processes are gone,
however that came about: the machine never sees their interfaces and mounts.
"""

import collections
import os
import pathlib
import subprocess
import sys

from . import broker as brokers
from .process import Failure, run

Place = collections.namedtuple("Place", "host port controller_port prefix")  # prefix: the words in front of the command that runs there

CLIENTS = 254  # the clients and this process, among the numbers of the nodes
_NAMES = pathlib.Path("/run/netns")
_ENTERED = "DOHLE_TESTS_IN_NAMESPACES"


class Loopback:
    """Ports of localhost, held from a node's making to the cluster's end."""

    def __init__(self):
        self._holders = []

    def place(self, _node_id):
        holders = [brokers.held_port(), brokers.held_port()]
        self._holders += holders
        return Place("localhost", *(holder.getsockname()[1] for holder in holders), ())

    def close(self):
        for holder in self._holders:
            holder.close()


def enter(prepare):
    """The whole run begins again inside of namespaces of its own, of network and mounts; there it returns. prepare() is called before, while
    there still is a way to package registries. Without the rights for it a Failure says so."""
    if os.environ.get(_ENTERED):
        run(["ip", "link", "set", "lo", "up"])
        _NAMES.mkdir(exist_ok=True)
        run(["mount", "-t", "tmpfs", "none", _NAMES])
        return
    inside = ["unshare", "--net", "--mount"]
    trial = subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        raise Failure(f"network namespaces need root (CAP_SYS_ADMIN and CAP_NET_ADMIN), or the kernel refuses them: {trial.stderr.strip()}")
    prepare()
    sys.stdout.flush()
    os.execvpe(inside[0], [*inside, sys.executable, *sys.argv], {**os.environ, _ENTERED: "1"})


class Namespaces:
    """A bridge, with a namespace behind it for each node; the run must have entered its own. A cut loses packets silently, as a broken switch
    does: no connection is closed."""

    _made = 0

    def __init__(self):
        Namespaces._made += 1
        self._number = Namespaces._made
        self._bridge = f"bridge{self._number}"
        self._nodes = []
        run(["ip", "link", "add", self._bridge, "type", "bridge"])
        run(["ip", "address", "add", f"{self._host(CLIENTS)}/24", "dev", self._bridge])
        run(["ip", "link", "set", self._bridge, "up"])

    def _host(self, node_id):
        return f"10.77.{self._number}.{node_id}"

    def _name(self, node_id):
        return f"c{self._number}n{node_id}"

    def _within(self, node_id):
        return [] if node_id == CLIENTS else ["nsenter", f"--net={_NAMES / self._name(node_id)}"]

    def place(self, node_id):
        name, outer = self._name(node_id), f"o{self._name(node_id)}"
        run(["ip", "netns", "add", name])
        run(["ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name])
        run(["ip", "link", "set", outer, "master", self._bridge, "up"])
        for words in (["link", "set", "lo", "up"], ["address", "add", f"{self._host(node_id)}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            run(["ip", "-n", name, *words])
        self._nodes.append(node_id)
        return Place(self._host(node_id), 9092, 9093, tuple(self._within(node_id)))

    def _drop(self, source, target, *match):
        run([*self._within(target), "iptables", "-w", "-A", "INPUT", "-s", self._host(source), *match, "-j", "DROP"])

    def cut(self, source, target):
        """Nothing that the source sends comes to the target any more."""
        self._drop(source, target)

    def lose(self, source, target, share):
        """So much of it doesn't come, 0 to 1."""
        self._drop(source, target, "-m", "statistic", "--mode", "random", "--probability", share)

    def mend(self, source, target):
        """As if neither cut() nor lose() had been called for the two."""
        rules = run([*self._within(target), "iptables", "-w", "-S", "INPUT"])[1].splitlines()
        for rule in rules:
            if f"-s {self._host(source)}/" in rule:
                run([*self._within(target), "iptables", "-w", "-D", *rule.split()[1:]])

    def close(self):
        """Only so that the next cluster finds less; whatever is left goes with the run."""
        for node_id in self._nodes:
            run(["ip", "netns", "del", self._name(node_id)], check=False)
        run(["ip", "link", "del", self._bridge], check=False)
