"""Chaos: real nodes, each in a network namespace of its own, killed, stopped, cut off, deaf, with full disks and wrong clocks, while librdkafka
and Java, idempotent and plain, with groups, go on. Afterwards nothing acknowledged is lost, nothing idempotent is there twice, order stayed,
consumers left nothing out, all replicas and all metadata logs hold the same bytes.

`tests/interop/run --broker dohle --only chaos/ [--seed N] [--seconds N] [--nodes dohle,apache,dohle]`, as root.
"""

import itertools
import random
import time

from harness import packages
from harness.cluster import BOTH
from harness.network import Namespaces
from harness.scenario import equal, eventually

from . import chaos_faults as faults
from . import clients, java
from .cluster_ground import Ground

LEAST_REST_S, MOST_REST_S = 0.3, 3


def prepare():
    """What needs a way to package registries."""
    packages.kafka_jars()
    java.classes(packages.KAFKA_VERSION, "v4")
    packages.python_venv(clients.CLIENTS / "python/requirements.txt")


class ChaosGround(Ground):
    """A cluster of so many nodes in namespaces, their data on small disks, their clocks in our hands."""

    def __init__(self, session, name, count):
        nodes = {i + 1: (kind, BOTH) for i, kind in zip(range(count), itertools.cycle(session.nodes))}
        super().__init__(session, name, nodes, network=Namespaces())
        self.clocks = {i: faults.Clock(session, node) for i, node in self.nodes.items()}
        self.disks = {i: faults.SmallDisk(node) for i, node in self.nodes.items()}
        self.seed = session.seed
        self.chance = random.Random(f"{session.seed} {name}")
        self._started = time.monotonic()
        self._told = []

    def __exit__(self, *failure):
        failed = bool(failure and failure[0])
        if failed:
            print("\n".join(f"      {line}" for line in self._told), flush=True)
        super().__exit__()
        for disk in self.disks.values():
            disk.close(keep=failed)

    def load(self, topic, partitions=3):
        for idempotent in (True, False):
            for client in self.session.streams:
                self.stream(client, topic, partitions, idempotent=idempotent, hasty=True)
        self.progress("at first", 90)

    def _tell(self, what):
        self._told.append(f"{time.monotonic() - self._started:6.1f} s  {what}")
        (self.directory / "faults.txt").write_text("\n".join(self._told) + "\n")

    def begin(self, fault):
        self._tell(f"begins  {fault}")
        fault.begin()

    def end(self, fault):
        self._tell(f"ends    {fault}")
        fault.end()

    def settle(self, topic, partitions=3):
        self.cluster.await_brokers()
        self._tell("the faults are over")
        self.progress("after the faults", 90)
        self._tell("everybody goes on")
        self.cluster.await_whole()
        self._tell("all replicas are in sync")
        refused = super().settle(topic, partitions)
        equal([], refused, "refused records")
        eventually(lambda: self.check_internal_replicas() is None, "the groups' topic is the same everywhere")
        self.check_metadata_logs()


def _hurt(session, fault, of_controller, goes_on=True):
    """One of three nodes for some seconds: the active controller, or one that is not."""
    name = f"chaos-{fault.__name__}-{'controller' if of_controller else 'broker'}"
    with ChaosGround(session, name, 3) as ground:
        topic = ground.topic("hurt", 3)
        ground.load(topic)
        controller = ground.state.active_controller()
        victim = controller if of_controller else ground.chance.choice([node for node in ground.nodes.values() if node is not controller])
        hurt = fault(ground, victim, ground.chance)
        ground.begin(hurt)
        if goes_on:
            ground.progress(f"while {hurt}", 90)
        else:
            time.sleep(ground.chance.uniform(2, 8))
        ground.end(hurt)
        ground.settle(topic, 3)


def _everything(session, count):
    """Faults drawn from the seed begin and end, for a minority of the nodes at a time as a rule, now and then for more."""
    with ChaosGround(session, f"chaos-of-{count}", count) as ground:
        chance, partitions = ground.chance, 2 * count
        topic = ground.topic("everything", partitions)
        ground.load(topic, partitions)
        now, begun = {}, 0
        end = time.monotonic() + session.seconds
        while time.monotonic() < end:
            most = chance.choice([count // 2] * 3 + [count])
            fault = chance.choice(faults.ALL)(ground, ground.nodes[chance.randint(1, count)], chance)
            if fault.hurts not in now and len(now) < most and chance.random() < 0.7:
                now[fault.hurts] = fault
                begun += 1
                ground.begin(fault)
            elif now:
                ground.end(now.pop(chance.choice(sorted(now))))
            time.sleep(chance.uniform(LEAST_REST_S, MOST_REST_S))
        while now:
            ground.end(now.pop(chance.choice(sorted(now))))
        print(f"      seed {session.seed}: {begun} faults in {session.seconds} s", flush=True)
        ground.settle(topic, partitions)


SCENARIOS = {
    "cut_from_nodes": lambda session: _hurt(session, faults.CutFromNodes, False),
    "cut_from_nodes_controller": lambda session: _hurt(session, faults.CutFromNodes, True),
    "cut_from_all": lambda session: _hurt(session, faults.CutFromAll, False),
    "deaf": lambda session: _hurt(session, faults.Deaf, False),
    "deaf_controller": lambda session: _hurt(session, faults.Deaf, True),
    "mute": lambda session: _hurt(session, faults.Mute, False),
    "mute_controller": lambda session: _hurt(session, faults.Mute, True),
    "cut_from_one": lambda session: _hurt(session, faults.CutFromOne, False),
    "lossy": lambda session: _hurt(session, faults.Lossy, False),
    "full_disk": lambda session: _hurt(session, faults.FullDisk, False, goes_on=False),
    "full_disk_controller": lambda session: _hurt(session, faults.FullDisk, True, goes_on=False),
    "wrong_clock": lambda session: _hurt(session, faults.WrongClock, True),
    "everything_of_three": lambda session: _everything(session, 3),
    "everything_of_five": lambda session: _everything(session, 5),
}


def asked(parts):
    return any(part.startswith("chaos") for part in parts)


def run(session):
    if not asked(session.parts):
        return
    for name, body in SCENARIOS.items():
        session.run(f"chaos/{name}", lambda body=body: body(session))
