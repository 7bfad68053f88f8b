"""Brokers that don't come back by themselves, of a Cluster of three: they are healed, and no acknowledged record is lost by that."""

import json
import signal

from harness.scenario import check, equal, eventually
from world import condition, topic

from .several import Producer, _container, _in_sync

LONG = 120  # seconds for what three brokers do, on a machine with other work
HEALING = {"replaceAfterSeconds": 10}


def _uid(world, kind, name):
    thing = world.get(kind, name)
    return thing["metadata"]["uid"] if thing else None


def _another(world, kind, name, uid):
    eventually(lambda: _uid(world, kind, name) not in (None, uid), f"another {kind} {name}", LONG)


def _degraded(world, text):
    world.until("Cluster", "main", lambda c: text in condition(c, "Degraded").get("message", ""), f"Degraded: {text}", LONG)


def _volume(world, broker):
    return next(world.state.glob(f"volumes/*/data-main-{broker}"))


def _damage(world, broker):
    """Its disk says nothing that makes sense any more. Returns what puts that right."""
    file = _volume(world, broker) / "log/meta.properties"
    before = file.read_text()
    file.write_text("\0" * 512)
    world.signal_broker(signal.SIGKILL, broker=broker)
    return lambda: file.write_text(before)


def _records(world, name, sent):
    equal(sorted(map(str, range(sent))), sorted(world.consume(name)), "records")


def hung(world):
    """A broker that is stopped with SIGSTOP is restarted as soon as the quorum misses it, long before its probes fail for good."""
    world.write("hung.yaml", topic("hung", partitions=6, replicas=3))
    world.ready("Topic", "hung")
    producer = Producer(world, "hung")
    for broker in (0, 1):
        pod = f"main-broker-{broker}"
        before, pid = _uid(world, "Pod", pod), world.signal_broker(signal.SIGSTOP, broker=broker)
        _another(world, "Pod", pod, before)
        eventually(lambda b=broker, p=pid: world.broker_pid(broker=b) not in (None, p), "another process", LONG)
        _in_sync(world)
    check("the quorum hasn't heard broker" in world.event("main", "RestartHungBroker"), "the event says why")
    _records(world, "hung", producer.end())


def damaged(world):
    """A broker whose disk can't be read gets an empty one, and is filled from the others."""
    world.write("filled.yaml", topic("filled", partitions=6, replicas=3))
    world.ready("Topic", "filled")
    producer = Producer(world, "filled")
    claim = _uid(world, "PersistentVolumeClaim", "data-main-1")
    _damage(world, 1)
    _degraded(world, "broker 1 ended with code 3, as it can't use its data")
    _another(world, "PersistentVolumeClaim", "data-main-1", claim)
    _in_sync(world)
    equal(6, len(list(_volume(world, 1).glob("log/filled-*"))), "replicas on the new disk")
    check("data-main-1" in world.event("main", "ReplaceClaim"), "the event names the claim")
    _records(world, "filled", producer.end())


def last_copy(world):
    """What may be the last copy of a partition is left to people, whatever the disk looks like."""
    world.write("alone.yaml", topic("alone", partitions=3, replicas=1))
    world.ready("Topic", "alone")
    world.produce("alone", range(300))
    found = next(t for t in json.loads(world.kcat("-L", "-J")[1])["topics"] if t["topic"] == "alone")["partitions"][0]
    broker = found["leader"]
    claim = f"data-main-{broker}"
    before = _uid(world, "PersistentVolumeClaim", claim)
    restarts = _container(world, broker)["restartCount"]
    mend = _damage(world, broker)
    _degraded(world, "has no other in-sync replica: what is on the disk may be the last copy")
    # Started again and again, for longer than it has to come back.
    eventually(lambda: _container(world, broker)["restartCount"] >= restarts + 3, "three restarts", LONG)
    equal(before, _uid(world, "PersistentVolumeClaim", claim), "the claim")
    step = next(s for s in world.get("Cluster", "main")["status"]["plan"] if s["action"] == "ReplaceClaim")
    check("the last copy" in step["blockedBy"], step)
    mend()
    _in_sync(world)
    equal(300, len(world.consume("alone")), "records")


def run(session):
    world = session.world().up(timeout_s=LONG, brokers=3, healing=HEALING)
    session.run("healing_hung", hung, world)
    session.run("healing_damaged", damaged, world)
    session.run("healing_last_copy", last_copy, world)
