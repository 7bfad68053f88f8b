"""Brokers that don't come back by themselves, of a Cluster of three: they are healed, and no acknowledged record is lost by that."""

import signal

from harness.scenario import check, equal, eventually
from world import condition, topic

from .several import Producer, _in_sync

LONG = 120  # seconds for what three brokers do, on a machine with other work


def _pod(world, broker):
    return world.get("Pod", f"main-broker-{broker}")


def _uid(world, broker):
    return _pod(world, broker)["metadata"]["uid"]


def _records(world, name, sent):
    equal(sorted(map(str, range(sent))), sorted(world.consume(name)), "records")


def hung(world):
    """A broker that is stopped with SIGSTOP is restarted as soon as the quorum misses it, long before its probes fail for good."""
    world.write("hung.yaml", topic("hung", partitions=6, replicas=3))
    world.ready("Topic", "hung")
    producer = Producer(world, "hung")
    for broker in (0, 1):
        before, pid = _uid(world, broker), world.signal_broker(signal.SIGSTOP, broker=broker)
        reason = f"the quorum hasn't heard broker {broker} for 15 s, while its Pod main-broker-{broker} runs"
        world.until("Cluster", "main", lambda c, r=reason: r in condition(c, "Degraded").get("message", ""), "the status says that it hangs", LONG)
        eventually(lambda b=broker, u=before: (_pod(world, b) or {"metadata": {"uid": u}})["metadata"]["uid"] != u, "another Pod", LONG)
        eventually(lambda b=broker, p=pid: world.broker_pid(broker=b) not in (None, p), "another process", LONG)
        _in_sync(world)
    check("the quorum hasn't heard broker" in world.event("main", "RestartHungBroker"), "the event says why")
    _records(world, "hung", producer.end())


def run(session):
    world = session.world().up(timeout_s=LONG, brokers=3)
    session.run("healing_hung", hung, world)
